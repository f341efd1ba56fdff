//! Connections that go from one call to the next, as the product's pooler hands them on. A connection for each call would
//! mean a server process for each, which compiles every function anew: nine tenths of the time of these tests.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use oslira_app::shared::store::StoreError;
use oslira_postgres::native::{Connect, native_error};
use tokio_postgres::{Client, Config, NoTls};

/// Names the cluster of the tests; `cargo xtask test` sets it.
const CLUSTER_VARIABLE: &str = "OSLIRA_TEST_DATABASE_URL";

/// The connections of one login to one database.
pub struct Pool {
    config: Config,
    idle: Arc<Mutex<Vec<Client>>>,
}

impl Pool {
    /// A pool for a login of a database in the cluster of the tests.
    pub fn new(database: &str, login: &str) -> Self {
        let url = std::env::var(CLUSTER_VARIABLE).unwrap();
        let mut config: Config = url.parse().unwrap();
        config.dbname(database).user(login);
        Self { config, idle: Arc::default() }
    }
}

#[async_trait]
impl Connect for Pool {
    type Connection = Borrowed;

    async fn connect(&self) -> Result<Borrowed, StoreError> {
        let kept = self.idle.lock().unwrap().pop();
        let client = match kept {
            Some(client) => client,
            None => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(|error| native_error(&error))?;
                tokio::spawn(async move {
                    // How a connection ends shows where its client is used next.
                    let _ended = connection.await;
                });
                client
            }
        };
        Ok(Borrowed { client: Some(client), idle: self.idle.clone() })
    }
}

/// Goes back to the pool when a call is done with it: a call is one statement, so nothing of it is left behind.
pub struct Borrowed {
    client: Option<Client>,
    idle: Arc<Mutex<Vec<Client>>>,
}

impl AsRef<Client> for Borrowed {
    fn as_ref(&self) -> &Client {
        self.client.as_ref().unwrap()
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let client = self.client.take().filter(|client| !client.is_closed());
        self.idle.lock().unwrap().extend(client);
    }
}
