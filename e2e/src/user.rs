//! A signed-in user of the API with an account of their own.

use std::{panic::Location, time::Duration};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_postgres::Client as Sql;
use uuid::Uuid;

use crate::{Answer, Stack, eventually, eventually_within};

/// Longer than any run takes at test speed, with every retry of ours and the workflow engine's own after a crash.
const RUN_MAX: Duration = Duration::from_secs(300);

/// So many errors are made until one must have been reported, and so often each report is looked for.
const REPORTED_WITHIN: u32 = 8;
const REPORT_LOOKS_MAX: u32 = 50;

/// Actor runs that a stack's gate lets go on at once, and how many of them an analysis may need.
static SCRAPES: Semaphore = Semaphore::const_new(10);
const SCRAPES_OF_ONE: u32 = 2;

#[derive(Debug, Clone)]
pub struct User {
    stack: Stack,
    pub user_id: Uuid,
    pub account_id: Uuid,
    pub business_profile_id: Uuid,
    pub token: String,
}

impl User {
    /// A new user whose account has exactly these credits.
    pub async fn new(stack: &Stack, credits: i32) -> Self {
        let name = format!("e2e {}", Uuid::new_v4());
        Self::of(stack, &stack.mint_user(&name, credits).await)
    }

    /// Makes them an operator, as the database's owner does.
    pub async fn appoint(&self) {
        let sql = "insert into operators (user_id, added_by, reason) values ($1, 'the test', 'for the test')";
        self.stack.sql().await.execute(sql, &[&self.user_id]).await.unwrap();
    }

    /// Asks as an operator, who says why.
    pub async fn operate(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self.request(method, path).header("x-operator-reason", "Ticket 123: they asked");
        if let Some(body) = body {
            request = request.json(body);
        }
        Answer::read(request.send().await.unwrap()).await
    }

    /// The user in the output of `cargo xtask token --json`.
    #[must_use]
    pub fn of(stack: &Stack, minted: &Value) -> Self {
        let id = |field: &str| minted[field].as_str().and_then(|text| text.parse().ok()).expect("an id");
        Self {
            stack: stack.clone(),
            user_id: id("user_id"),
            account_id: id("account_id"),
            business_profile_id: id("business_profile_id"),
            token: minted["token"].as_str().expect("a token").to_owned(),
        }
    }

