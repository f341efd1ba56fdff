//! The cast of most tests (one customer, the backend, the superuser) and the product's SQL functions by name.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use futures_util::future::try_join_all;
use oslira_app::{
    features::auth,
    shared::{
        ids::{AccountId, UserId},
        store::StoreError,
    },
};
use oslira_postgres::{
    AdminDb, OperatorDb, TenantDb,
    native::{Connect, Native},
};
use oslira_testkit::session::Parameters;
use oslira_testkit::{Error, Member, Session, TestDatabase};
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

/// Connections in a race.
pub const CROWD: usize = 32;

/// One customer with credits, and everybody else a test needs.
pub struct Stage {
    pub database: Arc<TestDatabase>,
    pub superuser: Client,
    pub backend: Session,
    pub member: Member,
    pub customer: Session,
}

impl Stage {
    pub async fn with_credits(credits: i32) -> Result<Self, Error> {
        let database = Arc::new(TestDatabase::create().await?);
        let member = database.member("ann", credits).await?;
        Ok(Self {
            superuser: database.superuser().await?,
            backend: database.backend().await?,
            customer: database.customer(member.user_id).await?,
            member,
            database,
        })
    }

    pub fn request(&self, username: &str) -> Request {
        Request::new(&self.member, username)
    }

    /// The product's own way into this database, for customers.
    pub fn tenant(&self) -> TenantDb {
        TenantDb::new(Arc::new(Native(Login { database: self.database.clone(), role: "oslira_tenant" })))
    }

    /// The product's own way into this database, for workflows and schedules.
    pub fn admin(&self) -> AdminDb {
        AdminDb::new(Arc::new(Native(Login { database: self.database.clone(), role: "oslira_admin" })))
    }

    /// The product's own way into this database, for operators.
    pub fn operators(&self) -> OperatorDb {
        OperatorDb::new(Arc::new(Native(Login { database: self.database.clone(), role: "oslira_operator" })))
    }

    /// Makes a user an operator, as the database's owner does.
    pub async fn appoint(&self, user: Uuid) -> Result<(), Error> {
        let sql = "insert into operators (user_id, added_by, reason) values ($1, 'the test', 'for the test')";
        self.execute(sql, &[&user]).await.map(drop)
    }

    /// Begins a LIGHT run that must be accepted.
    pub async fn begun(&self, username: &str) -> Result<Uuid, Error> {
        begun(&self.customer, &self.request(username)).await
    }

    /// Begins a LIGHT run and moves it to this phase.
    pub async fn begun_and(&self, username: &str, phase: &str) -> Result<Uuid, Error> {
        let run = self.begun(username).await?;
        let answer = advance(&self.backend, run, phase).await?;
        if answer == json!({ "active": true, "status": "processing" }) { Ok(run) } else { Err(unexpected(&answer)) }
    }

    pub async fn balance(&self) -> Result<i64, Error> {
        let sql = "select balance from credit_balances where account_id = $1";
        Ok(self.superuser.query_one(sql, &[&self.member.account_id]).await?.get(0))
    }

    /// One column of a run, as text.
    pub async fn run_field(&self, run: Uuid, column: &str) -> Result<Option<String>, Error> {
        let sql = format!("select ({column})::text from runs where id = $1");
        Ok(self.superuser.query_one(&sql, &[&run]).await?.get(0))
    }

    pub async fn count(&self, rows: &str) -> Result<i64, Error> {
        Ok(self.superuser.query_one(&format!("select count(*) from {rows}"), &[]).await?.get(0))
    }

    pub async fn execute(&self, sql: &str, parameters: Parameters<'_>) -> Result<u64, Error> {
        Ok(self.superuser.execute(sql, parameters).await?)
    }

    /// Makes a run's last heartbeat this old.
    pub async fn let_beat_age(&self, run: Uuid, seconds: f64) -> Result<(), Error> {
        self.execute(
            "update runs set heartbeat_at = clock_timestamp() - make_interval(secs => $2) where id = $1",
            &[&run, &seconds],
        )
        .await?;
        Ok(())
    }

