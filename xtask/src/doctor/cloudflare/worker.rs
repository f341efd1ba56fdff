//! The deployed Worker: its bindings and variables, its secrets by name, its doors and its triggers.

use std::collections::BTreeMap;

use oslira_providers::ProviderSettings;
use oslira_providers::vault::SECRET_SETTINGS;
use serde::Deserialize;

use crate::doctor::cloudflare::Wanted;
use crate::doctor::cloudflare::account::{Account, Refusal};
use crate::doctor::cloudflare::bindings::{Binding, PLAIN_TEXT, SECRET_TEXT, of_file};
use crate::doctor::finding::Verdict;

/// The setting that `wrangler deploy` is given on its command line.
const RELEASE: &str = "OSLIRA_RELEASE";

const SCRIPTS: &str = "workers/scripts";

/// `GET /workers/scripts/{name}/settings`.
#[derive(Debug, Clone, Deserialize)]
pub struct Deployed {
    #[serde(default)]
    bindings: Vec<Binding>,
}

pub fn deployed(account: &Account, script: &str) -> Result<Deployed, Refusal> {
    account.get(SCRIPTS, script, "/settings")
}

pub fn exists(deployed: &Result<Deployed, Refusal>, wanted: &Wanted<'_>) -> Verdict {
    let missing = || {
        Verdict::broken(
            format!("there is no Worker {}", wanted.settings.name),
            format!("cargo xtask deploy --env {}", wanted.env),
        )
    };
    verdict(deployed.as_ref().map(|_| Verdict::Held), missing)
}

/// Somebody may have changed something in the dashboard. Values may be addresses with keys in them, so only names are told.
pub fn variables(deployed: &Result<Deployed, Refusal>, wanted: &Wanted<'_>) -> Verdict {
    of_deployed(deployed, |worker| {
        let wants = of_file(wanted);
        let other = wants.iter().filter_map(|wants| match worker.bindings.iter().find(|found| found.is_of(wants)) {
            Some(found) if found.is_as(wants, &wanted.settings.name) => None,
            Some(_) => Some(format!("{} is deployed with another value", wants.name)),
            None => Some(format!("{} is not deployed", wants.name)),
        });
        let mut faults: Vec<String> = other.collect();
        let strange = worker.bindings.iter().filter(|found| {
            let is_elsewhere = found.kind == SECRET_TEXT || (found.kind == PLAIN_TEXT && found.name == RELEASE);
            !is_elsewhere && !wants.iter().any(|wants| wants.is_of(found))
        });
        faults.extend(strange.map(|found| format!("{} is deployed and not in the file", found.name)));
        Verdict::of(
            faults,
            format!(
                "decide which is right; put it into env.{0} of wrangler.jsonc, then cargo xtask deploy --env {0}",
                wanted.env
            ),
        )
    })
}

#[derive(Deserialize)]
struct SecretName {
    name: String,
}

pub fn secrets(account: &Account, wanted: &Wanted<'_>) -> Verdict {
    let found: Result<Vec<SecretName>, Refusal> = account.get(SCRIPTS, &wanted.settings.name, "/secrets");
    of_deployed(&found, |found| {
        let names: Vec<&str> = found.iter().map(|secret| secret.name.as_str()).collect();
        let missing = required(&wanted.settings.vars).into_iter().filter(|name| !names.contains(name));
        Verdict::of(
            missing.map(|name| format!("{name} is not set")).collect(),
            format!("npx wrangler secret put NAME --env {} (docs/secrets.md)", wanted.env),
        )
    })
}

