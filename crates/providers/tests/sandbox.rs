//! The adapters against the sandbox, over a real socket.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests stand outside test functions")]
#![expect(clippy::disallowed_methods, reason = "the test is the HTTP client and the clock behind the ports")]

mod stand;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use oslira_app::{
    features::{
        auth::KeySource,
        business::BusinessContext,
        judging::{self, AiFault, CallKind, CallTags, Effort, Model, ModelName, Question, Review},
        profiles::{Found, InstagramHandle, ScrapeFault, ScrapePart, ScrapeTicket, ScrapeUsage, Snapshot},
        scraping::{ActorRuns as _, Looked, ReadProfile},
    },
    shared::{analysis_type::AnalysisType, clock::Clock, ids::RunId},
};
use oslira_providers::{Anthropic, Apify, Endpoint, Gateway, OpenAi, Secret, SupabaseKeys};
use oslira_sandbox::{ANTHROPIC_API_KEY, APIFY_TOKEN, GATEWAY_TOKEN, OPENAI_API_KEY};
use serde_json::{Value, json};
use stand::Stand;

/// What a look at a run about one username shows.
#[derive(Debug, PartialEq)]
enum Collected {
    Running,
    Finished { found: Found, usage: ScrapeUsage, ended_at: Option<Timestamp> },
}

async fn look(
    apify: &Apify,
    ticket: &ScrapeTicket,
    name: &InstagramHandle,
    part: ScrapePart,
    wait: Duration,
) -> Result<Collected, ScrapeFault> {
    let name = std::slice::from_ref(name);
    match apify.look(ticket, name, name, part, 0, wait).await? {
        Looked::Running { .. } => Ok(Collected::Running),
        Looked::Ended { mut read, ended_at } => {
            let ReadProfile { found, usage, .. } = read.remove(0);
            Ok(Collected::Finished { found, usage, ended_at })
        }
        missing @ Looked::ItemsMissing { .. } => panic!("{missing:?}"),
    }
}

struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

impl Stand {
    fn apify(&self) -> Apify {
        Apify::new(self.wire(), Endpoint::new(&format!("{}/apify", self.base), Secret::new(APIFY_TOKEN)))
    }

    fn openai(&self, key: &str) -> OpenAi {
        let endpoint = Endpoint::new(&format!("{}/openai/v1", self.base), Secret::new(key));
        OpenAi::new(self.wire(), endpoint, Arc::new(Wall))
    }

    async fn scrape(&self, name: &str) -> Result<Collected, ScrapeFault> {
        let name: InstagramHandle = name.parse().unwrap();
        let apify = self.apify();
        let ticket = apify.start(std::slice::from_ref(&name), ScrapePart::Details).await?;
        look(&apify, &ticket, &name, ScrapePart::Details, Duration::from_secs(30)).await
    }
}

fn question(model: &'static str) -> Question {
    Question {
        model: ModelName::fixed(model),
        system: "Judge the lead. <business>We sell grinders to coffee roasters.</business>".into(),
        user: "<profile>{\"username\":\"bean\",\"biography\":\"Coffee roaster\",\"followersCount\":9000}</profile>"
            .into(),
        schema_name: "lead",
        schema: json!({
            "type": "object", "additionalProperties": false, "required": ["score", "summary"],
            "properties": {"score": {"type": "integer"}, "summary": {"type": "string"}},
        }),
        output_tokens_max: 1_500,
        effort: Effort::Low,
        tags: CallTags {
            run: RunId::new(uuid::Uuid::nil()),
            analysis_type: AnalysisType::Light,
            call: CallKind::Light,
        },
        cache_key: "business-1".into(),
        timeout: Duration::from_secs(10),
    }
}

#[tokio::test]
async fn a_profile_is_scraped_from_start_to_end() {
    let stand = Stand::start().await;
    for name in ["nasa", "coffee_ann"] {
        let Collected::Finished { found: Found::Profile(profile), usage, .. } = stand.scrape(name).await.unwrap()
        else {
            panic!("{name}")
        };
        assert_eq!(profile.username.to_string(), name);
        assert!(profile.followers > 0 && !profile.posts.is_empty());
        assert_eq!((usage.source.as_str(), usage.results, usage.cost_microusd), ("sandbox", 1, 2_650));
    }
}

