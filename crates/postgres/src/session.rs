//! One statement in one transaction under one role.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::{Either, join4, select};
use oslira_app::shared::store::StoreError;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio_postgres::{
    Client, Row,
    types::{ToSql, Type},
};

/// The longest that any transaction may take, connecting included. The logins have the same `statement_timeout`, so a
/// statement that was given up here does not hold its locks for longer.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(15);

/// Sets role and claims for this transaction only (`true`), so that a pooled connection forgets them.
const BECOME: &str = "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)";

/// Opens connections for one login.
#[async_trait]
pub trait Connect: Send + Sync {
    /// Opens a connection and drives it until the client is dropped.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server cannot be reached.
    async fn connect(&self) -> Result<Client, StoreError>;

    /// Resolves after `duration`.
    async fn sleep(&self, duration: Duration);
}

/// A parameter with its type. With the types given, no statement is prepared by name, which a transaction pooler could
/// not serve.
pub type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// The transactions of one login. Each has its own connection: a pooler (Hyperdrive, pgbouncer) makes that cheap,
/// nothing is held while a step waits for a provider, and a broken connection cannot be used twice.
pub(crate) struct Session {
    connector: Arc<dyn Connect>,
}

impl Session {
    pub(crate) fn new(connector: Arc<dyn Connect>) -> Self {
        Self { connector }
    }

    /// Runs `sql` as `role` with `claims`.
    pub(crate) async fn rows(
        &self,
        role: &str,
        claims: &str,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let work = async {
            let client = self.connector.connect().await?;
            transaction(&client, role, claims, sql, params).await
        };
        match select(std::pin::pin!(work), self.connector.sleep(STATEMENT_TIMEOUT)).await {
            Either::Left((rows, _)) => rows,
            // The outcome is unknown: the connection is dropped, but a commit may already be on its way.
            Either::Right(((), _)) => Err(StoreError::Unavailable("no answer in time".to_owned())),
        }
    }

    /// The one jsonb value that a statement returns.
    pub(crate) async fn value<T: DeserializeOwned>(
        &self,
        role: &str,
        claims: &str,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<T, StoreError> {
        let rows = self.rows(role, claims, sql, params).await?;
        let [row] = rows.as_slice() else {
            return Err(StoreError::Defect(format!("{} rows instead of one", rows.len())));
        };
        decode(row)
    }

    /// The jsonb values of all rows.
    pub(crate) async fn values<T: DeserializeOwned>(
        &self,
        role: &str,
        claims: &str,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<T>, StoreError> {
        self.rows(role, claims, sql, params).await?.iter().map(decode).collect()
    }
}

/// A value as the database's functions take it.
pub(crate) fn json(value: &(impl Serialize + ?Sized)) -> Result<Value, StoreError> {
    serde_json::to_value(value).map_err(|error| StoreError::Defect(format!("no document: {:?}", error.classify())))
}

fn decode<T: DeserializeOwned>(row: &Row) -> Result<T, StoreError> {
    let value: Value = row.try_get(0).map_err(|error| StoreError::Defect(format!("first column: {error}")))?;
    // serde's message may quote the value: only the kind of error is kept.
    serde_json::from_value(value).map_err(|error| StoreError::Defect(format!("unexpected row: {:?}", error.classify())))
}

/// Four statements in one round trip: polled together, they are sent without waiting for each other's answer. An error
/// in the middle aborts the transaction, which makes the commit a rollback.
async fn transaction(
    client: &Client,
    role: &str,
    claims: &str,
    sql: &str,
    params: &[Param<'_>],
) -> Result<Vec<Row>, StoreError> {
    let who: [Param<'_>; 2] = [(&role, Type::TEXT), (&claims, Type::TEXT)];
    let (begun, became, rows, committed) = join4(
        client.batch_execute("begin"),
        client.query_typed(BECOME, &who),
        client.query_typed(sql, params),
        client.batch_execute("commit"),
    )
    .await;
    // The first error is the cause; those after it only say that the transaction was aborted.
    begun.map_err(|error| connection_error(&error))?;
    became.map_err(|error| connection_error(&error))?;
    let rows = rows.map_err(|error| connection_error(&error))?;
    committed.map_err(|error| connection_error(&error))?;
    Ok(rows)
}

/// Errors that may pass are `Unavailable`: lost connections, shutdowns, overload, deadlocks and lock timeouts. Only the
/// SQLSTATE and the names of schema objects are kept: a message could quote a value.
pub fn connection_error(error: &tokio_postgres::Error) -> StoreError {
    let Some(db) = error.as_db_error() else {
        return StoreError::Unavailable(
            if error.is_closed() { "connection closed" } else { "connection failed" }.to_owned(),
        );
    };
    let code = db.code().code();
    // Connection, insufficient resources, operator intervention (with timeouts), system, rollback (with deadlocks),
    // lock not available.
    let passing = ["08", "53", "57", "58", "40", "55"].iter().any(|class| code.starts_with(class));
    if passing {
        return StoreError::Unavailable(format!("SQLSTATE {code}"));
    }
    let at =
        [db.table(), db.column(), db.constraint(), db.routine()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    StoreError::Defect(format!("SQLSTATE {code} {at}"))
}
