use serde_json::json;

use super::*;
use crate::chaos::facts::{BulkRow, RunRow};
use crate::chaos::money::{
    AtStripe, AutomaticRow, CrossingRow, DebtRow, GrantRow, ListedEvent, Money, Ours, PaidMonth, PaidPack, Payment,
    PaymentRow, TopUpRow,
};

const RUN_ID: &str = "run-1";
const BULK_ID: &str = "bulk-1";
const LINE_ID: &str = "run-2";

fn at(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn exchange(operation: &'static str, about: Option<&str>, status: u16, body: Value) -> Exchange {
    Exchange {
        customer: 0,
        operation,
        about: about.map(str::to_owned),
        key: None,
        body: Value::Null,
        sent_at: at(10),
        ended_at: at(11),
        outcome: Outcome::Answer { status, body, retry_after_s: None },
    }
}

fn bought() -> Exchange {
    let data = json!({ "run_id": RUN_ID, "status": "pending", "credits_charged": 1, "balance": 9 });
    Exchange {
        key: Some("key".to_owned()),
        body: json!({ "username": "nasa", "analysis_type": "LIGHT", "business_profile_id": "business" }),
        ..exchange(ANALYZE, None, 202, json!({ "success": true, "data": data }))
    }
}

fn bought_bulk() -> Exchange {
    let data = json!({ "bulk_id": BULK_ID, "charged": [{ "line": 1, "username": "esa", "run_id": LINE_ID }] });
    exchange(BULK, None, 202, json!({ "data": data }))
}

fn refused(operation: &'static str, status: u16, code: &str) -> Exchange {
    exchange(operation, Some(RUN_ID), status, json!({ "code": code, "error": "…", "requestId": "request" }))
}

fn cancel(refunded: i64) -> Exchange {
    let data = json!({ "status": "cancelled", "refunded": refunded, "kept": 1 - refunded, "balance": 9 });
    exchange(CANCEL, Some(RUN_ID), 200, json!({ "data": data }))
}

fn run(id: &str, bulk: Option<&str>) -> RunRow {
    RunRow {
        id: id.to_owned(),
        account_id: "account".to_owned(),
        business_profile_id: Some("business".to_owned()),
        username: "nasa".to_owned(),
        analysis_type: "LIGHT".to_owned(),
        status: "complete".to_owned(),
        charge_outcome: Some("result".to_owned()),
        error_code: None,
        idempotency_key: Some("key".to_owned()),
        bulk_id: bulk.map(str::to_owned),
    }
}

/// One run and one bulk, as they should be.
fn whole() -> Facts {
    let shown = |id: &str| Shown {
        id: id.to_owned(),
        row_status: "complete".to_owned(),
        progress_status: "complete".to_owned(),
        percent: 100,
    };
    Facts {
        accounts: vec!["account".to_owned()],
        exchanges: vec![bought(), bought_bulk()],
        runs: vec![run(RUN_ID, None), run(LINE_ID, Some(BULK_ID))],
        bulks: vec![BulkRow {
            id: BULK_ID.to_owned(),
            account_id: "account".to_owned(),
            status: "complete".to_owned(),
            idempotency_key: None,
        }],
        shown: vec![shown(RUN_ID), shown(BULK_ID)],
        peak_of_actor_runs: ACTOR_RUNS_MAX,
        actor_runs_at_the_end: ACTOR_RUNS_MAX,
        money: paid(),
        ..Facts::default()
    }
}

/// A pack of which a third was given back and mostly spent before, one that was bought by itself, and a month with an upgrade.
fn paid() -> Money {
    let pack = |id: &str, is_automatic| PaidPack { purchase_id: id.to_owned(), cents: 2_000, is_automatic };
    let month = |plan: &str| PaidMonth {
        subscription: "sub_1".to_owned(),
        price: format!("price_sandbox_{plan}_month"),
        ends_at: 100,
    };
    let payment = |id: &str, lost_cents| Payment { id: id.to_owned(), cents: 2_000, lost_cents };
    let row = |id: &str, credits, taken_back| PaymentRow {
        id: id.to_owned(),
        account_id: "account".to_owned(),
        credits,
        taken_back,
    };
    let of_pack = |id: &str| GrantRow {
        amount: 20,
        payment_id: Some(format!("purchase:{id}")),
        subscription: None,
        ends_at: None,
    };
    let of_month = |amount| GrantRow {
        amount,
        payment_id: Some("invoice:in_1".to_owned()),
        subscription: Some("sub_1".to_owned()),
        ends_at: Some(100),
    };
    Money {
        at_stripe: AtStripe {
            packs: vec![pack("bought", false), pack("automatic", true)],
            months: vec![month("starter"), month("growth")],
            payments: vec![payment("purchase:bought", 667), payment("purchase:automatic", 0)],
            events: vec![ListedEvent { id: "evt_1".to_owned(), kind: "invoice.paid".to_owned() }],
        },
        ours: Ours {
            grants: vec![of_pack("bought"), of_pack("automatic"), of_month(25), of_month(75)],
            payments: vec![row("purchase:bought", 20, 6), row("purchase:automatic", 20, 0)],
            debts: vec![DebtRow { account_id: "account".to_owned(), balance: 0, owed: 4, collected: 2 }],
            events: BTreeMap::from([("evt_1".to_owned(), Some("applied".to_owned()))]),
            top_ups: vec![TopUpRow { account_id: "account".to_owned(), monthly_max_cents: 2_000 }],
            automatic: vec![automatic()],
            crossings: vec![CrossingRow { account_id: "account".to_owned(), at: 10 }],
        },
    }
}

fn automatic() -> AutomaticRow {
    AutomaticRow {
        id: "automatic".to_owned(),
        account_id: "account".to_owned(),
        price_cents: 2_000,
        status: "paid".to_owned(),
        at: 11,
        month: "2026-11".to_owned(),
    }
}

fn broken(facts: &Facts) -> Vec<&'static str> {
    audit(facts).into_iter().filter(|check| !check.violations.is_empty()).map(|check| check.rule).collect()
}

