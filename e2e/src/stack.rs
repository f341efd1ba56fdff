//! The running stack: its addresses, its database, and what a test does to its processes.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio_postgres::{Client as Sql, NoTls};

use crate::eventually;

/// The longest a single call may take: the five-minute job waits ten seconds within one.
const CALL_MAX: Duration = Duration::from_secs(60);

/// A process of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The database server.
    Postgres,
    /// The connection pooler, where the machine has one.
    Pooler,
    /// The stand-in for the outside services.
    Sandbox,
    /// The runner of workerd.
    Worker,
    /// The engine that runs the Worker.
    Workerd,
}

/// What `stack.json` says, with a client to call it.
#[derive(Debug, Clone, Deserialize)]
pub struct Stack {
    /// Where the Worker listens.
    pub api_url: String,
    /// Runs the scheduled job.
    pub scheduled_url: String,
    /// The database, as superuser.
    pub database_url: String,
    /// Where the sandbox listens.
    pub sandbox_url: String,
    /// The processes.
    pub pids: BTreeMap<Part, u32>,
    #[serde(skip, default = "client")]
    http: Client,
}

/// Without kept connections: a killed process leaves none behind to stumble over.
fn client() -> Client {
    Client::builder().timeout(CALL_MAX).pool_max_idle_per_host(0).build().unwrap()
}

impl Stack {
    /// The stack that `cargo xtask test` started.
    #[must_use]
    pub fn load() -> Self {
        let file = std::env::var_os("OSLIRA_STACK")
            .expect("OSLIRA_STACK is not set: run the tests with `cargo xtask test`, which starts a stack for them");
        let text = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        serde_json::from_slice(&text).unwrap()
    }

    /// An HTTP client.
    #[must_use]
    pub const fn http(&self) -> &Client {
        &self.http
    }

