//! Scheduled jobs as the platform starts them: each leaves a row with its outcome, `cargo xtask cron` prints it, and the daily
//! clean-up removes what ended long ago while everybody else's analyses go on.

use oslira_e2e::{Answer, Stack, User, handle};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

/// The newest row of a job: for when, its outcome, its report and its error.
async fn newest(stack: &Stack, job: &str) -> Value {
    let sql = "select jsonb_build_object('scheduled_for', scheduled_for, 'outcome', outcome, 'report', report, 'error', error)
                 from job_runs where job = $1 and finished_at is not null order by id desc limit 1";
    stack.sql().await.query_one(sql, &[&job]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_job_takes_the_moment_it_is_given_for_now_and_leaves_its_report_or_why_it_failed() {
    let stack = Stack::load();
    let report = stack.xtask_cron("watch-models", Some("2039-01-01")).await.unwrap();
    assert!(report["models"].as_u64().unwrap() > 1 && report["warnings"].is_array(), "{report}");
    let row = newest(&stack, "watch-models").await;
    let expected =
        json!({ "scheduled_for": "2039-01-01T00:00:00+00:00", "outcome": "ok", "report": report, "error": null });
    assert_eq!(row, expected);

    // Only the job itself waits for this lock, until its statement is given up.
    let holder = stack.sql().await;
    holder.batch_execute("begin; lock table model_lifecycles in share row exclusive mode").await.unwrap();
    let refused = stack.xtask_cron("watch-models", Some("2039-01-02T03:04:05Z")).await.unwrap_err();
    holder.batch_execute("rollback").await.unwrap();
    assert!(refused.contains("watch-models failed: store unavailable"), "{refused}");
    let row = newest(&stack, "watch-models").await;
    assert_eq!((&row["outcome"], &row["report"]), (&json!("failed"), &Value::Null), "{row}");
    assert!(row["error"].as_str().unwrap().starts_with("store unavailable"), "{row}");
    assert_eq!(row["scheduled_for"], "2039-01-02T03:04:05+00:00");
}

#[tokio::test]
async fn every_job_has_a_row_when_it_has_run() {
    let stack = Stack::load();
    let report = stack.xtask_cron("recover-runs", None).await.unwrap();
    for number in ["woken", "swept", "bulks_ended"] {
        assert!(report[number].is_u64(), "{report}");
    }
    assert_eq!(newest(&stack, "recover-runs").await["outcome"], "ok");
    // The platform's own call, without a time.
    stack.clean_up().await;
    assert_eq!(newest(&stack, "clean-up").await["report"]["is_cut_short"], false);
    let started = newest(&stack, "recover-all-runs").await;
    assert_eq!(started["outcome"], "ok", "it ran when the stack started: {started}");
}

#[tokio::test]
async fn a_name_that_is_no_job_is_refused_with_the_list_of_them() {
    let refused = Stack::load().xtask_cron("forget-everything", None).await.unwrap_err();
    for job in ["recover-runs", "recover-all-runs", "clean-up", "watch-models"] {
        assert!(refused.contains(job), "{refused}");
    }
}

async fn delete(user: &User, path: &str) {
    Answer::read(user.request(Method::DELETE, path).send().await.unwrap()).await.data(200);
}

/// How many of these are left: the leads and the analyses of an account, and its provider calls.
async fn left(stack: &Stack, account: Uuid) -> [i64; 4] {
    let sql = stack.sql().await;
    let mut counts = [0; 4];
    for (count, table) in counts.iter_mut().zip(["leads", "analyses", "ai_usage_logs", "scrape_logs"]) {
        let rows = sql.query_one(&format!("select count(*) from {table} where account_id = $1"), &[&account]).await;
        *count = rows.unwrap().get(0);
    }
    counts
}

#[tokio::test]
async fn what_was_deleted_a_month_ago_goes_and_the_books_stay_whole() {
    let stack = Stack::load();
    let (user, other) = (User::new(&stack, 10).await, User::new(&stack, 10).await);
    let (gone, kept) = (handle("coffee"), handle("yoga"));
    let run = user.analysed(&gone).await;
    user.analysed(&kept).await;
    other.analysed(&gone).await;
    let lead = format!("/leads/{}", run["lead_id"].as_str().unwrap());
    delete(&user, &lead).await;
    let sql = stack.sql().await;
    for (table, column, days) in [
        ("leads", "deleted_at", 31),
        ("analyses", "deleted_at", 31),
        ("ai_usage_logs", "created_at", 91),
        ("scrape_logs", "created_at", 91),
    ] {
        let age = format!(
            "update {table} set {column} = {column} - make_interval(days => {days}) where account_id = $1 and {column} is not null"
        );
        sql.execute(&age, &[&user.account_id]).await.unwrap();
    }
    stack.clean_up().await;
    assert_eq!(left(&stack, user.account_id).await, [1, 1, 0, 0]);
    assert_eq!(left(&stack, other.account_id).await[..2], [1, 1]);
    let shown = user.run(run["id"].as_str().unwrap()).await;
    assert_eq!(
        (&shown["status"], &shown["lead_id"], &shown["result"]),
        (&json!("complete"), &Value::Null, &Value::Null)
    );
    user.get(&lead).await.refused(404, "lead_not_found");
    user.settles_at(8).await;
}

#[tokio::test]
async fn a_business_profile_with_living_leads_loses_its_texts_only() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    let run = user.analysed(&handle("coffee")).await;
    let profile = format!("/business-profiles/{}", user.business_profile_id);
    delete(&user, &profile).await;
    let sql = stack.sql().await;
    let age = "update business_profiles set deleted_at = now() - interval '31 days' where id = $1";
    sql.execute(age, &[&user.business_profile_id]).await.unwrap();
    stack.clean_up().await;
    let texts = "select name || offering || target_audience from business_profiles where id = $1";
    let row = sql.query_one(texts, &[&user.business_profile_id]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "DeletedDeletedDeleted");
    user.get(&profile).await.refused(404, "business_profile_not_found");
    let lead = user.get(&format!("/leads/{}", run["lead_id"].as_str().unwrap())).await;
    assert_eq!(lead.data(200)["business_profile_id"], json!(user.business_profile_id));
    user.settles_at(9).await;
}

#[tokio::test]
async fn an_account_that_was_closed_a_month_ago_is_a_tombstone() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    let username = handle("coffee");
    user.analysed(&username).await;
    user.analysed(&handle("notfound")).await;
    let sql = stack.sql().await;
    let close = "update accounts set deleted_at = now() - interval '31 days' where id = $1";
    sql.execute(close, &[&user.account_id]).await.unwrap();
    stack.clean_up().await;
    let tombstone = "select name from accounts where id = $1 and tombstoned_at is not null";
    assert_eq!(sql.query_one(tombstone, &[&user.account_id]).await.unwrap().get::<_, String>(0), "Deleted account");
    assert_eq!(left(&stack, user.account_id).await[..2], [0, 0]);
    let named =
        "select count(*) from runs r full join scrape_logs s on s.run_id = r.id where $1 in (r.username, s.username)";
    assert_eq!(sql.query_one(named, &[&username]).await.unwrap().get::<_, i64>(0), 0);
    let books = "select count(*) filter (where t.kind = 'charge'), sum(t.amount)::bigint, max(b.balance)
                   from credit_transactions t join credit_balances b using (account_id) where account_id = $1";
    let row = sql.query_one(books, &[&user.account_id]).await.unwrap();
    assert_eq!(
        (row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2)),
        (2, 9, 9),
        "the ledger is untouched"
    );
}
