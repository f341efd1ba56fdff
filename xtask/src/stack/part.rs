//! The parts of a stack.

use serde::{Deserialize, Serialize};

/// The parts of a stack, in the order in which they are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    Postgres,
    /// Between the Worker and the database server.
    Pooler,
    Sandbox,
    /// The Node process that starts workerd and runs the cron jobs.
    Worker,
    /// The Worker's runtime, a child of that process.
    Workerd,
}

impl Part {
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Pooler => "pooler",
            Self::Sandbox => "sandbox",
            Self::Worker => "worker",
            Self::Workerd => "workerd",
        }
    }
}
