//! Statements under one user's claims.

use std::sync::Arc;

use oslira_app::shared::{ids::UserId, store::StoreError};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::session::{Driver, Param, Session};

const ROLE: &str = "authenticated";

/// The database as one user sees it. It cannot name another role.
pub struct TenantDb {
    session: Session,
}

impl TenantDb {
    /// Uses a login that may only become `authenticated`.
    pub fn new(driver: Arc<dyn Driver>) -> Self {
        Self { session: Session::new(driver, ROLE) }
    }

    pub(super) async fn value<T: DeserializeOwned>(
        &self,
        user: UserId,
        sql: &str,
        params: &[Param],
    ) -> Result<T, StoreError> {
        self.session.value(&claims(user), sql, params).await
    }

    /// The same before it is known who asks: `auth.uid()` is null, so no row is visible.
    pub(super) async fn value_for_nobody<T: DeserializeOwned>(
        &self,
        sql: &str,
        params: &[Param],
    ) -> Result<T, StoreError> {
        self.session.value(&json!({ "role": ROLE }).to_string(), sql, params).await
    }

    pub(super) async fn values<T: DeserializeOwned>(
        &self,
        user: UserId,
        sql: &str,
        params: &[Param],
    ) -> Result<Vec<T>, StoreError> {
        self.session.values(&claims(user), sql, params).await
    }

    /// Whether the database itself answers. `false` when something in between remembers answers: then a customer could
    /// read an old balance, or get an old answer for a charge.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn is_uncached(&self) -> Result<bool, StoreError> {
        self.session.is_uncached().await
    }
}

/// What `auth.uid()` reads in policies and functions.
fn claims(user: UserId) -> String {
    json!({ "sub": user, "role": ROLE }).to_string()
}
