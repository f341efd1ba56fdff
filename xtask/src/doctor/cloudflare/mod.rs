//! What Cloudflare's account has, compared with what `wrangler.jsonc` wants: through Cloudflare's API, which is only read.
//!
//! Paths and shapes are those of the API as the pinned wrangler and Cloudflare's own client (cloudflare-typescript) use it.

mod account;
mod bindings;
mod hyperdrive;
mod queues;
mod storage;
mod worker;

pub use account::Account;

use serde_json::{Map, Value};

use crate::doctor::catalog::of_source;
use crate::doctor::finding::{Finding, Verdict};
use crate::environment::{Home, WranglerEnvironment};

/// What the checks need besides the account.
pub struct Wanted<'a> {
    pub settings: &'a WranglerEnvironment,
    /// The same part of the file as its keys.
    pub keys: &'a Map<String, Value>,
    /// `r2-lifecycle.json`.
    pub lifecycle: &'a Value,
    /// The environment's name on wrangler's command line.
    pub env: &'a str,
    /// How many connections the database gives to others than superusers, if that is known.
    pub connections_max: Option<u32>,
}

pub fn examine(account: Result<Account, String>, wanted: &Wanted<'_>) -> Vec<Finding> {
    match account {
        Ok(account) => all(&account, wanted),
        Err(why) => of_source("cloudflare").map(|check| Finding::new(check, Verdict::unknown(&why))).collect(),
    }
}

fn all(account: &Account, wanted: &Wanted<'_>) -> Vec<Finding> {
    let deployed = worker::deployed(account, &wanted.settings.name);
    let drives = hyperdrive::read(account, &wanted.settings.hyperdrive);
    vec![
        Finding::new("cloudflare.worker", worker::exists(&deployed, wanted)),
        Finding::new("cloudflare.variables", worker::variables(&deployed, wanted)),
        Finding::new("cloudflare.secrets", worker::secrets(account, wanted)),
        Finding::new("cloudflare.workers-dev", worker::workers_dev(account, wanted)),
        Finding::new("cloudflare.crons", worker::crons(account, wanted)),
        Finding::new("cloudflare.queues", queues::check(account, wanted)),
        Finding::new("cloudflare.hyperdrive", hyperdrive::origins(&drives, &Home::of(wanted.settings))),
        Finding::new("cloudflare.hyperdrive-cache", hyperdrive::caches(&drives)),
        Finding::new("cloudflare.hyperdrive-connections", hyperdrive::connections(&drives, wanted.connections_max)),
        Finding::new("cloudflare.storage", storage::exists(account, wanted)),
        Finding::new("cloudflare.lifecycle", storage::lifecycle(account, wanted)),
    ]
}
