use http::Response;
use oslira_app::features::{
    profiles::{Found, ScrapeUsage},
    scraping::ReadProfile,
};
use serde_json::Value;

use super::*;
use crate::{
    double::{Script, json as answer, text},
    send::Secret,
};

type Sent = Result<Response<Bytes>, SendError>;

const WAIT: Duration = Duration::from_secs(30);

mod bills;

fn real(script: &Arc<Script>) -> Apify {
    Apify::new(script.clone(), Endpoint::new("https://api.apify.com", Secret::new("apify_api_secret")))
}

fn nasa() -> InstagramHandle {
    "nasa".parse().unwrap()
}

fn ticket() -> ScrapeTicket {
    ScrapeTicket { provider_run_id: "run1".into(), dataset_id: "set1".into() }
}

/// What a look at a run about one username shows.
#[derive(Debug, PartialEq)]
enum Collected {
    Running,
    ItemsMissing { usage: ScrapeUsage },
    Finished { found: Found, usage: ScrapeUsage, ended_at: Option<Timestamp> },
}

async fn look(apify: &Apify, ticket: &ScrapeTicket, part: ScrapePart) -> Result<Collected, ScrapeFault> {
    let one = |mut read: Vec<ReadProfile>| {
        assert_eq!(read.len(), 1);
        read.remove(0)
    };
    Ok(match apify.look(ticket, &[nasa()], &[nasa()], part, 0, WAIT).await? {
        Looked::Running { read, items } => {
            assert_eq!((read, items), (vec![], 0));
            Collected::Running
        }
        Looked::ItemsMissing { unusable } => Collected::ItemsMissing { usage: one(unusable).usage },
        Looked::Ended { read, ended_at } => {
            let ReadProfile { found, usage, .. } = one(read);
            Collected::Finished { found, usage, ended_at }
        }
    })
}

/// The recorded run object with another status.
fn run(status: &str) -> Sent {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../sandbox/fixtures/apify/apify_run_object.succeeded.2025.json");
    let mut run: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    run["status"] = json!(status);
    answer(201, &json!({"data": run}))
}

fn priced(price_per_result_microusd: Option<u64>, tier: Tier) -> ScraperSettings {
    ScraperSettings { price_per_result_microusd, tier, ..ScraperSettings::default() }
}

fn items() -> Sent {
    answer(200, &json!([{"username": "nasa", "error": "not_found"}]))
}

async fn start(sent: Sent) -> Result<ScrapeTicket, ScrapeFault> {
    real(&Arc::new(Script::of([sent]))).start(&[nasa()], ScrapePart::Details).await
}

async fn collect(sent: impl IntoIterator<Item = Sent>) -> Result<Collected, ScrapeFault> {
    look(&real(&Arc::new(Script::of(sent))), &ticket(), ScrapePart::Details).await
}

fn refusal(status: u16, kind: &str) -> Sent {
    answer(status, &json!({"error": {"type": kind, "message": "about nasa and apify_api_secret"}}))
}

#[tokio::test]
async fn a_start_asks_for_one_name_and_one_result_and_gives_the_ticket() {
    let script = Arc::new(Script::of([run("READY")]));
    let ticket = real(&script).start(&[nasa()], ScrapePart::Details).await.unwrap();

    assert_eq!(ticket.provider_run_id, "fAdZLegCIneY2hYW2");
    assert_eq!(ticket.dataset_id, "EGAUSYDoPLm9yoOtq");
    let sent = script.sent.lock().unwrap();
    let uri = "https://api.apify.com/v2/acts/apify~instagram-profile-scraper/runs?timeout=120&maxItems=1&maxTotalChargeUsd=0.5";
    assert_eq!((sent[0].request.method(), sent[0].request.uri().to_string().as_str()), (&Method::POST, uri));
    assert_eq!(sent[0].request.headers()["authorization"], "Bearer apify_api_secret");
    assert_eq!(sent[0].request.headers()["content-type"], "application/json");
    assert_eq!(sent[0].json(), json!({"usernames": ["nasa"]}));
}