/// The secrets without which a deployment of these variables refuses to work: found out by leaving each out.
fn required(vars: &BTreeMap<String, String>) -> Vec<&'static str> {
    let var = |name: &str| vars.get(name).cloned().unwrap_or_default();
    if var("SECRETS_SOURCE") == "aws" {
        return vec!["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    }
    let faults_without = |left_out: Option<&str>| {
        let text = |name: &str| match name {
            _ if Some(name) == left_out => String::new(),
            // Of each kind one that its reader takes.
            "STRIPE_WEBHOOK_SECRET" => "whsec_Y29uc3RydWN0ZWQgZm9yIHRoZSBkb2N0b3I".to_owned(),
            "SENTRY_DSN" => "https://key@sentry.invalid/1".to_owned(),
            _ if SECRET_SETTINGS.contains(&name) => "set".repeat(16),
            _ => var(name),
        };
        ProviderSettings::read(text, false).1.len()
    };
    let with_all = faults_without(None);
    let mut names: Vec<&str> =
        SECRET_SETTINGS.into_iter().filter(|name| faults_without(Some(name)) > with_all).collect();
    // Who names a sender, a gateway or Anthropic's models means to use them.
    let is_meant = |name: &str| !var(name).is_empty();
    let asks_anthropic = vars.iter().any(|(name, value)| name.starts_with("MODELS_") && value.contains("anthropic/"));
    for (name, is_needed) in [("RESEND_API_KEY", is_meant("MAIL_FROM")), ("ANTHROPIC_API_KEY", asks_anthropic)] {
        if is_needed && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// `GET /workers/scripts/{name}/subdomain`.
#[derive(Deserialize)]
struct Subdomain {
    enabled: bool,
    previews_enabled: bool,
}

pub fn workers_dev(account: &Account, wanted: &Wanted<'_>) -> Verdict {
    let found: Result<Subdomain, Refusal> = account.get(SCRIPTS, &wanted.settings.name, "/subdomain");
    of_deployed(&found, |found| {
        let doors = [(found.enabled, "workers.dev"), (found.previews_enabled, "preview addresses")];
        let open = doors.into_iter().filter(|(is_open, _)| *is_open);
        Verdict::of(
            open.map(|(_, door)| format!("the Worker is public at {door}, outside the zone's firewall")).collect(),
            format!(
                "cargo xtask deploy --env {} with \"workers_dev\": false and \"preview_urls\": false in wrangler.jsonc",
                wanted.env
            ),
        )
    })
}

/// `GET /workers/scripts/{name}/schedules`.
#[derive(Deserialize)]
struct Schedules {
    schedules: Vec<Schedule>,
}

#[derive(Deserialize)]
struct Schedule {
    cron: String,
}

pub fn crons(account: &Account, wanted: &Wanted<'_>) -> Verdict {
    let found: Result<Schedules, Refusal> = account.get(SCRIPTS, &wanted.settings.name, "/schedules");
    of_deployed(&found, |found| {
        let found: Vec<&str> = found.schedules.iter().map(|schedule| schedule.cron.as_str()).collect();
        let wants: Vec<&str> = wanted.settings.triggers.crons.iter().map(String::as_str).collect();
        let missing = wants.iter().filter(|cron| !found.contains(cron)).map(|cron| format!("{cron} is not there"));
        let strange =
            found.iter().filter(|cron| !wants.contains(cron)).map(|cron| format!("{cron} is not in wrangler.jsonc"));
        Verdict::of(
            missing.chain(strange).collect(),
            format!("npx wrangler triggers deploy --env {}; a change in the dashboard is undone by it", wanted.env),
        )
    })
}

/// A check of something that only a deployed Worker has.
fn of_deployed<T>(found: &Result<T, Refusal>, check: impl FnOnce(&T) -> Verdict) -> Verdict {
    verdict(found.as_ref().map(check), || Verdict::unknown("the Worker is not deployed yet"))
}

fn verdict(found: Result<Verdict, &Refusal>, missing: impl FnOnce() -> Verdict) -> Verdict {
    match found {
        Ok(verdict) => verdict,
        Err(Refusal::Missing) => missing(),
        Err(Refusal::Unasked(why)) => Verdict::unknown(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let sound = [
            ("APIFY_BASE_URL", "https://api.apify.com"),
            ("OPENAI_BASE_URL", "https://api.openai.com/v1"),
            ("ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
            ("STRIPE_BASE_URL", "https://api.stripe.com"),
            ("RESEND_BASE_URL", "https://api.resend.com"),
        ];
        sound.iter().chain(pairs).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_required_secrets_are_those_without_which_the_worker_is_not_ready() {
        let all = ["APIFY_TOKEN", "OPENAI_API_KEY", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"];
        assert_eq!(required(&vars(&[])), all);
        assert_eq!(required(&vars(&[("SECRETS_SOURCE", "aws")])), ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
        assert!(required(&vars(&[("MAIL_FROM", "Oslira <mail@oslira.test>")])).contains(&"RESEND_API_KEY"));
        assert!(required(&vars(&[("MODELS_LIGHT", "anthropic/claude-haiku-5-5")])).contains(&"ANTHROPIC_API_KEY"));
    }
}
