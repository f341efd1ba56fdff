//! One statement as somebody: the port that the Worker's driver and the native one stand behind.
//!
//! A call is one statement and so one implicit transaction: `session.run_as` takes the role and the claims for that
//! transaction and runs the statement in it (`supabase/migrations`, `roles_and_schemas`). Nothing of it outlives the
//! call, whichever connection a pooler gave it.

use std::{fmt::Display, sync::Arc, time::Duration};

use async_trait::async_trait;
use oslira_app::shared::store::StoreError;
use serde::{Serialize, de::DeserializeOwned};

/// The longest that any call may take, connecting included.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(15);

/// What every driver sends. Hyperdrive cannot know that `run_as` writes; the built-in that it knows to be volatile keeps
/// it from remembering the answer, should its cache ever be on.
pub const RUN_AS: &str = "select session.run_as($1, $2, $3, $4) where clock_timestamp() is not null";

/// Sent twice by the readiness check, and where round trips are measured: nothing between us and the database can see that its answer changes, so equal
/// answers mean that somebody remembers them.
pub const CLOCK: &str = "select session.clock()";

/// One statement and who runs it.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The role of its transaction.
    pub role: &'a str,
    /// The claims of its transaction, as JSON: what `auth.uid()` reads.
    pub claims: &'a str,
    /// One statement that answers one jsonb a row. It casts its parameters, which are texts: `$1::uuid`.
    pub sql: &'a str,
    /// At most [`PARAMS_MAX`].
    pub params: &'a [Param],
}

/// How many parameters `session.run_as` hands on.
pub const PARAMS_MAX: usize = 13;

/// A driver with the address of one login.
#[async_trait]
pub trait Driver: Send + Sync {
    /// Sends [`RUN_AS`] with the call's parts and answers its one text: a JSON array of the rows. MUST end within
    /// [`STATEMENT_TIMEOUT`], and MUST NOT send a call twice.
    ///
    /// # Errors
    /// [`store_error`] of what the database said; `Unavailable` when it said nothing, and then the outcome is unknown.
    async fn run_as(&self, call: &Call<'_>) -> Result<String, StoreError>;

    /// Sends [`CLOCK`] and answers its text.
    ///
    /// # Errors
    /// As [`Driver::run_as`].
    async fn clock(&self) -> Result<String, StoreError>;
}

/// A statement's parameter, as text; the statement says what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param(Option<String>);

impl Param {
    /// A value.
    pub fn of(value: impl Display) -> Self {
        Self(Some(value.to_string()))
    }

    /// A value, or null.
    pub fn maybe(value: Option<impl Display>) -> Self {
        Self(value.map(|value| value.to_string()))
    }

    /// An array of ids.
    pub(crate) fn ids(values: &[impl Display]) -> Self {
        let ids: Vec<String> = values.iter().map(ToString::to_string).collect();
        Self(Some(format!("{{{}}}", ids.join(","))))
    }

    /// A document.
    pub(crate) fn json(value: &(impl Serialize + ?Sized)) -> Result<Self, StoreError> {
        let text = serde_json::to_string(value);
        text.map(|text| Self(Some(text)))
            .map_err(|error| StoreError::Defect(format!("no document: {:?}", error.classify())))
    }

    /// What is sent.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// The calls of one login in one role.
pub(crate) struct Session {
    driver: Arc<dyn Driver>,
    role: &'static str,
}

impl Session {
    pub(crate) fn new(driver: Arc<dyn Driver>, role: &'static str) -> Self {
        Self { driver, role }
    }

    /// The one value that a statement answers.
    pub(crate) async fn value<T: DeserializeOwned>(
        &self,
        claims: &str,
        sql: &str,
        params: &[Param],
    ) -> Result<T, StoreError> {
        let mut values = self.values(claims, sql, params).await?;
        match (values.pop(), values.len()) {
            (Some(value), 0) => Ok(value),
            (_, more) => Err(StoreError::Defect(format!("{more} rows instead of one"))),
        }
    }

    /// The values of all rows.
    pub(crate) async fn values<T: DeserializeOwned>(
        &self,
        claims: &str,
        sql: &str,
        params: &[Param],
    ) -> Result<Vec<T>, StoreError> {
        debug_assert!(params.len() <= PARAMS_MAX, "session.run_as hands on {PARAMS_MAX} parameters");
        let rows = self.driver.run_as(&Call { role: self.role, claims, sql, params }).await?;
        // serde's message may quote the value: only the kind of fault is kept.
        serde_json::from_str(&rows)
            .map_err(|error| StoreError::Defect(format!("unexpected row: {:?}", error.classify())))
    }

    /// One statement that reads nothing but the clock.
    pub(crate) async fn tick(&self) -> Result<(), StoreError> {
        self.driver.clock().await.map(drop)
    }

    /// Whether the database itself answers, and not something that remembers its answers.
    pub(crate) async fn is_uncached(&self) -> Result<bool, StoreError> {
        let first = self.driver.clock().await?;
        Ok(self.driver.clock().await? != first)
    }
}

/// What `private.require_permission` raises.
const PERMISSION_MISSING: &str = "OS001";
/// What `private.require_operator` raises.
const OPERATOR_REQUIRED: &str = "OS002";
/// What `private.refuse_blocked` raises.
const ACCOUNT_BLOCKED: &str = "OS003";

/// What a database said, as an error: `Unavailable` when the same may pass later (lost connections, shutdowns, overload,
/// locks, and whatever was fatal to the connection alone), else a defect of ours. `names` are those of schema objects; a
/// message is never kept, it could quote a value.
#[must_use]
pub fn store_error(sqlstate: &str, is_fatal: bool, names: &str) -> StoreError {
    match sqlstate {
        PERMISSION_MISSING => return StoreError::PermissionMissing,
        OPERATOR_REQUIRED => return StoreError::OperatorRequired,
        ACCOUNT_BLOCKED => return StoreError::AccountBlocked,
        _ => {}
    }
    let passes = ["08", "53", "57", "58", "40", "55"].iter().any(|class| sqlstate.starts_with(class));
    // 25006: a database that is out of space, or a standby, takes no writes for a while.
    if passes || is_fatal || sqlstate == "25006" {
        return StoreError::Unavailable(format!("SQLSTATE {sqlstate}"));
    }
    StoreError::Defect(format!("SQLSTATE {sqlstate} {names}"))
}