#[tokio::test]
async fn the_actors_are_those_of_the_settings() {
    let settings = ScraperSettings {
        profile_actor: "some-one/pro.files".parse().unwrap(),
        posts_actor: "shu8hvrXbJbY3Eb9W".parse().unwrap(),
        ..ScraperSettings::default()
    };
    for (part, path) in [
        (ScrapePart::Details, "/v2/acts/some-one~pro.files/runs"),
        (ScrapePart::newest(50), "/v2/acts/shu8hvrXbJbY3Eb9W/runs"),
    ] {
        let script = Arc::new(Script::of([run("READY")]));
        real(&script).with_settings(settings.clone()).start(&[nasa()], part).await.unwrap();
        assert_eq!(script.sent.lock().unwrap()[0].request.uri().path(), path);
    }
}

#[tokio::test]
async fn a_run_is_bounded_somewhat_above_what_its_items_cost_and_never_below_what_apify_accepts() {
    for (price, part, bound) in [
        (None, ScrapePart::Details, "0.5"),
        (None, ScrapePart::newest(50), "0.5"),
        // 50 items of 0.02, a fifth more, and four starts of 0.00005.
        (Some(20_000), ScrapePart::newest(50), "1.2002"),
        (Some(1_000_000), ScrapePart::newest(50), "60.0002"),
    ] {
        let script = Arc::new(Script::of([run("READY")]));
        real(&script).with_settings(priced(price, Tier::Free)).start(&[nasa()], part).await.unwrap();
        let query = script.sent.lock().unwrap()[0].request.uri().query().unwrap().to_owned();
        assert!(query.ends_with(&format!("&maxTotalChargeUsd={bound}")), "{query}");
    }
}

#[tokio::test]
async fn posts_are_asked_of_their_own_actor_and_bounded() {
    let script = Arc::new(Script::of([run("READY")]));
    real(&script).start(&[nasa()], ScrapePart::newest(50)).await.unwrap();
    let sent = script.sent.lock().unwrap();
    let uri =
        "https://api.apify.com/v2/acts/apify~instagram-scraper/runs?timeout=120&maxItems=50&maxTotalChargeUsd=0.5";
    assert_eq!(sent[0].request.uri().to_string(), uri);
    let input = json!({
        "directUrls": ["https://www.instagram.com/nasa/"], "resultsType": "posts", "resultsLimit": 50,
    });
    assert_eq!(sent[0].json(), input);
}

#[tokio::test]
async fn newer_posts_are_asked_for_by_the_second_after_which_they_were_posted() {
    let script = Arc::new(Script::of([run("READY")]));
    let since = "2026-11-19T09:30:01.25Z".parse().unwrap();
    real(&script).start(&[nasa()], ScrapePart::newer(50, since)).await.unwrap();
    let sent = script.sent.lock().unwrap();
    assert!(sent[0].request.uri().to_string().contains("maxItems=50&"));
    let input = json!({
        "directUrls": ["https://www.instagram.com/nasa/"], "resultsType": "posts", "resultsLimit": 50,
        "onlyPostsNewerThan": "2026-11-19T09:30:01Z",
    });
    assert_eq!(sent[0].json(), input);
}

#[tokio::test]
async fn no_newer_posts_are_an_answer_in_both_of_its_forms() {
    let part = ScrapePart::newer(50, Timestamp::UNIX_EPOCH);
    let uncounted = || answer(200, &json!({"data": {"id": "r", "status": "SUCCEEDED", "defaultDatasetId": "d"}}));
    let no_items = answer(200, &json!([{"error": "no_items", "errorDescription": "Empty or private data"}]));
    for (items, results) in [(text(200, "[]"), 0), (no_items, 1)] {
        let script = Arc::new(Script::of([uncounted(), items]));
        let collected = look(&real(&script), &ticket(), part).await;
        let Ok(Collected::Finished { found, usage, ended_at }) = collected else { panic!("{collected:?}") };
        assert_eq!((found, usage.results, ended_at), (Found::Posts(vec![]), results, None));
    }
}

