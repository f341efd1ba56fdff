//! The main path: a score with its reasons and evidence, the cache, the progress, the recorded costs.

use oslira_e2e::{Stack, User, eventually, handle};
use serde_json::{Value, json};

#[tokio::test]
async fn the_demos_path() {
    let stack = Stack::load();
    let user = User::new(&stack, 100).await;
    for username in ["nasa", "frcsurat", "apifytech"] {
        let answer = user.analyze(username).await;
        let accepted = answer.data(202);
        assert_eq!((&accepted["status"], &accepted["credits_charged"]), (&json!("pending"), &json!(1)), "{accepted}");
        let run = user.end_of(accepted["run_id"].as_str().unwrap()).await;
        assert_eq!((&run["status"], &run["charge_outcome"]), (&json!("complete"), &json!("result")), "{run}");
        assert_eq!((&run["username"], &run["analysis_type"]), (&json!(username), &json!("LIGHT")), "{run}");
        assert_eq!(run["error"], Value::Null, "{run}");
        assert!(run["finished_at"].as_str() > run["created_at"].as_str(), "{run}");
        assert_is_a_judgement(&run["result"]);
    }
    let failed = user.analysed(&handle("notfound")).await;
    assert_eq!(failed["error"]["code"], "profile_not_found", "{failed}");
    let again = user.analysed("nasa").await;
    assert_eq!((&again["status"], &again["cache_hit"]), (&json!("complete"), &json!(true)), "{again}");
    user.settles_at(100 - 4).await;
}

fn assert_is_a_judgement(result: &Value) {
    let score = result["score"].as_f64().unwrap_or_else(|| panic!("{result}"));
    assert!((0.0..=100.0).contains(&score), "{result}");
    assert_eq!((&result["provider"], &result["scraped_by"]), (&json!("sandbox"), &json!("sandbox")), "{result}");
    assert!(result["summary"].as_str().is_some_and(|text| text.len() > 20), "{result}");
    let reasons = result["reasons"].as_array().unwrap();
    assert!(
        !reasons.is_empty() && reasons.iter().all(|reason| reason["insight"].as_str().is_some_and(|r| r.len() > 5)),
        "{result}"
    );

    let evidence = result["evidence"].as_array().unwrap();
    let sum = |field: &str| -> f64 { evidence.iter().map(|part| part[field].as_f64().unwrap()).sum() };
    assert!((sum("weight") - 1.0).abs() < 0.01, "the weights sum to 1: {result}");
    assert!((sum("points") - score).abs() <= 1.0, "the points sum to the score: {result}");
    for part in evidence {
        let texts = ["rule", "fact", "explanation"];
        assert!(texts.iter().all(|field| part[field].as_str().is_some_and(|text| !text.is_empty())), "{part}");
        assert!((0.0..=100.0).contains(&part["value"].as_f64().unwrap()), "{part}");
    }
}

#[tokio::test]
async fn a_username_may_be_pasted_in_any_form_and_is_one_and_the_same_profile() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    let username = handle("coffee");
    let pasted = [
        format!(" @{} ", username.to_uppercase()),
        format!("https://www.instagram.com/{username}/"),
        format!("instagram.com/{username}?igsh=abc"),
    ];
    for text in &pasted {
        assert_eq!(user.analysed(text).await["username"], username, "{text}");
    }
    assert_eq!(stack.received("apify.start", &username).await.len(), 1);
    user.settles_at(7).await;
}

#[tokio::test]
async fn the_second_analysis_of_a_profile_hits_the_cache_for_every_account() {
    let stack = Stack::load();
    let (first, second) = (User::new(&stack, 5).await, User::new(&stack, 5).await);
    let username = handle("yoga");
    let runs = [first.analysed(&username).await, first.analysed(&username).await, second.analysed(&username).await];
    let hits: Vec<&Value> = runs.iter().map(|run| &run["cache_hit"]).collect();
    assert_eq!(hits, [&json!(false), &json!(true), &json!(true)]);
    assert_eq!(stack.received("apify.start", &username).await.len(), 1, "scraped once");
    assert_eq!(stack.received("openai.chat", &username).await.len(), 3, "judged each time");
    assert_eq!(runs[0]["lead_id"], runs[1]["lead_id"], "one lead for each account and business");
    assert_ne!(runs[0]["lead_id"], runs[2]["lead_id"]);
    assert_eq!(runs[0]["result"]["scraped_at"], runs[2]["result"]["scraped_at"]);
    first.settles_at(3).await;
    second.settles_at(4).await;
}

#[tokio::test]
async fn a_profile_without_posts_is_judged_by_what_there_is() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let run = user.analysed(&handle("zeroposts")).await;
    assert_eq!(run["status"], "complete", "{run}");
    assert_is_a_judgement(&run["result"]);
    user.settles_at(4).await;
}

