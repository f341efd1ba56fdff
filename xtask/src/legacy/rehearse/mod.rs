//! The import on generated data: everything that an operator relies on, tried before their customers' data is.

mod generate;
mod promises;

pub use generate::generate;
pub use promises::{Promise, check};
#[cfg(test)]
pub use promises::{contents, differences};

use anyhow::Result;

use crate::legacy::mapping::Mapping;
use crate::postgres::database::with_client;
use crate::postgres::{self, PgUrl, Running, Server, database};
use crate::project::Project;
use crate::step::step;

/// The database of the rehearsal, on any server.
const DATABASE: &str = "oslira_legacy_rehearsal";

/// Arguments of `cargo xtask legacy rehearse`.
#[derive(clap::Args)]
pub struct RehearseArgs {
    /// The same seed makes the same data
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many users the previous product had
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(12..=20_000))]
    users: u32,
}

/// Rehearses on a server of its own, or in a database of its own on the one that DATABASE_URL names; `false` if a promise was broken.
pub fn run(project: &Project, args: &RehearseArgs) -> Result<bool> {
    if let Some(server) = postgres::external()? {
        return on(project, &server, args);
    }
    let dir = project.state_dir().join("legacy-rehearsal");
    let server = Running::start(project, &dir, &[])?;
    let held = on(project, &server.url, args);
    std::mem::drop(server);
    Server::of_stack(project, &dir)?.delete()?;
    held
}

fn on(project: &Project, server: &PgUrl, args: &RehearseArgs) -> Result<bool> {
    database::drop(server, DATABASE)?;
    database::create(server, DATABASE)?;
    let held = rehearse(project, &server.with_database(DATABASE), args);
    database::drop(server, DATABASE)?;
    held
}

fn rehearse(project: &Project, url: &PgUrl, args: &RehearseArgs) -> Result<bool> {
    step("applying migrations", || database::migrate(url, &project.root().join("supabase")))?;
    let mapping = Mapping::read(&project.root().join("supabase/legacy/mapping.json"))?;
    let users = usize::try_from(args.users)?;
    step("making up a previous product", || with_client(url, async |client| generate(client, args.seed, users).await))?;
    let promises =
        step("importing, importing again, undoing", || with_client(url, async |client| check(client, &mapping).await))?;
    for promise in &promises {
        println!("{}", promise.line());
    }
    Ok(promises.iter().all(Promise::is_held))
}