#[tokio::test]
async fn what_cannot_be_scraped_is_told_apart() {
    let stand = Stand::start().await;
    for (name, expected) in
        [("notfound_x", Found::NotFound), ("private_x", Found::Private), ("restricted_x", Found::Restricted)]
    {
        assert!(matches!(stand.scrape(name).await, Ok(Collected::Finished { found, .. }) if found == expected));
    }
    for name in ["noitems_x", "emptyset_x"] {
        let outcome = stand.scrape(name).await;
        assert!(matches!(outcome, Ok(Collected::Finished { found: Found::Unusable(_), .. })), "{name}");
    }
}

#[tokio::test]
async fn faults_of_apify_are_classified() {
    let stand = Stand::start().await;
    let name: InstagramHandle = "coffee_ann".parse().unwrap();
    let cases = [
        (json!({"target": "apify.start", "kind": "status", "status": 503, "times": 1}), true),
        (json!({"target": "apify.start", "kind": "rate_limit", "times": 1}), true),
        (json!({"target": "apify.start", "kind": "drop", "times": 1}), true),
        (json!({"target": "apify.start", "kind": "insufficient_quota", "times": 1}), false),
        (json!({"target": "apify.start", "kind": "status", "status": 401, "times": 1}), false),
    ];
    for (fault, passes) in cases {
        stand.fault(fault.clone()).await;
        let outcome = stand.apify().start(std::slice::from_ref(&name), ScrapePart::Details).await;
        assert_eq!(
            matches!(outcome, Err(ScrapeFault::Retryable(_) | ScrapeFault::Unanswered(_) | ScrapeFault::AtCapacity(_))),
            passes,
            "{fault}: {outcome:?}"
        );
        assert!(outcome.is_err(), "{fault}");
    }
    stand.fault(json!({"target": "apify.run", "kind": "status", "status_text": "FAILED", "times": 1})).await;
    assert_eq!(stand.scrape("coffee_ann").await, Err(ScrapeFault::Retryable("apify run: FAILED".into())));
}

#[tokio::test]
async fn a_run_under_way_can_be_asked_for_again() {
    let stand = Stand::start().await;
    let name: InstagramHandle = "coffee_ann".parse().unwrap();
    stand.fault(json!({"target": "apify.run", "kind": "delay", "delay_ms": 1_500, "times": 1})).await;
    let apify = stand.apify();
    let ticket = apify.start(std::slice::from_ref(&name), ScrapePart::Details).await.unwrap();
    assert_eq!(look(&apify, &ticket, &name, ScrapePart::Details, Duration::ZERO).await, Ok(Collected::Running));
    let collected = look(&apify, &ticket, &name, ScrapePart::Details, Duration::from_secs(30)).await;
    assert!(matches!(collected, Ok(Collected::Finished { .. })), "{collected:?}");
}

