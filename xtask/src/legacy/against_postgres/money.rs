//! Credits, subscriptions, and Stripe's events.

use super::*;
use crate::legacy::rehearse::{contents, differences};
use crate::legacy::undo;

const BALANCES: &str = "select jsonb_build_array(b.balance, b.owed) from credit_balances b";

/// Kind and amount of each entry, in their order.
async fn entries(client: &Client) -> Result<Value> {
    value(client, "select jsonb_agg(t.kind || ' ' || t.amount order by t.id) from credit_transactions t").await
}

async fn charged(client: &Client, user: Uuid, analysis: Uuid, delta: i32) -> Result<()> {
    let sql = "insert into legacy.credit_ledger values (gen_random_uuid(), $1, $2, 'analysis', $3, '2026-03-01')";
    client.execute(sql, &[&user, &delta, &analysis]).await?;
    Ok(())
}

async fn subscribed(
    client: &Client,
    name: &str,
    user: Uuid,
    stripe: Option<&str>,
    plan: &str,
    status: &str,
) -> Result<Uuid> {
    let sql = "insert into legacy.subscriptions
         values ($1, $2, $3, $4, $5, date_trunc('day', now()) - interval '20 days', date_trunc('day', now()) + interval '10 days')";
    client.execute(sql, &[&id(name), &user, &stripe, &plan, &status]).await?;
    Ok(id(name))
}

#[test]
fn a_balance_becomes_the_opening_grant_and_the_ledger_starts_with_it() {
    with_database(async |_, client| {
        let ann = old_user(client, "ann", 42).await?;
        charged(client, ann, id("nothing"), 40).await?;
        business(client, ann, "shop").await?;
        lead(client, "lead", "shop", "nasa", "02-01").await?;
        analysis(client, "first", "lead", "complete", 70, "02-01").await?;
        import_all(client).await?;
        assert_eq!(value(client, BALANCES).await?, serde_json::json!([42, 0]));
        let first = "select t.description || ' ' || t.amount from credit_transactions t order by t.id limit 1";
        assert_eq!(value(client, first).await?, "Opening balance: your credits with the previous service 42");
        // The history brings its own credits, and moves nothing.
        assert_eq!(entries(client).await?, serde_json::json!(["adjustment 42", "adjustment 1", "charge -1"]));
        assert_eq!(notes(client).await?, ["user_credits ledger_disagrees"]);
        Ok(())
    });
}

#[test]
fn a_negative_balance_is_owed_and_the_next_credits_pay_it() {
    with_database(async |_, client| {
        let ann = old_user(client, "ann", -5).await?;
        business(client, ann, "shop").await?;
        lead(client, "lead", "shop", "nasa", "02-01").await?;
        analysis(client, "first", "lead", "complete", 70, "02-01").await?;
        import_all(client).await?;
        assert_eq!(value(client, BALANCES).await?, serde_json::json!([0, 5]), "the history's credits paid no debt");
        let grant = "select system.grant_credits(b.account_id, 12, 'adjustment', null, null, 'gift', 'A gift') from credit_balances b";
        client.execute(grant, &[]).await?;
        assert_eq!(value(client, BALANCES).await?, serde_json::json!([7, 0]));
        Ok(())
    });
}

#[test]
fn nobody_has_free_credits_beside_the_old_balance() {
    with_database(async |_, client| {
        signed_up(client, "ann").await?;
        let sql = "insert into legacy.users (id) values ($1)";
        client.execute(sql, &[&id("ann")]).await?;
        client.execute("insert into legacy.user_credits values ($1, 3)", &[&id("ann")]).await?;
        old_user(client, "bob", 0).await?;
        import_all(client).await?;
        client.execute("update auth.users set last_sign_in_at = now()", &[]).await?;
        let balances = "select jsonb_agg(b.balance order by b.balance) from credit_balances b";
        assert_eq!(value(client, balances).await?, serde_json::json!([0, 3]));
        assert_eq!(entries(client).await?, serde_json::json!(["adjustment 10", "expiry -10", "adjustment 3"]));
        assert_eq!(value(client, "select count(*) from accounts").await?, 2);
        Ok(())
    });
}

