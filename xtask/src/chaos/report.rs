//! What was done and what was found, as text and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::audit::{Check, audit};
use super::facts::Facts;
use crate::table::table;

/// So many violations of a rule are shown; the number of all is told.
const SHOWN_MAX: usize = 12;

#[derive(Debug, Serialize)]
pub struct Report {
    seed: u64,
    minutes: u64,
    /// Until every run and bulk had ended, in seconds.
    settled_s: f64,
    /// How long the audit took, in seconds.
    audit_s: f64,
    /// Requests by operation and answer.
    requests: BTreeMap<String, usize>,
    /// Faults by kind.
    faults: BTreeMap<String, usize>,
    /// Runs by type, end, charge and why they failed.
    runs: BTreeMap<String, usize>,
    bulks: BTreeMap<String, usize>,
    /// What was paid at Stripe, and lost again.
    money: BTreeMap<String, usize>,
    /// The most that went on at once.
    peak_of_actor_runs: u64,
    checks: Vec<Check>,
}

impl Report {
    pub fn of(seed: u64, minutes: u64, facts: &Facts, settled_s: f64, audit_s: f64) -> Self {
        let run = |run: &super::facts::RunRow| {
            let charge = run.charge_outcome.as_deref().unwrap_or("open");
            let why = run.error_code.as_deref().map_or_else(String::new, |code| format!(" {code}"));
            format!("{} {} {charge}{why}", run.analysis_type, run.status)
        };
        Self {
            seed,
            minutes,
            settled_s,
            audit_s,
            requests: counted(facts.exchanges.iter().map(super::book::Exchange::kind)),
            faults: counted(facts.outages.iter().map(|outage| outage.kind.clone())),
            runs: counted(facts.runs.iter().map(run)),
            bulks: counted(facts.bulks.iter().map(|bulk| bulk.status.clone())),
            money: money(facts),
            peak_of_actor_runs: facts.peak_of_actor_runs,
            checks: audit(facts),
        }
    }

    pub fn has_held(&self) -> bool {
        self.checks.iter().all(|check| check.violations.is_empty())
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        for (what, counts) in [
            ("request", &self.requests),
            ("fault", &self.faults),
            ("run", &self.runs),
            ("bulk", &self.bulks),
            ("money", &self.money),
        ] {
            let rows = counts.iter().map(|(kind, count)| vec![kind.clone(), count.to_string()]).collect();
            text += &table(&[what, "count"], rows);
            text.push('\n');
        }
        for check in &self.checks {
            let verdict = if check.violations.is_empty() { "held" } else { "BROKEN" };
            text += &format!("  {verdict:<8}{}\n", check.rule);
            for violation in check.violations.iter().take(SHOWN_MAX) {
                text += &format!("            {violation}\n");
            }
            if check.violations.len() > SHOWN_MAX {
                text += &format!("            … {} in all\n", check.violations.len());
            }
        }
        let held = self.checks.iter().filter(|check| check.violations.is_empty()).count();
        text += &format!(
            "\nseed {}, {} min: at most {} actor runs at once; everything had ended after {:.0} s of quiet\n\
             {held} rules held, {} broken\n",
            self.seed,
            self.minutes,
            self.peak_of_actor_runs,
            self.settled_s,
            self.checks.len() - held
        );
        text
    }
}

fn money(facts: &Facts) -> BTreeMap<String, usize> {
    let at_stripe = &facts.money.at_stripe;
    let debtors = facts.money.ours.debts.iter().filter(|debt| debt.owed > 0);
    let counts = [
        ("packs paid", at_stripe.packs.iter().filter(|pack| !pack.is_automatic).count()),
        ("packs bought by themselves", at_stripe.packs.iter().filter(|pack| pack.is_automatic).count()),
        ("months paid", at_stripe.months.len()),
        ("payments", at_stripe.payments.len()),
        ("payments that lost money", at_stripe.payments.iter().filter(|payment| payment.lost_cents > 0).count()),
        ("events listed", at_stripe.events.len()),
        ("accounts that owe credits", debtors.count()),
    ];
    counts.into_iter().map(|(what, count)| (what.to_owned(), count)).collect()
}

fn counted(kinds: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    kinds.fold(BTreeMap::new(), |mut counts, kind| {
        *counts.entry(kind).or_default() += 1;
        counts
    })
}
