//! A database, and a pooler before it.

use std::{net::SocketAddr, time::Duration};

use oslira_pooler::Options;
use oslira_testkit::{TestDatabase, database::CLUSTER_VARIABLE};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_postgres::{Config, config::Host};

use crate::client::{Client, ServerError};

pub struct Stage {
    pub address: SocketAddr,
    pub superuser: tokio_postgres::Client,
    user: String,
    /// Ends with the stage.
    _pooler: JoinSet<std::io::Result<()>>,
    database: TestDatabase,
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn fresh() -> Self {
        Self::with(|options| options.fresh = true).await
    }

    pub async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let database = TestDatabase::empty().await.unwrap();
        let (server, user) = cluster();
        let mut options = Options::new(server);
        options.password = Some(cluster_password()).filter(|password| !password.is_empty());
        change(&mut options);
        let (address, pooler) = serve(options).await;
        Self { address, superuser: database.superuser().await.unwrap(), user, _pooler: pooler, database }
    }

    /// What a client of this database starts with.
    pub fn parameters(&self) -> [(&str, &str); 2] {
        [("user", &self.user), ("database", self.database.name())]
    }

    pub async fn client(&self) -> Client {
        self.try_client().await.unwrap()
    }

    pub async fn try_client(&self) -> Result<Client, ServerError> {
        Client::connect(self.address, &self.parameters()).await
    }

    /// How many backends of this database run something like that, the asking one aside.
    pub async fn running(&self, sql: &str) -> i64 {
        let count = "select count(*) from pg_stat_activity
            where datname = current_database() and state = 'active' and query like $1 and pid <> pg_backend_pid()";
        self.superuser.query_one(count, &[&sql]).await.unwrap().get(0)
    }

    /// Waits until that many do.
    pub async fn until_running(&self, sql: &str, expected: i64) {
        for _ in 0..200 {
            if self.running(sql).await == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} instead of {expected} run {sql}", self.running(sql).await);
    }

    /// Lets nobody in any more, from another database: a database does not lock out itself.
    pub async fn lock(&self) {
        let (client, connection) = tokio_postgres::connect(&url(), tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let lock = format!("alter database {} allow_connections false", self.database.name());
        client.batch_execute(&lock).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    }

    /// Ends a backend, and waits until it has gone.
    pub async fn kill(&self, pid: &str) {
        let pid: i32 = pid.parse().unwrap();
        self.superuser.query_one("select pg_terminate_backend($1, 5000)", &[&pid]).await.unwrap();
        // What the server waits for is that the process has left its tables; its socket closes a little later.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn url() -> String {
    std::env::var(CLUSTER_VARIABLE).expect("run the tests with `cargo xtask test`")
}

/// Address and superuser of the tests' cluster.
pub fn cluster() -> (String, String) {
    let config: Config = url().parse().unwrap();
    let host = match config.get_hosts() {
        [Host::Tcp(host), ..] => host.clone(),
        other => panic!("the pooler needs a server with a port: {other:?}"),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    (format!("{host}:{port}"), config.get_user().unwrap_or("postgres").to_owned())
}

/// Empty if the cluster trusts its logins.
pub fn cluster_password() -> String {
    let config: Config = url().parse().unwrap();
    String::from_utf8(config.get_password().unwrap_or_default().to_vec()).unwrap()
}

/// A pooler that ends with the set it runs in.
pub async fn serve(options: Options) -> (SocketAddr, JoinSet<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut pooler = JoinSet::new();
    pooler.spawn(oslira_pooler::serve(listener, options));
    (address, pooler)
}
