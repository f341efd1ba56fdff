//! A Postgres database per test: copied from a migrated template, and dropped when the test passes or fails.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

use crate::template::template;
use crate::{Error, Session, audit};

/// The environment variable with a superuser's URL of the Postgres server for tests; `cargo xtask test` sets it.
pub const CLUSTER_VARIABLE: &str = "OSLIRA_TEST_DATABASE_URL";

/// The advisory lock for tests that open many connections at once: one at a time, so that together they stay below the
/// server's `max_connections` and do not slow each other's races down. The number has no meaning.
const CROWD_KEY: i64 = 0x6F73_6C69_7263;

/// Gives the database `$1` the privileges of the database `$2`, which a migration revokes in part: a copy does not have
/// them by itself.
const SAME_PRIVILEGES: &str = "update pg_database copy set datacl = original.datacl
    from pg_database original where copy.datname = $1 and original.datname = $2";

/// A user with an account, some credits and a business profile.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// What `auth.uid()` returns for them.
    pub user_id: Uuid,
    /// The account that their sign-up created.
    pub account_id: Uuid,
    pub business_profile_id: Uuid,
}

/// A test's own database, with every migration applied and no customers.
pub struct TestDatabase {
    config: Config,
    name: String,
}

impl TestDatabase {
    pub async fn create() -> Result<Self, Error> {
        let config = cluster_config()?;
        let cluster = connect(&config).await?;
        let template = template(&cluster, &config, &supabase_dir()).await?;
        let database = Self::copy(&cluster, config, &template).await?;
        cluster.execute(SAME_PRIVILEGES, &[&database.name, &template]).await?;
        Ok(database)
    }

    /// A database without our schema, for tests of the migrations themselves. The roles exist already, because the
    /// template is made first: roles belong to the whole server, and creating them twice at once would fail.
    pub async fn empty() -> Result<Self, Error> {
        let config = cluster_config()?;
        let cluster = connect(&config).await?;
        template(&cluster, &config, &supabase_dir()).await?;
        Self::copy(&cluster, config, "template1").await
    }

    async fn copy(cluster: &Client, config: Config, template: &str) -> Result<Self, Error> {
        let name = format!("oslira_test_{}", Uuid::now_v7().simple());
        cluster.batch_execute(&format!("create database {name} template {template}")).await?;
        Ok(Self { config, name })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What every login of the cluster has as its password, those that a test creates too; empty if the cluster asks for none.
    pub fn password(&self) -> String {
        String::from_utf8_lossy(self.config.get_password().unwrap_or_default()).into_owned()
    }

    /// A connection as the superuser, to whom row-level security and grants do not apply.
    pub async fn superuser(&self) -> Result<Client, Error> {
        connect(self.config.clone().dbname(&self.name)).await
    }

    /// A connection as a login role, before any `set role` and without token claims.
    pub async fn login(&self, role: &str) -> Result<Client, Error> {
        connect(self.config.clone().dbname(&self.name).user(role)).await
    }

    /// A connection that acts as a customer.
    pub async fn customer(&self, user_id: Uuid) -> Result<Session, Error> {
        Ok(Session::customer(self.login("oslira_tenant").await?, user_id))
    }

    /// A connection that acts as the backend itself.
    pub async fn backend(&self) -> Result<Session, Error> {
        Ok(Session::backend(self.login("oslira_admin").await?))
    }

    /// A connection that acts as this user in the role of operators, whether or not they are one.
    pub async fn operator(&self, user_id: Uuid) -> Result<Session, Error> {
        Ok(Session::operator(self.login("oslira_operator").await?, user_id))
    }

    /// A member with exactly these credits, created through the real sign-up trigger. The same name returns the same
    /// member.
    pub async fn member(&self, name: &str, credits: i32) -> Result<Member, Error> {
        let row = self.superuser().await?.query_one("select local.mint_user($1, $2)", &[&name, &credits]).await?;
        let minted: Value = row.try_get(0)?;
        Ok(Member {
            user_id: uuid_of(&minted, "user_id")?,
            account_id: uuid_of(&minted, "account_id")?,
            business_profile_id: uuid_of(&minted, "business_profile_id")?,
        })
    }

    /// Waits for the server's one permit to open many connections at once; dropping the value returns it.
    pub async fn crowd_turn(&self) -> Result<CrowdTurn, Error> {
        let client = connect(&self.config).await?;
        client.execute("select pg_advisory_lock($1)", &[&CROWD_KEY]).await?;
        Ok(CrowdTurn { _holds_the_lock: client })
    }

    /// Fails if the [`audit()`] finds a violation.
    pub async fn assert_ledger_is_whole(&self) -> Result<(), Error> {
        let findings = audit(&self.superuser().await?).await?;
        if findings.is_empty() { Ok(()) } else { Err(Error::Unexpected(format!("the audit found: {findings:#?}"))) }
    }
}

/// The permit to open many connections at once.
pub struct CrowdTurn {
    // A session's advisory lock ends with its connection, so dropping the client is enough.
    _holds_the_lock: Client,
}

impl Drop for TestDatabase {
    /// Drops the database on a thread with a runtime of its own: after a failed test the test's runtime may be shutting
    /// down.
    fn drop(&mut self) {
        let config = self.config.clone();
        // `force` ends the connections that the test still has open.
        let statement = format!("drop database if exists {} with (force)", self.name);
        let dropping = std::thread::spawn(move || -> Result<(), Error> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| Error::Unexpected(error.to_string()))?;
            runtime.block_on(async { Ok(connect(&config).await?.batch_execute(&statement).await?) })
        });
        if let Ok(Err(error)) = dropping.join() {
            eprintln!("{} was left behind: {error}", self.name);
        }
    }
}

fn cluster_config() -> Result<Config, Error> {
    let url = std::env::var(CLUSTER_VARIABLE).map_err(|_| Error::NoCluster { variable: CLUSTER_VARIABLE })?;
    Ok(url.parse()?)
}

/// The repository's `supabase/` directory.
pub fn supabase_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../supabase")
}

async fn connect(config: &Config) -> Result<Client, Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        // An error of the connection appears at the next use of its client.
        let _ended = connection.await;
    });
    Ok(client)
}

fn uuid_of(answer: &Value, field: &str) -> Result<Uuid, Error> {
    let text = answer.get(field).and_then(Value::as_str);
    text.and_then(|text| Uuid::parse_str(text).ok()).ok_or_else(|| Error::Unexpected(format!("{field} in {answer}")))
}