#[tokio::test]
async fn profiles_share_a_run_and_each_is_answered_when_it_is_read() {
    let stand = Stand::start().await;
    let apify = stand.apify();
    // Two waves, of which the first is answered while the run goes on.
    stand.fault(json!({"target": "apify.run", "kind": "delay", "delay_ms": 1_500, "times": 1})).await;
    let of = |name: &str| -> InstagramHandle { name.parse().unwrap() };
    let names = ["coffee_ann", "notfound_x", "fitness_eve", "private_p", "travel_bob", "food_max", "art_zoe"].map(of);
    let ticket = apify.start(&names, ScrapePart::Details).await.unwrap();
    let (mut left, mut items, mut early, mut all) = (names.to_vec(), 0, None, vec![]);
    let wait = Duration::ZERO;
    loop {
        match apify.look(&ticket, &names, &left, ScrapePart::Details, items, wait).await.unwrap() {
            Looked::Running { read, items: seen } => {
                early = early.or_else(|| Some(read.len()).filter(|count| *count > 0));
                items = seen;
                left.retain(|name| !read.iter().any(|read| read.username == *name));
                all.extend(read);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Looked::Ended { read, .. } => {
                all.extend(read);
                break;
            }
            missing @ Looked::ItemsMissing { .. } => panic!("{missing:?}"),
        }
    }
    assert_eq!(early, Some(5), "the first wave");
    let found = |name: &str| all.iter().find(|read| read.username.as_str() == name).map(|read| &read.found).unwrap();
    assert!(matches!(found("coffee_ann"), Found::Profile(profile) if profile.username == names[0]));
    assert!(matches!(found("art_zoe"), Found::Profile(profile) if profile.username == names[6]));
    assert_eq!((found("notfound_x"), found("private_p")), (&Found::NotFound, &Found::Private));
    assert_eq!(all.len(), 7);
    let cost: u64 = all.iter().map(|read| read.usage.cost_microusd).sum();
    assert_eq!(cost, 7 * 2_600 + 50, "one start");
}

#[tokio::test]
async fn posts_of_several_profiles_are_told_apart() {
    let stand = Stand::start().await;
    let apify = stand.apify();
    let names = ["coffee_ann", "zeroposts_x", "travel_bob"].map(|name| name.parse::<InstagramHandle>().unwrap());
    let part = ScrapePart::newest(20);
    let ticket = apify.start(&names, part).await.unwrap();
    let looked = apify.look(&ticket, &names, &names, part, 0, Duration::from_secs(30)).await.unwrap();
    let Looked::Ended { read, .. } = looked else { panic!("{looked:?}") };
    let counts: Vec<usize> = read
        .iter()
        .map(|read| match &read.found {
            Found::Posts(posts) => posts.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(counts, [20, 0, 20]);
    let alone = {
        let ticket = apify.start(&names[2..], part).await.unwrap();
        look(&apify, &ticket, &names[2], part, Duration::from_secs(30)).await.unwrap()
    };
    assert!(matches!(alone, Collected::Finished { found, .. } if found == read[2].found));
}

#[tokio::test]
async fn a_run_whose_start_was_not_answered_is_found_by_what_it_was_asked() {
    let stand = Stand::start().await;
    let apify = stand.apify();
    let names = ["coffee_ann", "travel_bob"].map(|name| name.parse::<InstagramHandle>().unwrap());
    let since = Timestamp::now();
    assert_eq!(apify.find(&names, ScrapePart::Details, since).await, Ok(None));
    let started = apify.start(&names, ScrapePart::Details).await.unwrap();
    let posts = apify.start(&names, ScrapePart::newest(12)).await.unwrap();
    apify.start(&names[..1], ScrapePart::Details).await.unwrap();
    assert_eq!(apify.find(&names, ScrapePart::Details, since).await, Ok(Some(started)));
    assert_eq!(apify.find(&names, ScrapePart::newest(12), since).await, Ok(Some(posts)));
    assert_eq!(apify.find(&names, ScrapePart::newest(50), since).await, Ok(None));
    let later = Timestamp::now() + Duration::from_secs(60);
    assert_eq!(apify.find(&names, ScrapePart::Details, later).await, Ok(None), "one from before");
}

#[tokio::test]
async fn models_answer_with_json_and_usage() {
    let stand = Stand::start().await;
    for model in ["openai/gpt-4o-mini", "openai/gpt-5-mini", "openai/gpt-6-luna", "openai/gpt-6.2-sol"] {
        let answer = stand.openai(OPENAI_API_KEY).ask(&question(model)).await;
        let content: Value = serde_json::from_str(&answer.content.unwrap()).unwrap();
        assert!(content["score"].is_i64(), "{content}");
        let usage = answer.usage.unwrap();
        assert_eq!((usage.provider.as_str(), usage.finish_reason.as_str()), ("sandbox", "stop"));
        assert!(usage.cost_microusd.is_some_and(|cost| cost > 0), "{usage:?}");
    }
}

/// Every route to a model: each provider, directly and through the gateway.
fn ways(stand: &Stand) -> Vec<(&'static str, Box<dyn Model>)> {
    let base = &stand.base;
    let gateway = || Gateway::new(Some(Secret::new(GATEWAY_TOKEN)), 0);
    let openai =
        |url: String| OpenAi::new(stand.wire(), Endpoint::new(&url, Secret::new(OPENAI_API_KEY)), Arc::new(Wall));
    let anthropic = |url: String| {
        let endpoint = Endpoint::new(&url, Secret::new(ANTHROPIC_API_KEY)).with_key_in("x-api-key");
        Anthropic::new(stand.wire(), endpoint, Arc::new(Wall))
    };
    vec![
        ("openai/gpt-5-mini", Box::new(openai(format!("{base}/openai/v1")))),
        ("openai/gpt-6-luna", Box::new(openai(format!("{base}/openai/v1")))),
        ("openai/gpt-6.1-terra", Box::new(openai(format!("{base}/gateway/v1/acc/gw/openai")).through(gateway()))),
        ("anthropic/claude-haiku-5-5", Box::new(anthropic(format!("{base}/anthropic")))),
        ("anthropic/claude-haiku-4-5-20251001", Box::new(anthropic(format!("{base}/anthropic")))),
        (
            "anthropic/claude-sonnet-5-5",
            Box::new(anthropic(format!("{base}/gateway/v1/acc/gw/anthropic")).through(gateway())),
        ),
    ]
}

/// Beans for cafés: what the profiles of these tests are judged against.
fn roastery() -> BusinessContext {
    serde_json::from_value(json!({
        "id": uuid::Uuid::nil(), "name": "Slow Beans", "context_version": 1,
        "offering": "Freshly roasted coffee beans for small cafés, delivered each week.",
        "target_audience": "Owners of independent cafés who care about where their coffee comes from.",
        "ideal_customer": { "follower_min": 500, "follower_max": 200_000, "content_themes": ["coffee"] },
    }))
    .unwrap()
}

#[tokio::test]
async fn every_call_is_answered_by_every_provider_directly_and_through_the_gateway() {
    let stand = Stand::start().await;
    let business = roastery();
    let budget = AnalysisType::Deep.config().profile_budget();
    for name in ["coffee_ann", "nasa", "marathon.livia"] {
        let Collected::Finished { found: Found::Profile(profile), .. } = stand.scrape(name).await.unwrap() else {
            panic!("{name}")
        };
        let recipient = profile.username.clone();
        let scraped_at = "2026-11-20T12:00:00Z".parse().unwrap();
        let source = "sandbox".to_owned();
        let snapshot = Snapshot { profile: *profile, scraped_at, depth: 12, posts_read_at: None, source };
        for (model, way) in ways(&stand) {
            for call in CallKind::ALL {
                let tags = CallTags { run: RunId::new(uuid::Uuid::nil()), analysis_type: AnalysisType::Deep, call };
                let (question, shown) = judging::question(tags, &ModelName::fixed(model), &business, &snapshot, budget);
                let answer = way.ask(&question).await;
                let content = answer.content.unwrap_or_else(|fault| panic!("{model} {call:?}: {fault}"));
                let review = Review { shown: &shown, business: &business, recipient: &recipient };
                let read =
                    review.read(call, &content).unwrap_or_else(|fault| panic!("{name} {call:?}: {fault}\n{content}"));
                assert!(
                    read.problems.is_empty() && read.dropped == 0,
                    "{name} {call:?}: {}\n{content}",
                    read.correction()
                );
                let usage = answer.usage.unwrap();
                assert_eq!((usage.provider.as_str(), usage.cost_microusd.is_some()), ("sandbox", true), "{model}");
            }
        }
    }
}

#[tokio::test]
async fn a_gateway_answers_the_same_question_again_for_nothing() {
    let stand = Stand::start().await;
    let url = format!("{}/gateway/v1/acc/gw/openai", stand.base);
    let openai = OpenAi::new(stand.wire(), Endpoint::new(&url, Secret::new(OPENAI_API_KEY)), Arc::new(Wall))
        .through(Gateway::new(Some(Secret::new(GATEWAY_TOKEN)), 600));
    let first = openai.ask(&question("openai/gpt-4o-mini")).await;
    let second = openai.ask(&question("openai/gpt-4o-mini")).await;
    assert_eq!(first.content, second.content);
    let (first, second) = (first.usage.unwrap(), second.usage.unwrap());
    assert_eq!((first.gateway_hit, second.gateway_hit, second.cost_microusd), (Some(false), Some(true), Some(0)));
    assert_ne!(first.response_id, second.response_id);
}

#[tokio::test]
async fn a_prefix_is_cached_by_either_provider() {
    let stand = Stand::start().await;
    for (number, (model, way)) in ways(&stand).into_iter().enumerate() {
        let ask = async |user: &str| {
            let mut question = question(model);
            question.system = "How to judge a lead, in many words and with examples. ".repeat(400);
            question.system.push_str("<business>We sell grinders to coffee roasters.</business>");
            // A prefix of its own, so that no way finds what another one cached.
            question.system = format!("{number} {}", question.system);
            question.user = user.to_owned();
            way.ask(&question).await.usage.unwrap()
        };
        let first = ask("<profile>{\"username\":\"bean\",\"biography\":\"Coffee\"}</profile>").await;
        let again = ask("<profile>{\"username\":\"leaf\",\"biography\":\"Tea\"}</profile>").await;
        assert!(again.cached_tokens * 100 > again.input_tokens * 90, "{model}: {first:?} {again:?}");
    }
}

#[tokio::test]
async fn the_posts_of_a_profile_are_read_by_their_own_actor() {
    let stand = Stand::start().await;
    let apify = stand.apify();
    let part = ScrapePart::newest(50);
    let posts = async |name: &str| {
        let name: InstagramHandle = name.parse().unwrap();
        let ticket = apify.start(std::slice::from_ref(&name), part).await?;
        look(&apify, &ticket, &name, part, Duration::from_secs(30)).await
    };
    let Ok(Collected::Finished { found: Found::Posts(found), usage, .. }) = posts("coffee_ann").await else { panic!() };
    assert!(found.len() > 12 && found.is_sorted_by_key(|post| std::cmp::Reverse(post.taken_at)), "{}", found.len());
    assert_eq!(usage.results as usize, found.len());
    for (name, expected) in [("notfound_x", Found::Posts(vec![])), ("zeroposts_x", Found::Posts(vec![]))] {
        let outcome = posts(name).await;
        assert!(matches!(&outcome, Ok(Collected::Finished { found, .. }) if *found == expected), "{name}: {outcome:?}");
    }
}

#[tokio::test]
async fn three_days_later_only_the_new_posts_are_paid_for() {
    let stand = Stand::start().await;
    let name: InstagramHandle = "travel_bob".parse().unwrap();
    let seen = async |ago_s: u64| {
        let rewrite = json!({"username": "travel_bob", "cadence_days": 0.75, "ago_s": ago_s});
        let sent = stand.client.post(format!("{}/control/profiles", stand.base)).json(&rewrite).send().await.unwrap();
        assert_eq!(sent.status(), 200);
    };
    let apify = stand.apify();
    let posts = async |part| {
        let ticket = apify.start(std::slice::from_ref(&name), part).await.unwrap();
        match look(&apify, &ticket, &name, part, Duration::from_secs(30)).await.unwrap() {
            Collected::Finished { found: Found::Posts(posts), usage, ended_at } => (posts, usage, ended_at.unwrap()),
            other => panic!("{other:?}"),
        }
    };
    seen(3 * 86_400).await;
    let (before, usage_before, ended_before) = posts(ScrapePart::newest(50)).await;
    seen(0).await;
    let newest = before[0].taken_at.unwrap();
    let (new, usage, ended) = posts(ScrapePart::newer(50, newest)).await;

    assert!((3..=5).contains(&new.len()), "{}", new.len());
    assert!(new.iter().all(|post| post.taken_at.unwrap() > newest));
    assert_eq!(usage_before.cost_microusd, 2_700 * before.len() as u64 + 50);
    assert_eq!(usage.cost_microusd, 2_700 * new.len() as u64 + 50);
    assert!((3 * 86_400..3 * 86_400 + 60).contains(&ended.duration_since(ended_before).as_secs()));
    // Nothing is newer than the newest: one error item, which is an answer and is billed.
    let (none, usage, _) = posts(ScrapePart::newer(50, new[0].taken_at.unwrap())).await;
    assert_eq!((none.len(), usage.results), (0, 1));
}

#[tokio::test]
async fn faults_of_openai_are_classified() {
    let stand = Stand::start().await;
    let ask = async |fault: Value| {
        let mut fault = fault;
        fault["target"] = json!("openai.chat");
        fault["times"] = json!(1);
        stand.fault(fault).await;
        stand.openai(OPENAI_API_KEY).ask(&question("openai/gpt-4o-mini")).await.content
    };
    assert_eq!(ask(json!({"kind": "refusal"})).await, Err(AiFault::Refused));
    assert_eq!(ask(json!({"kind": "length"})).await, Err(AiFault::Truncated));
    assert_eq!(ask(json!({"kind": "insufficient_quota"})).await, Err(AiFault::QuotaExhausted));
    assert!(matches!(ask(json!({"kind": "malformed"})).await, Err(AiFault::Invalid(_) | AiFault::Unavailable { .. })));
    for fault in [json!({"kind": "status", "status": 503}), json!({"kind": "drop"}), json!({"kind": "truncate"})] {
        let content = ask(fault.clone()).await;
        assert!(matches!(content, Err(AiFault::Unavailable { .. })), "{fault}: {content:?}");
    }
    let limited = ask(json!({"kind": "rate_limit", "retry_after_s": 7})).await;
    assert!(matches!(limited, Err(AiFault::Unavailable { retry_after_ms: Some(7_000), .. })), "{limited:?}");
    let refused = stand.openai("sandbox-wrong").ask(&question("openai/gpt-4o-mini")).await.content;
    assert_eq!(refused, Err(AiFault::KeyRefused("401 invalid_api_key".into())));
}

#[tokio::test]
async fn the_issuers_keys_are_fetched() {
    let stand = Stand::start().await;
    let keys = SupabaseKeys::new(stand.wire(), &format!("{}/supabase/auth/v1", stand.base)).fetch().await.unwrap();
    assert_eq!(keys.keys.first().map(|key| key.kty.as_str()), Some("EC"));
}
