//! What is not scraped, and not paid, again: the rules of docs/costs.md, as the sandbox's scraper sees them.

use oslira_e2e::{Stack, User, handle};
use serde_json::{Value, json};

const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 24 * HOUR_S;

/// The inputs of the actor runs about a profile, oldest first: of the profile actor `usernames`, of the posts actor the
/// rest.
async fn starts(stack: &Stack, username: &str) -> Vec<Value> {
    stack.received("apify.start", username).await.into_iter().map(|call| call["body"].clone()).collect()
}

fn posts_starts(starts: &[Value]) -> Vec<&Value> {
    starts.iter().filter(|body| body["resultsType"] == "posts").collect()
}

/// Scrapes of the profile take place so long ago, and it posts four times in three days.
async fn seen(stack: &Stack, username: &str, ago_s: u64) {
    stack.rewrite(username, json!({ "cadence_days": 0.75, "ago_s": ago_s })).await;
}

async fn scrape_cost(user: &User, run: &Value) -> i64 {
    let (_, scrape_microusd) = user.billed_microusd(run["id"].as_str().unwrap()).await;
    scrape_microusd
}

#[tokio::test]
async fn a_repeat_three_days_later_pays_for_new_posts_only_and_judges_fifty() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    let username = handle("fitness");
    seen(&stack, &username, 3 * DAY_S).await;
    let first = user.analysed_as(&username, "DEEP").await;
    seen(&stack, &username, 0).await;
    let repeat = user.analysed_as(&username, "DEEP").await;

    assert_eq!((&first["status"], &repeat["status"]), (&json!("complete"), &json!("complete")), "{repeat}");
    assert_eq!(repeat["cache_hit"], false, "{repeat}");
    let starts = starts(&stack, &username).await;
    let posts = posts_starts(&starts);
    assert_eq!((starts.len(), posts.len()), (4, 2), "{starts:?}");
    assert_eq!(posts[0]["onlyPostsNewerThan"], Value::Null, "{starts:?}");
    assert!(posts[1]["onlyPostsNewerThan"].is_string(), "{starts:?}");
    let (all, new) = (scrape_cost(&user, &first).await, scrape_cost(&user, &repeat).await);
    assert!(new > 0 && new * 5 <= all, "{new} of {all}");
    let count = |run: &Value| run["result"]["profile"]["posts"].as_i64().unwrap();
    assert!((3..=5).contains(&(count(&repeat) - count(&first))), "{repeat}");
    // The models see as many posts as before, or the new ones too if there were fewer than fifty.
    for call in stack.received("openai.chat", repeat["id"].as_str().unwrap()).await {
        let message = call["body"]["messages"][1]["content"].as_str().unwrap().to_owned();
        let profile = message.trim().strip_prefix("<profile>").and_then(|rest| rest.strip_suffix("</profile>"));
        let profile: Value = serde_json::from_str(profile.unwrap()).unwrap();
        assert_eq!(profile["posts"].as_array().unwrap().len() as i64, count(&repeat).min(50), "{profile}");
    }
    user.settles_at(0).await;
}

#[tokio::test]
async fn an_xray_on_the_day_of_a_deep_one_reads_the_profile_again_and_no_posts() {
    let stack = Stack::load();
    let user = User::new(&stack, 11).await;
    let username = handle("fitness");
    // Seven hours ago, both times: too old for an XRAY's cache, and nothing was posted between the two.
    seen(&stack, &username, 7 * HOUR_S).await;
    let deep = user.analysed_as(&username, "DEEP").await;
    let xray = user.analysed_as(&username, "XRAY").await;

    assert_eq!((&xray["status"], &xray["cache_hit"]), (&json!("complete"), &json!(false)), "{xray}");
    let starts = starts(&stack, &username).await;
    assert_eq!((starts.len(), posts_starts(&starts).len()), (3, 1), "{starts:?}");
    assert_eq!(scrape_cost(&user, &xray).await, 2_650, "a profile and a start");
    assert!(scrape_cost(&user, &deep).await > 50_000);
    user.settles_at(0).await;
}

#[tokio::test]
async fn a_profile_with_few_posts_is_never_read_by_the_posts_actor_again() {
    let stack = Stack::load();
    let user = User::new(&stack, 11).await;
    let username = handle("fewposts");
    stack.rewrite(&username, json!({ "ago_s": 2 * DAY_S })).await;
    let light = user.analysed_as(&username, "LIGHT").await;
    assert_eq!(light["status"], "complete", "{light}");
    stack.rewrite(&username, json!({ "ago_s": 0 })).await;
    let deep = user.analysed_as(&username, "DEEP").await;
    assert_eq!((&deep["status"], &deep["cache_hit"]), (&json!("complete"), &json!(false)), "{deep}");
    let light = user.analysed_as(&username, "LIGHT").await;
    assert_eq!(light["cache_hit"], true, "{light}");
    let starts = starts(&stack, &username).await;
    assert_eq!((starts.len(), posts_starts(&starts).len()), (2, 0), "{starts:?}");
}
