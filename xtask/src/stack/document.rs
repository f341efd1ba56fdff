//! `stack.json`: how to reach a running stack. Tests and tools read it; it contains a token, so only its owner may read
//! it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::private::write_private;
use crate::stack::part::Part;
use crate::stack::{Layout, Speed};

/// The addresses of a running stack and a user to call it as.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Document {
    /// Always `local`: the value of OSLIRA_ENV.
    pub env: String,
    pub speed: Speed,
    pub api_url: String,
    /// POST here with `?cron=…` to run a scheduled job at once; `&time=…` (milliseconds since 1970) is its now.
    pub scheduled_url: String,
    /// The database, as superuser and without the pooler.
    pub database_url: String,
    pub sandbox_url: String,
    /// What the sandbox's `/control` demands as a bearer token.
    pub sandbox_token: String,
    /// The user whose token this is.
    pub user_id: String,
    pub account_id: String,
    pub business_profile_id: String,
    /// A valid user token.
    pub token: String,
    pub pids: BTreeMap<Part, i32>,
}

impl Document {
    /// The document of a stack that is up.
    pub fn load(layout: &Layout) -> Result<Self> {
        let text = std::fs::read(layout.document())
            .context("the stack is not running: start it with `cargo xtask stack up`")?;
        serde_json::from_slice(&text).context("stack.json is damaged: run `cargo xtask stack up` again")
    }

    pub fn save(&self, layout: &Layout) -> Result<()> {
        write_private(&layout.document(), &serde_json::to_vec_pretty(self)?)
    }
}
