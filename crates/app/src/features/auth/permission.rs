//! Who may do what: the roles of an account's members, and what each allows. The database decides by a table of its own
//! (`role_permissions`), which a test holds equal to this one; docs/members.md shows it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "MemberRole")]
pub enum Role {
    /// Everything.
    Owner,
    /// Everything but what the account buys, and its end.
    Admin,
    /// Works with analyses, leads and business profiles.
    Member,
    /// Looks only.
    Viewer,
    /// A program with an API key, which may do what its scopes say.
    Key,
}

/// Something that a member may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// See everything of the account, except invitations, API keys and who did what to the account.
    Read,
    /// Start, continue and cancel analyses.
    Analyse,
    /// Work with leads: status, owner, tags, notes, saved filters; say how they turned out, and delete them.
    EditLeads,
    /// Create, change and delete business profiles.
    EditBusiness,
    /// Take all data of the account out.
    Export,
    /// Invite, change and remove members.
    ManageMembers,
    /// Create, rotate and revoke API keys.
    ManageKeys,
    /// Buy, and set what may be spent.
    ManageBilling,
    /// Close the account.
    CloseAccount,
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Owner, Self::Admin, Self::Member, Self::Viewer, Self::Key];

    /// What it allows; a key only has those of its scopes.
    #[must_use]
    pub const fn permissions(self) -> &'static [Permission] {
        use Permission::{
            Analyse, CloseAccount, EditBusiness, EditLeads, Export, ManageBilling, ManageKeys, ManageMembers, Read,
        };
        match self {
            Self::Viewer => &[Read],
            Self::Member => &[Read, Analyse, EditLeads, EditBusiness],
            Self::Key => &[Read, Analyse, EditLeads, EditBusiness, Export],
            Self::Admin => &[Read, Analyse, EditLeads, EditBusiness, Export, ManageMembers, ManageKeys],
            Self::Owner => &[
                Read,
                Analyse,
                EditLeads,
                EditBusiness,
                Export,
                ManageMembers,
                ManageKeys,
                ManageBilling,
                CloseAccount,
            ],
        }
    }
}

/// A permission as a type, for [`super::May`].
pub trait Needed: Send + Sync + 'static {
    /// As `role_permissions` has it.
    const NAME: &'static str;
}

macro_rules! needed {
    ($($permission:ident $name:literal)*) => {$(
        pub struct $permission;

        impl Needed for $permission {
            const NAME: &'static str = $name;
        }
    )*};
}

needed! {
    Analyse "analyse"
    CloseAccount "close_account"
    EditLeads "edit_leads"
    EditBusiness "edit_business"
    Export "export"
    ManageBilling "manage_billing"
    ManageKeys "manage_keys"
    ManageMembers "manage_members"
    Read "read"
}
