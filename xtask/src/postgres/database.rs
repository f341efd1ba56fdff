//! What the tool does with a database: check it, create it, migrate it, add a user.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio_postgres::Client;

use crate::postgres::{PgUrl, tls};

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

/// Makes a user an operator, unless they are one. The reason has 10 to 500 characters.
pub fn appoint_operator(url: &PgUrl, user_id: &str, reason: &str) -> Result<()> {
    let sql = "insert into operators (user_id, added_by, reason) values (($1::text)::uuid, 'cargo xtask', $2)
               on conflict (user_id) where ended_at is null do nothing";
    with_client(url, async |client| {
        client
            .execute(sql, &[&user_id, &reason])
            .await
            .context("the database refuses: is the reason 10 to 500 characters?")
    })?;
    Ok(())
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
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, tls::connect(url)).await;
        let Ok(connected) = connecting else {
            bail!("Postgres does not answer within {} s", CONNECT_TIMEOUT.as_secs());
        };
        let (client, connection) = connected?;
        let result = work(&client).await;
        // The connection's task ends once the client is dropped; waiting lets it close cleanly.
        std::mem::drop(client);
        let _ = connection.await;
        result
    })
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
