//! Leads: listed, searched, read with their history, deleted and exported.

use oslira_e2e::{Answer, Stack, User, handle};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use uuid::Uuid;

async fn delete(user: &User, id: &str) -> Answer {
    Answer::read(user.request(Method::DELETE, &format!("/leads/{id}")).send().await.unwrap()).await
}

async fn export(user: &User, query: &str) -> (Response, Option<String>) {
    let response = user.request(Method::GET, &format!("/leads/export.csv{query}")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let truncated = response.headers().get("x-oslira-truncated").map(|value| value.to_str().unwrap().to_owned());
    (response, truncated)
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|lead| lead["id"].as_str().unwrap()).collect()
}

/// Inserts leads of a user directly into the database: `user_1` to `user_n`, with scores by their number.
async fn fill(stack: &Stack, user: &User, count: i32, biography: &str) {
    let leads = "insert into leads (account_id, business_profile_id, username, biography, score, scraped_at)
        select $1, $2, 'user_' || n, $4, n % 101, now() from generate_series(1, $3) n";
    let sql = stack.sql().await;
    sql.execute(leads, &[&user.account_id, &user.business_profile_id, &count, &biography]).await.unwrap();
}

/// Deletes them again: the audit of later tests reports leads that no analysis found.
async fn clear(stack: &Stack, user: &User) {
    stack.sql().await.execute("delete from leads where account_id = $1", &[&user.account_id]).await.unwrap();
}

#[tokio::test]
async fn a_lead_lives_from_its_analysis_to_its_deletion() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let username = handle("fitness");
    let run = user.analysed(&username).await;
    let id = run["lead_id"].as_str().unwrap();

    let listed = user.get("/leads").await.data(200).clone();
    let lead = &listed["items"][0];
    assert_eq!((ids(&listed), &lead["username"]), (vec![id], &json!(username)));
    assert_eq!(lead["score"], run["result"]["score"]);
    assert_eq!(lead["latest_analysis"]["run_id"], run["id"]);
    assert_eq!(lead["latest_analysis"]["summary"], run["result"]["summary"]);

    let again = user.analysed(&username).await;
    assert_eq!(again["lead_id"], run["lead_id"]);
    let one = user.get(&format!("/leads/{id}")).await.data(200).clone();
    let analyses = one["analyses"].as_array().unwrap();
    assert_eq!((analyses.len(), &analyses[0]["run_id"], &analyses[1]["run_id"]), (2, &again["id"], &run["id"]));
    assert_eq!(analyses[0]["changes"]["since"], analyses[1]["id"]);
    assert_eq!((&analyses[0]["provider"], &analyses[1]["changes"]), (&json!("sandbox"), &json!(null)));
    let delta = analyses[0]["score"].as_i64().unwrap() - analyses[1]["score"].as_i64().unwrap();
    assert_eq!(analyses[0]["changes"]["score_delta"], delta);

    let first = delete(&user, id).await.data(200).clone();
    assert_eq!(delete(&user, id).await.data(200), &first, "a repeat gives the first answer");
    user.get(&format!("/leads/{id}")).await.refused(404, "lead_not_found");
    assert_eq!(user.get("/leads").await.data(200)["items"], json!([]));
    let of_run = user.run(run["id"].as_str().unwrap()).await;
    assert_eq!((&of_run["status"], of_run.get("result")), (&json!("complete"), None), "the result went with its lead");
    let third = user.analysed(&username).await;
    assert_ne!(third["lead_id"], run["lead_id"], "a later analysis makes another lead");
    user.settles_at(2).await;
}

