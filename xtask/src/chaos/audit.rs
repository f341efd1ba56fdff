//! What must hold when everything is over. Every check is a pure function of the facts; each names what it found and where to look.

mod money;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use oslira_app::api::operations;
use serde::Serialize;
use serde_json::Value;

use super::book::{Exchange, Outcome};
use super::customer::{ANALYZE, BULK, CANCEL, CONTINUE, PROGRESS, RUN};
use super::facts::{Facts, Origin, Outage, Shown};

/// More would be refused by Apify, or cost the other customers of the plan (`APIFY_MAX_CONCURRENT`).
pub const ACTOR_RUNS_MAX: u64 = 10;
/// So long after a repair, a request may still meet what was broken: hundreds of runs go on at once, connections and keys are got
/// anew, and on a slow machine some of that takes too long and is tried again.
const ECHO: Duration = Duration::from_secs(120);
/// A circuit breaker is open for so long at most.
const BREAKER_MAX: Duration = Duration::from_secs(600);

/// One rule and what broke it.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    pub rule: &'static str,
    pub violations: Vec<String>,
}

type Rule = (&'static str, fn(&Facts) -> Vec<String>);

const RULES: [Rule; 19] = [
    ("every run and every bulk has ended", ended),
    ("ledger, balances, runs, analyses and leads agree", |facts| facts.books.clone()),
    ("no balance was ever below zero", |facts| facts.negative.clone()),
    ("at most ten actor runs at once", peak),
    ("no lease is left: ten new profiles are read side by side", leases),
    ("whatever was accepted is there, as it was asked for", accepted),
    ("every run was asked for", asked_for),
    ("one idempotency key, one answer", one_answer),
    ("a cancel or a continue that is repeated gets the first answer", repeated),
    ("what a cancel answered is what became of the run", cancelled),
    ("a customer finds every run that they were given", found),
    ("progress and row tell the same", same),
    ("no answer is undocumented, and none is a failure that no outage excuses", documented),
    ("the Worker never trapped", |facts| facts.traps.clone()),
    ("every pack that was paid at Stripe was granted once, and no other", money::packs),
    ("every paid month of a subscription was granted once, and no other", money::months),
    ("what a payment lost is taken back in proportion, once, and what is spent is owed", money::taken_back),
    ("no event that Stripe lists is missing or not applied", money::events),
    ("at most one automatic purchase for each crossing, and never above the ceiling", money::top_ups),
];

/// Applies every rule.
pub fn audit(facts: &Facts) -> Vec<Check> {
    RULES.iter().map(|(rule, check)| Check { rule, violations: check(facts) }).collect()
}

fn ended(facts: &Facts) -> Vec<String> {
    let runs = facts.runs.iter().filter(|run| matches!(run.status.as_str(), "pending" | "processing"));
    let bulks = facts.bulks.iter().filter(|bulk| bulk.status == "processing");
    let runs = runs.map(|run| format!("run {} is {}", run.id, run.status));
    runs.chain(bulks.map(|bulk| format!("bulk {} is processing", bulk.id))).collect()
}

fn peak(facts: &Facts) -> Vec<String> {
    let peak = facts.peak_of_actor_runs;
    if peak <= ACTOR_RUNS_MAX { vec![] } else { vec![format!("{peak} actor runs at once; see the sandbox's log")] }
}

fn leases(facts: &Facts) -> Vec<String> {
    let side_by_side = facts.actor_runs_at_the_end;
    if side_by_side == ACTOR_RUNS_MAX {
        return vec![];
    }
    vec![format!("{side_by_side} instead of {ACTOR_RUNS_MAX} actor runs could be under way; see the Worker's log")]
}

fn accepted(facts: &Facts) -> Vec<String> {
    let runs: BTreeMap<&str, _> = facts.runs.iter().map(|run| (run.id.as_str(), run)).collect();
    let bulks: BTreeMap<&str, _> = facts.bulks.iter().map(|bulk| (bulk.id.as_str(), bulk)).collect();
    let mut lost = Vec::new();
    for sent in &facts.exchanges {
        let account = facts.accounts.get(sent.customer).map(String::as_str);
        if let (ANALYZE, Some(id)) = (sent.operation, sent.datum("run_id")) {
            let is_as_asked = runs.get(id).is_some_and(|run| {
                let row = [&*run.username, &*run.analysis_type, run.business_profile_id.as_deref().unwrap_or_default()];
                Some(run.account_id.as_str()) == account && wanted(&sent.body) == row.map(Some)
            });
            if !is_as_asked {
                lost.push(format!("run {id}: {}", sent.place()));
            }
        }
        if let (BULK | CONTINUE, Some(id)) = (sent.operation, sent.datum("bulk_id")) {
            if bulks.get(id).is_none_or(|bulk| Some(bulk.account_id.as_str()) != account) {
                lost.push(format!("bulk {id}: {}", sent.place()));
            }
            let lines = sent.data().and_then(|data| data.get("charged")?.as_array()).into_iter().flatten();
            for line in lines.filter_map(|line| line.get("run_id")?.as_str()) {
                if runs.get(line).is_none_or(|run| run.bulk_id.as_deref() != Some(id)) {
                    lost.push(format!("run {line} of bulk {id}: {}", sent.place()));
                }
            }
        }
    }
    lost
}

/// What an analysis was asked of, in the order of the rows above.
fn wanted(body: &Value) -> [Option<&str>; 3] {
    ["username", "analysis_type", "business_profile_id"].map(|field| body.get(field).and_then(Value::as_str))
}

/// Of single analyses: no more of a kind than requests for it.
fn asked_for(facts: &Facts) -> Vec<String> {
    let mut requests: BTreeMap<(&str, [Option<&str>; 3]), usize> = BTreeMap::new();
    for sent in facts.exchanges.iter().filter(|sent| sent.operation == ANALYZE) {
        let account = facts.accounts.get(sent.customer).map(String::as_str).unwrap_or_default();
        *requests.entry((account, wanted(&sent.body))).or_default() += 1;
    }
    let mut unasked = Vec::new();
    for run in facts.runs.iter().filter(|run| run.bulk_id.is_none() && facts.accounts.contains(&run.account_id)) {
        let row = [Some(&*run.username), Some(&*run.analysis_type), run.business_profile_id.as_deref()];
        match requests.get_mut(&(&*run.account_id, row)) {
            Some(left) if *left > 0 => *left -= 1,
            _ => unasked.push(format!("run {} of @{} was never asked for", run.id, run.username)),
        }
    }
    unasked
}

/// Requests that must be answered alike: of one customer, with one key and one body.
fn alike(facts: &Facts) -> BTreeMap<(usize, &str, &str, String), Vec<&Exchange>> {
    let mut groups: BTreeMap<_, Vec<&Exchange>> = BTreeMap::new();
    for sent in &facts.exchanges {
        if let Some(key) = &sent.key {
            let group = (sent.customer, sent.operation, key.as_str(), sent.body.to_string());
            groups.entry(group).or_default().push(sent);
        }
    }
    groups
}

/// The first answer stands, unless its run was cancelled before a workflow took it up: then the key is free again.
fn one_answer(facts: &Facts) -> Vec<String> {
    let freed: BTreeSet<&str> = facts
        .runs
        .iter()
        .map(|run| (&run.id, &run.status, &run.idempotency_key))
        .chain(facts.bulks.iter().map(|bulk| (&bulk.id, &bulk.status, &bulk.idempotency_key)))
        .filter(|(_, status, key)| *status == "cancelled" && key.is_none())
        .map(|(id, ..)| id.as_str())
        .collect();
    let groups = alike(facts);
    let mut bodies: BTreeMap<(usize, &str, &str), usize> = BTreeMap::new();
    for (customer, operation, key, _) in groups.keys() {
        *bodies.entry((*customer, operation, key)).or_default() += 1;
    }
    let mut found = Vec::new();
    for ((customer, operation, key, _), group) in &groups {
        let id = |sent: &Exchange| sent.datum("run_id").or(sent.datum("bulk_id")).map(str::to_owned);
        let is_freed = |sent: &&Exchange| id(sent).is_some_and(|id| freed.contains(id.as_str()));
        let standing: Vec<&Exchange> =
            group.iter().copied().filter(|sent| sent.data().is_some() && !is_freed(sent)).collect();
        if let Some(first) = standing.first() {
            let others = standing.iter().filter(|sent| sent.data() != first.data());
            found.extend(others.map(|sent| format!("{} and then {}", first.place(), sent.place())));
            let known_at = standing.iter().map(|sent| sent.ended_at).min().unwrap_or_default();
            let refused = group.iter().filter(|sent| {
                sent.sent_at > known_at && sent.status().is_some_and(|status| (400..500).contains(&status))
            });
            found.extend(refused.map(|sent| format!("{} and then {}", first.place(), sent.place())));
        }
        if bodies.get(&(*customer, operation, key)) == Some(&1) {
            let reused = group.iter().filter(|sent| sent.code() == Some("idempotency_key_reused"));
            found.extend(reused.map(|sent| format!("the key had no other request: {}", sent.place())));
        }
    }
    found
}

fn repeated(facts: &Facts) -> Vec<String> {
    let mut first: BTreeMap<(&str, &str), &Exchange> = BTreeMap::new();
    let mut found = Vec::new();
    for sent in &facts.exchanges {
        let (CANCEL | CONTINUE, Some(id), Some(data)) = (sent.operation, sent.about.as_deref(), sent.data()) else {
            continue;
        };
        let before = first.entry((sent.operation, id)).or_insert(sent);
        if before.data() != Some(data) {
            found.push(format!("{} and then {}", before.place(), sent.place()));
        }
    }
    found
}

fn cancelled(facts: &Facts) -> Vec<String> {
    let runs: BTreeMap<&str, _> = facts.runs.iter().map(|run| (run.id.as_str(), run)).collect();
    let mut found = Vec::new();
    for sent in facts.exchanges.iter().filter(|sent| sent.operation == CANCEL) {
        let Some(run) = sent.about.as_deref().and_then(|id| runs.get(id)) else { continue };
        let became = (run.status.as_str(), run.charge_outcome.as_deref());
        let is_true = match (sent.data(), sent.code()) {
            (Some(data), _) => {
                let came_back = data.get("refunded").and_then(Value::as_i64).is_some_and(|refunded| refunded > 0);
                became == ("cancelled", Some(if came_back { "refunded" } else { "kept" }))
            }
            (None, Some("run_finished")) => {
                sent.envelope().pointer("/details/status").and_then(Value::as_str) == Some(became.0)
            }
            _ => true,
        };
        if !is_true {
            found.push(format!("the run is {became:?}: {}", sent.place()));
        }
    }
    found
}

fn found(facts: &Facts) -> Vec<String> {
    let about = facts.exchanges.iter().filter(|sent| matches!(sent.operation, RUN | PROGRESS | CANCEL | CONTINUE));
    about.filter(|sent| sent.status() == Some(404)).map(Exchange::place).collect()
}

fn same(facts: &Facts) -> Vec<String> {
    let others = facts.shown.iter().filter(|shown| !shown.agrees());
    others
        .map(|Shown { id, row_status, progress_status, percent }| {
            format!("{id} is {row_status}, its progress {progress_status} at {percent} %")
        })
        .collect()
}

/// Every answer must be one that the contract declares, and a 5xx must have its outage.
fn documented(facts: &Facts) -> Vec<String> {
    let declared: BTreeMap<String, _> = operations()
        .into_iter()
        .map(|operation| (format!("{} {}", operation.method, operation.path), operation))
        .collect();
    let mut found = Vec::new();
    for sent in &facts.exchanges {
        let Outcome::Answer { status, .. } = &sent.outcome else { continue };
        let is_declared = declared.get(sent.operation).is_some_and(|operation| match sent.code() {
            None => sent.data().is_some() && *status == operation.status,
            Some(code) => operation.errors.iter().any(|error| error.code == code && error.status.as_u16() == *status),
        });
        if !is_declared {
            found.push(format!("undeclared: {}", sent.place()));
        } else if *status >= 500 && !is_excused(sent, &facts.outages) {
            found.push(format!("without an outage: {}", sent.place()));
        }
    }
    found
}

fn is_excused(sent: &Exchange, outages: &[Outage]) -> bool {
    let overlaps = |outage: &Outage, echo| outage.from <= sent.ended_at && sent.sent_at <= outage.to + echo;
    match sent.code() {
        Some("database_unavailable" | "start_failed" | "events_unavailable") => {
            outages.iter().any(|outage| outage.origin == Origin::Own && overlaps(outage, ECHO))
        }
        Some("billing_unavailable") => {
            outages.iter().any(|outage| matches!(outage.origin, Origin::Own | Origin::Stripe) && overlaps(outage, ECHO))
        }
        Some("auth_unavailable") => {
            outages.iter().any(|outage| matches!(outage.origin, Origin::Own | Origin::Keys) && overlaps(outage, ECHO))
        }
        Some("provider_unavailable") => outages.iter().any(|outage| overlaps(outage, BREAKER_MAX)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
