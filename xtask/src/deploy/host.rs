//! Who has the API's host name at Cloudflare. Wrangler asks nobody when it is not at a terminal: it takes a custom domain over from another
//! Worker, and replaces the DNS record that was there.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::runner::Runner;
use super::state::Seen;

/// Records that lead a name somewhere; others may stand beside a custom domain.
const LEADING: [&str; 3] = ["A", "AAAA", "CNAME"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    Nobody,
    /// A Worker of this name, as its custom domain.
    Worker(String),
    /// A DNS record, such as `CNAME elsewhere.test`.
    Record(String),
}

/// An entry of `GET /accounts/{id}/workers/domains`.
#[derive(Deserialize)]
struct Domain {
    hostname: String,
    service: String,
}

#[derive(Deserialize)]
struct Zone {
    id: String,
}

/// An entry of `GET /zones/{id}/dns_records`.
#[derive(Deserialize)]
struct Record {
    #[serde(rename = "type")]
    kind: String,
    content: String,
}

pub fn look(host: &str, runner: &impl Runner) -> Seen<Holder> {
    holder(host, runner).map_or_else(|error| Seen::Unknown(format!("{error:#}")), Seen::Is)
}

fn holder(host: &str, runner: &impl Runner) -> Result<Holder> {
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    let (Some(_), Some(account)) = (runner.variable("CLOUDFLARE_API_TOKEN"), runner.variable("CLOUDFLARE_ACCOUNT_ID"))
    else {
        bail!("CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID are not both set");
    };
    ensure!(is_plain(host) && is_plain(&account), "the host name or the account's id cannot be one");
    let domains: Vec<Domain> = get(runner, &format!("/accounts/{account}/workers/domains?hostname={host}"))?;
    if let Some(domain) = domains.into_iter().find(|domain| domain.hostname == host) {
        return Ok(Holder::Worker(domain.service));
    }
    // A zone may have the name itself or any that it ends with.
    let mut name = host;
    while name.contains('.') {
        let zones: Vec<Zone> = get(runner, &format!("/zones?name={name}&account.id={account}"))?;
        if let Some(zone) = zones.first() {
            let records: Vec<Record> = get(runner, &format!("/zones/{}/dns_records?name={host}", zone.id))?;
            let leading = records.into_iter().find(|record| LEADING.contains(&record.kind.as_str()));
            return Ok(
                leading.map_or(Holder::Nobody, |Record { kind, content }| Holder::Record(format!("{kind} {content}")))
            );
        }
        name = name.split_once('.').map_or("", |(_, rest)| rest);
    }
    bail!("the token sees no zone of {host} in the account")
}

/// What is in Cloudflare's envelope.
fn get<T: DeserializeOwned>(runner: &impl Runner, path: &str) -> Result<T> {
    let asked = path.split('?').next().unwrap_or(path);
    let mut answer = runner.cloudflare(path)?;
    ensure!(answer.status == 200, "Cloudflare answers {} to {asked}: may the token read it?", answer.status);
    let result = answer.body.get_mut("result").map(serde_json::Value::take).unwrap_or_default();
    serde_json::from_value(result).with_context(|| format!("Cloudflare's answer to {asked} has another form"))
}