    /// As many connections of this customer as a race has.
    pub async fn crowd(&self) -> Result<Vec<Session>, Error> {
        try_join_all((0..CROWD).map(|_| self.database.customer(self.member.user_id))).await
    }

    /// As many connections of the backend as a race has.
    pub async fn backend_crowd(&self) -> Result<Vec<Session>, Error> {
        try_join_all((0..CROWD).map(|_| self.database.backend())).await
    }

    /// The last line of every test that moves credits.
    pub async fn assert_ledger_is_whole(&self) -> Result<(), Error> {
        self.database.assert_ledger_is_whole().await
    }
}

struct Login {
    database: Arc<TestDatabase>,
    role: &'static str,
}

/// A connection for one call.
struct Fresh(Client);

impl AsRef<Client> for Fresh {
    fn as_ref(&self) -> &Client {
        &self.0
    }
}

#[async_trait]
impl Connect for Login {
    type Connection = Fresh;

    async fn connect(&self) -> Result<Fresh, StoreError> {
        let opened = self.database.login(self.role).await;
        opened.map(Fresh).map_err(|error| StoreError::Unavailable(format!("{error:?}")))
    }
}

/// A member as the product's handlers know them.
pub fn acting(member: &Member) -> auth::Member {
    auth::Member::new(UserId::new(member.user_id), AccountId::new(member.account_id))
}

/// The arguments of `begin_analysis`.
#[derive(Clone)]
pub struct Request {
    pub account: Uuid,
    pub run: Uuid,
    pub username: String,
    pub business_profile: Uuid,
    pub analysis_type: &'static str,
    pub idempotency_key: Option<&'static str>,
    pub body_hash: &'static str,
    /// What the analysis needs; by default what every type does when both models have a key.
    pub services: Value,
}

impl Request {
    pub fn new(member: &Member, username: &str) -> Self {
        Self {
            account: member.account_id,
            run: Uuid::now_v7(),
            username: username.to_owned(),
            business_profile: member.business_profile_id,
            analysis_type: "LIGHT",
            idempotency_key: None,
            body_hash: "body",
            services: json!([["apify"], ["openai", "anthropic"]]),
        }
    }

    pub fn of_type(self, analysis_type: &'static str) -> Self {
        Self { analysis_type, ..self }
    }

    pub fn keyed(self, key: &'static str) -> Self {
        Self { idempotency_key: Some(key), ..self }
    }

    /// The same request sent again: the API gives every arrival a run id of its own.
    pub fn again(&self) -> Self {
        Self { run: Uuid::now_v7(), ..self.clone() }
    }
}

pub async fn begin(session: &Session, request: &Request) -> Result<Value, Error> {
    session
        .call(
            "select api.begin_analysis($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                &request.account,
                &request.run,
                &request.username,
                &request.business_profile,
                &request.analysis_type,
                &request.idempotency_key,
                &request.body_hash,
                &request.services,
            ],
        )
        .await
}

/// Begins a run that must be accepted, and returns its id.
pub async fn begun(session: &Session, request: &Request) -> Result<Uuid, Error> {
    let answer = begin(session, request).await?;
    if outcome(&answer) == "ok" { Ok(request.run) } else { Err(unexpected(&answer)) }
}

pub async fn cancel(session: &Session, run: Uuid) -> Result<Value, Error> {
    session.call("select api.cancel_run($1)", &[&run]).await
}

pub async fn undo(session: &Session, run: Uuid) -> Result<Value, Error> {
    session.call("select api.undo_run($1)", &[&run]).await
}

pub async fn advance(session: &Session, run: Uuid, phase: &str) -> Result<Value, Error> {
    session.call("select system.advance_run($1, $2)", &[&run, &phase]).await
}

pub async fn fail(session: &Session, run: Uuid) -> Result<Value, Error> {
    session
        .call("select system.fail_run($1, $2, $3)", &[&run, &"profile_not_found", &"This profile does not exist."])
        .await
}

/// Sweeps with the age the product uses, after it claimed all silent runs to wake them, which helps none.
pub async fn sweep(session: &Session, limit: i32) -> Result<Value, Error> {
    wake_in_vain(session, "5 minutes").await?;
    session.call("select system.sweep_stale_runs(interval '5 minutes', interval '0', $1)", &[&limit]).await
}

