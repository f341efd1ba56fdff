//! Postgres through a Hyperdrive binding.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use oslira_app::shared::store::StoreError;
use oslira_postgres::{Connect, connection_error};
use tokio_postgres::{Client, Config, NoTls};
use worker::{Delay, Env, send::SendFuture};

struct Login {
    env: Env,
    binding: &'static str,
}

/// The login behind a binding: `DB` may only become `authenticated`, `DB_ADMIN` only `service_role`.
pub fn login(env: &Env, binding: &'static str) -> Arc<dyn Connect> {
    Arc::new(Login { env: env.clone(), binding })
}

impl Login {
    async fn open(&self) -> Result<Client, StoreError> {
        let unavailable = |error: worker::Error| StoreError::Unavailable(format!("{}: {error}", self.binding));
        let hyperdrive = self.env.hyperdrive(self.binding).map_err(unavailable)?;
        let config: Config = hyperdrive
            .connection_string()
            .parse()
            // Without the cause: the string holds a password.
            .map_err(|_| StoreError::Defect(format!("{}: bad connection string", self.binding)))?;
        let socket = hyperdrive.connect().map_err(unavailable)?;
        // Hyperdrive does the TLS to the database.
        let (client, connection) = config.connect_raw(socket, NoTls).await.map_err(|e| connection_error(&e))?;
        wasm_bindgen_futures::spawn_local(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "database connection ended");
            }
        });
        Ok(client)
    }
}

#[async_trait]
impl Connect for Login {
    async fn connect(&self) -> Result<Client, StoreError> {
        SendFuture::new(self.open()).await
    }

    async fn sleep(&self, duration: Duration) {
        SendFuture::new(Delay::from(duration)).await;
    }
}
