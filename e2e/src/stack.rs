//! The running stack: its addresses, its database, and killing and restarting its processes.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use reqwest::{Client, Method, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio_postgres::{Client as Sql, NoTls};

use crate::deployment::as_staging;
use crate::eventually;

/// Timeout of a single call. The five-minute job takes long: it waits ten seconds between waking and sweeping.
const CALL_MAX: Duration = Duration::from_secs(60);
/// How often a program that takes a killed one's place is started or looked for.
const STARTS_MAX: u32 = 50;

/// A process of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    Postgres,
    /// Not before a database server of the developer's own.
    Pooler,
    Sandbox,
    /// The Node process that starts workerd.
    Worker,
    /// The runtime of the Worker.
    Workerd,
}

/// The contents of `stack.json`, with an HTTP client.
#[derive(Debug, Clone, Deserialize)]
pub struct Stack {
    pub api_url: String,
    /// A POST here runs a scheduled job.
    pub scheduled_url: String,
    /// The database, as superuser.
    pub database_url: String,
    pub sandbox_url: String,
    sandbox_token: String,
    pub pids: BTreeMap<Part, u32>,
    #[serde(skip, default = "client")]
    http: Client,
}

/// A client that keeps no idle connections: after a process was killed, a request on one would fail.
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

    #[must_use]
    pub const fn http(&self) -> &Client {
        &self.http
    }

    /// A superuser's connection to the database, to whom row-level security and grants do not apply.
    pub async fn sql(&self) -> Sql {
        let (client, connection) = tokio_postgres::connect(&self.database_url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Closes the circuit breaker and resets it: analyses are accepted again, and the next outage counts as the first.
    pub async fn close_breaker(&self) {
        self.sql().await.execute("delete from service_outages", &[]).await.unwrap();
    }

    /// Fails if the audit of all accounts on this stack finds a violation.
    pub async fn assert_books_are_whole(&self) {
        let findings = oslira_testkit::audit(&self.sql().await).await.unwrap();
        assert!(findings.is_empty(), "the audit found: {findings:#?}");
    }

    /// Runs the five-minute job (wake and sweep silent runs) and waits for its end.
    pub async fn run_five_minute_job(&self) {
        self.run_job("*/5 * * * *").await;
    }

    /// Runs the daily job, which looks the models up in the providers' lists.
    pub async fn run_daily_job(&self) {
        self.run_job("0 5 * * *").await;
    }

    /// Runs the daily job that ends the lives of data that nobody needs any more.
    pub async fn clean_up(&self) {
        self.run_job("0 2 * * *").await;
    }

    /// What `cargo xtask cron` printed for this job: its report, or why there is none. With `at` the job takes that moment for
    /// now.
    pub async fn xtask_cron(&self, job: &str, at: Option<&str>) -> Result<Value, String> {
        let moment: Vec<&str> = at.into_iter().flat_map(|at| ["--at", at]).collect();
        let output = xtask_output(&[&["cron", job], &*moment].concat()).await;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {output:?}")))
    }

    /// Runs a scheduled job and waits for its end.
    pub async fn run_job(&self, cron: &str) {
        self.run_job_with(&[("cron", cron)]).await;
    }

    /// The same, as if it were this time (milliseconds since 1970).
    pub async fn run_job_at(&self, cron: &str, at_ms: i64) {
        self.run_job_with(&[("cron", cron), ("time", &at_ms.to_string())]).await;
    }

    async fn run_job_with(&self, query: &[(&str, &str)]) {
        let request = self.http.post(&self.scheduled_url).query(query);
        let response = request.send().await.unwrap();
        let status = response.status();
        assert!(status.is_success(), "{status}: {:?}", response.text().await);
    }

    /// The warnings of `/health/ready`.
    pub async fn readiness_warnings(&self) -> Vec<String> {
        // The endpoint caches its answer for a second.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let ready: Value =
            self.http.get(format!("{}/health/ready", self.api_url)).send().await.unwrap().json().await.unwrap();
        serde_json::from_value(ready["data"]["warnings"].clone()).unwrap_or_else(|_| panic!("{ready}"))
    }

    /// The Worker's log so far.
    #[must_use]
    pub fn worker_log(&self) -> String {
        std::fs::read_to_string(stack_dir().join("logs/worker.log")).unwrap()
    }

    /// The output of `cargo xtask models --json`, and whether the command succeeded.
    pub async fn xtask_models(&self) -> (Value, bool) {
        let output = xtask_output(&["models", "--json"]).await;
        let text = String::from_utf8_lossy(&output.stdout);
        let listed = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {output:?}"));
        (listed, output.status.success())
    }

    /// A request of the sandbox's `/control`.
    pub fn control(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/control/{path}", self.sandbox_url);
        self.http.request(method, url).bearer_auth(&self.sandbox_token)
    }

    /// A token signed by the sandbox; `wanted` has the fields of its `/control/tokens` (`sub`, `variant`, `claims`, …).
    pub async fn token(&self, wanted: &Value) -> String {
        let minted: Value =
            self.control(Method::POST, "tokens").json(wanted).send().await.unwrap().json().await.unwrap();
        minted["token"].as_str().unwrap_or_else(|| panic!("{wanted}: {minted}")).to_owned()
    }

    /// The calls that the sandbox received for a target and that contain `matching`.
    pub async fn received(&self, target: &str, matching: &str) -> Vec<Value> {
        let request = self.control(Method::GET, "received").query(&[("target", target), ("match", matching)]);
        let report: Value = request.send().await.unwrap().json().await.unwrap();
        report["calls"].as_array().unwrap_or_else(|| panic!("{report}")).clone()
    }

    /// Waits until the sandbox has received a call for this target that contains `matching`.
    pub async fn until_received(&self, target: &str, matching: &str) {
        let what = format!("a call of {target} about {matching}");
        eventually(&what, async || (!self.received(target, matching).await.is_empty()).then_some(())).await;
    }

    /// Kills a process with SIGKILL and waits until it is gone; for Postgres, until all its backends are gone too.
    pub async fn kill(&self, part: Part) {
        if part == Part::Sandbox {
            // Its record of received calls is lost with it, so they are checked first, and what was told with them.
            self.assert_requests_are_valid().await;
            self.assert_nothing_private_is_told().await;
        }
        let pid = *self.pids.get(&part).unwrap_or_else(|| panic!("{part:?} is not this stack's own process"));
        let mut dying = vec![pid];
        if part == Part::Postgres {
            let backends = self.sql().await.query("select pid from pg_stat_activity", &[]).await.unwrap();
            dying.extend(backends.iter().map(|row| row.get::<_, i32>(0).cast_unsigned()));
        }
        // The shell's built-in `kill`: a minimal machine has no program of that name.
        let kill = Command::new("sh").args(["-c", &format!("kill -KILL {pid}")]).status().await.unwrap();
        assert!(kill.success(), "{part:?} was not running");
        eventually("the end of what was killed", async || (!dying.iter().any(is_alive)).then_some(())).await;
    }

    /// Throws every Durable Object out of memory while the Worker goes on, as Cloudflare does when a new version is deployed.
    pub async fn reset_objects(&self) {
        let resets = || self.worker_log().matches("all objects were reset").count();
        let before = resets();
        let pid = self.pids[&Part::Worker];
        let told = Command::new("sh").args(["-c", &format!("kill -USR2 {pid}")]).status().await.unwrap();
        assert!(told.success(), "the Worker was not running");
        eventually("all objects to be reset", async || (resets() > before).then_some(())).await;
    }

    /// Restarts what died, with `cargo xtask stack up`, and returns the repaired stack with its new process ids.
    pub async fn repair(&self) -> Self {
        let output = xtask(&["stack", "up"]).await;
        assert!(!output.is_empty(), "`stack up` says where the stack is");
        Self::load()
    }

    /// Restarts the Worker with a deployment's settings, until it is restarted otherwise.
    pub async fn as_deployed(&self) -> Self {
        let output = xtask(&["stack", "up", "--as-deployed"]).await;
        assert!(!output.is_empty(), "`stack up` says where the stack is");
        Self::load()
    }

    /// Restarts the Worker so that a client may send so many times as many requests as in a deployment.
    pub async fn with_rate_limit_scale(&self, scale: u32) -> Self {
        let output = xtask(&["stack", "up", "--rate-limit-scale", &scale.to_string()]).await;
        assert!(!output.is_empty(), "`stack up` says where the stack is");
        Self::load()
    }

    /// Restarts the Worker with so many versions of it, of which the first serves until [`Stack::deploy`].
    pub async fn with_versions(&self, count: u32) -> Self {
        let output = xtask(&["stack", "up", "--versions", &count.to_string()]).await;
        assert!(!output.is_empty(), "`stack up` says where the stack is");
        Self::load()
    }

    /// Lets another version serve while everything goes on, and answers what is told of it.
    pub async fn deploy(&self, version: u32) -> String {
        xtask(&["stack", "deploy", &version.to_string()]).await
    }

    /// Waits until so many statements wait for a lock that somebody else holds.
    pub async fn until_waiting_for_locks(&self, count: i64) {
        let sql = self.sql().await;
        let waiting =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        eventually("statements that wait for a lock", async || {
            let found: i64 = sql.query_one(waiting, &[]).await.unwrap().get(0);
            (found >= count).then_some(())
        })
        .await;
    }

    /// Puts another mode of the strict pooler in the place of the one that runs, until the value is dropped; then
    /// [`Stack::repair`] brings the first one back. `None` if the stack has another pooler or none.
    pub async fn with_strict_pooler(&self, mode: &str) -> Option<Child> {
        self.pids.get(&Part::Pooler)?;
        let dir = stack_dir();
        let state: Value = serde_json::from_slice(&std::fs::read(dir.join("state.json")).unwrap()).unwrap();
        if !state["processes"]["pooler"]["fingerprint"].as_str().unwrap().contains("strict") {
            return None;
        }
        self.kill(Part::Pooler).await;
        let port = |part: &str| state["ports"][part].as_u64().unwrap();
        let mut pooler = Command::new(dir.join("programs/pooler"));
        pooler.arg("--password-file").arg(dir.join("database-password"));
        pooler.args([
            "--listen",
            &port("pooler").to_string(),
            "--server",
            &format!("127.0.0.1:{}", port("postgres")),
            mode,
        ]);
        pooler.kill_on_drop(true);
        let mut child = pooler.spawn().unwrap();
        for _ in 0..STARTS_MAX {
            // The system may take a moment to give the port of the killed one back: then the other one ends at once.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let address = ("127.0.0.1", u16::try_from(port("pooler")).unwrap());
            if child.try_wait().unwrap().is_some() {
                child = pooler.spawn().unwrap();
            } else if tokio::net::TcpStream::connect(address).await.is_ok() {
                return Some(child);
            }
        }
        panic!("the other pooler does not start");
    }

    /// The directory with all that the stack keeps.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        stack_dir()
    }

    /// Where the pooler listens, if the stack has one.
    #[must_use]
    pub fn pooler_port(&self) -> Option<u16> {
        self.pids.get(&Part::Pooler)?;
        let state: Value = serde_json::from_slice(&std::fs::read(stack_dir().join("state.json")).unwrap()).unwrap();
        u16::try_from(state["ports"]["pooler"].as_u64()?).ok()
    }

    /// What the strict pooler refused so far, a line each.
    #[must_use]
    pub fn refused_by_pooler(&self) -> Vec<String> {
        let log = std::fs::read_to_string(stack_dir().join("logs/pooler.log")).unwrap_or_default();
        log.lines().filter(|line| line.contains("refused:")).map(str::to_owned).collect()
    }

    /// The output of `cargo xtask token --json`.
    pub async fn xtask_token(&self, name: &str, credits: i32) -> Value {
        let output = xtask(&["token", "--user", name, "--credits", &credits.to_string(), "--json"]).await;
        serde_json::from_str(&output).unwrap_or_else(|_| panic!("no JSON: {output}"))
    }

    /// A command of the developer tool about a deployment, as which this stack poses, before it is started.
    #[must_use]
    pub fn xtask_about_it(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(variable("OSLIRA_XTASK"));
        command.args(arguments).args(["--env", "staging", "--stack"]).arg(stack_dir());
        command
    }

    /// The same, with no stack known: the deployment is reached at an address, with these variables of the shell.
    pub async fn xtask_about_an_address(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(variable("OSLIRA_XTASK"));
        command.args(arguments).args(["--env", "staging"]).env("OSLIRA_API_URL", as_staging(&self.api_url).await);
        for unset in ["OSLIRA_OPERATOR_TOKEN", "OSLIRA_CANARY_TOKEN", "OSLIRA_DATABASE_URL"] {
            command.env_remove(unset);
        }
        command.envs(variables.iter().copied());
        command
    }

    /// A user created through the real sign-up trigger; the same name returns the same user.
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

/// Whether a process runs. A zombie, which only waits to be reaped by its parent, does not.
fn is_alive(pid: &u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The program's name before the state may itself contain parentheses, so the last one is searched.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Runs the developer tool on the stack under test and returns its standard output.
/// The directory of the stack's files.
#[must_use]
pub fn stack_dir() -> PathBuf {
    PathBuf::from(std::env::var_os("OSLIRA_STACK_DIR").expect("the tests run under `cargo xtask test`"))
}

async fn xtask(arguments: &[&str]) -> String {
    let output = xtask_output(arguments).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "xtask {arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn variable(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set")))
}

async fn xtask_output(arguments: &[&str]) -> std::process::Output {
    Command::new(variable("OSLIRA_XTASK"))
        .args(arguments)
        .arg("--dir")
        .arg(variable("OSLIRA_STACK_DIR"))
        // With a developer's own key, `cargo xtask models` would ask the real providers.
        .env_remove("OPENAI_API_KEY")
        .output()
        .await
        .unwrap()
}
