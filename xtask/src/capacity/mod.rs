//! `cargo xtask capacity`: which limit comes next, computed from what one analysis takes and from what the services allow.
//!
//! Promises:
//! - Every figure of an analysis is measured in this project or says that it is not; every limit says where and when it was read.
//! - docs/capacity.md holds what the command computes without options; a test compares them.

mod cost;
mod demand;
mod figures;
mod limits;
mod load;
mod report;
mod resources;
#[cfg(test)]
mod tests;

use anyhow::{Context, Result};

use self::figures::Figures;
use self::load::{Load, Mix, Setup, read_number, read_tokens};
use crate::project::Project;

const DOCUMENT: &str = "docs/capacity.md";
const BEGIN: &str = "<!-- begin: cargo xtask capacity --write -->\n";
const END: &str = "<!-- end -->\n";

/// Arguments of `cargo xtask capacity`.
#[derive(clap::Args)]
pub struct CapacityArgs {
    /// How many analyses a minute; several are compared
    #[arg(long, num_args = 1.., value_name = "N", default_values = ["1", "100", "10000"], value_parser = positive)]
    analyses_per_minute: Vec<f64>,
    /// How many of them are LIGHT, DEEP and XRAY
    #[arg(long, value_name = "L:D:X", default_value = "70:20:10")]
    mix: Mix,
    /// How many of a hundred find their profile in the cache
    #[arg(long, value_name = "PERCENT", default_value = "30", value_parser = share_in_percent)]
    cached: f64,
    /// How often a customer asks for the progress of one analysis
    #[arg(long, value_name = "N", default_value = "5", value_parser = count)]
    polls: f64,
    /// APIFY_MAX_CONCURRENT
    #[arg(long, value_name = "N", default_value = "10", value_parser = positive)]
    apify_concurrent: f64,
    /// How much longer actor runs take than the sandbox's
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = positive)]
    actor_time_factor: f64,
    /// Connections of the Hyperdrive configuration DB
    #[arg(long, value_name = "N", default_value = "20", value_parser = positive)]
    tenant_connections: f64,
    /// Connections of the Hyperdrive configuration DB_ADMIN
    #[arg(long, value_name = "N", default_value = "12", value_parser = positive)]
    admin_connections: f64,
    /// Cores of the database
    #[arg(long, value_name = "N", default_value = "2", value_parser = positive)]
    database_cores: f64,
    /// What our account may use of a model, as its answers say (x-ratelimit-limit-tokens); repeat it for each model
    #[arg(long, value_name = "MODEL=N", value_parser = read_tokens)]
    tokens_per_minute: Vec<(String, f64)>,
    /// Print one JSON object
    #[arg(long, conflicts_with = "write")]
    json: bool,
    /// Write the section of docs/capacity.md anew, without any of the options above
    #[arg(long, conflicts_with_all = [
        "analyses_per_minute", "mix", "cached", "polls", "apify_concurrent", "actor_time_factor", "tenant_connections",
        "admin_connections", "database_cores", "tokens_per_minute",
    ])]
    write: bool,
}

fn positive(text: &str) -> Result<f64> {
    read_number(text, 1e-3, 1e8)
}

fn count(text: &str) -> Result<f64> {
    read_number(text, 0.0, 1e4)
}

fn share_in_percent(text: &str) -> Result<f64> {
    Ok(read_number(text, 0.0, 100.0)? / 100.0)
}

impl CapacityArgs {
    fn loads(&self) -> Vec<Load> {
        let at = |analyses_per_minute: &f64| Load {
            analyses_per_minute: *analyses_per_minute,
            mix: self.mix,
            cached_share: self.cached,
            polls_per_analysis: self.polls,
        };
        self.analyses_per_minute.iter().map(at).collect()
    }

    fn setup(&self) -> Setup {
        Setup {
            apify_runs: self.apify_concurrent,
            actor_time_factor: self.actor_time_factor,
            tenant_connections: self.tenant_connections,
            admin_connections: self.admin_connections,
            database_cores: self.database_cores,
            tokens_per_minute: self.tokens_per_minute.iter().cloned().collect(),
        }
    }
}

/// Prints the model, or writes it into the document.
pub fn run(project: &Project, args: &CapacityArgs) -> Result<()> {
    let figures = Figures::read()?;
    let (loads, setup) = (args.loads(), args.setup());
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report::as_json(&loads, &setup, &figures))?);
        return Ok(());
    }
    let section = report::markdown(&loads, &setup, &figures);
    if !args.write {
        print!("{section}");
        return Ok(());
    }
    let path = project.root().join(DOCUMENT);
    let present = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let written = with_section(&present, &section)?;
    if written != present {
        std::fs::write(&path, written).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("  wrote {}", path.display());
    }
    Ok(())
}

/// The document with this in place of what was generated before.
fn with_section(document: &str, section: &str) -> Result<String> {
    let missing = || {
        format!("{DOCUMENT} has no lines `{}` and `{}`: write them where the tables belong", BEGIN.trim(), END.trim())
    };
    let (before, rest) = document.split_once(BEGIN).with_context(missing)?;
    let (_, after) = rest.split_once(END).with_context(missing)?;
    Ok(format!("{before}{BEGIN}\n{section}\n{END}{after}"))
}
