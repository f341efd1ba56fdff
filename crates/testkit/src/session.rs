//! A connection that acts as a customer or as the backend: with the login, role and claims of a real request, which
//! every transaction sets again, as in the product.

use serde_json::{Value, json};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::Error;

pub type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// One connection that acts as one customer, or as the backend.
pub struct Session {
    client: Client,
    role: &'static str,
    claims: String,
}

impl Session {
    pub(crate) fn customer(client: Client, user_id: Uuid) -> Self {
        let claims = json!({ "sub": user_id, "role": "authenticated", "aud": "authenticated" });
        Self { client, role: "authenticated", claims: claims.to_string() }
    }

    pub(crate) fn backend(client: Client) -> Self {
        Self { client, role: "service_role", claims: json!({ "role": "service_role" }).to_string() }
    }

    pub(crate) fn operator(client: Client, user_id: Uuid) -> Self {
        Self { client, role: "operator", claims: json!({ "sub": user_id, "role": "operator" }).to_string() }
    }

    /// The bare connection. Statements run as the login itself, without a role, unless [`Self::open`] was called.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Begins a transaction as the session's role and leaves it open, for tests that hold locks. Continue on
    /// [`Self::client`] and end with `commit` or `rollback`.
    pub async fn open(&self) -> Result<(), Error> {
        self.client.batch_execute("begin").await?;
        self.client
            // `true` limits both settings to this transaction, as behind a pooler in transaction mode.
            .query(
                "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)",
                &[&self.role, &self.claims],
            )
            .await?;
        Ok(())
    }

    /// Runs one statement in a transaction of its own and returns its rows.
    pub async fn rows(&self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, Error> {
        self.open().await?;
        let outcome = self.client.query(sql, parameters).await;
        self.client.batch_execute(if outcome.is_ok() { "commit" } else { "rollback" }).await?;
        Ok(outcome?)
    }

    /// Runs a statement that returns one JSON document, in a transaction of its own.
    pub async fn call(&self, sql: &str, parameters: Parameters<'_>) -> Result<Value, Error> {
        let rows = self.rows(sql, parameters).await?;
        match rows.as_slice() {
            [row] => Ok(row.try_get(0)?),
            other => Err(Error::Unexpected(format!("{} rows from {sql}", other.len()))),
        }
    }

    /// The SQLSTATE with which Postgres refuses a statement; `None` if it is allowed. Always rolls back.
    pub async fn refusal(&self, sql: &str) -> Result<Option<String>, Error> {
        self.open().await?;
        let outcome = self.client.batch_execute(sql).await;
        self.client.batch_execute("rollback").await?;
        match outcome {
            Ok(()) => Ok(None),
            Err(error) => match error.code() {
                Some(code) => Ok(Some(code.code().to_owned())),
                None => Err(error.into()),
            },
        }
    }
}
