//! DEEP and XRAY: several questions side by side about fifty posts, one charge, one result with every part.

use std::collections::BTreeSet;

use oslira_e2e::{Stack, User, eventually, handle};
use serde_json::{Value, json};

/// The fields of every result, whatever its type.
const ALWAYS: [&str; 22] = [
    "cache_hit",
    "concerns",
    "confidence",
    "context_version",
    "evidence",
    "facts",
    "fit_score",
    "left_out",
    "model",
    "niche",
    "problems",
    "profile",
    "provider",
    "reasons",
    "role",
    "score",
    "scraped_at",
    "scraped_by",
    "seems_minor",
    "sources",
    "summary",
    "themes",
];

/// An analysis type: its price, its AI calls, and each part of its result with the part's fields.
struct Type {
    name: &'static str,
    price: i32,
    calls: &'static [&'static str],
    parts: &'static [(&'static str, &'static [&'static str])],
}

const OUTREACH: (&str, &[&str]) =
    ("outreach", &["channel", "follow_up", "gloss", "hooks", "language", "message", "opener"]);
const PERSONALITY: (&str, &[&str]) =
    ("personality", &["communication_style", "confidence", "decision_style", "do_not_say", "say", "traits"]);

const DEEP: Type = Type {
    name: "DEEP",
    price: 5,
    calls: &["approach", "needs", "outreach", "personality", "verdict"],
    parts: &[("strategy", &["angle", "avoid", "buying_signals", "needs", "offer"]), OUTREACH, PERSONALITY],
};

const XRAY: Type = Type {
    name: "XRAY",
    price: 6,
    calls: &["deal", "money", "motives", "openness", "outreach", "personality", "verdict"],
    parts: &[
        (
            "psychographic",
            &["confidence", "motivations", "objections", "receptiveness", "self_image", "triggers", "values"],
        ),
        ("commercial", &["authority", "buying_stage", "formats", "monetisation", "opportunity", "risks", "signs"]),
        OUTREACH,
        PERSONALITY,
    ],
};

/// So many connections leave one for the database.
const QUESTIONS_AT_ONCE: usize = 5;

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}")).keys().map(String::as_str).collect()
}

