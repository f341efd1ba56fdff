//! Statements under one operator's claims.

use std::sync::Arc;

use oslira_app::{features::auth::Operator, shared::store::StoreError};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::session::{Driver, Param, Session};

const ROLE: &str = "operator";

/// The database as operators see it. It cannot name another role.
pub struct OperatorDb {
    session: Session,
}

impl OperatorDb {
    /// Uses a login that may only become `operator`.
    pub fn new(driver: Arc<dyn Driver>) -> Self {
        Self { session: Session::new(driver, ROLE) }
    }

    /// Calls a function whose last argument is the reason.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        operator: &Operator,
        sql: &str,
        params: &[Param],
    ) -> Result<T, StoreError> {
        let claims = json!({ "sub": operator.user, "role": ROLE }).to_string();
        let params: Vec<Param> = params.iter().cloned().chain([Param::of(&operator.reason)]).collect();
        self.session.value(&claims, sql, &params).await
    }

    /// A statement that reads the clock, as nobody.
    pub(super) async fn tick(&self) -> Result<(), StoreError> {
        self.session.tick().await
    }
}
