//! The tables and columns of the previous product that are read, by the names that our SQL gives them.

/// What a column must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Names a row: a UUID, a number or a text.
    Id,
    /// A user of Supabase Auth: a UUID.
    User,
    Text,
    Integer,
    Decimal,
    Time,
    Json,
}

impl Kind {
    /// For whoever has to make a view with the right types.
    pub const fn wanted(self) -> &'static str {
        match self {
            Self::Id => "uuid, a whole number or text",
            Self::User => "uuid",
            Self::Text => "text",
            Self::Integer => "a whole number",
            Self::Decimal => "a number",
            Self::Time => "timestamptz, timestamp or date",
            Self::Json => "jsonb or json",
        }
    }

    /// The type that our SQL sees.
    pub const fn seen(self) -> &'static str {
        match self {
            Self::Id | Self::Text => "text",
            Self::User => "uuid",
            Self::Integer => "bigint",
            Self::Decimal => "numeric",
            Self::Time => "timestamptz",
            Self::Json => "jsonb",
        }
    }

    /// Whether a Postgres type can be read as this, by its name and category. What could fail for a single row is refused.
    pub fn fits(self, type_name: &str, category: &str) -> bool {
        let is_integer = matches!(type_name, "int2" | "int4" | "int8");
        match self {
            Self::Id => is_integer || type_name == "uuid" || matches!(category, "S" | "E"),
            Self::User => type_name == "uuid",
            Self::Text => matches!(category, "S" | "E") || type_name == "citext",
            Self::Integer => is_integer,
            Self::Decimal => is_integer || matches!(type_name, "numeric" | "float4" | "float8"),
            Self::Time => matches!(type_name, "timestamptz" | "timestamp" | "date"),
            Self::Json => matches!(type_name, "json" | "jsonb"),
        }
    }
}

/// A column of the previous product.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    /// Whether the import can do without.
    pub is_optional: bool,
}

const fn needed(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, is_optional: false }
}

const fn optional(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, is_optional: true }
}

/// A table of the previous product.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    pub name: &'static str,
    /// The column that names a row; each value stands once.
    pub key: &'static str,
    pub columns: &'static [Column],
    pub is_optional: bool,
}

/// Everything that is read. `mapping.json` may give each a name of its own.
pub const TABLES: [Table; 9] = [
    Table {
        name: "users",
        key: "id",
        is_optional: false,
        columns: &[
            needed("id", Kind::User),
            optional("created_at", Kind::Time),
            optional("stripe_customer_id", Kind::Text),
        ],
    },
    Table {
        name: "user_credits",
        key: "user_id",
        is_optional: false,
        columns: &[needed("user_id", Kind::User), needed("balance", Kind::Integer)],
    },
    Table {
        name: "credit_ledger",
        key: "id",
        is_optional: true,
        columns: &[
            needed("id", Kind::Id),
            needed("user_id", Kind::User),
            needed("delta", Kind::Integer),
            needed("run_id", Kind::Id),
        ],
    },
    Table {
        name: "subscriptions",
        key: "id",
        is_optional: true,
        columns: &[
            needed("id", Kind::Id),
            needed("user_id", Kind::User),
            needed("stripe_subscription_id", Kind::Text),
            needed("plan", Kind::Text),
            needed("status", Kind::Text),
            needed("current_period_start", Kind::Time),
            needed("current_period_end", Kind::Time),
        ],
    },
    Table {
        name: "business_profiles",
        key: "id",
        is_optional: false,
        columns: &[
            needed("id", Kind::Id),
            needed("user_id", Kind::User),
            needed("name", Kind::Text),
            optional("description", Kind::Text),
            optional("icp", Kind::Json),
            optional("deleted_at", Kind::Time),
        ],
    },
    Table {
        name: "leads",
        key: "id",
        is_optional: false,
        columns: &[
            needed("id", Kind::Id),
            needed("user_id", Kind::User),
            needed("business_id", Kind::Id),
            needed("username", Kind::Text),
            optional("follower_count", Kind::Integer),
            optional("bio", Kind::Text),
            optional("profile_pic_url", Kind::Text),
            needed("created_at", Kind::Time),
            optional("deleted_at", Kind::Time),
        ],
    },
    Table {
        name: "analyses",
        key: "id",
        is_optional: false,
        columns: &[
            needed("id", Kind::Id),
            needed("lead_id", Kind::Id),
            needed("user_id", Kind::User),
            needed("type", Kind::Text),
            needed("status", Kind::Text),
            needed("score", Kind::Integer),
            needed("result", Kind::Json),
            optional("credits_used", Kind::Integer),
            needed("created_at", Kind::Time),
        ],
    },
    Table {
        name: "ai_usage_logs",
        key: "id",
        is_optional: true,
        columns: &[
            needed("id", Kind::Id),
            needed("analysis_id", Kind::Id),
            needed("model", Kind::Text),
            optional("tokens_in", Kind::Integer),
            optional("tokens_out", Kind::Integer),
            optional("cost_usd", Kind::Decimal),
            needed("created_at", Kind::Time),
        ],
    },
    Table {
        name: "webhook_events",
        key: "id",
        is_optional: true,
        columns: &[
            needed("id", Kind::Id),
            needed("stripe_event_id", Kind::Text),
            optional("event_type", Kind::Text),
            needed("received_at", Kind::Time),
        ],
    },
];