/// Every statement names posts of which link and text stand in the result, and nothing had to be left out or asked again.
fn assert_leads_to_its_posts(result: &Value) {
    fn cited(value: &Value, ids: &mut BTreeSet<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| cited(item, ids)),
            Value::Object(fields) => {
                for (name, field) in fields {
                    match field.as_array().filter(|_| name == "posts") {
                        Some(named) => ids.extend(named.iter().map(|id| id.as_str().unwrap().to_owned())),
                        None => cited(field, ids),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut ids = BTreeSet::new();
    cited(result, &mut ids);
    let sources = result["sources"].as_array().unwrap();
    assert_eq!(ids, sources.iter().map(|source| source["id"].as_str().unwrap().to_owned()).collect(), "{result}");
    let has_posts = result["facts"]["content_mix"].as_object().is_some_and(|mix| !mix.is_empty());
    assert!(!has_posts || ids.iter().any(|id| id != "bio"), "no post shows anything: {result}");
    for source in sources {
        let path = if source["id"] == "bio" { "https://www.instagram.com/" } else { "https://www.instagram.com/p/" };
        assert!(source["link"].as_str().is_some_and(|link| link.starts_with(path)), "{source}");
        assert!(source["text"].is_string(), "{source}");
    }
    assert_eq!((&result["left_out"], &result["problems"]), (&json!(0), &json!([])), "{result}");
}

fn assert_has_every_part(of: &Type, result: &Value) {
    let wanted: BTreeSet<&str> = ALWAYS.into_iter().chain(of.parts.iter().map(|(part, _)| *part)).collect();
    assert_eq!(keys(result), wanted, "{}", of.name);
    for (part, fields) in of.parts {
        assert_eq!(keys(&result[part]), fields.iter().copied().collect(), "{part}");
        for (field, value) in result[part].as_object().unwrap() {
            let said = value.as_str().is_none_or(|text| !text.trim().is_empty());
            let may_be_null = field == "gloss" && result[part]["language"] == "en";
            assert!(said && (may_be_null || !value.is_null()), "{part}.{field} says nothing: {result}");
        }
    }
    assert_leads_to_its_posts(result);
    let score = result["score"].as_i64().unwrap();
    let evidence = result["evidence"].as_array().unwrap();
    let sum = |field: &str| -> f64 { evidence.iter().map(|part| part[field].as_f64().unwrap()).sum() };
    assert!((sum("weight") - 1.0).abs() < 0.01, "the weights sum to 1: {result}");
    assert!((sum("points") - score as f64).abs() <= 1.0, "the points sum to the score: {result}");
}

/// The cost in the result equals the recorded bills to the microdollar, and the parts add up to the total.
async fn assert_cost_is_what_was_billed(user: &User, of: &Type, run: &Value) {
    let id = run["id"].as_str().unwrap();
    let cost = &user.cost_of(run).await;
    let number = |field: &str| cost[field].as_i64().unwrap_or_else(|| panic!("{field}: {cost}"));
    let (ai, scrape) = user.billed_microusd(id).await;
    assert_eq!((number("ai_microusd"), number("scrape_microusd")), (ai, scrape), "{cost}");
    assert_eq!(number("total_microusd"), ai + scrape, "{cost}");
    let calls = cost["calls"].as_array().unwrap();
    let named: BTreeSet<&str> = calls.iter().map(|call| call["call"].as_str().unwrap()).collect();
    assert_eq!(named, of.calls.iter().copied().collect(), "{cost}");
    assert_eq!(calls.iter().map(|call| call["cost_microusd"].as_i64().unwrap()).sum::<i64>(), ai, "{cost}");
    assert!(calls.iter().all(|call| call["fell_back"] == false && call["gateway_hit"] == false), "{cost}");
}

/// How many posts each of the run's questions shows to the model.
async fn posts_shown(stack: &Stack, run: &str) -> Vec<usize> {
    let mut shown = Vec::new();
    for call in stack.received("openai.chat", run).await {
        let message = call["body"]["messages"][1]["content"].as_str().unwrap().to_owned();
        let profile = message.trim().strip_prefix("<profile>").and_then(|rest| rest.strip_suffix("</profile>"));
        let profile: Value = serde_json::from_str(profile.unwrap()).unwrap();
        shown.push(profile["posts"].as_array().unwrap_or_else(|| panic!("{profile}")).len());
    }
    shown
}

/// Analyses a profile cold and cached. `username` is fixed, so that the sandbox generates the same profile on every
/// machine, with more posts than are judged.
async fn does_its_job(of: &Type, username: &str) {
    let stack = Stack::load();
    let user = User::new(&stack, 3 * of.price).await;
    let answer = user.order(&user.analysis_as(username, of.name)).await;
    assert_eq!(answer.data(202)["credits_charged"], of.price, "{}", of.name);
    let cold = user.end_of(answer.data(202)["run_id"].as_str().unwrap()).await;
    let cached = user.analysed_as(username, of.name).await;
    for (run, hit) in [(&cold, false), (&cached, true)] {
        assert_eq!((&run["status"], &run["charge_outcome"]), (&json!("complete"), &json!("result")), "{run}");
        assert_eq!((&run["analysis_type"], &run["credits"]), (&json!(of.name), &json!(of.price)), "{run}");
        assert_eq!((&run["cache_hit"], &run["result"]["cache_hit"]), (&json!(hit), &json!(hit)), "{run}");
        assert_has_every_part(of, &run["result"]);
        assert_cost_is_what_was_billed(&user, of, run).await;
        let id = run["id"].as_str().unwrap();
        assert_eq!((user.movements(id, "charge").await, user.movements(id, "refund").await), (1, 0), "{run}");
        assert_eq!(user.bills("ai_usage_logs", id).await.len(), of.calls.len(), "{run}");
        assert_eq!(user.bills("scrape_logs", id).await.len(), if hit { 0 } else { 2 }, "{run}");
        assert_eq!(run["result"]["profile"]["username"], username);
        assert!(run["result"]["profile"]["posts"].as_i64().unwrap() > 50, "choose another person: {run}");
        assert_eq!(posts_shown(&stack, id).await, vec![50; of.calls.len()], "{}", of.name);
    }
    assert_eq!(cold["lead_id"], cached["lead_id"]);
    assert_eq!(stack.received("apify.start", username).await.len(), 2, "scraped once: details and posts");
    user.settles_at(of.price.into()).await;
}

#[tokio::test]
async fn a_deep_analysis_does_its_job() {
    does_its_job(&DEEP, "fitness.in.the.deep").await;
}

#[tokio::test]
async fn an_xray_does_its_job() {
    does_its_job(&XRAY, "fitness.for.the.xray").await;
}

/// All calls are held at once, which shows that none waits for another's answer.
#[tokio::test]
async fn scrapes_and_questions_are_under_way_at_the_same_time() {
    let stack = Stack::load();
    for of in [DEEP, XRAY] {
        let user = User::new(&stack, of.price).await;
        let username = handle("travel");
        let (scrapes, questions) =
            (stack.hold("apify.items", &username).await, stack.hold("openai.chat", &username).await);
        let run = user.start_order(&user.analysis_as(&username, of.name)).await;
        let under_way = async |target: &str, about: &str| {
            let calls = stack.received(target, about).await;
            calls.iter().filter(|call| call["duration_ms"].is_null()).count()
        };
        eventually("both scrapes under way", async || (under_way("apify.items", &username).await == 2).then_some(()))
            .await;
        assert_eq!(stack.release(scrapes).await, 2);
        let at_once = of.calls.len().min(QUESTIONS_AT_ONCE);
        eventually("the questions under way", async || (under_way("openai.chat", &run).await == at_once).then_some(()))
            .await;
        assert_eq!(stack.release(questions).await, at_once as u64, "and no more");
        assert_eq!(user.end_of(&run).await["status"], "complete");
        user.settles_at(0).await;
    }
}

#[tokio::test]
async fn a_shallow_snapshot_serves_no_deeper_analysis_and_a_deep_one_serves_every_type() {
    let stack = Stack::load();
    let user = User::new(&stack, 20).await;
    let username = handle("yoga");
    let mut hits = Vec::new();
    for (analysis_type, scrapes) in [("LIGHT", 1), ("DEEP", 3), ("LIGHT", 3), ("XRAY", 3), ("DEEP", 3)] {
        let run = user.analysed_as(&username, analysis_type).await;
        assert_eq!(run["status"], "complete", "{run}");
        assert_eq!(stack.received("apify.start", &username).await.len(), scrapes, "after {analysis_type}");
        hits.push(run["cache_hit"].as_bool().unwrap());
    }
    assert_eq!(hits, [false, false, true, true, true]);
    user.settles_at(20 - 1 - 5 - 1 - 6 - 5).await;
}

#[tokio::test]
async fn a_newer_shallow_snapshot_does_not_hide_the_deep_one() {
    let stack = Stack::load();
    let user = User::new(&stack, 20).await;
    let username = handle("yoga");
    // A LIGHT analysis reads the profile after the DEEP one has read it, and is done while the DEEP one still waits for posts.
    let held = stack.hold("apify.run", &[username.as_str(), "directUrls"]).await;
    let slow = user.start_order(&user.analysis_as(&username, "DEEP")).await;
    let is_read = async || (user.bills("scrape_logs", &slow).await.len() == 1).then_some(());
    eventually("the DEEP analysis has read the profile", is_read).await;
    let light = user.analysed(&username).await;
    stack.release(held).await;
    let deep = user.end_of(&slow).await;
    let scraped_at = |run: &Value| run["result"]["scraped_at"].as_str().unwrap_or_else(|| panic!("{run}")).to_owned();
    assert!(scraped_at(&light) > scraped_at(&deep), "{light}\n{deep}");

    let (xray, newest) = (user.analysed_as(&username, "XRAY").await, user.analysed(&username).await);
    assert_eq!((&xray["cache_hit"], scraped_at(&xray)), (&json!(true), scraped_at(&deep)));
    assert_eq!((&newest["cache_hit"], scraped_at(&newest)), (&json!(true), scraped_at(&light)));
    user.settles_at(20 - 1 - 5 - 6 - 1).await;
}

#[tokio::test]
async fn a_profile_with_few_posts_or_none_is_judged_by_what_there_is() {
    let stack = Stack::load();
    let user = User::new(&stack, 11).await;
    let username = handle("zeroposts");
    for of in [DEEP, XRAY] {
        let run = user.analysed_as(&username, of.name).await;
        assert_eq!(run["status"], "complete", "{run}");
        assert_has_every_part(&of, &run["result"]);
        assert_cost_is_what_was_billed(&user, &of, &run).await;
    }
    user.settles_at(0).await;
}

#[tokio::test]
async fn the_same_profile_may_be_analysed_in_two_depths_at_once() {
    let stack = Stack::load();
    let user = User::new(&stack, 11).await;
    let username = handle("music");
    let held = stack.hold("apify.start", &username).await;
    let runs = [
        user.start_order(&user.analysis_as(&username, "DEEP")).await,
        user.start_order(&user.analysis_as(&username, "XRAY")).await,
    ];
    let again = user.order(&user.analysis_as(&username, "XRAY")).await;
    assert_eq!(again.refused(409, "analysis_in_progress"), &json!({ "run_id": runs[1] }));
    stack.release(held).await;
    let ended = [user.end_of(&runs[0]).await, user.end_of(&runs[1]).await];
    assert!(ended.iter().all(|run| run["status"] == "complete"), "{ended:?}");
    assert_eq!(ended[0]["lead_id"], ended[1]["lead_id"], "one lead");
    user.settles_at(0).await;
}

#[tokio::test]
async fn a_cancelled_deep_analysis_gives_all_back_before_the_first_question_and_nothing_after() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    for (target, refunded) in [("apify.items", 5), ("openai.chat", 0)] {
        let username = handle("gaming");
        let held = stack.hold(target, &username).await;
        let run = user.start_order(&user.analysis_as(&username, "DEEP")).await;
        stack.until_received(target, &username).await;
        let answer = user.post(&format!("/runs/{run}/cancel")).await;
        assert_eq!(answer.data(200)["refunded"], refunded, "{target}");
        assert_eq!(answer.data(200)["kept"], 5 - refunded, "{target}");
        stack.release(held).await;
        assert_eq!(user.end_of(&run).await["lead_id"], Value::Null, "{target}");
    }
    user.settles_at(5).await;
}
