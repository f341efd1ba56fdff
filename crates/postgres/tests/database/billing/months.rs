//! Which months are granted, and how much for each.

use oslira_testkit::{Error, TestResult};
use serde_json::{Value, json};

use super::{GROWTH, STARTER, applied, invoice, line, month, price, spend, subscription, tell, with};
use crate::support::Stage;

/// Grants what is due at that moment, and answers how much that was.
async fn renewed(stage: &Stage, at: &str) -> Result<i64, Error> {
    let sql = "select to_jsonb(system.renew_subscription(id, $1::text::timestamptz)) from subscriptions";
    Ok(stage.backend.call(sql, &[&at]).await?.as_i64().unwrap_or_default())
}

/// The first days of the months that were granted, with their credits.
async fn months(stage: &Stage) -> Result<Vec<String>, Error> {
    let sql = "select to_char(period_starts_at at time zone 'UTC', 'YYYY-MM-DD') || ':' || amount from credit_grants
               where source = 'plan' order by period_starts_at, id";
    Ok(stage.superuser.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

#[tokio::test]
async fn a_paid_month_grants_its_plans_credits_and_its_limits() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    applied(&stage, "evt_1", &month(&stage, "in_1", GROWTH, "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")).await?;
    assert_eq!((stage.balance().await?, months(&stage).await?), (100, vec!["2026-11-01:100".to_owned()]));
    assert_eq!(stage.count("accounts where plan_id = 'growth'").await?, 1);
    assert_eq!(stage.count("billing_customers where stripe_customer_id = 'cus_1'").await?, 1);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_paid_upgrade_grants_the_difference_and_a_downgrade_waits_for_the_next_month() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (start, end) = ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z");
    applied(&stage, "evt_1", &month(&stage, "in_1", STARTER, start, end)).await?;
    // Up and down three times, each with what Stripe bills for it and gives back. Twelve hours into each day.
    let mut before = STARTER;
    for (day, lookup_key, credits) in
        [(5, GROWTH, 100), (6, STARTER, 25), (7, GROWTH, 100), (8, STARTER, 25), (9, GROWTH, 100), (10, STARTER, 25)]
    {
        let at = format!("2026-11-{day:02}T12:00:00Z");
        let state = with(subscription(&stage, lookup_key, start, end), &json!({ "observed_at": at }));
        let lines = [line(before, &at, end, -1000), line(lookup_key, &at, end, 5000)];
        let changed = invoice(&format!("in_{day}"), &state, &lines);
        for repeat in ["", " again"] {
            applied(&stage, &format!("evt_{day}{repeat}"), &changed).await?;
            assert_eq!(stage.balance().await?, credits, "day {day}{repeat}");
        }
        before = lookup_key;
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_downgrade_that_gives_no_money_back_leaves_the_month_as_it_is() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (start, end) = ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z");
    applied(&stage, "evt_1", &month(&stage, "in_1", GROWTH, start, end)).await?;
    spend(&stage, 90).await?;
    let cheaper = with(subscription(&stage, STARTER, start, end), &json!({ "observed_at": "2026-11-20T00:00:00Z" }));
    applied(&stage, "evt_2", &json!({ "kind": "subscription", "subscription": cheaper })).await?;
    assert_eq!((stage.balance().await?, super::owed(&stage).await?), (10, 0));
    let next = month(&stage, "in_2", STARTER, end, "2027-01-01T00:00:00Z");
    applied(&stage, "evt_3", &next).await?;
    assert_eq!(stage.balance().await?, 25, "of the dear month nothing rolls over into a plan without rollover");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_downgrade_below_what_is_used_is_owed_and_never_negative() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (start, end, at) = ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", "2026-11-01T12:00:00Z");
    applied(&stage, "evt_1", &month(&stage, "in_1", GROWTH, start, end)).await?;
    spend(&stage, 95).await?;
    let state = with(subscription(&stage, STARTER, start, end), &json!({ "observed_at": at }));
    let lines = [line(GROWTH, at, end, -7800), line(STARTER, at, end, 1950)];
    applied(&stage, "evt_2", &invoice("in_2", &state, &lines)).await?;
    // 98 of the 100 belong to time that was given back, 5 were left, and 23 of the cheaper month pay for some of the rest.
    assert_eq!((stage.balance().await?, super::owed(&stage).await?), (0, 70));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_upgrade_that_is_told_before_its_month_comes_to_the_same() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (start, end, at) = ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", "2026-11-05T12:00:00Z");
    let state = with(subscription(&stage, GROWTH, start, end), &json!({ "observed_at": at }));
    applied(&stage, "evt_2", &invoice("in_2", &state, &[line(GROWTH, at, end, 6800)])).await?;
    applied(&stage, "evt_1", &month(&stage, "in_1", STARTER, start, end)).await?;
    assert_eq!((stage.balance().await?, months(&stage).await?), (100, vec!["2026-11-01:100".to_owned()]));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_change_from_months_to_a_year_grants_no_month_twice() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    // Far ahead, so that only the job grants later months.
    let (start, end, at) = ("2096-11-01T00:00:00Z", "2096-12-01T00:00:00Z", "2096-11-15T12:00:00Z");
    applied(&stage, "evt_1", &month(&stage, "in_1", STARTER, start, end)).await?;
    let year_ends = "2097-11-15T12:00:00Z";
    let state = with(subscription(&stage, "growth_year", at, year_ends), &json!({ "observed_at": at }));
    let lines = [line("growth_year", at, year_ends, 79_000), line(STARTER, at, end, -1000)];
    applied(&stage, "evt_2", &invoice("in_2", &state, &lines)).await?;
    assert_eq!(months(&stage).await?, ["2096-11-01:25", "2096-11-15:100"]);
    assert_eq!(stage.balance().await?, 25 - 12 + 100, "what was given back of the first month is taken back");
    assert_eq!(renewed(&stage, "2096-12-15T11:59:59Z").await?, 0);
    assert_eq!(renewed(&stage, "2096-12-15T12:00:00Z").await?, 100);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn time_that_was_given_back_for_money_grants_no_month_any_more() -> TestResult {
    // From a dear year to a cheap month, and to a cheap year: in both orders of the invoices.
    for (cheap, ends_at, later) in [
        ("starter_month", "2096-12-15T12:00:00Z", ["2096-12-01:0", "2097-01-01:0"]),
        ("starter_year", "2097-11-01T00:00:00Z", ["2096-12-01:25", "2097-01-01:25"]),
    ] {
        for is_in_order in [true, false] {
            let stage = Stage::with_credits(0).await?;
            let (start, end, at) = ("2096-11-01T00:00:00Z", "2097-11-01T00:00:00Z", "2096-11-15T12:00:00Z");
            let year = subscription(&stage, "growth_year", start, end);
            let bought = invoice("in_1", &year, &[line("growth_year", start, end, 79_000)]);
            let starts_at = if cheap == "starter_month" { at } else { start };
            let changed = with(subscription(&stage, cheap, starts_at, ends_at), &json!({ "observed_at": at }));
            let swap =
                invoice("in_2", &changed, &[line("growth_year", at, end, -75_000), line(cheap, at, ends_at, 2000)]);
            let mut told = [("evt_1", bought), ("evt_2", swap)];
            if !is_in_order {
                told.reverse();
            }
            for (event, effect) in &told {
                applied(&stage, event, effect).await?;
            }
            for day in ["2096-12-01", "2097-01-01"] {
                renewed(&stage, &format!("{day}T00:00:00Z")).await?;
            }
            let granted = months(&stage).await?;
            let of = |day: &str| -> i64 {
                granted.iter().filter_map(|month| month.strip_prefix(day)?.strip_prefix(':')?.parse::<i64>().ok()).sum()
            };
            for month in later {
                let (day, credits) = month.split_once(':').unwrap();
                assert_eq!(of(day), credits.parse::<i64>().unwrap(), "{cheap} {is_in_order} {granted:?}");
            }
            stage.assert_ledger_is_whole().await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_change_to_another_price_of_the_same_plan_changes_no_credits() -> TestResult {
    // What is given back of the old price, and what is paid of the new one, begin at the same moment and are of one plan.
    for (lookup_key, end, later) in [(STARTER, "2096-12-01T00:00:00Z", 0), ("starter_year", "2097-11-01T00:00:00Z", 25)]
    {
        for is_in_order in [true, false] {
            let stage = Stage::with_credits(0).await?;
            let (start, at) = ("2096-11-01T00:00:00Z", "2096-11-16T00:00:00Z");
            let mut dearer = price(lookup_key);
            dearer["id"] = json!("price_dearer");
            let before = subscription(&stage, lookup_key, start, end);
            let after = with(before.clone(), &json!({ "observed_at": at, "price": dearer }));
            let paid = with(line(lookup_key, at, end, 1500), &json!({ "price_id": "price_dearer" }));
            let mut told = [
                ("evt_1", invoice("in_1", &before, &[line(lookup_key, start, end, 2000)])),
                ("evt_2", invoice("in_2", &after, &[line(lookup_key, at, end, -1000), paid])),
            ];
            if !is_in_order {
                told.reverse();
            }
            for (event, effect) in &told {
                applied(&stage, event, effect).await?;
            }
            assert_eq!(stage.balance().await?, 25, "{lookup_key} {is_in_order}");
            assert_eq!(renewed(&stage, "2096-12-01T00:00:00Z").await?, later, "{lookup_key} {is_in_order}");
            stage.assert_ledger_is_whole().await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_period_that_is_shorter_than_its_months_grants_those_that_begin_in_it() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (start, end) = ("2095-04-10T00:00:00Z", "2096-01-01T00:00:00Z");
    let state = subscription(&stage, "starter_year", start, end);
    applied(&stage, "evt_1", &invoice("in_1", &state, &[line("starter_year", start, end, 15_000)])).await?;
    assert_eq!(renewed(&stage, "2097-01-01T00:00:00Z").await?, 200);
    assert_eq!((months(&stage).await?.len(), renewed(&stage, "2097-01-01T00:00:00Z").await?), (9, 0));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_change_from_a_month_to_a_year_at_its_end_loses_no_month() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (start, end, at) = ("2096-11-01T00:00:00Z", "2096-12-01T00:00:00Z", "2096-11-30T00:00:00Z");
    applied(&stage, "evt_1", &month(&stage, "in_1", STARTER, start, end)).await?;
    let year_ends = "2097-11-30T00:00:00Z";
    let state = with(subscription(&stage, "starter_year", at, year_ends), &json!({ "observed_at": at }));
    let lines = [line(STARTER, at, end, -66), line("starter_year", at, year_ends, 20_000)];
    applied(&stage, "evt_2", &invoice("in_2", &state, &lines)).await?;
    assert_eq!(months(&stage).await?, ["2096-11-01:25", "2096-11-30:25"]);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn only_who_has_a_month_due_is_renewed() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (start, end) = ("2095-05-31T10:00:00Z", "2096-05-31T10:00:00Z");
    let state = subscription(&stage, "starter_year", start, end);
    applied(&stage, "evt_1", &invoice("in_1", &state, &[line("starter_year", start, end, 20_000)])).await?;
    let due = "select to_jsonb(jsonb_array_length(system.renewable_subscriptions($1::text::timestamptz, null, 10)))";
    for (at, is_due) in [("2095-06-30T09:59:59Z", 0), ("2095-06-30T10:00:00Z", 1)] {
        assert_eq!(stage.backend.call(due, &[&at]).await?, json!(is_due), "{at}");
    }
    renewed(&stage, "2095-06-30T10:00:00Z").await?;
    assert_eq!(stage.backend.call(due, &[&"2095-06-30T10:00:00Z"]).await?, json!(0));
    assert_eq!(stage.backend.call(due, &[&"2095-07-31T10:00:00Z"]).await?, json!(1));
    Ok(())
}

#[tokio::test]
async fn a_year_grants_twelve_months_each_on_its_day_and_no_thirteenth() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    // The 31st, in a year before a leap year's February.
    let (start, end) = ("2095-05-31T10:00:00Z", "2096-05-31T10:00:00Z");
    let state = subscription(&stage, "starter_year", start, end);
    tell(&stage.backend, "evt_1", &invoice("in_1", &state, &[line("starter_year", start, end, 20_000)])).await?;
    let mut day = "2095-05-30".to_owned();
    for _ in 0..480 {
        let next: String = stage.superuser.query_one("select ($1::text::date + 1)::text", &[&day]).await?.get(0);
        day = next;
        renewed(&stage, &format!("{day}T09:59:59Z")).await?;
        renewed(&stage, &format!("{day}T10:00:00Z")).await?;
    }
    let expected = [
        "2095-05-31",
        "2095-06-30",
        "2095-07-31",
        "2095-08-31",
        "2095-09-30",
        "2095-10-31",
        "2095-11-30",
        "2095-12-31",
        "2096-01-31",
        "2096-02-29",
        "2096-03-31",
        "2096-04-30",
    ]
    .map(|day| format!("{day}:25"));
    assert_eq!(months(&stage).await?, expected);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_cancelled_year_is_granted_to_its_end_and_a_terminated_one_no_longer() -> TestResult {
    for (changes, granted) in [
        (json!({ "cancel_at": "2096-05-31T10:00:00Z" }), 12),
        (json!({ "status": "canceled", "ended_at": "2095-08-15T00:00:00Z" }), 3),
    ] {
        let stage = Stage::with_credits(0).await?;
        let (start, end) = ("2095-05-31T10:00:00Z", "2096-05-31T10:00:00Z");
        let state = subscription(&stage, "starter_year", start, end);
        tell(&stage.backend, "evt_1", &invoice("in_1", &state, &[line("starter_year", start, end, 20_000)])).await?;
        let changed = with(with(state, &changes), &json!({ "observed_at": "2095-06-01T00:00:00Z" }));
        applied(&stage, "evt_2", &json!({ "kind": "subscription", "subscription": changed })).await?;
        for month in 0..16 {
            let at: String = stage
                .superuser
                .query_one(
                    "select ('2095-06-01T00:00:00Z'::timestamptz + make_interval(months => $1))::text",
                    &[&month],
                )
                .await?
                .get(0);
            renewed(&stage, &at).await?;
        }
        assert_eq!(months(&stage).await?.len(), granted, "{changes}");
        stage.assert_ledger_is_whole().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_costs_nothing_grants_nothing() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (start, end) = ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z");
    let state = subscription(&stage, STARTER, start, end);
    let foreign = json!({ "id": "price_foreign", "lookup_key": "somebody_elses", "unit_amount": 2000 });
    let free = json!({ "id": "price_free", "lookup_key": "growth_month", "unit_amount": 0 });
    let negative = json!({ "id": "price_negative", "lookup_key": "growth_month", "unit_amount": -1 });
    let with_prices = |lines: &[Value]| {
        let mut paid = invoice("in_1", &state, lines);
        paid["prices"] = json!([foreign, free, negative]);
        paid
    };
    let at = |price: &str| json!({ "price_id": price, "starts_at": start, "ends_at": end, "amount_cents": 2000 });
    for (event, line, outcome) in [
        ("evt_1", line(STARTER, start, end, 0), "applied"),
        ("evt_2", line(STARTER, start, end, -2000), "applied"),
        ("evt_3", super::line(STARTER, end, start, 2000), "applied"),
        // They wait for somebody to give the price a name at Stripe.
        ("evt_4", at("price_foreign"), "waiting"),
        ("evt_5", at("price_free"), "waiting"),
        ("evt_6", at("price_negative"), "waiting"),
        ("evt_7", at("price_never_heard_of"), "waiting"),
    ] {
        assert_eq!(tell(&stage.backend, event, &with_prices(&[line])).await?["outcome"], outcome, "{event}");
    }
    // Nor does a plan that is not sold.
    let unsold = json!({ "id": "sub_2", "price": { "id": "price_x", "lookup_key": "free_month", "unit_amount": 100 } });
    let told = json!({ "kind": "subscription", "subscription": with(state.clone(), &unsold) });
    assert_eq!(tell(&stage.backend, "evt_8", &told).await?["outcome"], "ignored");
    assert_eq!(stage.balance().await?, 0);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_plan_without_stripe_is_renewed_by_the_job_once_a_month() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let give = "select system.give_plan($1, 'starter')";
    assert_eq!(stage.backend.call(give, &[&stage.member.account_id]).await?["credits"], 25);
    assert_eq!(stage.backend.call(give, &[&stage.member.account_id]).await?["outcome"], "already_subscribed");
    for (months, credits) in [("0 days", 0), ("1 month", 25), ("1 month", 0), ("1 month 20 hours", 0), ("2 months", 25)]
    {
        let sql = "select to_jsonb(system.renew_subscription(id, private.months_after(anchor_at, 0) + $1::text::interval)) from subscriptions";
        // As the owner, who may call the helper.
        let granted: Value = stage.superuser.query_one(sql, &[&months]).await?.get(0);
        assert_eq!(granted, json!(credits), "{months}");
        // The guard of 23 hours goes by the clock, which these months did not take.
        stage.execute("update credit_grants set created_at = created_at - interval '2 days'", &[]).await?;
    }
    let end = "select system.end_plan($1)";
    assert_eq!(stage.backend.call(end, &[&stage.member.account_id]).await?["outcome"], "ok");
    assert_eq!(stage.backend.call(end, &[&stage.member.account_id]).await?["outcome"], "not_subscribed");
    assert_eq!(stage.count("accounts where plan_id = 'free'").await?, 1);
    stage.assert_ledger_is_whole().await
}
