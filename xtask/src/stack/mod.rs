//! The local stack: Postgres, the sandbox and the Worker under workerd, as processes that go on after the command.
//!
//! Promises:
//! - `up` ends with every part healthy, or says which one is not, with the end of its log.
//! - `up` again restarts only what died or changed, on the same ports and with the same data.
//! - `down` keeps the data.
//! - Two stacks, in one checkout or in two, share no data and no ports.

mod document;
mod down;
mod layout;
mod part;
mod pooler;
pub mod ports;
pub mod processes;
mod programs;
mod sandbox;
mod state;
mod status;
mod strike;
mod supervise;
mod token;
mod up;
mod versions;
mod worker;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::project::Project;
pub use document::Document;
pub use down::down;
pub use layout::Layout;
pub use part::Part;
pub use pooler::PoolerKind;
pub use strike::{end, make_new_version, reset_objects};
pub use token::TokenArgs;
pub use token::run as token;
pub use up::{UpOptions, database_alone, delete, mint_token, up};
pub use versions::{Wanted, deploy};

/// How fast the outside services pretend to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speed {
    /// As the real ones: a profile takes 6 to 8 seconds
    #[default]
    Real,
    /// A twentieth of that, for tests
    Fast,
}

impl Speed {
    /// The factor for the sandbox's delays and the Worker's pauses before retries.
    pub fn time_scale(self) -> &'static str {
        match self {
            Self::Real => "1",
            Self::Fast => "0.05",
        }
    }

    /// For how many seconds the Worker uses secrets before it reads them anew; a deployment's are five minutes.
    pub fn secrets_lifetime_s(self) -> &'static str {
        match self {
            Self::Real => "300",
            Self::Fast => "10",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Fast => "fast",
        }
    }
}

/// How a stack's Worker is set, apart from where the outside services are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WorkerSettings {
    /// Secrets come from the sandbox's AWS, and the sandbox keeps the points too, and answers queries.
    #[default]
    Local,
    /// As `wrangler.jsonc` sets a deployment: secrets come with the Worker, and points go to the platform's dataset and nowhere else.
    Deployed,
    /// The same, but nothing is told of what happens (docs/telemetry.md).
    DeployedAndSilent,
}

/// The factor on how many requests a client may send, for tests and benchmarks, whose few clients send more than many customers. The
/// Worker takes no larger one.
pub const LOOSE: u32 = 1_000;

/// Arguments of `cargo xtask stack`.
#[derive(Args)]
pub struct StackArgs {
    #[command(subcommand)]
    command: StackCommand,
}

#[derive(Subcommand)]
enum StackCommand {
    /// Start what is not running, repair what is broken, return when everything is healthy
    Up {
        /// Delete this stack's data first
        #[arg(long)]
        fresh: bool,
        /// How fast the outside services pretend to be [default: as last time, at first real]
        #[arg(long)]
        speed: Option<Speed>,
        /// How many seconds after their creation workflows begin; Cloudflare's engine may take some [default: as last time,
        /// at first 0]
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(..=60))]
        engine_start_delay: Option<u32>,
        /// How many times as many requests a client may send as in a deployment [default: as last time, at first 1]
        #[arg(long, value_name = "FACTOR", value_parser = clap::value_parser!(u32).range(1..=i64::from(LOOSE)))]
        rate_limit_scale: Option<u32>,
        /// Run the Worker with a deployment's settings until the next `up`: its limits on requests, secrets that come with it, and no points
        /// in the sandbox
        #[arg(long, conflicts_with = "rate_limit_scale")]
        as_deployed: bool,
        /// How many versions of the Worker the stack has; `stack deploy` lets another one serve [default: as last time, at first 1]
        #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=i64::from(versions::VERSIONS_MAX)))]
        versions: Option<u32>,
        /// The built Worker of all versions behind the first, such as that of the last release [default: the first one's]
        #[arg(long, value_name = "DIR", requires = "versions")]
        dist: Option<PathBuf>,
        /// Use the programs that this stack already has, whatever the sources say
        #[arg(long)]
        no_build: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Let another version of the Worker serve while requests go on, as a deployment does; the version before is the rollback
    Deploy {
        /// Its number, from 1; `stack up --versions` says how many there are
        version: u32,
        #[command(flatten)]
        place: Place,
    },
    /// Stop everything; the data stays
    Down {
        #[command(flatten)]
        place: Place,
    },
    /// Show what runs and where (exit code 1 unless everything does)
    Status {
        /// Print one JSON document instead of a table
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
}

/// Which stack is meant.
#[derive(Args)]
pub struct Place {
    /// Directory of the stack [default: .oslira in the checkout]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Place {
    pub fn layout(&self, project: &Project) -> Result<Layout> {
        match &self.dir {
            Some(dir) => Layout::new(dir),
            None => Layout::new(&project.state_dir()),
        }
    }
}

/// Runs one of the subcommands; `false` if `status` found a part that does not run.
pub fn run(project: &Project, args: &StackArgs) -> Result<bool> {
    match &args.command {
        StackCommand::Up {
            fresh,
            speed,
            engine_start_delay,
            rate_limit_scale,
            as_deployed,
            versions,
            dist,
            no_build,
            place,
        } => {
            let layout = place.layout(project)?;
            let options = UpOptions {
                fresh: *fresh,
                speed: *speed,
                engine_start_delay_s: *engine_start_delay,
                rate_limit_scale: if *as_deployed { Some(1) } else { *rate_limit_scale },
                settings: if *as_deployed { WorkerSettings::Deployed } else { WorkerSettings::Local },
                versions: Wanted { count: *versions, dist: dist.clone() },
                no_build: *no_build,
                ..UpOptions::default()
            };
            let document = up(project, &layout, &options)?;
            println!(
                "{} is up at {speed} speed; {}",
                document.api_url,
                layout.document().display(),
                speed = document.speed.name()
            );
            Ok(true)
        }
        StackCommand::Deploy { version, place } => {
            deploy(&place.layout(project)?, *version)?;
            println!("version {version}, {}, serves", versions::release(*version));
            Ok(true)
        }
        StackCommand::Down { place } => down(&place.layout(project)?).map(|()| true),
        StackCommand::Status { json, place } => status::show(&place.layout(project)?, *json),
    }
}