/// In two transactions, as the product does: a row that a transaction changes twice has its foreign keys checked, and would wait for
/// whoever holds the account.
async fn wake_in_vain(session: &Session, age: &str) -> Result<Value, Error> {
    let claimed = session.call(&format!("select system.claim_silent_runs(interval '{age}', 1000)"), &[]).await?;
    let note = "select to_jsonb(system.note_woken(array(select (claimed ->> 'run_id')::uuid
        from jsonb_array_elements($1) as claimed)))";
    session.call(note, &[&claimed]).await
}

/// Sweeps every active run, however young.
pub async fn sweep_all(session: &Session) -> Result<Value, Error> {
    wake_in_vain(session, "0").await?;
    session.call("select system.sweep_stale_runs(interval '0', interval '0', 1000)", &[]).await
}

pub async fn complete(session: &Session, run: Uuid) -> Result<Value, Error> {
    complete_with(session, run, &lead("2026-01-01T00:00:00Z", 1000), &result(70)).await
}

pub async fn complete_with(session: &Session, run: Uuid, lead: &Value, result: &Value) -> Result<Value, Error> {
    session.call("select system.complete_run($1, $2, $3)", &[&run, lead, result]).await
}

pub async fn record_usage(session: &Session, run: Uuid, kind: &str, key: &str, usage: &Value) -> Result<bool, Error> {
    let rows = session.rows("select system.record_usage($1, $2, $3, $4)", &[&run, &kind, &key, usage]).await?;
    rows.first().map(|row| row.get(0)).ok_or_else(|| Error::Unexpected("no row".to_owned()))
}

pub fn lead(scraped_at: &str, followers: i64) -> Value {
    json!({
        "username": "nasa", "display_name": "NASA", "biography": "Exploring", "followers": followers, "following": 80,
        "posts": 4000, "category": "Science", "external_url": "https://nasa.gov", "profile_pic_url": "https://cdn.test/n.jpg",
        "is_verified": true, "is_business": false, "scraped_at": scraped_at
    })
}

pub fn result(score: i64) -> Value {
    json!({
        "score": score, "provider": "sandbox", "model": "openai/gpt-4o-mini", "snapshot_key": "instagram/nasa/1",
        "result": { "judgement": {}, "facts": {}, "evidence": [] }, "cost_microusd": 412
    })
}

pub fn ai_usage() -> Value {
    json!({
        "call": "light", "provider": "openai", "model": "gpt-4o-mini", "input_tokens": 1500, "cached_tokens": 1024,
        "cache_write_tokens": 7, "output_tokens": 300, "reasoning_tokens": 0, "cost_microusd": 412, "duration_ms": 4200,
        "finish_reason": "stop", "gateway_hit": false
    })
}

pub fn scrape_usage() -> Value {
    json!({
        "actor": "apify/instagram-profile-scraper", "username": "nasa", "results": 1, "cost_microusd": 2600,
        "duration_ms": 6500, "outcome": "succeeded"
    })
}

/// The outcome that a function returned.
pub fn outcome(answer: &Value) -> &str {
    answer.get("outcome").and_then(Value::as_str).unwrap_or("none")
}

/// How often each outcome was returned.
pub fn outcomes(answers: &[Value]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(outcome(answer).to_owned()).or_insert(0) += 1;
    }
    counts
}

/// The counts a test expects, in the form of [`outcomes`].
pub fn counts<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected.into_iter().map(|(outcome, count)| (outcome.to_owned(), count)).collect()
}

pub fn unexpected(answer: &Value) -> Error {
    Error::Unexpected(answer.to_string())
}

/// The SQLSTATE of a refusal: 22023 invalid argument, 23001 guarded or append-only row, 23502 not null, 23503 foreign
/// key, 23505 unique, 23514 check, 42501 no privilege; `allowed` without one.
pub fn sqlstate<T>(outcome: Result<T, Error>) -> String {
    match outcome {
        Err(Error::Postgres(error)) => error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned()),
        Err(other) => other.to_string(),
        Ok(_) => "allowed".to_owned(),
    }
}
