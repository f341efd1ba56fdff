//! What the clock grants: the months of a paid year, and plans without Stripe.

use oslira_e2e::{Stack, User};
use serde_json::json;

use crate::{bought, has, turn};

/// Runs the renewal as if it were so many months later.
async fn renew(stack: &Stack, months: i32) {
    let later = "select (extract(epoch from now() + make_interval(months => $1)) * 1000)::bigint";
    let at: i64 = stack.sql().await.query_one(later, &[&months]).await.unwrap().get(0);
    stack.run_job_at("0 3 * * *", at).await;
}

#[tokio::test]
async fn a_paid_year_grants_a_month_at_a_time_and_no_thirteenth() {
    let (_turn, stack) = turn().await;
    let user = User::new(&stack, 0).await;
    bought(&stack, &user, &json!({ "plan": "agency", "interval": "year" })).await;
    has(&user, 500).await;
    for month in 1..=14 {
        renew(&stack, month).await;
        renew(&stack, month).await;
        let months: i64 = 500 * (i64::from(month) + 1).min(12);
        assert_eq!(user.balance().await, months, "after {month} months");
    }
    user.settles_at(6000).await;
}