#[tokio::test]
async fn progress_only_rises_and_ends_at_a_hundred() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let username = handle("travel");
    let (scraping, judging) = (stack.hold("apify.poll", &username).await, stack.hold("openai.chat", &username).await);
    let run = user.start(&username).await;
    let path = format!("/runs/{run}/progress");
    let look = async || user.get(&path).await.data(200).clone();

    stack.until_received("apify.poll", &username).await;
    let while_scraping = look().await;
    assert_eq!(while_scraping["status"], "processing", "{while_scraping}");
    stack.release(scraping).await;
    stack.until_received("openai.chat", &username).await;
    let mut seen = vec![while_scraping, look().await];
    stack.release(judging).await;
    eventually("the end in the progress", async || {
        seen.push(look().await);
        (seen.last()?["status"] == "complete").then_some(())
    })
    .await;

    let percents: Vec<i64> = seen.iter().map(|view| view["percent"].as_i64().unwrap()).collect();
    assert!(percents.is_sorted() && percents[0] > 0 && percents[0] < percents[1], "{percents:?}");
    assert_eq!(percents.last(), Some(&100));
    let seqs: Vec<i64> = seen.iter().map(|view| view["seq"].as_i64().unwrap()).collect();
    assert!(seqs.is_sorted(), "{seqs:?}");
    assert!(seen.iter().all(|view| view["message"].as_str().is_some_and(|text| !text.is_empty())), "{seen:?}");
    assert_eq!(user.run(&run).await["status"], "complete", "the row says so too");
    user.settles_at(4).await;
}

#[tokio::test]
async fn the_judgement_follows_the_business() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    let roastery = user.add_business(
        "Slow Pour",
        "Specialty coffee beans, espresso blends and pour-over brewing kits for home baristas, sold by subscription.",
        "Baristas, latte art and coffee creators who talk about roasting, espresso and brewing.",
        &["coffee", "espresso", "barista", "latte art"],
    );
    let arcade = user.add_business(
        "Frame Perfect",
        "Gaming headsets, controllers and capture cards for streamers and esports players.",
        "Gamers and streamers who play video games, esports and speedruns and review consoles.",
        &["gaming", "esports", "streaming", "video games"],
    );
    let businesses = [roastery.await, arcade.await];
    let people = [handle("coffee"), handle("gaming")];
    let mut scores = Vec::new();
    for business in businesses {
        for username in &people {
            let mut body = user.analysis_of(username);
            body["business_profile_id"] = json!(business);
            let answer = oslira_e2e::Answer::read(user.analyze_request(&body).send().await.unwrap()).await;
            let run = user.end_of(answer.data(202)["run_id"].as_str().unwrap()).await;
            assert_eq!(run["business_profile_id"], json!(business), "{run}");
            scores.push(run["result"]["score"].as_f64().unwrap_or_else(|| panic!("{run}")));
        }
    }
    assert!(scores[0] > scores[1], "the roastery prefers the coffee lover: {scores:?}");
    assert!(scores[3] > scores[2], "the arcade prefers the gamer: {scores:?}");
    user.settles_at(6).await;
}

#[tokio::test]
async fn every_paid_call_is_billed_once_and_attributed() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let username = handle("fitness");
    let run = user.analysed(&username).await;
    let id = run["id"].as_str().unwrap();

    let scrapes = user.bills("scrape_logs", id).await;
    assert_eq!(scrapes.len(), 1, "{scrapes:?}");
    assert_eq!((&scrapes[0]["username"], &scrapes[0]["outcome"]), (&json!(username), &json!("profile")));
    let calls = user.bills("ai_usage_logs", id).await;
    assert_eq!(calls.len(), 1, "{calls:?}");
    let call = &calls[0];
    assert_eq!((&call["provider"], &call["finish_reason"]), (&json!("sandbox"), &json!("stop")), "{call}");
    assert!(call["input_tokens"].as_i64().unwrap() > 100 && call["output_tokens"].as_i64().unwrap() > 20, "{call}");
    assert!(call["cost_microusd"].as_i64().unwrap() > 0, "{call}");
    assert_eq!(run["result"]["provider"], "sandbox");

    let not_found = user.analysed(&handle("notfound")).await;
    let bills = user.bills("scrape_logs", not_found["id"].as_str().unwrap()).await;
    assert_eq!(bills.len(), 1, "a look at nobody is billed too: {bills:?}");
    assert_eq!(bills[0]["outcome"], "not_found");
    user.settles_at(4).await;
}

#[tokio::test]
async fn who_must_not_be_a_lead_scores_low_and_gets_no_message() {
    let stack = Stack::load();
    for (biography, cap, rule) in [
        ("Order our specialty coffee beans in the link", 20, "competitor_cap"),
        ("Specialty coffee, beans and brewing. 15 y/o", 14, "minor_cap"),
    ] {
        let user = User::new(&stack, 20).await;
        let username = handle("coffee");
        stack.rewrite(&username, json!({ "biography": biography })).await;
        let coffee =
            user.add_business("Beans", "Specialty coffee beans", "Coffee lovers", &["coffee", "brewing"]).await;
        for analysis_type in ["LIGHT", "DEEP"] {
            let mut order = user.analysis_as(&username, analysis_type);
            order["business_profile_id"] = json!(coffee);
            let run = user.start_order(&order).await;
            let result = user.end_of(&run).await["result"].clone();
            assert!(result["score"].as_i64().unwrap() <= cap, "{result}");
            let limits = result["evidence"].as_array().unwrap().iter().filter(|part| part["rule"] == rule);
            assert_eq!(limits.count(), 1, "{result}");
            assert!(result["outreach"].is_null(), "{result}");
        }
    }
}
