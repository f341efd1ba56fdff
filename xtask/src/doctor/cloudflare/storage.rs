//! R2 buckets with the rules that end personal data, and the KV namespaces.

use serde::Deserialize;
use serde_json::Value;

use crate::doctor::cloudflare::Wanted;
use crate::doctor::cloudflare::account::{Account, Refusal};
use crate::doctor::finding::Verdict;

const BUCKETS: &str = "r2/buckets";

/// The binding of the bucket that holds profiles.
const PROFILES: &str = "PROFILES";

pub fn exists(account: &Account, wanted: &Wanted<'_>) -> Verdict {
    let buckets =
        wanted.settings.r2_buckets.iter().map(|one| (BUCKETS, one.bucket_name.as_str(), "there is no bucket"));
    let namespaces = wanted.settings.kv_namespaces.iter();
    let namespaces = namespaces.map(|one| ("storage/kv/namespaces", one.id.as_str(), "there is no KV namespace"));
    let mut faults = Vec::new();
    for (part, name, missing) in buckets.chain(namespaces) {
        match account.get::<Value>(part, name, "") {
            Ok(_) => {}
            Err(Refusal::Missing) => faults.push(format!("{missing} {name}")),
            Err(Refusal::Unasked(why)) => return Verdict::unknown(why),
        }
    }
    Verdict::of(
        faults,
        "npx wrangler r2 bucket create NAME; npx wrangler kv namespace create NAME, and put its id into wrangler.jsonc",
    )
}

/// `GET /r2/buckets/{name}/lifecycle`, and the form of `r2-lifecycle.json`.
#[derive(Deserialize)]
struct Lifecycle {
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(default)]
    conditions: Conditions,
    enabled: bool,
    delete_objects_transition: Option<Transition>,
}

#[derive(Default, Deserialize)]
struct Conditions {
    /// Empty for all objects.
    #[serde(default)]
    prefix: String,
}

#[derive(Deserialize)]
struct Transition {
    condition: Option<Condition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    /// Seconds; a condition by date has none.
    max_age: Option<u64>,
}

impl Rule {
    /// After how many seconds it deletes what begins with the prefix.
    fn ends(&self, prefix: &str) -> Option<u64> {
        let applies = self.enabled && prefix.starts_with(&self.conditions.prefix);
        self.delete_objects_transition.as_ref()?.condition.as_ref()?.max_age.filter(|_| applies)
    }
}

pub fn lifecycle(account: &Account, wanted: &Wanted<'_>) -> Verdict {
    let Some(bucket) = wanted.settings.r2_buckets.iter().find(|bucket| bucket.binding == PROFILES) else {
        return Verdict::unknown("wrangler.jsonc binds no bucket PROFILES");
    };
    let Ok(wants) = serde_json::from_value::<Lifecycle>(wanted.lifecycle.clone()) else {
        return Verdict::unknown("r2-lifecycle.json has another form than expected");
    };
    let found: Lifecycle = match account.get(BUCKETS, &bucket.bucket_name, "/lifecycle") {
        Ok(found) => found,
        Err(Refusal::Missing) => return Verdict::unknown(format!("there is no bucket {}", bucket.bucket_name)),
        Err(Refusal::Unasked(why)) => return Verdict::unknown(why),
    };
    let mut faults = Vec::new();
    for rule in &wants.rules {
        let prefix = &rule.conditions.prefix;
        let Some(max_age_s) = rule.ends(prefix) else { continue };
        let soonest = found.rules.iter().filter_map(|found| found.ends(prefix)).min();
        match soonest {
            Some(age_s) if age_s <= max_age_s => {}
            Some(_) => faults.push(format!("{prefix} is kept longer than {} days", max_age_s / 86_400)),
            None => faults.push(format!("{prefix} is kept for ever")),
        }
    }
    Verdict::of(faults, format!("npx wrangler r2 bucket lifecycle set {} --file r2-lifecycle.json", bucket.bucket_name))
}
