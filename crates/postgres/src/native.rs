//! The driver of tests and tools: tokio-postgres, which has no place in the Worker (ARCHITECTURE.md says why).

use async_trait::async_trait;
use oslira_app::shared::store::StoreError;
use tokio_postgres::{
    Client,
    error::Severity,
    types::{ToSql, Type},
};

use crate::session::{CLOCK, Call, Driver, Param, RUN_AS, STATEMENT_TIMEOUT, store_error};

/// Hands out connections of one login.
#[async_trait]
pub trait Connect: Send + Sync {
    /// What a call uses; dropping it ends the call's hold on the connection.
    type Connection: AsRef<Client> + Send + Sync;

    /// A connection for one call.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server cannot be reached.
    async fn connect(&self) -> Result<Self::Connection, StoreError>;
}

/// Calls on the connections of `C`.
pub struct Native<C>(pub C);

#[async_trait]
impl<C: Connect> Driver for Native<C> {
    async fn run_as(&self, call: &Call<'_>) -> Result<String, StoreError> {
        let params: Vec<Option<&str>> = call.params.iter().map(Param::as_text).collect();
        in_time(async {
            let connection = self.0.connect().await?;
            let values: [(&(dyn ToSql + Sync), Type); 4] = [
                (&call.role, Type::TEXT),
                (&call.claims, Type::TEXT),
                (&call.sql, Type::TEXT),
                (&params, Type::TEXT_ARRAY),
            ];
            one_text(connection.as_ref().query_typed(RUN_AS, &values).await)
        })
        .await
    }

    async fn clock(&self) -> Result<String, StoreError> {
        in_time(async { one_text(self.0.connect().await?.as_ref().query_typed(CLOCK, &[]).await) }).await
    }
}

async fn in_time(work: impl Future<Output = Result<String, StoreError>>) -> Result<String, StoreError> {
    let late = |_| Err(StoreError::Unavailable("no answer in time".to_owned()));
    tokio::time::timeout(STATEMENT_TIMEOUT, work).await.unwrap_or_else(late)
}

fn one_text(rows: Result<Vec<tokio_postgres::Row>, tokio_postgres::Error>) -> Result<String, StoreError> {
    let rows = rows.map_err(|error| native_error(&error))?;
    let row = rows.first().ok_or_else(|| StoreError::Defect("no row".to_owned()))?;
    row.try_get(0).map_err(|error| native_error(&error))
}

/// The error of tokio-postgres as the product's.
#[must_use]
pub fn native_error(error: &tokio_postgres::Error) -> StoreError {
    let Some(db) = error.as_db_error() else {
        let lost = if error.is_closed() { "connection closed" } else { "connection failed" };
        return StoreError::Unavailable(lost.to_owned());
    };
    let is_fatal = matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
    let names = [db.table(), db.column(), db.constraint(), db.routine()];
    store_error(db.code().code(), is_fatal, &names.into_iter().flatten().collect::<Vec<_>>().join(" "))
}
