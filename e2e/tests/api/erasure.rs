//! The erasure of a profile, over every store that a stack has: the database, the bucket, the engine, and what the API shows. What
//! ends by itself (the objects of scrapes) is not looked into: docs/erasure.md says when it ends.

use std::path::{Path, PathBuf};

use oslira_e2e::{Answer, Stack, User, handle};
use reqwest::Method;
use serde_json::{Value, json};

const JOB: &str = "*/10 * * * *";
/// Longer than everything that began before an erasure takes, so that the job's pass is the last.
const SETTLED_MS: i64 = 2 * 3_600_000;

/// Every table with a row that has this text anywhere, in whatever column.
async fn tables_with(stack: &Stack, text: &str) -> Vec<String> {
    let sql = stack.sql().await;
    let tables =
        "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1";
    let mut found = vec![];
    for row in sql.query(tables, &[]).await.unwrap() {
        let table: String = row.get(0);
        let count = format!("select count(*) from public.{table} t where position(lower($1) in lower(t::text)) > 0");
        if sql.query_one(&count, &[&text]).await.unwrap().get::<_, i64>(0) > 0 {
            found.push(table);
        }
    }
    found
}

/// The files below a directory of the Worker's that hold this text.
fn files_with(dir: &Path, text: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return vec![] };
    let mut found = vec![];
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else {
            // One that goes away meanwhile holds nothing.
            let bytes = std::fs::read(&path).unwrap_or_default();
            if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
                found.push(path);
            }
        }
    }
    found
}

/// Where the Worker keeps the bucket's objects, and what the engine remembers.
fn stores(stack: &Stack) -> [PathBuf; 2] {
    ["r2/oslira-profiles/blobs", "workflows"].map(|below| stack.dir().join("worker").join(below))
}

/// The job, as if everything had settled.
async fn last_pass(stack: &Stack) {
    let row = stack.sql().await.query_one("select (extract(epoch from now()) * 1000)::bigint", &[]).await.unwrap();
    stack.run_job_at(JOB, row.get::<_, i64>(0) + SETTLED_MS).await;
}

async fn erase(operator: &User, username: &str) -> Value {
    let body = json!({ "username": format!("https://www.instagram.com/{username}/"), "proof": "Ticket 123" });
    operator.operate(Method::POST, "/operator/erasures", Some(&body)).await.data(202).clone()
}