#[test]
fn what_was_pending_is_failed_and_given_back_only_where_the_old_ledger_shows_its_charge() {
    with_database(async |_, client| {
        let ann = old_user(client, "ann", 10).await?;
        business(client, ann, "shop").await?;
        lead(client, "lead", "shop", "nasa", "02-01").await?;
        analysis(client, "done", "lead", "complete", 70, "02-01").await?;
        analysis(client, "failed", "lead", "failed", -1, "02-02").await?;
        analysis(client, "free", "lead", "pending", -1, "02-03").await?;
        let charge = analysis(client, "charged", "lead", "processing", -1, "02-04").await?;
        let refund = analysis(client, "refunded", "lead", "pending", -1, "02-05").await?;
        charged(client, ann, charge, -6).await?;
        charged(client, ann, refund, -6).await?;
        charged(client, ann, refund, 6).await?;
        import_all(client).await?;
        assert_eq!(value(client, BALANCES).await?, serde_json::json!([16, 0]));
        let runs = "select jsonb_agg(r.status || ' ' || coalesce(r.error_code, '-') || ' ' || r.credits order by r.created_at) from runs r";
        assert_eq!(
            value(client, runs).await?,
            serde_json::json!([
                "complete - 1",
                "failed failed_before_the_move 1",
                "failed unfinished_at_the_move 1",
                "failed unfinished_at_the_move 6",
                "failed unfinished_at_the_move 1"
            ])
        );
        let sums = report::sums(client).await?;
        let credits = sums.iter().find(|sum| sum.name == "credits").unwrap();
        assert_eq!((credits.before, credits.after, credits.returned), (10, 16, 6));
        Ok(())
    });
}

#[test]
fn the_charge_of_a_pending_analysis_is_given_back_when_the_analysis_itself_is_left_out() {
    with_database(async |_, client| {
        let ann = old_user(client, "ann", 10).await?;
        business(client, ann, "shop").await?;
        for (name, day) in [("gone", "02-02"), ("kept", "02-03")] {
            lead(client, name, "shop", name, "02-01").await?;
            analysis(client, &format!("{name} pending"), name, "pending", -1, day).await?;
        }
        charged(client, ann, id("gone pending"), -6).await?;
        charged(client, ann, id("kept pending"), -3).await?;
        client.execute("update legacy.leads set deleted_at = '2026-05-01' where id = $1", &[&id("gone")]).await?;
        client.execute("update legacy.analyses set type = 'ultra' where id = $1", &[&id("kept pending")]).await?;
        import_all(client).await?;
        for (name, expected) in [("gone pending", "lead_left_out"), ("kept pending", "unknown_type")] {
            assert_eq!(reason(client, "analyses", id(name)).await?.as_deref(), Some(expected));
        }
        assert_eq!(value(client, BALANCES).await?, serde_json::json!([19, 0]));
        assert_eq!(entries(client).await?, serde_json::json!(["adjustment 10", "adjustment 6", "adjustment 3"]));
        let sums = report::sums(client).await?;
        let credits = sums.iter().find(|sum| sum.name == "credits").unwrap();
        assert_eq!((credits.before, credits.after, credits.returned), (10, 19, 9));
        assert!(undo::undo(client).await?.is_whole());
        Ok(())
    });
}

#[test]
fn what_is_given_back_pays_what_is_owed() {
    with_database(async |_, client| {
        let ann = old_user(client, "ann", -4).await?;
        business(client, ann, "shop").await?;
        lead(client, "lead", "shop", "nasa", "02-01").await?;
        let charge = analysis(client, "charged", "lead", "pending", -1, "02-04").await?;
        charged(client, ann, charge, -6).await?;
        import_all(client).await?;
        assert_eq!(value(client, BALANCES).await?, serde_json::json!([2, 0]));
        Ok(())
    });
}

#[test]
fn what_an_account_had_before_pays_what_is_owed() {
    with_database(async |_, client| {
        signed_up(client, "ann").await?;
        client.execute("insert into legacy.users (id) values ($1)", &[&id("ann")]).await?;
        client.execute("insert into legacy.user_credits values ($1, -5)", &[&id("ann")]).await?;
        let grant = "select system.grant_credits(b.account_id, 12, 'adjustment', null, null, 'gift', 'A gift') from credit_balances b";
        client.execute(grant, &[]).await?;
        import_all(client).await?;
        assert_eq!(value(client, BALANCES).await?, serde_json::json!([7, 0]));
        let last = "select t.description || ' ' || t.amount from credit_transactions t order by t.id desc limit 1";
        assert_eq!(value(client, last).await?, "What you owed to the previous service -5");
        assert!(undo::undo(client).await?.is_whole());
        assert_eq!(value(client, BALANCES).await?, serde_json::json!([22, 0]));
        Ok(())
    });
}