#[tokio::test]
async fn ids_that_would_change_the_path_are_refused() {
    for id in ["", "a/b", "../x", "a?b", &"a".repeat(65)] {
        let data = json!({"data": {"id": id, "status": "READY", "defaultDatasetId": "set1"}});
        assert!(matches!(start(answer(201, &data)).await, Err(ScrapeFault::Unanswered(_))), "{id}");
        let ticket = ScrapeTicket { provider_run_id: id.to_owned(), dataset_id: "set1".into() };
        let outcome = look(&real(&Arc::default()), &ticket, ScrapePart::Details).await;
        assert!(matches!(outcome, Err(ScrapeFault::Retryable(_))), "{id}");
    }
}

#[tokio::test]
async fn a_run_under_way_is_not_an_error() {
    for status in ["READY", "RUNNING", "TIMING-OUT", "ABORTING"] {
        assert_eq!(collect([run(status)]).await, Ok(Collected::Running), "{status}");
    }
}

#[tokio::test]
async fn a_run_that_failed_may_be_tried_again() {
    for status in ["FAILED", "ABORTED", "SOMETHING-NEW"] {
        let expected = Err(ScrapeFault::Retryable(format!("apify run: {status}")));
        assert_eq!(collect([run(status)]).await, expected);
    }
    let expected = Err(ScrapeFault::Overtime("apify run: TIMED-OUT".to_owned()));
    assert_eq!(collect([run("TIMED-OUT")]).await, expected);
}

#[tokio::test]
async fn a_finished_run_gives_what_was_found_and_what_it_costs() {
    let script = Arc::new(Script::of([run("SUCCEEDED"), items()]));
    // The recorded run tells its price, so that of the settings does not count.
    let apify = real(&script).with_settings(priced(Some(2_300), Tier::Free));
    let collected = look(&apify, &ticket(), ScrapePart::Details).await.unwrap();

    let usage = ScrapeUsage {
        source: "apify".into(),
        actor: PROFILE_ACTOR.into(),
        results: 1,
        cost_microusd: 2_700,
        duration_ms: Some(21_579),
    };
    let ended_at = Some("2025-08-13T05:14:38.668Z".parse().unwrap());
    assert_eq!(collected, Collected::Finished { found: Found::NotFound, usage, ended_at });
    let sent = script.sent.lock().unwrap();
    assert_eq!(sent[0].request.uri(), "https://api.apify.com/v2/actor-runs/run1?waitForFinish=30");
    assert_eq!(sent[0].timeout, Duration::from_secs(40));
    assert_eq!(sent[0].body_bytes_max, RUN_BYTES_MAX);
    assert_eq!(sent[1].request.uri(), "https://api.apify.com/v2/datasets/set1/items?format=json&clean=1&limit=10");
}

#[tokio::test]
async fn a_sandbox_is_never_taken_for_apify() {
    let mut marked = json!({"id": "r", "status": "SUCCEEDED", "defaultDatasetId": "d"});
    marked["meta"] = json!({"origin": "SANDBOX"});
    let by_origin = collect([answer(200, &json!({"data": marked})), items()]).await;

    let script = Arc::new(Script::of([run("SUCCEEDED"), items()]));
    let endpoint = Endpoint::new("http://127.0.0.1:4010/apify", Secret::new("sandbox-apify-token"));
    let by_endpoint = look(&Apify::new(script, endpoint), &ticket(), ScrapePart::Details).await;

    for collected in [by_origin, by_endpoint] {
        assert!(matches!(collected, Ok(Collected::Finished { usage, .. }) if usage.source == "sandbox"));
    }
}

