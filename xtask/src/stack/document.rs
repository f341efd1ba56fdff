//! `stack.json`: how to reach a running stack. Tests and tools read it; only the developer can.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::stack::state::{Part, write_private};
use crate::stack::{Layout, Speed};

/// The addresses of a running stack and a user to call it as.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Document {
    /// Always `local`: the value of OSLIRA_ENV.
    pub env: String,
    /// How fast the outside services pretend to be.
    pub speed: Speed,
    /// Where the Worker listens.
    pub api_url: String,
    /// POST here with `?cron=…` to run the scheduled job at once.
    pub scheduled_url: String,
    /// The database, as superuser.
    pub database_url: String,
    /// Where the sandbox listens.
    pub sandbox_url: String,
    /// The user that the token is for.
    pub user_id: String,
    /// Their account.
    pub account_id: String,
    /// A business profile of that account.
    pub business_profile_id: String,
    /// A valid user token.
    pub token: String,
    /// The processes, by part.
    pub pids: BTreeMap<Part, i32>,
}

impl Document {
    /// The document of a stack that is up.
    pub fn load(layout: &Layout) -> Result<Self> {
        let text = std::fs::read(layout.document())
            .context("the stack is not running: start it with `cargo xtask stack up`")?;
        serde_json::from_slice(&text).context("stack.json is damaged: run `cargo xtask stack up` again")
    }

    /// Writes it for others.
    pub fn save(&self, layout: &Layout) -> Result<()> {
        write_private(&layout.document(), &serde_json::to_vec_pretty(self)?)
    }
}