#[test]
fn a_customer_has_one_account_and_a_subscription_needs_its_customer() {
    with_database(async |_, client| {
        for name in ["ann", "bob", "cat"] {
            old_user(client, name, 0).await?;
        }
        let sql = "update legacy.users set stripe_customer_id = 'cus_1',
             created_at = case when id = $1 then '2025-01-01'::timestamptz else '2025-01-02' end where id in ($1, $2)";
        client.execute(sql, &[&id("ann"), &id("bob")]).await?;
        let good = subscribed(client, "good", id("ann"), Some("sub_1"), "Growth", "cancelled").await?;
        let live = subscribed(client, "live", id("ann"), Some("sub_2"), "agency", "active").await?;
        let same = subscribed(client, "same", id("bob"), Some("sub_3"), "growth", "active").await?;
        let none = subscribed(client, "none", id("cat"), Some("sub_4"), "growth", "active").await?;
        let gift = subscribed(client, "gift", id("ann"), None, "growth", "active").await?;
        let free = subscribed(client, "free", id("ann"), Some("sub_5"), "free", "active").await?;
        let odd = subscribed(client, "odd", id("ann"), Some("sub_6"), "growth", "lapsed").await?;
        import_all(client).await?;
        let ends = [
            (good, None),
            (live, None),
            (same, Some("no_customer")),
            (none, Some("no_customer")),
            (gift, Some("no_stripe_id")),
            (free, Some("free_plan")),
            (odd, Some("unknown_status")),
        ];
        for (row, expected) in ends {
            assert_eq!(reason(client, "subscriptions", row).await?.as_deref(), expected);
        }
        let plans = "select jsonb_agg(a.plan_id order by a.plan_id) from accounts a";
        assert_eq!(value(client, plans).await?, serde_json::json!(["agency", "free", "free"]));
        assert_eq!(notes(client).await?, ["subscriptions ends_with_its_period", "users customer_of_another_user"]);
        // What was paid for is in the old balance.
        let renewable = "select system.renewable_subscriptions('2027-03-01', null, 10)";
        assert_eq!(value(client, renewable).await?, serde_json::json!([]));
        assert_eq!(value(client, "select sum(b.balance) from credit_balances b").await?, 0);
        Ok(())
    });
}

/// A user with a customer at Stripe and a subscription to the plan `growth`.
async fn subscriber(client: &Client, name: &str, status: &str) -> Result<()> {
    let user = old_user(client, name, 7).await?;
    let sql = "update legacy.users set stripe_customer_id = 'cus_' || $1 where id = $2";
    client.execute(sql, &[&name, &user]).await?;
    subscribed(client, &format!("{name}'s"), user, Some(&format!("sub_{name}")), "growth", status).await?;
    Ok(())
}

/// What comes of the paid invoice of a subscription's present period, once Stripe tells of it here.
async fn invoice_paid(client: &Client, name: &str) -> Result<Value> {
    let receive = "select system.receive_event('evt_' || $1, 'invoice.paid', 'v', '{}', true)";
    client.execute(receive, &[&name]).await?;
    let apply = format!(
        "select system.apply_event('evt_{name}', jsonb_build_object(
             'kind', 'paid_invoice', 'invoice_id', 'in_{name}', 'amount_cents', 7900,
             'prices', jsonb_build_array(p.price), 'lines', jsonb_build_array(jsonb_build_object(
               'price_id', 'price_1', 'amount_cents', 7900, 'starts_at', s.current_period_starts_at, 'ends_at', s.current_period_ends_at
             )),
             'subscription', jsonb_build_object(
               'id', s.stripe_subscription_id, 'customer_id', 'cus_{name}', 'status', 'active', 'price', p.price,
               'anchor_at', s.anchor_at, 'period_starts_at', s.current_period_starts_at,
               'period_ends_at', s.current_period_ends_at, 'observed_at', now()
             ))) ->> 'note'
           from subscriptions s, jsonb_build_object('id', 'price_1', 'lookup_key', 'growth_month', 'unit_amount', 7900) p (price)
          where s.stripe_subscription_id = 'sub_{name}'"
    );
    value(client, &apply).await
}