    /// A request with the user's token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.stack.http().request(method, format!("{}{path}", self.stack.api_url)).bearer_auth(&self.token)
    }

    /// A request for one of the user's accounts; `body` is null for none.
    pub async fn ask(&self, account: Uuid, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path).header("x-account-id", account.to_string());
        let request = if body.is_null() { request } else { request.json(body) };
        Answer::read(request.send().await.unwrap()).await
    }

    /// Makes the user a member of another's account.
    pub async fn join(&self, owner: &Self, role: &str) {
        let join = "insert into account_members (user_id, account_id, role) values ($1, $2, $3)";
        self.stack.sql().await.execute(join, &[&self.user_id, &owner.account_id, &role]).await.unwrap();
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::read(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        Answer::read(self.request(Method::PUT, path).json(body).send().await.unwrap()).await
    }

    /// POST without a body.
    pub async fn post(&self, path: &str) -> Answer {
        Answer::read(self.request(Method::POST, path).send().await.unwrap()).await
    }

    /// The request body for a LIGHT analysis for the user's business profile.
    #[must_use]
    pub fn analysis_of(&self, username: &str) -> Value {
        self.analysis_as(username, "LIGHT")
    }

    /// The same, of another type: `LIGHT`, `DEEP` or `XRAY`.
    #[must_use]
    pub fn analysis_as(&self, username: &str, analysis_type: &str) -> Value {
        json!({
            "username": username, "analysis_type": analysis_type, "business_profile_id": self.business_profile_id,
        })
    }

    pub fn analyze_request(&self, body: &Value) -> RequestBuilder {
        self.request(Method::POST, "/v1/analyze").json(body)
    }

    /// Has a request of this user's fail in a way that is reported, and waits for its report; the request's id. Only so many errors
    /// are reported in a minute, so it may take several.
    pub async fn fails_with_a_report(&self) -> String {
        for attempt in 1..=REPORTED_WITHIN {
            let id = format!("broken-{attempt}-{}", self.user_id.simple());
            self.fail(&id).await;
            for _ in 0..REPORT_LOOKS_MAX {
                let kept = self.stack.control(Method::GET, "telemetry").query(&[("match", &id)]).send().await.unwrap();
                let kept: Value = kept.json().await.unwrap();
                if !kept["sentry"]["events"].as_array().unwrap().is_empty() {
                    return id;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        panic!("no error was reported")
    }

    /// Only this user's request waits for the lock, until its statement is given up.
    async fn fail(&self, request_id: &str) {
        let holder = self.stack.sql().await;
        holder.batch_execute("begin").await.unwrap();
        let lock = "select from credit_balances where account_id = $1 for update";
        holder.execute(lock, &[&self.account_id]).await.unwrap();
        let request = self.request(Method::PUT, "/credits/budget").header("x-request-id", request_id);
        let answer = Answer::read(request.json(&json!({ "daily_cap": 5 })).send().await.unwrap()).await;
        holder.batch_execute("rollback").await.unwrap();
        answer.refused(503, "database_unavailable");
    }

    /// Requests a LIGHT analysis for the user's business profile.
    pub async fn analyze(&self, username: &str) -> Answer {
        Answer::read(self.analyze_request(&self.analysis_of(username)).send().await.unwrap()).await
    }

    /// The same, with an idempotency key.
    pub async fn analyze_once(&self, username: &str, key: &str) -> Answer {
        let request = self.analyze_request(&self.analysis_of(username)).header("idempotency-key", key);
        Answer::read(request.send().await.unwrap()).await
    }

    /// Starts a LIGHT analysis, which must be accepted, and returns the run's id.
    pub async fn start(&self, username: &str) -> String {
        self.analyze(username).await.data(202)["run_id"].as_str().unwrap().to_owned()
    }

    /// Requests the analysis that `body` describes.
    pub async fn order(&self, body: &Value) -> Answer {
        Answer::read(self.analyze_request(body).send().await.unwrap()).await
    }

    /// Starts the analysis that `body` describes, which must be accepted, and returns the run's id.
    pub async fn start_order(&self, body: &Value) -> String {
        self.order(body).await.data(202)["run_id"].as_str().unwrap().to_owned()
    }

    /// The same, while other tests may open the circuit breaker: as long as it is open, it is closed and the request
    /// repeated.
    async fn start_order_despite_outages(&self, body: &Value) -> String {
        let accepted = eventually("the analysis to be accepted", async || {
            let answer = self.order(body).await;
            if answer.body["code"] == "provider_unavailable" {
                self.stack.close_breaker().await;
                return None;
            }
            Some(answer)
        });
        accepted.await.data(202)["run_id"].as_str().unwrap().to_owned()
    }

    /// Runs an analysis of this type to its end and returns the run.
    pub async fn analysed_as(&self, username: &str, analysis_type: &str) -> Value {
        let run = self.start_order(&self.analysis_as(username, analysis_type)).await;
        self.end_of(&run).await
    }

    /// The same, while other tests may open the circuit breaker.
    pub async fn analysed_despite_outages(&self, username: &str, analysis_type: &str) -> Value {
        self.ordered_despite_outages(&self.analysis_as(username, analysis_type)).await
    }

    /// Runs the analysis that `body` describes to its end in the same circumstances, and returns the run. Its scrapes are never in
    /// line: there they would share an actor run with others, whose faults would then be theirs.
    pub async fn ordered_despite_outages(&self, body: &Value) -> Value {
        let _leases = SCRAPES.acquire_many(SCRAPES_OF_ONE).await.unwrap();
        let run = self.start_order_despite_outages(body).await;
        self.end_of(&run).await
    }

    /// A run that was charged but whose workflow was never started, as after a crash in between, with a heartbeat that
    /// is `minutes` old.
    pub async fn charged_but_not_started(&self, username: &str, minutes: i32) -> String {
        let run = Uuid::now_v7();
        let mut sql = self.stack.sql().await;
        let transaction = sql.transaction().await.unwrap();
        let claims = json!({ "sub": self.user_id, "role": "authenticated" }).to_string();
        transaction.execute("select set_config('request.jwt.claims', $1, true)", &[&claims]).await.unwrap();
        let begin = "select api.begin_analysis($1, $2, $3, $4, 'LIGHT', null, 'e2e', '[[\"apify\"]]')";
        let business = self.business_profile_id;
        let begun = transaction.query_one(begin, &[&self.account_id, &run, &username, &business]).await.unwrap();
        assert_eq!(begun.get::<_, Value>(0)["outcome"], "ok");
        let age = "update runs set heartbeat_at = clock_timestamp() - make_interval(mins => $2) where id = $1";
        assert_eq!(transaction.execute(age, &[&run, &minutes]).await.unwrap(), 1);
        transaction.commit().await.unwrap();
        run.to_string()
    }

    /// The same of a bulk.
    pub async fn bulk_charged_but_not_started(&self, usernames: &[String], minutes: i32) -> Uuid {
        let bulk = Uuid::now_v7();
        let line =
            |(line, username): (i32, &String)| json!({ "line": line, "username": username, "run_id": Uuid::now_v7() });
        let lines: Value = (1..).zip(usernames).map(line).collect();
        let mut sql = self.stack.sql().await;
        let transaction = sql.transaction().await.unwrap();
        let claims = json!({ "sub": self.user_id, "role": "authenticated" }).to_string();
        transaction.execute("select set_config('request.jwt.claims', $1, true)", &[&claims]).await.unwrap();
        let begin = "select api.begin_bulk($1, $2, $3, $4, 'LIGHT', '{}', null, 'e2e', '[[\"apify\"]]')";
        let business = self.business_profile_id;
        let begun = transaction.query_one(begin, &[&self.account_id, &bulk, &lines, &business]).await.unwrap();
        assert_eq!(begun.get::<_, Value>(0)["outcome"], "ok");
        let age = "update runs set heartbeat_at = clock_timestamp() - make_interval(mins => $2) where bulk_id = $1";
        let aged = transaction.execute(age, &[&bulk, &minutes]).await.unwrap();
        assert_eq!(aged, usernames.len() as u64);
        transaction.commit().await.unwrap();
        bulk
    }

    pub async fn run(&self, id: &str) -> Value {
        self.get(&format!("/runs/{id}")).await.data(200).clone()
    }

    /// Waits for the run's end and returns the run.
    pub async fn end_of(&self, id: &str) -> Value {
        eventually_within(RUN_MAX, &format!("the end of run {id}"), async || {
            let run = self.run(id).await;
            matches!(run["status"].as_str(), Some("complete" | "failed" | "cancelled")).then_some(run)
        })
        .await
    }

    /// Runs a LIGHT analysis to its end and returns the run.
    pub async fn analysed(&self, username: &str) -> Value {
        let run = self.start(username).await;
        self.end_of(&run).await
    }

    pub async fn balance(&self) -> i64 {
        self.get("/credits/balance").await.data(200)["balance"].as_i64().unwrap()
    }

    /// The number of ledger entries of this kind for the run.
    pub async fn movements(&self, run: &str, kind: &str) -> i64 {
        let run: Uuid = run.parse().unwrap();
        let count = "select count(*) from credit_transactions where run_id = $1 and kind = $2";
        self.stack.sql().await.query_one(count, &[&run, &kind]).await.unwrap().get(0)
    }

    /// Rows of `ai_usage_logs` or `scrape_logs` for a run, oldest first, as JSON.
    pub async fn bills(&self, table: &str, run: &str) -> Vec<Value> {
        let run: Uuid = run.parse().unwrap();
        let rows = format!("select to_jsonb(l) from {table} l where run_id = $1 order by id");
        self.stack.sql().await.query(&rows, &[&run]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// The recorded cost of a run's provider calls in millionths of a dollar: of the models, and of the scrapes.
    pub async fn billed_microusd(&self, run: &str) -> (i64, i64) {
        let sum = |bills: &[Value]| bills.iter().map(|bill| bill["cost_microusd"].as_i64().unwrap()).sum();
        (sum(&self.bills("ai_usage_logs", run).await), sum(&self.bills("scrape_logs", run).await))
    }

    /// What operators are told that a complete run cost; customers are not.
    pub async fn cost_of(&self, run: &Value) -> Value {
        let run: Uuid = run["id"].as_str().and_then(|id| id.parse().ok()).unwrap();
        let cost = "select cost from analyses where run_id = $1";
        self.stack.sql().await.query_one(cost, &[&run]).await.unwrap().get(0)
    }

    /// Gives the account another business profile and returns its id.
    pub async fn add_business(&self, name: &str, offering: &str, audience: &str, themes: &[&str]) -> Uuid {
        let insert = "insert into business_profiles (account_id, name, offering, target_audience, content_themes)
            values ($1, $2, $3, $4, $5) returning id";
        let sql = self.stack.sql().await;
        sql.query_one(insert, &[&self.account_id, &name, &offering, &audience, &themes]).await.unwrap().get(0)
    }

    /// Fails unless all runs of the account have ended, the balance is as expected and the audit finds nothing.
    #[track_caller]
    pub fn settles_at(&self, balance: i64) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            let sql = self.own_eyes().await;
            let active = "select count(*) from runs where status in ('pending', 'processing')";
            let active: i64 = sql.query_one(active, &[]).await.unwrap().get(0);
            assert_eq!(active, 0, "runs are still under way, at {place}");
            let of_account = "select balance from credit_balances where account_id = $1";
            let stored: i64 = sql.query_one(of_account, &[&self.account_id]).await.unwrap().get(0);
            assert_eq!((stored, self.balance().await), (balance, balance), "credits at the end, at {place}");
            let findings = oslira_testkit::audit_what_is_seen(&sql).await.unwrap();
            assert!(findings.is_empty(), "the audit found, at {place}: {findings:#?}");
        }
    }

    /// A connection that sees the database as this user, by row-level security: what other tests broke on purpose is
    /// not visible.
    async fn own_eyes(&self) -> Sql {
        let sql = self.stack.sql().await;
        let claims = json!({ "sub": self.user_id, "role": "authenticated" }).to_string();
        sql.execute("select set_config('request.jwt.claims', $1, false)", &[&claims]).await.unwrap();
        sql.batch_execute("set role authenticated").await.unwrap();
        sql
    }
}
