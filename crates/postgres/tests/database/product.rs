//! The product's own way into a test's database, as the system.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use oslira_app::shared::store::StoreError;
use oslira_postgres::{AdminDb, Connect};
use oslira_testkit::TestDatabase;
use tokio_postgres::Client;

use crate::support::Stage;

/// The database as workflows and schedules see it.
pub fn admin(stage: &Stage) -> AdminDb {
    AdminDb::new(Arc::new(Backend(stage.database.clone())))
}

struct Backend(Arc<TestDatabase>);

#[async_trait]
impl Connect for Backend {
    async fn connect(&self) -> Result<Client, StoreError> {
        self.0.login("oslira_admin").await.map_err(|error| StoreError::Unavailable(format!("{error:?}")))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