#[tokio::test]
async fn refusals_that_pass_are_told_from_those_that_last_and_those_that_strike_everybody() {
    let lasting = [
        (400, "invalid-input"),
        (401, "user-or-token-not-found"),
        (402, "not-enough-usage-to-run-paid-actor"),
        (403, "insufficient-permissions"),
        (413, "request-too-large"),
    ];
    let passing = [
        (402, "actor-memory-limit-exceeded"),
        (402, "concurrent-runs-limit-exceeded"),
        (408, "run-timeout-exceeded"),
        (429, "rate-limit-exceeded"),
        (500, "internal-error"),
        (503, "internal-error"),
    ];
    for (status, kind) in lasting {
        let fault = if matches!(status, 401..=403) { ScrapeFault::Exhausted } else { ScrapeFault::Terminal };
        let why = format!("{status} {kind}");
        assert_eq!(start(refusal(status, kind)).await, Err(fault(format!("apify start: {why}"))));
        assert_eq!(collect([refusal(status, kind)]).await, Err(fault(format!("apify poll: {why}"))));
    }
    for (status, kind) in passing {
        let why = format!("{status} {kind}");
        let fault = if matches!(status, 402 | 429) { ScrapeFault::AtCapacity } else { ScrapeFault::Unanswered };
        assert_eq!(start(refusal(status, kind)).await, Err(fault(format!("apify start: {why}"))));
        let outcome = collect([run("SUCCEEDED"), refusal(status, kind)]).await;
        assert_eq!(outcome, Err(ScrapeFault::Unanswered(format!("apify items: {why}"))));
    }
}

#[tokio::test]
async fn an_actor_that_does_not_exist_lasts_but_a_run_may_only_be_late() {
    let missing = || refusal(404, "record-not-found");
    assert!(matches!(start(missing()).await, Err(ScrapeFault::Terminal(_))));
    assert!(matches!(collect([missing()]).await, Err(ScrapeFault::Unanswered(_))));
    assert!(matches!(collect([run("SUCCEEDED"), missing()]).await, Err(ScrapeFault::Unanswered(_))));
}

#[tokio::test]
async fn lost_connections_and_unreadable_answers_pass() {
    for error in [SendError::Unreachable("refused".into()), SendError::TooLarge] {
        assert_eq!(start(Err(error.clone())).await, Err(ScrapeFault::Unanswered(format!("apify start: {error}"))));
    }
    for body in ["", "<html>", "{\"data\":{\"id\":\"a\"", "{\"data\":{}}"] {
        assert!(matches!(start(text(201, body)).await, Err(ScrapeFault::Unanswered(_))), "{body}");
        let asked = collect([run("SUCCEEDED"), text(200, body)]).await;
        assert!(matches!(asked, Err(ScrapeFault::Unanswered(_))), "{body}");
    }
    assert!(matches!(start(text(302, "")).await, Err(ScrapeFault::Unanswered(_))));
}

#[tokio::test]
async fn a_call_without_an_answer_is_told_from_one_that_failed() {
    let timeout = || Err(SendError::Timeout);
    let timed_out = |what: &str| ScrapeFault::TimedOut(format!("apify {what}: timed out"));
    assert_eq!(start(timeout()).await, Err(timed_out("start")));
    assert_eq!(collect([timeout()]).await, Err(timed_out("poll")));
    assert_eq!(collect([run("SUCCEEDED"), timeout()]).await, Err(timed_out("items")));
}

#[tokio::test]
async fn an_unanswered_call_is_given_up_ten_seconds_after_the_wait_that_it_asked_for() {
    let script = Arc::new(Script::of([run("READY"), run("SUCCEEDED"), items()]));
    let apify = real(&script);
    apify.start(&[nasa()], ScrapePart::Details).await.unwrap();
    look(&apify, &ticket(), ScrapePart::Details).await.unwrap();
    let waits: Vec<u64> = script.sent.lock().unwrap().iter().map(|sent| sent.timeout.as_secs()).collect();
    assert_eq!(waits, [10, 40, 10]);
}