type Spoil = fn(&mut Facts);

/// What spoils the facts, and the one rule that this breaks.
const SPOILT: [(Spoil, &str); 44] = [
    (|facts| facts.runs[0].status = "processing".to_owned(), "every run and every bulk has ended"),
    (|facts| facts.bulks[0].status = "processing".to_owned(), "every run and every bulk has ended"),
    (|facts| facts.books.push("…".to_owned()), "ledger, balances, runs, analyses and leads agree"),
    (|facts| facts.negative.push("…".to_owned()), "no balance was ever below zero"),
    (|facts| facts.peak_of_actor_runs = 11, "at most ten actor runs at once"),
    (|facts| facts.actor_runs_at_the_end = 9, "no lease is left: ten new profiles are read side by side"),
    (|facts| drop(facts.runs.remove(0)), "whatever was accepted is there, as it was asked for"),
    (|facts| drop(facts.runs.remove(1)), "whatever was accepted is there, as it was asked for"),
    (|facts| facts.bulks.clear(), "whatever was accepted is there, as it was asked for"),
    (|facts| facts.runs[1].bulk_id = Some("bulk-2".to_owned()), "whatever was accepted is there, as it was asked for"),
    (|facts| facts.runs.push(run("run-3", None)), "every run was asked for"),
    (|facts| facts.exchanges.push(with_data("balance", json!(8))), "one idempotency key, one answer"),
    (|facts| facts.exchanges.push(later("analysis_in_progress", 409)), "one idempotency key, one answer"),
    (
        |facts| {
            let of_bulk = |refunded| Exchange { about: Some(BULK_ID.to_owned()), ..cancel(refunded) };
            facts.exchanges.extend([of_bulk(1), of_bulk(0)]);
        },
        "a cancel or a continue that is repeated gets the first answer",
    ),
    (|facts| facts.exchanges.push(cancel(1)), "what a cancel answered is what became of the run"),
    (
        |facts| {
            let mut finished = refused(CANCEL, 409, "run_finished");
            if let Outcome::Answer { body, .. } = &mut finished.outcome {
                body["details"] = json!({ "status": "failed" });
            }
            facts.exchanges.push(finished);
        },
        "what a cancel answered is what became of the run",
    ),
    (
        |facts| facts.exchanges.push(refused(RUN, 404, "run_not_found")),
        "a customer finds every run that they were given",
    ),
    (|facts| facts.shown[0].progress_status = "processing".to_owned(), "progress and row tell the same"),
    (|facts| facts.shown[1].percent = 99, "progress and row tell the same"),
    (|facts| facts.exchanges.push(refused(RUN, 503, "database_unavailable")), DOCUMENTED),
    (|facts| facts.exchanges.push(refused(RUN, 500, "internal_error")), DOCUMENTED),
    (|facts| facts.exchanges.push(refused(RUN, 402, "insufficient_credits")), DOCUMENTED),
    (|facts| facts.exchanges.push(exchange(RUN, None, 502, Value::Null)), DOCUMENTED),
    (|facts| facts.exchanges.push(exchange(RUN, None, 202, json!({ "data": {} }))), DOCUMENTED),
    (|facts| facts.traps.push("…".to_owned()), "the Worker never trapped"),
    (|facts| drop(facts.money.ours.grants.remove(0)), PACKS),
    (|facts| drop(facts.money.at_stripe.packs.remove(0)), PACKS),
    (|facts| facts.money.ours.grants[1].amount = 100, PACKS),
    (|facts| facts.money.ours.grants.push(facts.money.ours.grants[0].clone()), PACKS),
    (|facts| drop(facts.money.ours.grants.remove(2)), MONTHS),
    (|facts| facts.money.at_stripe.months.clear(), MONTHS),
    (|facts| facts.money.ours.grants[3].ends_at = Some(200), MONTHS),
    (|facts| facts.money.ours.grants.push(facts.money.ours.grants[2].clone()), MONTHS),
    (|facts| facts.money.at_stripe.payments[0].lost_cents = 700, TAKEN_BACK),
    (|facts| facts.money.at_stripe.payments[1].lost_cents = 2_000, TAKEN_BACK),
    (|facts| drop(facts.money.ours.payments.remove(0)), TAKEN_BACK),
    (|facts| facts.money.ours.debts[0].owed = 0, TAKEN_BACK),
    (|facts| facts.money.ours.debts[0].collected = 8, TAKEN_BACK),
    (|facts| facts.money.ours.debts[0].balance = 1, TAKEN_BACK),
    (|facts| facts.money.ours.events.clear(), EVENTS),
    (|facts| drop(facts.money.ours.events.insert("evt_1".to_owned(), None)), EVENTS),
    (|facts| facts.money.ours.crossings[0].at = 12, TOP_UPS),
    (|facts| facts.money.ours.top_ups[0].monthly_max_cents = 1_999, TOP_UPS),
    (|facts| facts.money.at_stripe.packs.push(facts.money.at_stripe.packs[1].clone()), TOP_UPS),
];

