//! Statements as the system.

use std::sync::Arc;

use oslira_app::shared::store::StoreError;
use serde::de::DeserializeOwned;

use crate::session::{Connect, Param, Session};

const ROLE: &str = "service_role";
const CLAIMS: &str = r#"{"role":"service_role"}"#;

/// The database as the system sees it.
pub struct AdminDb {
    session: Session,
}

impl AdminDb {
    /// Uses a login that may only become `service_role`.
    pub fn new(connector: Arc<dyn Connect>) -> Self {
        Self { session: Session::new(connector) }
    }

    pub(super) async fn value<T: DeserializeOwned>(&self, sql: &str, params: &[Param<'_>]) -> Result<T, StoreError> {
        self.session.value(ROLE, CLAIMS, sql, params).await
    }

    pub(super) async fn values<T: DeserializeOwned>(
        &self,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<T>, StoreError> {
        self.session.values(ROLE, CLAIMS, sql, params).await
    }
}
