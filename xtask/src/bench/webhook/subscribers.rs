//! Customers whose subscriptions the sandbox's Stripe knows, so that an event about them is worked on as in production.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::bench::Bench;
use crate::http::Http;
use crate::postgres::{PgUrl, database::with_client};

const PLAN: &str = "starter";
const BEGUN_WITHIN: Duration = Duration::from_secs(60);

pub struct Subscriber {
    pub account: String,
    pub customer: String,
    pub subscription: String,
    pub price: String,
    /// In seconds since 1970.
    pub period: (i64, i64),
}

/// So many customers subscribe and pay. The stack is new: there are no others.
pub fn subscribe(bench: &Bench<'_>, count: usize) -> Result<Vec<Subscriber>> {
    let stripe = Http::new(Duration::from_secs(10));
    for _ in 0..count {
        let page = bench.customers.mint()?.subscribe(PLAN)?;
        let session = page.split(['/', '?', '#']).find(|part| part.starts_with("cs_"));
        let session = session.with_context(|| format!("no session in {page}"))?;
        let url = format!("{}/control/stripe/complete", bench.stack.sandbox_url);
        let paid = stripe.post(&url, Some(&bench.stack.sandbox_token), &json!({ "session": session }))?;
        if paid.status != 200 {
            bail!("the sandbox answers {} {}", paid.status, paid.body);
        }
    }
    let began = Instant::now();
    loop {
        let found = found(bench)?;
        if found.len() >= count {
            return Ok(found);
        }
        if began.elapsed() > BEGUN_WITHIN {
            bail!("{} of {count} subscriptions have begun after {} s", found.len(), BEGUN_WITHIN.as_secs());
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// The subscriptions whose first month was granted: from then on no other event of theirs is expected.
fn found(bench: &Bench<'_>) -> Result<Vec<Subscriber>> {
    let sql = "select s.account_id::text, c.stripe_customer_id, s.stripe_subscription_id, p.stripe_price_id,
            extract(epoch from s.current_period_starts_at)::bigint, extract(epoch from s.current_period_ends_at)::bigint
        from subscriptions s
        join billing_customers c on c.account_id = s.account_id
        join stripe_prices p on p.plan_id = s.plan_id and p.billing_interval = s.billing_interval
        where s.stripe_subscription_id is not null and exists (select from credit_grants g where g.subscription_id = s.id)";
    with_client(&PgUrl::parse(&bench.stack.database_url)?, async |client| {
        let rows = client.query(sql, &[]).await?;
        let subscriber = |row: &tokio_postgres::Row| {
            Ok(Subscriber {
                account: row.try_get(0)?,
                customer: row.try_get(1)?,
                subscription: row.try_get(2)?,
                price: row.try_get(3)?,
                period: (row.try_get(4)?, row.try_get(5)?),
            })
        };
        rows.iter().map(subscriber).collect()
    })
}
