//! Statements under one user's claims.

use std::sync::Arc;

use oslira_app::shared::{ids::UserId, store::StoreError};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::session::{Connect, Param, Session};

const ROLE: &str = "authenticated";

/// The database as one user sees it. It cannot name another role.
pub struct TenantDb {
    session: Session,
}

impl TenantDb {
    /// Uses a login that may only become `authenticated`.
    pub fn new(connector: Arc<dyn Connect>) -> Self {
        Self { session: Session::new(connector) }
    }

    pub(super) async fn value<T: DeserializeOwned>(
        &self,
        user: UserId,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<T, StoreError> {
        self.session.value(ROLE, &claims(user), sql, params).await
    }

    pub(super) async fn values<T: DeserializeOwned>(
        &self,
        user: UserId,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<T>, StoreError> {
        self.session.values(ROLE, &claims(user), sql, params).await
    }
}

/// What `auth.uid()` reads in policies and functions.
fn claims(user: UserId) -> String {
    json!({ "sub": user, "role": ROLE }).to_string()
}
