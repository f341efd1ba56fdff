//! What there is already: at Cloudflare, and in the database. Looking changes nothing.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::host::{self, Holder};
use super::runner::Runner;
use super::wrangler::{self, HyperdriveConfig, KvNamespace, LifecycleRow};
use crate::environment::{WranglerEnvironment, is_placeholder_id};

/// Something that was looked at, or why it was not.
#[derive(Debug, Clone)]
pub enum Seen<T> {
    Is(T),
    /// It could not be asked, as in a dry run without an account.
    Unknown(String),
    /// It has no part in this.
    Skipped(String),
}

/// What the account at Cloudflare has of what an environment names.
#[derive(Debug, Clone, Default)]
pub struct Account {
    pub queues: Vec<String>,
    /// The buckets that exist, with their lifecycle rules.
    pub buckets: BTreeMap<String, Vec<LifecycleRow>>,
    pub kv_namespaces: Vec<KvNamespace>,
    /// By the binding's name; an error where wrangler does not know the id. Placeholders are not asked for.
    pub hyperdrive: BTreeMap<String, Result<HyperdriveConfig, String>>,
    /// The names of the Worker's secrets; `None` before its first deployment.
    pub secrets: Option<Vec<String>>,
    /// Who has each custom domain.
    pub hosts: BTreeMap<String, Seen<Holder>>,
}

/// What the database says.
#[derive(Debug, Clone, Default)]
pub struct Database {
    /// Versions of migrations that it lacks.
    pub pending: Vec<String>,
    /// Whether the three logins are there, without which no Worker has ever run on it.
    pub has_logins: bool,
    /// Whether a Worker has begun a job on it in the last hour.
    pub is_in_use: bool,
    pub connections_max: u32,
}

impl Account {
    /// # Errors
    /// Nobody is logged in, or Cloudflare does not answer.
    pub fn look(settings: &WranglerEnvironment, env: &str, runner: &impl Runner) -> Result<Self> {
        runner
            .wrangler(&["whoami"])?
            .good("`wrangler whoami`")
            .context("log in first: set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID, or run `npx wrangler login`")?;
        let mut account = Self::default();
        for queue in settings.queue_names() {
            let said = runner.wrangler(&["queues", "info", queue])?;
            if said.succeeded {
                account.queues.push(queue.to_owned());
            } else if !said.has(&["does not exist"]) {
                said.good("`wrangler queues info`")?;
            }
        }
        for bucket in &settings.r2_buckets {
            let said = runner.wrangler(&["r2", "bucket", "lifecycle", "list", &bucket.bucket_name])?;
            if said.succeeded {
                account.buckets.insert(bucket.bucket_name.clone(), wrangler::lifecycle_rows(&said.stdout));
            } else if !said.has(&["does not exist"]) {
                said.good("`wrangler r2 bucket lifecycle list`")?;
            }
        }
        let listed = runner.wrangler(&["kv", "namespace", "list"])?.good("`wrangler kv namespace list`")?;
        account.kv_namespaces = wrangler::kv_namespaces(&listed)?;
        for pair in settings.hyperdrive.iter().filter(|pair| !is_placeholder_id(&pair.id)) {
            let said = runner.wrangler(&["hyperdrive", "get", &pair.id])?.good("`wrangler hyperdrive get`");
            let config = said.and_then(|text| wrangler::hyperdrive(&text)).map_err(|error| format!("{error:#}"));
            account.hyperdrive.insert(pair.binding.clone(), config);
        }
        let said = runner.wrangler(&["secret", "list", "--env", env, "--format", "json"])?;
        if said.succeeded {
            account.secrets = Some(wrangler::secret_names(&said.stdout)?);
        } else if !said.has(&["not found"]) {
            said.good("`wrangler secret list`")?;
        }
        for domain in settings.custom_domains() {
            account.hosts.insert(domain.to_owned(), host::look(domain, runner));
        }
        Ok(account)
    }
}
