//! What the daily job has found out about the models in use.

use async_trait::async_trait;
use oslira_app::{
    features::judging::{LifecycleStore, ModelLifecycle},
    shared::store::StoreError,
};

use super::db::AdminDb;
use crate::session::Param;

#[async_trait]
impl LifecycleStore for AdminDb {
    async fn record(&self, models: &[ModelLifecycle]) -> Result<(), StoreError> {
        // The function returns nothing, but every statement must return jsonb.
        const SQL: &str = "select to_jsonb(true) from system.record_model_lifecycles($1::jsonb)";
        self.value::<bool>(SQL, &[Param::json(models)?]).await.map(drop)
    }
}
