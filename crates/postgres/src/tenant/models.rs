//! What is known about the models in use.

use oslira_app::{
    features::judging::ModelLifecycle,
    shared::{ids::UserId, store::StoreError},
};
use uuid::Uuid;

use super::db::TenantDb;

impl TenantDb {
    /// What the daily job found out about the models in use. It asks without a user: the answer is the same for
    /// everybody.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn model_lifecycles(&self) -> Result<Vec<ModelLifecycle>, StoreError> {
        let nobody = UserId::new(Uuid::nil());
        self.value(nobody, "select api.model_lifecycles()", &[]).await
    }
}
