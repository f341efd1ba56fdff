//! When a profile has changed, its older analyses are marked as stale, for every account that has one.

use oslira_e2e::{Stack, User, handle};
use serde_json::{Value, json};

/// Whether the lead's newest analysis is stale; asserts that every view says the same.
async fn is_stale(user: &User, lead: &str) -> bool {
    let listed = |stale: bool| async move {
        let page = user.get(&format!("/leads?stale={stale}")).await;
        page.data(200)["items"].as_array().unwrap().iter().any(|item| item["id"] == lead)
    };
    let one = user.get(&format!("/leads/{lead}")).await.data(200).clone();
    let stale = one["latest_analysis"]["is_stale"].as_bool().unwrap();
    assert_eq!(one["analyses"][0]["is_stale"], stale, "{one}");
    assert_eq!((listed(true).await, listed(false).await), (stale, !stale), "the filter says so too: {one}");
    stale
}

#[tokio::test]
async fn a_rewritten_profile_makes_older_analyses_of_every_account_stale_and_a_polished_one_none() {
    let stack = Stack::load();
    for (rewritten, stale) in [
        ("Roaster in Lisbon. I help cafes brew better!", false),
        ("Now a full-time photographer of weddings and wild birds", true),
    ] {
        let (first, second) = (User::new(&stack, 20).await, User::new(&stack, 20).await);
        let username = handle("coffee");
        stack.rewrite(&username, json!({ "biography": "roaster in LISBON • I help cafes brew better" })).await;
        let before = first.analysed(&username).await;
        let lead = before["lead_id"].as_str().unwrap();
        assert!(!is_stale(&first, lead).await, "nothing has changed yet");

        // Another account's DEEP analysis scrapes the profile again, which discovers the change.
        stack.rewrite(&username, json!({ "biography": rewritten })).await;
        let after = second.analysed_as(&username, "DEEP").await;
        assert_eq!(after["result"]["profile"]["biography"], rewritten, "{after}");
        assert_eq!(is_stale(&first, lead).await, stale, "{rewritten}");
        assert!(!is_stale(&second, after["lead_id"].as_str().unwrap()).await, "what found it out is not stale");

        let again = first.analysed(&username).await;
        assert_eq!((&again["lead_id"], &again["cache_hit"]), (&json!(lead), &json!(true)), "{again}");
        assert!(!is_stale(&first, lead).await, "analysed anew");
        let history = first.get(&format!("/leads/{lead}")).await.data(200)["analyses"].clone();
        let marks: Vec<&Value> = history.as_array().unwrap().iter().map(|analysis| &analysis["is_stale"]).collect();
        assert_eq!(marks, [&json!(false), &json!(stale)], "the older one stays marked: {history}");
        let fields = history[0]["changes"].to_string();
        assert!(fields.contains("biography"), "what changed is told: {fields}");
    }
}