#[tokio::test]
async fn a_profile_is_erased_from_two_accounts_and_every_store_and_refused_uncharged() {
    let stack = Stack::load();
    let operator = User::new(&stack, 0).await;
    operator.appoint().await;
    let (ann, bob) = (User::new(&stack, 20).await, User::new(&stack, 20).await);
    let (name, other) = (handle("coffee"), handle("fitness"));
    let first = ann.analysed(&name).await;
    bob.analysed_as(&name, "DEEP").await;
    ann.analysed(&other).await;
    let list = json!({
        "usernames": [name, other], "analysis_type": "LIGHT", "business_profile_id": ann.business_profile_id,
        "fresh_within_days": 1,
    });
    let held = Answer::read(ann.request(Method::POST, "/v1/bulk-analyze").json(&list).send().await.unwrap()).await;
    assert_eq!(held.data(202)["held"].as_array().unwrap().len(), 2, "{}", held.body);
    let lead = first["lead_id"].as_str().unwrap().to_owned();
    let before = tables_with(&stack, &name).await;
    for table in ["analyses", "bulk_runs", "leads", "runs", "scrape_logs"] {
        assert!(before.contains(&table.to_owned()), "{table} is not in {before:?}");
    }
    for store in stores(&stack) {
        assert!(!files_with(&store, &name).is_empty(), "nothing is in {}", store.display());
    }

    let erasure = erase(&operator, &name).await;
    assert_eq!(erasure["state"], "open");
    assert_eq!(erase(&operator, &name).await["id"], erasure["id"], "a repeat is the same");
    // Refused at once, before anything is erased.
    let balance = ann.balance().await;
    ann.analyze(&name).await.refused(422, "subject_erased");
    let dry = json!({
        "usernames": [name, other], "analysis_type": "LIGHT", "business_profile_id": ann.business_profile_id, "dry_run": true,
    });
    let dry = Answer::read(ann.request(Method::POST, "/v1/bulk-analyze").json(&dry).send().await.unwrap()).await;
    let unused = &dry.data(202)["unused"][0];
    assert_eq!((&unused["line"], &unused["reason"]), (&json!(1), &json!("subject_erased")));
    assert_eq!(ann.balance().await, balance);

    // Two passes: bulks are searched when no purchase can be under way any more.
    stack.run_job(JOB).await;
    let path = format!("/operator/erasures/{}", erasure["id"].as_str().unwrap());
    assert_eq!(operator.operate(Method::GET, &path, None).await.data(200)["state"], "open");
    last_pass(&stack).await;
    let done = operator.operate(Method::GET, &path, None).await;
    let done = done.data(200);
    assert_eq!(done["state"], "done", "{done}");
    for store in done["stores"].as_array().unwrap() {
        let is_by_the_job = ["database", "snapshots", "pictures", "engine"].contains(&store["store"].as_str().unwrap());
        assert_eq!((store["is_erased"] == true, store["ends_at"].is_null()), (is_by_the_job, is_by_the_job), "{store}");
    }

    assert_eq!(tables_with(&stack, &name).await, [""; 0]);
    for store in stores(&stack) {
        assert_eq!(files_with(&store, &name), [""; 0].map(PathBuf::from), "in {}", store.display());
    }
    for path in [format!("/leads/{lead}"), format!("/leads/{lead}/picture")] {
        let answer = ann.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    let run = ann.run(first["id"].as_str().unwrap()).await;
    assert_eq!((&run["username"], &run["status"]), (&json!("erased.."), &json!("complete")));
    assert!(run["result"].is_null() && run["lead_id"].is_null());
    // Others' leads, and the books, are whole.
    assert_eq!(ann.get("/leads").await.data(200)["items"].as_array().unwrap().len(), 1);
    ann.analyze(&name).await.refused(422, "subject_erased");
    assert_eq!(ann.balance().await, balance);
    stack.assert_books_are_whole().await;
}

#[tokio::test]
async fn a_run_under_way_ends_refunded_and_stores_nothing() {
    let stack = Stack::load();
    let operator = User::new(&stack, 0).await;
    operator.appoint().await;
    let ann = User::new(&stack, 5).await;
    let name = handle("coffee");
    // Its models keep it under way until the refusal has come.
    let held = stack.hold("openai.chat", &name).await;
    let run = ann.start(&name).await;
    stack.until_received("openai.chat", &name).await;
    erase(&operator, &name).await;
    stack.run_job(JOB).await;
    let ended = ann.end_of(&run).await;
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("failed"), &json!("subject_erased")));
    stack.release(held).await;
    ann.settles_at(5).await;
    last_pass(&stack).await;
    assert_eq!(tables_with(&stack, &name).await, [""; 0]);
}

#[tokio::test]
async fn what_an_operator_says_of_an_erasure_is_checked() {
    let stack = Stack::load();
    let operator = User::new(&stack, 0).await;
    operator.appoint().await;
    let name = handle("coffee");
    let ask = async |body: Value| operator.operate(Method::POST, "/operator/erasures", Some(&body)).await;
    ask(json!({ "username": "not a name", "proof": "Ticket 123" })).await.refused(422, "invalid_username");
    for id in ["12a", ""] {
        ask(json!({ "username": name, "instagram_id": id, "proof": "Ticket 123" }))
            .await
            .refused(422, "invalid_instagram_id");
    }
    for proof in ["", &"x".repeat(1_001)] {
        ask(json!({ "username": name, "proof": proof })).await.refused(422, "invalid_proof");
    }
    ask(json!({ "username": name, "proof": format!("@{name} wrote to us") })).await.refused(422, "names_subject");
    let nothing = format!("/operator/erasures/{}", uuid::Uuid::nil());
    operator.operate(Method::GET, &nothing, None).await.refused(404, "erasure_not_found");
    let ann = User::new(&stack, 5).await;
    let body = json!({ "username": name, "proof": "Ticket 123" });
    ann.operate(Method::POST, "/operator/erasures", Some(&body)).await.refused(403, "operator_required");
    assert_eq!(tables_with(&stack, &name).await, [""; 0]);
}
