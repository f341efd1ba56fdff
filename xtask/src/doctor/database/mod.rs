//! What the database itself says: asked as its owner, by statements that read only.
//!
//! The checks look at what Postgres' own catalog has now, not at what the migrations meant: somebody may have changed it by hand.

mod access;
mod migrations;
mod passwords;
mod roles;
mod tables;
mod work;

use std::future::Future;

use anyhow::{Context, Result};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use crate::doctor::catalog::of_source;
use crate::doctor::finding::{Finding, Verdict};
use crate::postgres::{PgUrl, database};

pub use migrations::{Migration, of_project};

/// Our schemas. Others of a database are Supabase's, or of extensions.
const SCHEMAS: [&str; 6] = ["public", "api", "system", "operator", "private", "session"];

/// No statement of a check may keep the database busy.
const LIMITS: &str = "set statement_timeout = '10s'; set lock_timeout = '2s'; set default_transaction_read_only = on";

/// What the checks must know besides the database.
pub struct Subject {
    /// The files of `supabase/migrations`.
    pub migrations: Vec<Migration>,
    /// Whether the platform starts the jobs; on a local stack they run when somebody says so.
    pub has_schedule: bool,
    /// Where to try well-known passwords by logging in, if that was asked for.
    pub login_attempts: Option<PgUrl>,
}

/// The findings, and how many connections others than superusers may have.
pub struct Examined {
    pub findings: Vec<Finding>,
    pub connections_max: Option<u32>,
}

/// Connects and checks everything. Whatever keeps it from that is a finding too, as the verdict in place of the address.
pub fn examine(url: Result<PgUrl, Verdict>, subject: &Subject) -> Examined {
    let url = match url {
        Ok(url) => url,
        Err(verdict) => return nothing(verdict, "this environment's database is not known"),
    };
    let examined = database::with_client(&url, async |client| {
        client.batch_execute(LIMITS).await.context("the database takes no statement")?;
        Ok(checks(client, subject).await)
    });
    examined.unwrap_or_else(|error| {
        let cure = "look at OSLIRA_DATABASE_URL: the owner's login (on Supabase postgres) at the direct host, with its password \
                    percent-encoded; and whether the database allows this machine's address";
        nothing(Verdict::broken(format!("{error:#}"), cure), "the database let nobody in")
    })
}

fn nothing(connection: Verdict, why: &str) -> Examined {
    let mut findings = vec![Finding::new("database.connection", connection)];
    let others = of_source("database").skip(1);
    findings.extend(others.map(|check| Finding::new(check, Verdict::unknown(why))));
    Examined { findings, connections_max: None }
}

/// Every check on a connection as the owner, in the order of the catalog.
pub async fn checks(client: &Client, subject: &Subject) -> Examined {
    let mut findings = vec![Finding::new("database.connection", Verdict::Held)];
    let mut add = |check, verdict| findings.push(Finding::new(check, verdict));
    add("database.migrations", settled(migrations::check(client, &subject.migrations)).await);
    add("database.owner", settled(tables::owner(client)).await);
    add("database.row-level-security", settled(tables::row_level_security(client)).await);
    add("database.policies", settled(tables::policies(client)).await);
    add("database.roles", settled(roles::attributes(client)).await);
    add("database.memberships", settled(roles::memberships(client)).await);
    add("database.passwords", settled(passwords::check(client, subject.login_attempts.as_ref())).await);
    add("database.login-settings", settled(roles::login_settings(client)).await);
    add("database.functions", settled(access::functions(client)).await);
    add("database.grants", settled(access::grants(client)).await);
    add("database.temporary-objects", settled(access::temporary_objects(client)).await);
    add("database.extensions", settled(tables::extensions(client)).await);
    add("database.data-api", settled(access::data_api(client)).await);
    add("database.connections", settled(work::connections(client)).await);
    add("database.jobs", settled(work::jobs(client, subject.has_schedule)).await);
    add("database.dead-letters", settled(work::dead_letters(client)).await);
    add("database.webhooks", settled(work::webhooks(client)).await);
    add("database.alarms", settled(work::alarms(client)).await);
    Examined { findings, connections_max: work::connections_max(client).await.ok() }
}

/// A check whose statement fails has found nothing out.
async fn settled(check: impl Future<Output = Result<Verdict>>) -> Verdict {
    check.await.unwrap_or_else(|error| Verdict::unknown(format!("the database refuses the question: {error:#}")))
}

/// The first column of every row; a refusal says what Postgres says.
async fn texts(client: &Client, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<String>> {
    let rows = client.query(sql, parameters).await.map_err(|error| match error.as_db_error() {
        Some(refused) => anyhow::anyhow!("{}", refused.message()),
        None => error.into(),
    })?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
