//! What must hold of money: what was paid is granted, what was given back is taken back, and each once.

use std::collections::{BTreeMap, BTreeSet};

use crate::chaos::facts::Facts;
use crate::chaos::money::GrantRow;

/// What each pack costs, in US cents, and gives.
const PACKS: [(i64, i64); 3] = [(2_000, 20), (9_500, 100), (45_000, 500)];
/// What a month of each plan gives.
const PLANS: [(&str, i64); 3] =
    [("price_sandbox_starter_month", 25), ("price_sandbox_growth_month", 100), ("price_sandbox_agency_month", 500)];

pub fn packs(facts: &Facts) -> Vec<String> {
    let mut granted: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for grant in &facts.money.ours.grants {
        if let Some(purchase) = grant.payment_id.as_deref().and_then(|payment| payment.strip_prefix("purchase:")) {
            granted.entry(purchase).or_default().push(grant.amount);
        }
    }
    let mut found = Vec::new();
    let mut charged = BTreeSet::new();
    for paid in &facts.money.at_stripe.packs {
        // A second charge for an automatic purchase is against another rule.
        if paid.is_automatic && !charged.insert(&paid.purchase_id) {
            continue;
        }
        let bought = PACKS.iter().find(|(cents, _)| *cents == paid.cents).map(|(_, credits)| *credits);
        let grants = granted.remove(paid.purchase_id.as_str()).unwrap_or_default();
        if Some(grants.as_slice()) != bought.as_ref().map(std::slice::from_ref) {
            found.push(format!("purchase {}, paid with {} cents, granted {grants:?}", paid.purchase_id, paid.cents));
        }
    }
    found.extend(granted.iter().map(|(purchase, grants)| format!("purchase {purchase} was not paid: {grants:?}")));
    found
}

/// A month gives what the dearest plan gives that was paid for it, in as many parts as there were changes of the plan.
pub fn months(facts: &Facts) -> Vec<String> {
    let mut months: BTreeMap<(&str, i64), (i64, i64)> = BTreeMap::new();
    let mut found = Vec::new();
    for paid in &facts.money.at_stripe.months {
        let Some((_, credits)) = PLANS.iter().find(|(price, _)| *price == paid.price) else {
            found.push(format!("subscription {} has the unknown price {}", paid.subscription, paid.price));
            continue;
        };
        let (bought, _) = months.entry((&paid.subscription, paid.ends_at)).or_default();
        *bought = (*bought).max(*credits);
    }
    for GrantRow { amount, subscription, ends_at, .. } in &facts.money.ours.grants {
        if let (Some(subscription), Some(ends_at)) = (subscription, ends_at) {
            let (_, granted) = months.entry((subscription, *ends_at)).or_default();
            *granted += amount;
        }
    }
    let differing = months.iter().filter(|(_, (bought, granted))| bought != granted);
    found.extend(differing.map(|((subscription, ends_at), (bought, granted))| {
        format!("the month of {subscription} until {ends_at} buys {bought} credits and was granted {granted}")
    }));
    found
}

pub fn taken_back(facts: &Facts) -> Vec<String> {
    let money = &facts.money;
    let at_stripe: BTreeMap<&str, _> =
        money.at_stripe.payments.iter().map(|payment| (payment.id.as_str(), payment)).collect();
    let known: BTreeSet<&str> = money.ours.payments.iter().map(|row| row.id.as_str()).collect();
    let mut found = Vec::new();
    let mut taken_back: BTreeMap<&str, i64> = BTreeMap::new();
    for row in &money.ours.payments {
        *taken_back.entry(&row.account_id).or_default() += row.taken_back;
        let payment = at_stripe.get(row.id.as_str()).filter(|payment| payment.cents > 0);
        // A part of a credit stays with the customer.
        let due = payment.map_or(0, |payment| row.credits * payment.lost_cents / payment.cents);
        if row.taken_back != due {
            let lost = payment.map_or((0, 0), |payment| (payment.lost_cents, payment.cents));
            let why = format!("of {} credits, with {} of {} cents lost", row.credits, lost.0, lost.1);
            found.push(format!("{}: {} instead of {due} {why}", row.id, row.taken_back));
        }
    }
    let lost = money.at_stripe.payments.iter().filter(|payment| payment.lost_cents > 0);
    found.extend(
        lost.filter(|payment| !known.contains(payment.id.as_str()))
            .map(|payment| format!("{} lost {} cents, and the payment is not known", payment.id, payment.lost_cents)),
    );
    for debt in &money.ours.debts {
        let due = taken_back.get(debt.account_id.as_str()).copied().unwrap_or_default() - debt.collected;
        if debt.owed != due {
            found.push(format!("account {} owes {} instead of {due}", debt.account_id, debt.owed));
        } else if debt.owed > 0 && debt.balance > 0 {
            found.push(format!("account {} owes {} and has {}", debt.account_id, debt.owed, debt.balance));
        }
    }
    found
}

pub fn events(facts: &Facts) -> Vec<String> {
    let ours = &facts.money.ours.events;
    let listed = facts.money.at_stripe.events.iter().filter_map(|event| match ours.get(&event.id) {
        None => Some(format!("{} {} is missing", event.kind, event.id)),
        Some(None) => Some(format!("{} {} is not applied", event.kind, event.id)),
        Some(Some(_)) => None,
    });
    listed.collect()
}

pub fn top_ups(facts: &Facts) -> Vec<String> {
    let ours = &facts.money.ours;
    let mut found = Vec::new();
    for limits in &ours.top_ups {
        let mut bought: Vec<_> = ours.automatic.iter().filter(|row| row.account_id == limits.account_id).collect();
        bought.sort_by_key(|row| row.at);
        let mut months: BTreeMap<&str, i64> = BTreeMap::new();
        for (before, row) in bought.iter().enumerate() {
            let crossings = ours.crossings.iter();
            let crossings = crossings.filter(|one| one.account_id == row.account_id && one.at <= row.at).count();
            if crossings <= before {
                found.push(format!("purchase {} follows {before} others and {crossings} crossings", row.id));
            }
            if row.status != "failed" {
                *months.entry(&row.month).or_default() += row.price_cents;
            }
        }
        let above = months.iter().filter(|(_, cents)| **cents > limits.monthly_max_cents);
        found.extend(above.map(|(month, cents)| {
            format!("account {} spent {cents} of {} in {month}", limits.account_id, limits.monthly_max_cents)
        }));
    }
    let mut charged = BTreeSet::new();
    let automatic = facts.money.at_stripe.packs.iter().filter(|pack| pack.is_automatic);
    for pack in automatic.filter(|pack| !charged.insert(&pack.purchase_id)) {
        found.push(format!("purchase {} was charged twice", pack.purchase_id));
    }
    found
}