const PACKS: &str = "every pack that was paid at Stripe was granted once, and no other";
const MONTHS: &str = "every paid month of a subscription was granted once, and no other";
const TAKEN_BACK: &str = "what a payment lost is taken back in proportion, once, and what is spent is owed";
const EVENTS: &str = "no event that Stripe lists is missing or not applied";
const TOP_UPS: &str = "at most one automatic purchase for each crossing, and never above the ceiling";

const DOCUMENTED: &str = "no answer is undocumented, and none is a failure that no outage excuses";

/// The same purchase, answered with another value.
fn with_data(field: &str, value: Value) -> Exchange {
    let mut again = bought();
    if let Outcome::Answer { body, .. } = &mut again.outcome {
        body["data"][field] = value;
    }
    again
}

/// The same purchase, refused later.
fn later(code: &str, status: u16) -> Exchange {
    let Exchange { outcome, .. } = refused(ANALYZE, status, code);
    Exchange { outcome, sent_at: at(20), ended_at: at(21), ..bought() }
}

#[test]
fn whole_facts_break_no_rule() {
    assert_eq!(broken(&whole()), [""; 0]);
}

#[test]
fn every_rule_can_be_broken_and_is_then_named() {
    for (number, (spoil, rule)) in SPOILT.iter().enumerate() {
        let mut facts = whole();
        spoil(&mut facts);
        assert_eq!(broken(&facts), [*rule], "spoilt in way {number}: {:#?}", audit(&facts));
    }
    let spoilt: BTreeSet<&str> = SPOILT.iter().map(|(_, rule)| *rule).collect();
    assert_eq!(spoilt, RULES.iter().map(|(rule, _)| *rule).collect(), "every rule is broken here");
}

#[test]
fn a_key_is_free_again_when_its_run_was_cancelled_before_anybody_took_it_up() {
    let mut facts = whole();
    facts.exchanges.push(with_data("run_id", json!("run-3")));
    facts.runs.push(run("run-3", None));
    assert_eq!(broken(&facts), ["one idempotency key, one answer"]);
    facts.runs[0] = RunRow {
        status: "cancelled".to_owned(),
        charge_outcome: Some("refunded".to_owned()),
        idempotency_key: None,
        ..run(RUN_ID, None)
    };
    assert_eq!(broken(&facts), [""; 0]);
}

#[test]
fn a_key_of_one_request_was_not_used_for_another() {
    let mut facts = whole();
    let refusal = || Exchange { key: Some("other".to_owned()), ..later("idempotency_key_reused", 422) };
    facts.exchanges.push(refusal());
    assert_eq!(broken(&facts), ["one idempotency key, one answer"]);
    facts.exchanges.push(Exchange { body: json!({ "username": "esa" }), ..refusal() });
    assert_eq!(broken(&facts), [""; 0]);
}

#[test]
fn an_outage_excuses_what_it_explains_for_a_while() {
    let outage = |origin| Outage { kind: String::new(), from: at(0), to: at(5), origin };
    let excused = |code: &str, outage: Outage, sent_at| {
        is_excused(&Exchange { sent_at, ended_at: sent_at, ..refused(RUN, 503, code) }, &[outage])
    };
    assert!(excused("database_unavailable", outage(Origin::Own), at(3)));
    assert!(excused("database_unavailable", outage(Origin::Own), at(5) + ECHO));
    assert!(!excused("database_unavailable", outage(Origin::Own), at(6) + ECHO));
    assert!(!excused("database_unavailable", outage(Origin::Outside), at(3)));
    assert!(excused("auth_unavailable", outage(Origin::Keys), at(3)));
    assert!(!excused("auth_unavailable", outage(Origin::Outside), at(3)));
    assert!(excused("provider_unavailable", outage(Origin::Outside), at(300)));
    assert!(excused("billing_unavailable", outage(Origin::Stripe), at(3)));
    assert!(excused("billing_unavailable", outage(Origin::Own), at(3)));
    assert!(!excused("billing_unavailable", outage(Origin::Outside), at(3)));
    assert!(!excused("internal_error", outage(Origin::Own), at(3)));
}
