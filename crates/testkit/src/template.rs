//! One fully migrated template database per version of the SQL, copied for every test: a copy takes a tenth of a
//! second, the migrations much longer.

use std::path::Path;

use sha2::{Digest, Sha256};
use tokio_postgres::{Client, Config, NoTls};

use crate::Error;
use crate::migrate::{MigrateError, migrate, sql_files};

/// The advisory lock for making templates on one server. The number has no meaning.
const LOCK_KEY: i64 = 0x6F73_6C69_7262;

const HASH_BYTES: usize = 8;

/// The name of the template for the present SQL; the first test that asks creates it.
pub(crate) async fn template(cluster: &Client, config: &Config, supabase_dir: &Path) -> Result<String, Error> {
    let name = format!("oslira_template_{}", fingerprint(supabase_dir)?);
    if is_ready(cluster, &name).await? {
        return Ok(name);
    }
    cluster.execute("select pg_advisory_lock($1)", &[&LOCK_KEY]).await?;
    let built = build(cluster, config, supabase_dir, &name).await;
    cluster.execute("select pg_advisory_unlock($1)", &[&LOCK_KEY]).await?;
    built.map(|()| name)
}

async fn build(cluster: &Client, config: &Config, supabase_dir: &Path, name: &str) -> Result<(), Error> {
    // Asked again under the lock: another process may have made it meanwhile.
    if is_ready(cluster, name).await? {
        return Ok(());
    }
    drop_leftovers(cluster).await?;
    cluster.batch_execute(&format!("create database {name}")).await?;
    {
        let (client, connection) = config.clone().dbname(name).connect(NoTls).await?;
        let connection = tokio::spawn(connection);
        migrate(&client, supabase_dir).await?;
        drop(client);
        // Postgres refuses to copy a database that has connections.
        let _closed = connection.await;
    }
    // The mark comes last: it says that the template is complete (see `is_ready`).
    cluster.batch_execute(&format!("alter database {name} with is_template true allow_connections false")).await?;
    Ok(())
}

/// Drops the templates of older SQL, the incomplete one of a killed process, and the databases of tests that were
/// killed at least a day ago. The name of a test database ends with a version 7 UUID, whose first twelve digits are the
/// time of its creation in milliseconds.
async fn drop_leftovers(cluster: &Client) -> Result<(), Error> {
    let leftovers = "select datname::text, datistemplate from pg_database
        where datname like 'oslira\\_template\\_%'
           or datname like 'oslira\\_test\\_%' and datname < 'oslira_test_'
              || lpad(to_hex((extract(epoch from now() - interval '1 day') * 1000)::bigint), 12, '0')";
    for row in cluster.query(leftovers, &[]).await? {
        let (name, is_template): (String, bool) = (row.try_get(0)?, row.try_get(1)?);
        if is_template {
            cluster.batch_execute(&format!("alter database {name} with is_template false")).await?;
        }
        cluster.batch_execute(&format!("drop database if exists {name} with (force)")).await?;
    }
    Ok(())
}

async fn is_ready(cluster: &Client, name: &str) -> Result<bool, tokio_postgres::Error> {
    let row = cluster.query_opt("select from pg_database where datname = $1 and datistemplate", &[&name]).await?;
    Ok(row.is_some())
}

fn fingerprint(supabase_dir: &Path) -> Result<String, MigrateError> {
    let mut hasher = Sha256::new();
    for path in sql_files(supabase_dir)? {
        let sql = std::fs::read(&path).map_err(|source| MigrateError::Read { path, source })?;
        hasher.update(sql.len().to_be_bytes());
        hasher.update(sql);
    }
    Ok(hasher.finalize().iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}")).collect())
}