#[test]
fn a_period_that_the_previous_product_granted_is_not_granted_again() {
    with_database(async |_, client| {
        for (name, status) in [("ann", "active"), ("bob", "past_due"), ("cat", "canceled")] {
            subscriber(client, name, status).await?;
        }
        import_all(client).await?;
        assert_eq!(invoice_paid(client, "ann").await?, "0 credits");
        assert_eq!(invoice_paid(client, "bob").await?, "100 credits", "his invoice was not paid before");
        assert_eq!(invoice_paid(client, "cat").await?, "0 credits");
        let balances = "select jsonb_agg(b.balance order by b.balance) from credit_balances b";
        assert_eq!(value(client, balances).await?, serde_json::json!([7, 7, 107]));
        Ok(())
    });
}

#[test]
fn a_canceled_subscription_goes_on_until_its_period_ends() {
    with_database(async |_, client| {
        subscriber(client, "ann", "canceled").await?;
        subscriber(client, "bob", "cancelled").await?;
        let over = "update legacy.subscriptions
             set current_period_start = now() - interval '40 days', current_period_end = now() - interval '10 days' where user_id = $1";
        client.execute(over, &[&id("bob")]).await?;
        import_all(client).await?;
        let found = "select jsonb_agg(s.status || ' ' || a.plan_id || ' ' || (s.cancel_at is not distinct from s.current_period_ends_at) || ' '
               || (s.ended_at is not null) order by s.status) from subscriptions s join accounts a on a.id = s.account_id";
        assert_eq!(
            value(client, found).await?,
            serde_json::json!(["active growth true false", "canceled free false true"])
        );
        Ok(())
    });
}

#[test]
fn the_months_of_a_year_that_are_to_come_are_granted_as_they_begin() {
    with_database(async |_, client| {
        subscriber(client, "ann", "active").await?;
        let year = "update legacy.subscriptions
             set current_period_start = now() - interval '70 days', current_period_end = now() + interval '295 days'";
        client.execute(year, &[]).await?;
        import_all(client).await?;
        assert_eq!(notes(client).await?, ["subscriptions yearly_subscription", "user_credits ledger_disagrees"]);
        assert_eq!(value(client, BALANCES).await?, serde_json::json!([7, 0]));
        let renew = |days: u32| {
            format!("select system.renew_subscription(s.id, now() + interval '{days} days') from subscriptions s")
        };
        assert_eq!(value(client, &renew(0)).await?, 0);
        assert_eq!(value(client, &renew(40)).await?, 100);
        Ok(())
    });
}

#[test]
fn events_that_the_previous_product_received_are_not_applied_again() {
    with_database(async |_, client| {
        client
            .batch_execute(
                "insert into legacy.webhook_events select gen_random_uuid(), e, 'invoice.paid', '2026-11-20'
                   from unnest(array['evt_1', 'evt_1', 'evt_2', null]) e;
                 insert into legacy.webhook_events select gen_random_uuid(), 'evt_4', 'invoice.paid', '2026-11-20';
                 select system.receive_event(e, 'invoice.paid', 'v', '{}', false) from unnest(array['evt_2', 'evt_4', 'evt_5']) e;
                 update webhook_events set outcome = 'waiting', note = 'no account has this customer' where id = 'evt_2';
                 update webhook_events set outcome = 'applied', processed_at = now() where id = 'evt_4'",
            )
            .await?;
        let before = contents(client, &["public"]).await?;
        import_all(client).await?;
        assert_eq!(
            value(client, "select system.missed_events('[\"evt_1\", \"evt_3\"]')").await?,
            serde_json::json!(["evt_3"])
        );
        let waiting = "select jsonb_agg(e.id order by e.id) from webhook_events e where e.processed_at is null";
        assert_eq!(value(client, waiting).await?, serde_json::json!(["evt_5"]), "only what came here alone");
        let reasons: Vec<String> = report::left_out(client).await?.into_iter().map(|left| left.reason).collect();
        assert_eq!(reasons, ["applied_already", "duplicate_event", "no_stripe_id"]);
        assert!(undo::undo(client).await?.is_whole());
        assert_eq!(value(client, waiting).await?, serde_json::json!(["evt_2", "evt_5"]));
        assert_eq!(differences(&before, &contents(client, &["public"]).await?), Vec::<String>::new());
        Ok(())
    });
}
