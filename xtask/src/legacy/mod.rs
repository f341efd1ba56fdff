//! `cargo xtask legacy`: carries the previous product's data over into this product's tables (docs/migrating.md).
//!
//! Promises:
//! - Sums of credits, leads and analyses are equal before and after; each old row is carried over, or in the report with its reason.
//! - A batch is one transaction; a killed import goes on where it was; a repeat changes nothing; two never run at once.
//! - `undo` removes what was imported and not used since. Nobody is mailed or charged, and the old tables are never written.

#[cfg(test)]
mod against_postgres;
mod check;
mod import;
mod mapping;
mod rehearse;
mod report;
mod spec;
mod undo;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::postgres::PgUrl;
use crate::postgres::database::with_client;
use crate::project::Project;
use crate::stack::{Document, Place};
use mapping::Mapping;

/// An address is a line.
const URL_BYTES_MAX: u64 = 4096;

/// Arguments of `cargo xtask legacy`.
#[derive(clap::Args)]
pub struct LegacyArgs {
    #[command(subcommand)]
    act: Act,
}

#[derive(clap::Subcommand)]
enum Act {
    /// Rehearse the import on generated data, in a throw-away database, and check every promise
    Rehearse(rehearse::RehearseArgs),
    /// Import, or go on with an import that was interrupted
    Import(Import),
    /// Print what came of every row, and the sums
    Report(Report),
    /// Remove what was imported, of every account that has not been used since
    Undo(Ending),
    /// Forget where everything came from: from then on nothing can be undone, or imported again
    Finish(Ending),
}

/// Which database: OSLIRA_DATABASE_URL unless a file is named, else that of the running stack.
#[derive(clap::Args)]
struct Database {
    /// A file that only you can read, with the address of the database as its owner; else OSLIRA_DATABASE_URL, else the local stack
    #[arg(long, value_name = "FILE")]
    database_url_file: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args)]
struct Import {
    /// How the old tables and columns are called [default: supabase/legacy/mapping.json]
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// How many users one transaction imports
    #[arg(long, value_name = "USERS", default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000))]
    batch: i32,
    #[command(flatten)]
    database: Database,
}

#[derive(clap::Args)]
struct Report {
    /// Also write a line for each row that was left out or changed
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    database: Database,
}

#[derive(clap::Args)]
struct Ending {
    /// The name of the database, so that it is the one you mean
    #[arg(long, value_name = "NAME")]
    confirm: String,
    #[command(flatten)]
    database: Database,
}

/// Runs one of the subcommands; `false` if a promise of the rehearsal was not held, or an account could not be undone.
pub fn run(project: &Project, args: &LegacyArgs) -> Result<bool> {
    match &args.act {
        Act::Rehearse(args) => rehearse::run(project, args),
        Act::Import(args) => run_import(project, args).map(|()| true),
        Act::Report(args) => run_report(project, args).map(|()| true),
        Act::Undo(args) => run_undo(project, args),
        Act::Finish(args) => with_client(&args.database.url(project)?, async |client| {
            undo::confirm(client, &args.confirm).await?;
            undo::finish(client).await?;
            println!(
                "of the schema legacy_import only the mark `finished` is left; the old tables are as they were, and yours to remove"
            );
            Ok(true)
        }),
    }
}

fn run_import(project: &Project, args: &Import) -> Result<()> {
    let committed = project.root().join("supabase/legacy/mapping.json");
    let mapping = Mapping::read(args.mapping.as_deref().unwrap_or(&committed))?;
    with_client(&args.database.url(project)?, async |client| {
        import::prepare(client, &mapping).await?;
        import::import(client, args.batch, |what, done| eprintln!("  {done} {what}")).await?;
        report::print(client).await
    })
}

fn run_report(project: &Project, args: &Report) -> Result<()> {
    with_client(&args.database.url(project)?, async |client| {
        if !report::has_begun(client).await? {
            bail!("no import has begun in this database (`cargo xtask legacy import`), or `finish` has ended it");
        }
        report::print(client).await?;
        if let Some(path) = &args.csv {
            eprintln!("  {} lines in {}", report::write_csv(client, path).await?, path.display());
        }
        Ok(())
    })
}

fn run_undo(project: &Project, args: &Ending) -> Result<bool> {
    with_client(&args.database.url(project)?, async |client| {
        undo::confirm(client, &args.confirm).await?;
        let undone = undo::undo(client).await?;
        println!("{} users undone", undone.users);
        for refused in &undone.refused {
            let used = refused.used.iter().map(|(table, rows)| format!("{rows} rows of {table}"));
            let used = used.collect::<Vec<_>>().join(", ");
            println!("account {} stays, because it was used since: {used} are new or different", refused.account_id);
        }
        if undone.events_kept > 0 {
            println!("{} events of Stripe's stay, because something happened to them since", undone.events_kept);
        }
        Ok(undone.is_whole())
    })
}

impl Database {
    fn url(&self, project: &Project) -> Result<PgUrl> {
        let text = match (&self.database_url_file, std::env::var("OSLIRA_DATABASE_URL")) {
            (Some(file), _) => read_private(file)?,
            (None, Ok(text)) if !text.trim().is_empty() => text,
            (None, _) => {
                Document::load(&self.place.layout(project)?)
                    .context(
                        "name a database with --database-url-file or OSLIRA_DATABASE_URL, or start the local stack",
                    )?
                    .database_url
            }
        };
        PgUrl::parse(text.trim()).context("the address of the database cannot be used")
    }
}

/// The text of a file that nobody else can read.
fn read_private(path: &Path) -> Result<String> {
    let meta = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if meta.permissions().mode() & 0o077 != 0 {
        bail!("others can read {}, which holds a password: chmod 600 {}", path.display(), path.display());
    }
    if meta.len() > URL_BYTES_MAX {
        bail!("{} is no address of a database: it is longer than {URL_BYTES_MAX} bytes", path.display());
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