    /// A superuser's connection to the database, which passes through every check.
    pub async fn sql(&self) -> Sql {
        let (client, connection) = tokio_postgres::connect(&self.database_url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Forgets every outage that runs have met: analyses are sold again, and the next outage is the first one.
    pub async fn close_breaker(&self) {
        self.sql().await.execute("delete from service_outages", &[]).await.unwrap();
    }

    /// Fails unless every credit that ever moved on this stack is accounted for.
    pub async fn assert_books_are_whole(&self) {
        let findings = oslira_testkit::audit(&self.sql().await).await.unwrap();
        assert!(findings.is_empty(), "the audit found: {findings:#?}");
    }

    /// Runs the five-minute job at once and waits for its end.
    pub async fn run_five_minute_job(&self) {
        self.run_job("*/5 * * * *").await;
    }

    /// Looks the models up in the providers' lists, as the daily job does.
    pub async fn run_daily_job(&self) {
        self.run_job("0 5 * * *").await;
    }

    async fn run_job(&self, cron: &str) {
        let request = self.http.post(&self.scheduled_url).query(&[("cron", cron)]);
        let response = request.send().await.unwrap();
        let status = response.status();
        assert!(status.is_success(), "{status}: {:?}", response.text().await);
    }

    /// What `/health/ready` warns of, past its memory of a second.
    pub async fn readiness_warnings(&self) -> Vec<String> {
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let ready: Value =
            self.http.get(format!("{}/health/ready", self.api_url)).send().await.unwrap().json().await.unwrap();
        serde_json::from_value(ready["data"]["warnings"].clone()).unwrap_or_else(|_| panic!("{ready}"))
    }

    /// What the Worker has logged so far.
    #[must_use]
    pub fn worker_log(&self) -> String {
        let dir = PathBuf::from(std::env::var_os("OSLIRA_STACK_DIR").expect("the tests run under `cargo xtask test`"));
        std::fs::read_to_string(dir.join("logs/worker.log")).unwrap()
    }

    /// What `cargo xtask models --json` reports, and whether it calls that fine.
    pub async fn xtask_models(&self) -> (Value, bool) {
        let output = xtask_output(&["models", "--json"]).await;
        let text = String::from_utf8_lossy(&output.stdout);
        let listed = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {output:?}"));
        (listed, output.status.success())
    }

    /// A token as the sandbox mints it, by its own fields (`sub`, `variant`, `claims`, …).
    pub async fn token(&self, wanted: &Value) -> String {
        let url = format!("{}/control/tokens", self.sandbox_url);
        let minted: Value = self.http.post(url).json(wanted).send().await.unwrap().json().await.unwrap();
        minted["token"].as_str().unwrap_or_else(|| panic!("{wanted}: {minted}")).to_owned()
    }

    /// What the sandbox received for a target, of the calls that carry `matching`.
    pub async fn received(&self, target: &str, matching: &str) -> Vec<Value> {
        let request = self.http.get(format!("{}/control/received", self.sandbox_url));
        let request = request.query(&[("target", target), ("match", matching)]);
        let report: Value = request.send().await.unwrap().json().await.unwrap();
        report["calls"].as_array().unwrap_or_else(|| panic!("{report}")).clone()
    }

    /// Waits until the sandbox received a call for this target that carries `matching`.
    pub async fn until_received(&self, target: &str, matching: &str) {
        let what = format!("a call of {target} about {matching}");
        eventually(&what, async || (!self.received(target, matching).await.is_empty()).then_some(())).await;
    }

    /// Kills a process with SIGKILL and waits until it is gone; for Postgres, until none of its backends answers either.
    pub async fn kill(&self, part: Part) {
        if part == Part::Sandbox {
            // What it received dies with it.
            self.assert_requests_are_valid().await;
        }
        let pid = *self.pids.get(&part).unwrap_or_else(|| panic!("{part:?} is not this stack's own process"));
        let mut dying = vec![pid];
        if part == Part::Postgres {
            let backends = self.sql().await.query("select pid from pg_stat_activity", &[]).await.unwrap();
            dying.extend(backends.iter().map(|row| row.get::<_, i32>(0).cast_unsigned()));
        }
        // The shell's own `kill`: a bare machine has no other.
        let kill = Command::new("sh").args(["-c", &format!("kill -KILL {pid}")]).status().await.unwrap();
        assert!(kill.success(), "{part:?} was not running");
        eventually("the end of what was killed", async || (!dying.iter().any(is_alive)).then_some(())).await;
    }

    /// Starts again what died, with `cargo xtask stack up`; answers the stack as it is then.
    pub async fn repair(&self) -> Self {
        let output = xtask(&["stack", "up"]).await;
        assert!(!output.is_empty(), "`stack up` says where the stack is");
        Self::load()
    }

    /// What `cargo xtask token` reports.
    pub async fn xtask_token(&self, name: &str, credits: i32) -> Value {
        let output = xtask(&["token", "--user", name, "--credits", &credits.to_string(), "--json"]).await;
        serde_json::from_str(&output).unwrap_or_else(|_| panic!("no JSON: {output}"))
    }

    /// Makes a user by the real sign-up trigger; the same name is the same user.
    pub(crate) async fn mint_user(&self, name: &str, credits: i32) -> Value {
        let sql = self.sql().await;
        let minted: Value = sql.query_one("select local.mint_user($1, $2)", &[&name, &credits]).await.unwrap().get(0);
        let wanted = json!({ "sub": minted["user_id"], "email": minted["email"] });
        let token = self.token(&wanted).await;
        let mut user = minted;
        user["token"] = token.into();
        user
    }
}

/// A process that only waits for its parent to notice its end counts as gone.
fn is_alive(pid: &u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name before the state may hold anything, but ends with the last bracket.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Runs the developer tool on the stack under test and answers its standard output.
async fn xtask(arguments: &[&str]) -> String {
    let output = xtask_output(arguments).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "xtask {arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

async fn xtask_output(arguments: &[&str]) -> std::process::Output {
    let variable = |name: &str| PathBuf::from(std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set")));
    Command::new(variable("OSLIRA_XTASK"))
        .args(arguments)
        .arg("--dir")
        .arg(variable("OSLIRA_STACK_DIR"))
        .env_remove("OPENAI_API_KEY")
        .output()
        .await
        .unwrap()
}