#[tokio::test]
async fn leads_are_filtered_and_ordered() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    fill(&stack, &user, 30, "100% Bread").await;
    let names = async |query: &str| -> Vec<String> {
        let page = user.get(&format!("/leads?{query}")).await;
        let items = page.data(200)["items"].as_array().unwrap().clone();
        items.iter().map(|lead| lead["username"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("sort=score&limit=3").await, ["user_30", "user_29", "user_28"]);
    assert_eq!(names("sort=score&score_min=4&score_max=5").await, ["user_5", "user_4"]);
    assert_eq!(names("q=USER_17").await, ["user_17"]);
    assert_eq!(names("q=100%25%20bread&limit=100").await.len(), 30);
    assert_eq!(names("q=1%25bread").await.len(), 0, "no wildcard");
    assert_eq!(names("analysis_type=LIGHT").await.len(), 0, "none was analysed");
    assert_eq!(names("stale=false&limit=100").await.len(), 30);
    assert_eq!(names(&format!("limit=100&business_profile_id={}", user.business_profile_id)).await.len(), 30);
    assert_eq!(names(&format!("business_profile_id={}", Uuid::new_v4())).await.len(), 0);
    let gone = user.request(Method::DELETE, &format!("/business-profiles/{}", user.business_profile_id));
    Answer::read(gone.send().await.unwrap()).await.data(200);
    assert_eq!(names(&format!("limit=100&business_profile_id={}", user.business_profile_id)).await.len(), 30);

    let first = user.get("/leads?sort=score&limit=10").await;
    let cursor = first.data(200)["next_cursor"].as_str().unwrap();
    assert_eq!(names(&format!("sort=score&limit=1&cursor={cursor}")).await, ["user_20"]);
    for sort in ["", "&sort=newest", "&sort=updated"] {
        let path = format!("/leads?cursor={cursor}{sort}");
        user.get(&path).await.refused_for(&path, 400, "invalid_cursor");
    }
    clear(&stack, &user).await;
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_named() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    for list in ["/leads", "/leads/export.csv"] {
        for (query, field) in [
            ("business_profile_id=7", "business_profile_id"),
            ("score_min=101", "score_min"),
            ("score_max=high", "score_max"),
            ("score_min=9&score_max=8", "score_max"),
            ("analysis_type=light", "analysis_type"),
            ("stale=maybe", "stale"),
            ("status=open", "status"),
            ("tag=a,,b", "tag"),
            ("owner=you", "owner"),
            ("sort=name", "sort"),
            ("q=a%00b", "q"),
            (&format!("q={}", "x".repeat(101)), "q"),
        ] {
            let path = format!("{list}?{query}");
            assert_eq!(user.get(&path).await.refused_for(&path, 400, "invalid_query")["field"], field, "{path}");
        }
        user.get(&format!("{list}?stale=true&stale=false")).await.refused(400, "invalid_query");
    }
    user.get("/leads?cursor=Zm9v").await.refused(400, "invalid_cursor");
    user.get("/leads?limit=0").await.refused(400, "invalid_limit");
    user.get("/leads/7").await.refused(400, "invalid_id");
    let unknown = Uuid::new_v4().to_string();
    user.get(&format!("/leads/{unknown}")).await.refused(404, "lead_not_found");
    delete(&user, &unknown).await.refused(404, "lead_not_found");
}

#[tokio::test]
async fn another_accounts_lead_does_not_exist() {
    let stack = Stack::load();
    let (owner, stranger) = (User::new(&stack, 0).await, User::new(&stack, 0).await);
    fill(&stack, &owner, 1, "mine").await;
    let listed = owner.get("/leads").await.data(200).clone();
    let id = ids(&listed)[0];
    stranger.get(&format!("/leads/{id}")).await.refused(404, "lead_not_found");
    delete(&stranger, id).await.refused(404, "lead_not_found");
    let borrowed = format!("/leads?business_profile_id={}", owner.business_profile_id);
    for path in ["/leads", &borrowed] {
        assert_eq!(stranger.get(path).await.data(200)["items"], json!([]), "{path}");
    }
    assert_eq!(export(&stranger, "").await.0.text().await.unwrap().lines().count(), 1, "only the header");
    owner.get(&format!("/leads/{id}")).await.data(200);
    clear(&stack, &owner).await;
}

#[tokio::test]
async fn an_export_opens_in_a_spreadsheet_and_computes_nothing() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    fill(&stack, &user, 3, "=HYPERLINK(\"https://evil.example\"), ❤️").await;
    let (response, truncated) = export(&user, "?score_min=2&sort=score").await;
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("content-type").as_deref(), Some("text/csv; charset=utf-8"));
    let disposition = header("content-disposition").unwrap();
    assert!(disposition.starts_with("attachment; filename=\"oslira-leads-2") && disposition.ends_with(".csv\""));
    assert_eq!((header("cache-control").as_deref(), truncated), (Some("no-store"), None));
    let body = response.bytes().await.unwrap();
    let text = std::str::from_utf8(&body).unwrap().strip_prefix('\u{feff}').unwrap();
    let lines: Vec<&str> = text.strip_suffix("\r\n").unwrap().split("\r\n").collect();
    assert!(lines[0].starts_with("username,profile_url,"), "{text}");
    let start = "user_3,https://www.instagram.com/user_3/,,3,";
    assert!(lines.len() == 3 && lines[1].starts_with(start), "{text}");
    assert!(lines[1].contains("\"'=HYPERLINK(\"\"https://evil.example\"\"), ❤️\""), "{text}");
    clear(&stack, &user).await;
}

#[tokio::test]
async fn an_export_is_cut_at_ten_thousand_rows_and_says_so() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    fill(&stack, &user, 10_001, "many").await;
    let (response, truncated) = export(&user, "").await;
    assert_eq!(truncated.as_deref(), Some("true"));
    assert_eq!(response.text().await.unwrap().lines().count(), 10_001, "the header and 10,000 rows");
    let (response, truncated) = export(&user, "?score_min=1").await;
    // `fill` scores by `n % 101`, so every 101st lead has score 0.
    let expected = (1..=10_001).filter(|n| n % 101 >= 1).count() + 1;
    assert_eq!((response.text().await.unwrap().lines().count(), truncated), (expected, None));
    clear(&stack, &user).await;
}
