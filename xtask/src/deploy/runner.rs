//! Everything that a deployment does to the world, behind one type, so that tests can see what would be done.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use oslira_providers::SECRET_SETTINGS;
use oslira_testkit::migrate::{MigrateError, migrate_deployment, pending};

use super::state::Database;
use crate::build;
use crate::environment::{Environment, variable};
use crate::http::{Answer, Http};
use crate::postgres::database::LOGINS;
use crate::postgres::{PgUrl, database};
use crate::process::tail;
use crate::project::Project;
use crate::setup::{self, Tools};

/// Lines of a failed wrangler's output that an error shows.
const TAIL_LINES: usize = 20;
/// For one request of the smoke test.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const CLOUDFLARE_API: &str = "https://api.cloudflare.com/client/v4";

/// `$1`: the logins of the Worker.
const LOOK: &str = "select current_setting('max_connections')::int as connections_max,
    (select count(*) from pg_catalog.pg_roles where rolname::text = any($1::text[])) = cardinality($1::text[]) as has_logins,
    to_regclass('public.job_runs') is not null as has_jobs";
const JOBS: &str =
    "select exists (select from public.job_runs where started_at > clock_timestamp() - interval '1 hour')";

/// What a run of wrangler said.
#[derive(Debug, Clone, Default)]
pub struct Said {
    pub succeeded: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// Whether its words have one of these texts.
    pub fn has(&self, texts: &[&str]) -> bool {
        texts.iter().any(|text| self.stdout.contains(text) || self.stderr.contains(text))
    }

    /// Standard output of a run that succeeded.
    pub fn good(self, what: &str) -> Result<String> {
        if self.succeeded {
            return Ok(self.stdout);
        }
        bail!("{what} failed:\n{}", tail(&format!("{}\n{}", self.stdout, self.stderr), TAIL_LINES))
    }
}

/// What is done outside this program. A secret is never an argument: a command's arguments are everybody's on the machine.
pub trait Runner {
    /// Runs the pinned wrangler.
    fn wrangler(&self, args: &[&str]) -> Result<Said>;
    /// Builds the Worker as it is deployed.
    fn build(&self) -> Result<()>;
    /// Looks at the database; nothing is changed.
    fn database(&self) -> Result<Database>;
    /// Applies them, and tells which.
    fn migrate(&self) -> Result<Vec<String>>;
    /// Asks Cloudflare's API with the shell's token, by a path such as `/zones`.
    fn cloudflare(&self, path: &str) -> Result<Answer>;
    /// `GET /health/ready` of the deployment.
    fn ready(&self) -> Result<Answer>;
    /// A variable of the shell.
    fn variable(&self, name: &str) -> Option<String>;
    /// Asks a person for what a variable would hold; `None` if nobody is there.
    fn ask(&self, name: &str) -> Result<Option<String>>;
    fn wait(&self, time: Duration);
}

/// The real one.
pub struct Machine<'a> {
    project: &'a Project,
    environment: &'a Environment,
    http: Http,
}

impl<'a> Machine<'a> {
    pub fn new(project: &'a Project, environment: &'a Environment) -> Self {
        Self { project, environment, http: Http::new(REQUEST_TIMEOUT) }
    }

    fn tools(&self) -> Result<Tools> {
        setup::run(self.project)
    }

    fn supabase(&self) -> PathBuf {
        self.project.root().join("supabase")
    }

    fn with_database<T>(
        &self,
        work: impl AsyncFnOnce(&tokio_postgres::Client, &Path) -> Result<T, MigrateError>,
    ) -> Result<T> {
        let url: PgUrl = self.environment.database_url()?;
        database::with_client(&url, async |client| work(client, &self.supabase()).await.map_err(of_deployment))
    }
}

/// What an error of the migrations means for a deployment, whose data nobody starts anew.
fn of_deployment(error: MigrateError) -> anyhow::Error {
    match error {
        MigrateError::OtherHistory { version, difference } => anyhow::anyhow!(
            "the database has another history than this checkout: {version} is {difference}. Deploy a checkout that has every migration that was \
             applied; to go back to an older Worker use --rollback, which leaves the database as it is"
        ),
        other => {
            anyhow::Error::new(other).context("the migration was rolled back as a whole, those before it are kept")
        }
    }
}

impl Runner for Machine<'_> {
    fn wrangler(&self, args: &[&str]) -> Result<Said> {
        let mut command = Command::new(self.tools()?.node);
        command.arg(self.project.root().join("node_modules/wrangler/bin/wrangler.js")).args(args);
        command.current_dir(self.project.root()).stdin(Stdio::null());
        command.env("WRANGLER_SEND_METRICS", "false").env("NO_COLOR", "1").env("CI", "1");
        command.env_remove("FORCE_COLOR").env_remove("CLOUDFLARE_ENV").env_remove("NODE_OPTIONS");
        // Secrets go by the file, and from nowhere else.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("OSLIRA_") || SECRET_SETTINGS.iter().any(|secret| text == *secret) {
                command.env_remove(&name);
            }
        }
        let output = command.output().context("cannot start wrangler")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Said { succeeded: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }

    fn build(&self) -> Result<()> {
        build::worker(self.project, &self.tools()?, true)
    }

    fn database(&self) -> Result<Database> {
        self.with_database(async |client, supabase| {
            let pending = pending(client, supabase).await?;
            let row = client.query_one(LOOK, &[&LOGINS.as_slice()]).await?;
            let has_jobs: bool = row.try_get("has_jobs")?;
            let is_in_use = has_jobs && client.query_one(JOBS, &[]).await?.try_get::<_, bool>(0)?;
            let connections_max: i32 = row.try_get("connections_max")?;
            Ok(Database {
                pending,
                has_logins: row.try_get("has_logins")?,
                is_in_use,
                connections_max: connections_max.unsigned_abs(),
            })
        })
    }

    fn migrate(&self) -> Result<Vec<String>> {
        self.with_database(async |client, supabase| migrate_deployment(client, supabase).await)
    }

    fn cloudflare(&self, path: &str) -> Result<Answer> {
        let token = variable("CLOUDFLARE_API_TOKEN").context("CLOUDFLARE_API_TOKEN is not set")?;
        self.http.get(&format!("{CLOUDFLARE_API}{path}"), Some(&token))
    }

    fn ready(&self) -> Result<Answer> {
        self.http.get(&format!("{}/health/ready", self.environment.api_url), None)
    }

    fn variable(&self, name: &str) -> Option<String> {
        variable(name)
    }

    fn ask(&self, name: &str) -> Result<Option<String>> {
        super::secrets::ask(name)
    }

    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }
}
