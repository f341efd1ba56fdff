//! A Postgres database per test, copied from a migrated template and dropped when the test ends, passed or not.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

use crate::template::template;
use crate::{Error, Session, audit};

/// Names a running cluster by a superuser's URL; `cargo xtask test` sets it.
pub const CLUSTER_VARIABLE: &str = "OSLIRA_TEST_DATABASE_URL";

/// Only one crowd at a time per cluster: its connections are counted, and a race is best run undisturbed.
const CROWD_KEY: i64 = 0x6F73_6C69_7263;

/// A user with an account, some credits and a business profile.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Who they are to `auth.uid()`.
    pub user_id: Uuid,
    /// The account their sign-up made.
    pub account_id: Uuid,
    /// A live business profile of that account.
    pub business_profile_id: Uuid,
}

/// A database of this test's own, with every migration applied and no customer in it.
pub struct TestDatabase {
    config: Config,
    name: String,
}

impl TestDatabase {
    /// Makes one. Fails with a sentence that says how when there is no cluster to make it in.
    pub async fn create() -> Result<Self, Error> {
        let config = cluster_config()?;
        let cluster = connect(&config).await?;
        let template = template(&cluster, &config, &supabase_dir()).await?;
        Self::copy(cluster, config, &template).await
    }

    /// An empty database without schema, for tests of the migrations themselves. The cluster has its roles already:
    /// they belong to all databases, and two that create them at once get in each other's way.
    pub async fn empty() -> Result<Self, Error> {
        let config = cluster_config()?;
        let cluster = connect(&config).await?;
        template(&cluster, &config, &supabase_dir()).await?;
        Self::copy(cluster, config, "template1").await
    }

    async fn copy(cluster: Client, config: Config, template: &str) -> Result<Self, Error> {
        let name = format!("oslira_test_{}", Uuid::now_v7().simple());
        cluster.batch_execute(&format!("create database {name} template {template}")).await?;
        Ok(Self { config, name })
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A connection as the superuser, who passes through every check.
    pub async fn superuser(&self) -> Result<Client, Error> {
        connect(self.config.clone().dbname(&self.name)).await
    }

    /// A connection as any login role, in no role and without claims.
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

    /// Makes a member with exactly these credits, by the real sign-up trigger. The same name is the same member.
    pub async fn member(&self, name: &str, credits: i32) -> Result<Member, Error> {
        let row = self.superuser().await?.query_one("select local.mint_user($1, $2)", &[&name, &credits]).await?;
        let minted: Value = row.try_get(0)?;
        Ok(Member {
            user_id: uuid_of(&minted, "user_id")?,
            account_id: uuid_of(&minted, "account_id")?,
            business_profile_id: uuid_of(&minted, "business_profile_id")?,
        })
    }

    /// Takes this cluster's one turn at opening many connections at once; the turn ends when the answer is dropped.
    pub async fn crowd_turn(&self) -> Result<CrowdTurn, Error> {
        let client = connect(&self.config).await?;
        client.execute("select pg_advisory_lock($1)", &[&CROWD_KEY]).await?;
        Ok(CrowdTurn { _holds_the_lock: client })
    }

    /// Fails unless every credit that ever moved is accounted for.
    pub async fn assert_ledger_is_whole(&self) -> Result<(), Error> {
        let findings = audit(&self.superuser().await?).await?;
        if findings.is_empty() { Ok(()) } else { Err(Error::Unexpected(format!("the audit found: {findings:#?}"))) }
    }
}

/// The right to open many connections at once.
pub struct CrowdTurn {
    _holds_the_lock: Client,
}

impl Drop for TestDatabase {
    /// Also after a failed test, hence not asynchronous: the test's runtime may be on its way out.
    fn drop(&mut self) {
        let config = self.config.clone();
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

/// The repository's own `supabase/`.
pub fn supabase_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../supabase")
}

async fn connect(config: &Config) -> Result<Client, Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        // How a connection ends shows where its client is used next.
        let _ended = connection.await;
    });
    Ok(client)
}

fn uuid_of(answer: &Value, field: &str) -> Result<Uuid, Error> {
    let text = answer.get(field).and_then(Value::as_str);
    text.and_then(|text| Uuid::parse_str(text).ok()).ok_or_else(|| Error::Unexpected(format!("{field} in {answer}")))
}
