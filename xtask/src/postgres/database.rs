//! What the tool does with a database: check it, create it, migrate it, add a user.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio_postgres::{Client, NoTls};

use crate::postgres::PgUrl;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The login roles that the Worker uses.
pub const LOGINS: [&str; 3] = ["oslira_tenant", "oslira_admin", "oslira_operator"];

/// A user made by [`mint_user`].
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    /// The `sub` of their token.
    pub user_id: String,
    pub email: String,
    pub account_id: String,
    pub business_profile_id: String,
}

/// Fails unless a server answers queries there.
pub fn answers(url: &PgUrl) -> Result<()> {
    with_client(url, async |client| Ok(client.batch_execute("select 1").await?))
}

/// Whether a pooler lets a client in, which it does only when the server behind it answers. A strict one takes no query that
/// this driver sends.
pub fn admits(url: &PgUrl) -> Result<()> {
    with_client(url, async |_| Ok(()))
}

/// Creates the database if it does not exist.
pub fn create(server: &PgUrl, database: &str) -> Result<()> {
    with_client(server, async |client| {
        let known = client.query_opt("select from pg_database where datname = $1", &[&database]).await?;
        if known.is_none() {
            client.batch_execute(&format!("create database {}", quoted(database)?)).await?;
        }
        Ok(())
    })
    .with_context(|| format!("cannot create the database {database}"))
}

/// Drops the database, even if it has connections.
pub fn drop(server: &PgUrl, database: &str) -> Result<()> {
    with_client(server, async |client| {
        client.batch_execute(&format!("drop database if exists {} with (force)", quoted(database)?)).await?;
        Ok(())
    })
}

/// Applies what is missing of `supabase/`. If the URL has a password, the Worker's logins get the same one, because the
/// migrations create them without any.
pub fn migrate(url: &PgUrl, supabase_dir: &Path) -> Result<()> {
    let password = plain_password(url)?;
    with_client(url, async |client| {
        oslira_testkit::migrate(client, supabase_dir).await?;
        if let Some(password) = &password {
            for login in LOGINS {
                // `alter role` takes no parameters, so Postgres itself quotes them into the statement.
                let statement = "select format('alter role %I password %L', $1::text, $2::text)";
                let row = client.query_one(statement, &[&login, &password]).await?;
                client.batch_execute(row.try_get(0)?).await?;
            }
        }
        Ok(())
    })
    .context("the database could not be brought to the schema of supabase/")
}

/// The user of that name; created with an account, a business profile and credits if there is none yet.
pub fn mint_user(url: &PgUrl, name: &str, credits: i32) -> Result<User> {
    let text: String = with_client(url, async |client| {
        Ok(client.query_one("select local.mint_user($1, $2)::text", &[&name, &credits]).await?.try_get(0)?)
    })
    .context("cannot mint the user")?;
    serde_json::from_str(&text).context("local.mint_user gave an unexpected answer")
}

/// Users by this name and a number, each with an account of exactly so many credits.
pub fn mint_users(url: &PgUrl, name: &str, count: i32, credits: i32) -> Result<Vec<User>> {
    let sql = "select local.mint_user($1 || ' of many ' || n, $2)::text from generate_series(1, $3) n";
    with_client(url, async |client| {
        let rows = client.query(sql, &[&name, &credits, &count]).await.context("cannot mint the users")?;
        let user = |row: &tokio_postgres::Row| Ok(serde_json::from_str(row.try_get(0)?)?);
        rows.iter().map(user).collect()
    })
}

/// Runs the work on a connection of its own.
pub fn with_client<T>(url: &PgUrl, work: impl AsyncFnOnce(&Client) -> Result<T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let address = url.to_string();
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, tokio_postgres::connect(&address, NoTls));
        let (client, connection) = explained(connecting).await?;
        let connection = tokio::spawn(connection);
        let result = work(&client).await;
        // The connection's task ends once the client is dropped; waiting lets it close cleanly.
        std::mem::drop(client);
        let _ = connection.await;
        result
    })
}

async fn explained<T>(
    connecting: impl Future<Output = Result<Result<T, tokio_postgres::Error>, tokio::time::error::Elapsed>>,
) -> Result<T> {
    match connecting.await {
        Ok(Ok(connected)) => Ok(connected),
        Ok(Err(error)) => Err(error).context("cannot connect to Postgres"),
        Err(_) => bail!("Postgres does not answer within {} s", CONNECT_TIMEOUT.as_secs()),
    }
}

/// The URL's password without its percent-encoding.
fn plain_password(url: &PgUrl) -> Result<Option<String>> {
    let config: tokio_postgres::Config = url.to_string().parse()?;
    config.get_password().map(|bytes| Ok(String::from_utf8(bytes.to_vec())?)).transpose()
}

/// A quoted identifier. Our own names need nothing more; anything else is refused.
fn quoted(name: &str) -> Result<String> {
    if name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return Ok(format!("\"{name}\""));
    }
    bail!("{name} is not a name for a database")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_decoded() {
        let url = PgUrl::parse("postgres://me:s3c%25ret@localhost/app").unwrap();
        assert_eq!(plain_password(&url).unwrap().as_deref(), Some("s3c%ret"));
        assert_eq!(plain_password(&PgUrl::parse("postgres://me@localhost/app").unwrap()).unwrap(), None);
    }

    #[test]
    fn only_plain_names_are_databases() {
        assert_eq!(quoted("oslira_1f").unwrap(), "\"oslira_1f\"");
        assert!(quoted("x\"; drop").is_err());
    }
}
