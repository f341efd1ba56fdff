//! Statements as the system.

use std::sync::Arc;

use oslira_app::shared::store::StoreError;
use serde::de::DeserializeOwned;

use crate::session::{Driver, Param, Session};

const ROLE: &str = "service_role";
const CLAIMS: &str = r#"{"role":"service_role"}"#;

/// The database as the system sees it.
pub struct AdminDb {
    session: Session,
}

impl AdminDb {
    /// Uses a login that may only become `service_role`.
    pub fn new(driver: Arc<dyn Driver>) -> Self {
        Self { session: Session::new(driver, ROLE) }
    }

    pub(super) async fn value<T: DeserializeOwned>(&self, sql: &str, params: &[Param]) -> Result<T, StoreError> {
        self.session.value(CLAIMS, sql, params).await
    }

    pub(super) async fn values<T: DeserializeOwned>(&self, sql: &str, params: &[Param]) -> Result<Vec<T>, StoreError> {
        self.session.values(CLAIMS, sql, params).await
    }
}
