//! A Postgres of its own, whose database of a million leads stays there: it is made again only when the migrations or its
//! generator (`supabase/local/scale.sql`) have changed.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use oslira_testkit::migrate::sql_files;
use rustix::process::{Pid, Signal, kill_process};

use crate::postgres::{PgUrl, Server, database};
use crate::private::secret;
use crate::project::Project;
use crate::stack::ports;
use crate::stamp::Hash;
use crate::step::step;

const START_MAX: Duration = Duration::from_secs(30);
/// The name while the database is being made.
const UNFINISHED: &str = "oslira_scale_unfinished";

/// The running server; dropping the value stops it.
pub struct Database {
    child: Child,
    pub url: PgUrl,
}

impl Database {
    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = self.pid().map(|pid| kill_process(pid, Signal::INT));
        let _ = self.child.wait();
    }
}

/// Starts the server and makes its database, if there is none of the present SQL.
pub fn start(project: &Project) -> Result<Database> {
    let dir = project.state_dir().join("bench-scale");
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let server = Server::of_stack(project, &dir)?;
    let port = ports::choose(&dir, &[])?;
    let password = secret(&dir.join("database-password"))?;
    let mut command = server.prepare(project, port, &password, true)?;
    // A quarter of a machine with 8 GB, as hosted databases are set up; and room for the load.
    for setting in ["shared_buffers=2GB", "max_wal_size=8GB"] {
        command.args(["-c", setting]);
    }
    if let Some((uid, gid)) = server.process_user() {
        command.uid(uid).gid(gid);
    }
    let log = std::fs::File::create(dir.join("postgres.log"))?;
    let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
    let mut running = Database { child, url: PgUrl::local(port, &password, "postgres") };
    let pid = running.pid();
    ctrlc::set_handler(move || {
        // An exit drops nothing.
        let _ = pid.map(|pid| kill_process(pid, Signal::INT));
        std::process::exit(130);
    })
    .context("cannot handle interruptions")?;
    let started = Instant::now();
    while let Err(error) = database::answers(&running.url) {
        if started.elapsed() > START_MAX || running.child.try_wait()?.is_some() {
            return Err(error).with_context(|| format!("see {}", dir.join("postgres.log").display()));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let name = make(&running.url, &project.root().join("supabase"))?;
    running.url = running.url.with_database(&name);
    Ok(running)
}

/// Makes the database unless it is there, and returns its name.
fn make(server: &PgUrl, supabase: &Path) -> Result<String> {
    let generator = supabase.join("local/scale.sql");
    let files = sql_files(supabase)?;
    let hash = files.iter().chain([&generator]).fold(Hash::new(), |hash, file| hash.add_file(file));
    let name = format!("oslira_scale_{}", hash.hex());
    let known = names(server)?;
    if known.contains(&name) {
        return Ok(name);
    }
    for old in &known {
        database::drop(server, old)?;
    }
    database::create(server, UNFINISHED)?;
    let url = server.with_database(UNFINISHED);
    step("migrating", || database::migrate(&url, supabase))?;
    let sql = std::fs::read_to_string(&generator)?;
    step("making a million leads, for the next runs too", || {
        database::with_client(&url, async |client| {
            client.batch_execute(&sql).await?;
            Ok(client.batch_execute("vacuum (analyze)").await?)
        })
    })?;
    let findings =
        step("auditing them", || database::with_client(&url, async |client| Ok(oslira_testkit::audit(client).await?)))?;
    if let Some(first) = findings.first() {
        bail!("{} violations in the generated database, the first: {first}", findings.len());
    }
    database::with_client(server, async |client| {
        Ok(client.batch_execute(&format!("alter database {UNFINISHED} rename to {name}")).await?)
    })?;
    Ok(name)
}

fn names(server: &PgUrl) -> Result<Vec<String>> {
    database::with_client(server, async |client| {
        let rows =
            client.query("select datname::text from pg_database where datname like 'oslira\\_scale\\_%'", &[]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    })
}
