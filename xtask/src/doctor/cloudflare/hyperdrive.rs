//! The Hyperdrive configurations: whose login, to where, and that nothing is remembered.

use serde::Deserialize;

use crate::doctor::cloudflare::account::{Account, Refusal};
use crate::doctor::finding::Verdict;
use crate::environment::Home;
use crate::environment::settings::{CONNECTIONS_DEFAULT, CONNECTIONS_RESERVED, Resource};

/// Which login each binding is for. A second one beside it, made to change its password, has a name that begins with it.
const LOGINS: [(&str, &str); 3] =
    [("DB", "oslira_tenant"), ("DB_ADMIN", "oslira_admin"), ("DB_OPERATOR", "oslira_operator")];

/// `GET /hyperdrive/configs/{id}`.
#[derive(Debug, Clone, Deserialize)]
struct Config {
    origin: Origin,
    #[serde(default)]
    caching: Caching,
    origin_connection_limit: Option<u32>,
}

/// An origin behind Workers VPC has neither host nor port.
#[derive(Debug, Clone, Deserialize)]
struct Origin {
    host: Option<String>,
    port: Option<u16>,
    user: String,
}

/// Remembers answers unless it says that it does not.
#[derive(Debug, Clone, Default, Deserialize)]
struct Caching {
    #[serde(default)]
    disabled: bool,
}

/// A binding with what the account has for it.
pub struct Drive {
    binding: String,
    id: String,
    config: Result<Config, Refusal>,
}

pub fn read(account: &Account, wanted: &[Resource]) -> Vec<Drive> {
    let drive = |resource: &Resource| Drive {
        binding: resource.binding.clone(),
        id: resource.id.clone(),
        config: account.get("hyperdrive/configs", &resource.id, ""),
    };
    wanted.iter().map(drive).collect()
}

/// Behind a pooler each of its transactions would be pooled twice, and Supabase's does not know our logins' limits.
pub fn origins(drives: &[Drive], home: &Home) -> Verdict {
    let mut faults = Vec::new();
    for drive in drives {
        let config = match &drive.config {
            Ok(config) => config,
            Err(Refusal::Missing) => {
                faults.push(format!("{}: there is no configuration {}", drive.binding, drive.id));
                continue;
            }
            Err(Refusal::Unasked(why)) => return Verdict::unknown(why),
        };
        let origin = &config.origin;
        let host = origin.host.as_deref().unwrap_or_default();
        if host.contains("pooler.") || origin.port == Some(6543) {
            faults.push(format!("{} connects to a pooler", drive.binding));
        } else if let Some(fault) = home.origin_fault(host) {
            faults.push(format!("{}: {fault}", drive.binding));
        }
        if let Some((_, login)) = LOGINS.iter().find(|(binding, _)| *binding == drive.binding)
            && origin.user != *login
            && !origin.user.starts_with(&format!("{login}_"))
        {
            faults.push(format!("{} logs in as another than {login}", drive.binding));
        }
        if drives.iter().any(|other| other.id == drive.id && other.binding != drive.binding) {
            faults.push(format!("{} shares its configuration", drive.binding));
        }
    }
    Verdict::of(
        faults,
        "one configuration for each of the three logins: npx wrangler hyperdrive update ID --origin-host db.REF.supabase.co --origin-port 5432 \
         --origin-user LOGIN --origin-password …",
    )
}

/// Its cache cannot know which functions write, so a balance could be an old one.
pub fn caches(drives: &[Drive]) -> Verdict {
    let caching = drives.iter().filter(|drive| drive.config.as_ref().is_ok_and(|config| !config.caching.disabled));
    let caching: Vec<String> =
        caching.map(|drive| format!("{} ({}) remembers answers", drive.binding, drive.id)).collect();
    if caching.is_empty()
        && let Some(why) = unread(drives)
    {
        return Verdict::unknown(why);
    }
    Verdict::of(caching, "npx wrangler hyperdrive update ID --caching-disabled true, at once: balances may be old ones")
}

pub fn connections(drives: &[Drive], connections_max: Option<u32>) -> Verdict {
    if let Some(why) = unread(drives) {
        return Verdict::unknown(why);
    }
    let Some(max) = connections_max else {
        return Verdict::unknown("the database did not say how many connections it takes: set OSLIRA_DATABASE_URL");
    };
    let limits = drives.iter().filter_map(|drive| drive.config.as_ref().ok());
    let sum: u32 = limits.map(|config| config.origin_connection_limit.unwrap_or(CONNECTIONS_DEFAULT)).sum();
    if sum + CONNECTIONS_RESERVED <= max {
        return Verdict::Held;
    }
    Verdict::broken(
        format!(
            "the Hyperdrives may take {sum} of the database's {max} connections, and {CONNECTIONS_RESERVED} are for others"
        ),
        "npx wrangler hyperdrive update ID --origin-connection-limit N, most for DB; or take a larger database (docs/capacity.md)",
    )
}

fn unread(drives: &[Drive]) -> Option<String> {
    drives.iter().find_map(|drive| match &drive.config {
        Ok(_) => None,
        Err(Refusal::Missing) => Some(format!("{} has no configuration", drive.binding)),
        Err(Refusal::Unasked(why)) => Some(why.clone()),
    })
}
