//! A Postgres of its own, whose database of a million leads stays there: it is made again only when the migrations or its
//! generator (`supabase/local/scale.sql`) have changed.

use std::path::Path;

use anyhow::{Result, bail};
use oslira_testkit::migrate::sql_files;

use crate::postgres::{PgUrl, Running, database};
use crate::project::Project;
use crate::stamp::Hash;
use crate::step::step;

/// The name while the database is being made.
const UNFINISHED: &str = "oslira_scale_unfinished";

/// The running server; dropping the value stops it.
pub struct Database {
    _server: Running,
    pub url: PgUrl,
}

/// Starts the server and makes its database, if there is none of the present SQL.
pub fn start(project: &Project) -> Result<Database> {
    let dir = project.state_dir().join("bench-scale");
    // A quarter of a machine with 8 GB, as hosted databases are set up; and room for the load.
    let server = Running::start(project, &dir, &["shared_buffers=2GB", "max_wal_size=8GB"])?;
    let name = make(&server.url, &project.root().join("supabase"))?;
    let url = server.url.with_database(&name);
    Ok(Database { _server: server, url })
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
