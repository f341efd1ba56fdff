//! Connections of the product's own database adapters, with a driver that measures: a sample is one `session.run_as`, from sending it
//! to having its answer, over a loopback connection that stays open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use async_trait::async_trait;
use oslira_app::shared::store::StoreError;
use oslira_postgres::native::{Connect, Native};
use oslira_postgres::{AdminDb, Call, Driver, OperatorDb, TenantDb};
use tokio_postgres::{Client, NoTls};

use crate::postgres::PgUrl;

/// The database as its users see it.
pub struct Users {
    pub tenant: Arc<TenantDb>,
    pub admin: AdminDb,
    pub operators: OperatorDb,
    pub spent: Arc<Spent>,
}

impl Users {
    pub async fn connect(url: &PgUrl) -> Result<Self> {
        let spent = Arc::new(Spent::default());
        let timed = |client| Arc::new(Timed { inner: Native(Kept(Arc::new(client))), spent: spent.clone() });
        Ok(Self {
            tenant: Arc::new(TenantDb::new(timed(connect(&url.with_login("oslira_tenant")).await?))),
            admin: AdminDb::new(timed(connect(&url.with_login("oslira_admin")).await?)),
            operators: OperatorDb::new(timed(connect(&url.with_login("oslira_operator")).await?)),
            spent,
        })
    }
}

/// The time that calls took, handed from the driver to the measurement.
#[derive(Default)]
pub struct Spent(AtomicU64);

impl Spent {
    /// Milliseconds since it was asked last.
    pub fn take_ms(&self) -> f64 {
        self.0.swap(0, Ordering::Relaxed) as f64 / 1_000.0
    }
}

/// A driver that measures.
struct Timed {
    inner: Native<Kept>,
    spent: Arc<Spent>,
}

#[async_trait]
impl Driver for Timed {
    async fn run_as(&self, call: &Call<'_>) -> Result<String, StoreError> {
        let started = Instant::now();
        let answer = self.inner.run_as(call).await;
        let us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.spent.0.fetch_add(us, Ordering::Relaxed);
        answer
    }

    async fn clock(&self) -> Result<String, StoreError> {
        self.inner.clock().await
    }
}

/// One connection for all calls.
struct Kept(Arc<Client>);

struct Shared(Arc<Client>);

impl AsRef<Client> for Shared {
    fn as_ref(&self) -> &Client {
        &self.0
    }
}

#[async_trait]
impl Connect for Kept {
    type Connection = Shared;

    async fn connect(&self) -> Result<Shared, StoreError> {
        Ok(Shared(self.0.clone()))
    }
}

/// A connection as the login of the URL.
pub async fn connect(url: &PgUrl) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(&url.to_string(), NoTls).await.context("cannot connect")?;
    // Its error, if any, appears at the next use of the client.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}
