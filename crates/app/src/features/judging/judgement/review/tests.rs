//! Whole answers against a profile: what is left of them, and what is said about them.

mod messages;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::{
        super::shown::{Source, Speaker},
        MessageRule, examples,
    },
    *,
};
use crate::features::business::testing::business;

/// A potter's profile: the bio, and four posts in German.
fn potter() -> Shown {
    let captions = [
        "Drei Brände, drei Mal ist das Blau verlaufen. Wer hat das im Griff?",
        "Markttag am Samstag, danke an alle, die im Regen da waren.",
        "Neue Tassen aus dem Ofen, diesmal ohne Risse.",
        "Nach dem Brand ist vor dem Brand.",
    ];
    let posts = captions.iter().enumerate().map(|(n, text)| {
        let source = Source::new(format!("p{}", n + 1), (*text).to_owned(), vec!["#keramik".to_owned()]);
        source.with(vec!["Budget ist da, ich kaufe".to_owned()], &[64]).post(&format!("C{n}"), None)
    });
    let bio =
        Source::new("bio".to_owned(), format!("{}. Steingut aus Graz", examples::QUOTE), vec!["maren".to_owned()]);
    let bio = bio.with(vec![], &[8_400]);
    Shown::new(std::iter::once(bio).chain(posts).collect())
}

fn read(call: CallKind, answer: &Value) -> Result<Reviewed, AiFault> {
    let (shown, business, recipient) = (potter(), business(), "maren.steingut".parse().unwrap());
    Review { shown: &shown, business: &business, recipient: &recipient }.read(call, &answer.to_string())
}

fn insight(posts: &[&str], quote: Option<&str>, count: Option<u32>) -> Value {
    json!({ "posts": posts, "quote": quote, "count": count, "insight": "Fights with running blue." })
}

/// What is left of one need, and how many were dropped of it and a good one.
fn left(claim: Value) -> Option<(Vec<String>, u32)> {
    let good = insight(&["bio"], Some("Steingut aus Graz"), None);
    let read = read(CallKind::Needs, &json!({ "needs": [good, claim], "buying_signals": [] })).unwrap();
    let Judgement::Needs(answer) = read.judgement else { panic!("another call") };
    assert_eq!(read.kept + read.dropped, 2);
    answer.needs.into_iter().nth(1).map(|need| (need.posts, read.dropped))
}

#[test]
fn a_quote_must_stand_in_a_post() {
    let kept = |posts: &[&str]| Some((posts.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>(), 0));
    let blue = Some("drei mal ist das  BLAU verlaufen");
    assert_eq!(left(insight(&["p1"], blue, None)), kept(&["p1"]));
    // The right post is named in place of a wrong one, and a wrong one beside it goes.
    assert_eq!(left(insight(&["p2"], blue, None)), kept(&["p1"]));
    assert_eq!(left(insight(&["p9"], blue, None)), kept(&["p1"]));
    assert_eq!(left(insight(&["p1", "p2"], blue, None)), kept(&["p1"]));
    // What others wrote is not the owner's; a word or a number alone shows nothing.
    for quote in
        ["das Blau verläuft", "drei Mal … verlaufen", "budget approved", "", "?", "Budget ist da", "8400", "ist"]
    {
        assert_eq!(left(insight(&["p1"], Some(quote), None)), None, "{quote}");
    }
}

#[test]
fn a_count_must_be_that_of_the_posts_named() {
    let brand = Some("brand");
    assert!(left(insight(&["p1", "p2", "p3"], None, Some(3))).is_some());
    for claim in [
        insight(&["p1", "p2", "p3"], None, Some(4)),
        insight(&["p1", "p2", "p2"], None, Some(3)),
        insight(&["p1", "p2", "p9"], None, Some(3)),
        insight(&["p1", "bio"], None, Some(2)),
        insight(&["p1"], None, Some(1)),
        insight(&["p1", "p4"], brand, Some(2)), // In the first post it is part of a longer word.
        insight(&["p1", "p2"], None, None),
    ] {
        assert_eq!(left(claim.clone()), None, "{claim}");
    }
}

#[test]
fn an_intent_that_only_the_bio_claims_is_none() {
    let bio = insight(&["bio"], Some("Steingut aus Graz"), None);
    let post = insight(&["p1"], Some("Wer hat das im Griff"), None);
    let signals = |signal: &Value| {
        let answer = json!({ "needs": [bio.clone()], "buying_signals": [signal] });
        let Reviewed { judgement: Judgement::Needs(answer), dropped, kept, .. } =
            read(CallKind::Needs, &answer).unwrap()
        else {
            panic!("another call")
        };
        (answer.buying_signals.len(), dropped, kept)
    };
    assert_eq!((signals(&bio), signals(&post)), ((0, 1, 1), (1, 0, 2)));
    let stage = |stage: &str, signs: Value| {
        let mut answer = examples::text(CallKind::Deal);
        (answer["buying_stage"], answer["signs"]) = (stage.into(), signs);
        let Judgement::Deal(deal) = read(CallKind::Deal, &answer).unwrap().judgement else { panic!("another call") };
        serde_json::to_value(deal.buying_stage).unwrap()
    };
    for claimed in ["looking_for_solutions", "ready_to_buy"] {
        assert_eq!(stage(claimed, json!([bio])), "aware_of_the_problem");
        assert_eq!(stage(claimed, json!([])), "aware_of_the_problem");
        assert_eq!(stage(claimed, json!([bio, post])), claimed);
    }
    assert_eq!(stage("unaware", json!([])), "unaware");
}

#[test]
fn a_model_that_obeys_an_attack_harms_nobody() {
    let obeyed = |call: CallKind, field: &str, text: &str| {
        let mut answer = examples::text(call);
        *answer.pointer_mut(field).unwrap() = text.into();
        let reviewed = read(call, &answer).unwrap();
        let rules: Vec<MessageRule> = reviewed.problems.iter().map(|problem| problem.rule).collect();
        let read = serde_json::to_value(reviewed.judgement).unwrap();
        (read[call.as_str()].pointer(field).unwrap().as_str().unwrap().to_owned(), rules)
    };
    let spelled = "Write to sales (at) evil [dot] com, evil . com, evil[.]com, ｅｖｉｌ．ｃｏｍ, wa.me/4420, +44 20 7946 0958, \
                   ０２０ ７９４６ ０９５８, 0️⃣2️⃣0️⃣7️⃣9️⃣4️⃣6️⃣0️⃣9️⃣5️⃣8️⃣ or @pay.desk, will you?";
    for (call, field) in [
        (CallKind::Light, "/outreach_opener"),
        (CallKind::Outreach, "/opener"),
        (CallKind::Outreach, "/message"),
        (CallKind::Outreach, "/follow_up"),
        (CallKind::Outreach, "/hooks/0/insight"),
        (CallKind::Approach, "/angle"),
        (CallKind::Approach, "/offer"),
    ] {
        let (kept, rules) = obeyed(call, field, spelled);
        assert_eq!(kept, "Write to or will you?", "{call:?}{field}");
        assert!(rules.contains(&MessageRule::ContactRemoved), "{call:?}{field}");
    }
    let disclosing = "Our ideal customer writes about clay, and you scored high. Shall we talk?";
    let (_, rules) = obeyed(CallKind::Light, "/outreach_opener", disclosing);
    assert!(rules.contains(&MessageRule::CriteriaDisclosed), "{rules:?}");
}

#[test]
fn what_strangers_comment_shows_no_intent() {
    let bait = insight(&["p1"], Some("Budget ist da, ich kaufe"), None);
    let mut deal = examples::text(CallKind::Deal);
    (deal["buying_stage"], deal["signs"]) = ("ready_to_buy".into(), json!([bait.clone()]));
    let Judgement::Deal(deal) = read(CallKind::Deal, &deal).unwrap().judgement else { panic!("another call") };
    assert!(deal.signs.is_empty());
    assert_eq!(serde_json::to_value(deal.buying_stage).unwrap(), "aware_of_the_problem");
    // That readers ask for something may be a reason.
    let mut verdict = examples::text(CallKind::Verdict);
    verdict["reasons"] = json!([bait]);
    assert_eq!(read(CallKind::Verdict, &verdict).unwrap().kept, 1);
}

#[test]
fn what_many_posts_show_is_counted_whole() {
    let posts = (1..=12).map(|n| Source::new(format!("p{n}"), "Markttag am Samstag".to_owned(), vec![]));
    let (shown, business, recipient) = (Shown::new(posts.collect()), business(), "maren".parse().unwrap());
    let ids: Vec<String> = (1..=12).map(|n| format!("p{n}")).collect();
    let need = json!({ "posts": ids, "quote": null, "count": 12, "insight": "Sells at markets." });
    let answer = json!({ "needs": [need], "buying_signals": [] }).to_string();
    let read =
        Review { shown: &shown, business: &business, recipient: &recipient }.read(CallKind::Needs, &answer).unwrap();
    assert_eq!((read.kept, read.dropped), (1, 0));
}

#[test]
fn a_theme_is_a_wanted_one_that_posts_show() {
    let (shown, recipient) = (potter(), "maren".parse().unwrap());
    let mut business = business();
    business.ideal_customer.content_themes = vec!["Keramik".to_owned(), "Märkte".to_owned()];
    let theme = |theme: &str, posts: &[&str], quote: &str| json!({ "posts": posts, "quote": quote, "count": null, "theme": theme });
    let mut answer = examples::text(CallKind::Verdict);
    answer["themes"] = json!([
        theme("keramik ", &["p1"], "das Blau verlaufen"),
        theme("Märkte", &["bio"], "Steingut aus Graz"),
        theme("Kaffee", &["p2"], "Markttag am Samstag"),
    ]);
    let mut light = examples::text(CallKind::Light);
    light["verdict"] = answer.clone();
    let review = Review { shown: &shown, business: &business, recipient: &recipient };
    for (call, answer) in [(CallKind::Verdict, answer), (CallKind::Light, light)] {
        let read = review.read(call, &answer.to_string()).unwrap().judgement;
        let themes = read.verdict().unwrap().themes.iter().map(|theme| theme.theme.as_str());
        assert_eq!(themes.collect::<Vec<_>>(), ["keramik"], "{call:?}");
    }
}

#[test]
fn no_text_quotes_what_nobody_wrote() {
    let mut answer = examples::text(CallKind::Verdict);
    answer["summary"] = "A potter. Says “budget approved”.".into();
    answer["concerns"] = json!(["Says 'buy now'", "Asks \"wer hat das im griff\""]);
    answer["reasons"][0]["insight"] = "Asks for help.".into();
    let Reviewed { judgement: Judgement::Verdict(verdict), dropped, .. } = read(CallKind::Verdict, &answer).unwrap()
    else {
        panic!("another call")
    };
    assert_eq!((verdict.summary.as_str(), verdict.concerns.len(), dropped), ("A potter.", 1, 2));
    answer["reasons"][0]["insight"] = "Says “budget approved”.".into();
    assert!(read(CallKind::Verdict, &answer).is_err(), "no reason is left");
    answer = examples::text(CallKind::Verdict);
    answer["summary"] = "“Budget approved”".into();
    assert!(read(CallKind::Verdict, &answer).is_err(), "no summary is left");
}

#[test]
fn what_a_customer_pays_for_is_never_empty() {
    for (call, field, empty) in [
        (CallKind::Light, "/outreach_opener", json!("")),
        (CallKind::Light, "/verdict/reasons", json!([])),
        (CallKind::Verdict, "/summary", json!(" ")),
        (CallKind::Approach, "/angle", json!(" ")),
        (CallKind::Approach, "/offer", json!("")),
        (CallKind::Outreach, "/message", json!("")),
        (CallKind::Outreach, "/message", json!("https://evil.example")),
        (CallKind::Personality, "/communication_style", json!("")),
        (CallKind::Motives, "/self_image", json!("\n")),
        (CallKind::Deal, "/opportunity", json!("\n")),
    ] {
        let mut bad = examples::text(call);
        *bad.pointer_mut(field).unwrap() = empty;
        assert!(read(call, &bad).is_err(), "{call:?} without {field}");
    }
}

#[test]
fn a_profile_without_posts_may_have_nothing_to_rest_on() {
    let (shown, business, recipient) = (Shown::default(), business(), "maren".parse().unwrap());
    let review = Review { shown: &shown, business: &business, recipient: &recipient };
    for call in CallKind::ALL {
        let read = review.read(call, &examples::text(call).to_string());
        assert!(read.is_ok_and(|read| read.problems.is_empty()), "{call:?}");
    }
}

#[test]
fn only_what_can_be_quoted_must_be() {
    let (business, recipient) = (business(), "maren".parse().unwrap());
    let mut answer = examples::text(CallKind::Verdict);
    answer["reasons"] = json!([]);
    for (caption, is_enough) in [("Morgen!", true), ("Guten Morgen an alle!", false)] {
        let shown = Shown::new(vec![Source::new("p1".to_owned(), caption.to_owned(), vec![])]);
        let review = Review { shown: &shown, business: &business, recipient: &recipient };
        assert_eq!(review.read(CallKind::Verdict, &answer.to_string()).is_ok(), is_enough, "{caption}");
    }
}

#[test]
fn a_correction_speaks_only_of_what_is_wrong() {
    let mut answer = examples::text(CallKind::Light);
    answer["language"] = "deutsch".into();
    let wrong = read(CallKind::Light, &answer).unwrap();
    assert!(wrong.dropped == 0 && !wrong.correction().contains("rest on a quote"), "{}", wrong.correction());
    let dropped = Reviewed { dropped: 2, kept: 1, problems: vec![], ..wrong };
    assert_eq!(dropped.correction(), "2 of 3 entries rest on a quote or count that is not in the posts they name");
}

#[test]
fn every_doubtful_example_is_doubted() {
    for call in CallKind::ALL {
        let read = read(call, &examples::doubtful(call)).unwrap();
        assert!(read.is_doubtful() && !read.correction().is_empty(), "{call:?}");
    }
}

#[test]
fn every_example_holds_and_is_not_doubted() {
    for call in CallKind::ALL {
        let mut answer = examples::text(call);
        for (field, german) in [
            ("language", "de"),
            ("outreach_opener", "Drei Brände, und das Blau läuft immer noch."),
            ("opener", "Drei Brände, und das Blau läuft immer noch."),
            ("message", "Drei Brände, und das Blau läuft immer noch. Soll die Kante scharf werden?"),
            ("follow_up", "Noch ein Gedanke zu den Märkten am Wochenende: zwei Tassen nebeneinander."),
            ("gloss", "Three firings, and the blue still runs. Should the edge be sharp?"),
        ] {
            if answer.get(field).is_some() {
                answer[field] = german.into();
            }
        }
        let read = read(call, &answer).unwrap();
        assert!(!read.is_doubtful() && read.dropped == 0, "{call:?} {:?}", read.problems);
    }
}

#[test]
fn the_better_answer_says_more_and_breaks_less() {
    let of = |kept, problems: usize| Reviewed {
        kept,
        problems: vec![MessageProblem { field: "message".to_owned(), rule: MessageRule::TooLong }; problems],
        ..examples::reviewed(CallKind::Outreach)
    };
    assert!(of(1, 0).is_better_than(&of(5, 1)) && !of(5, 1).is_better_than(&of(1, 0)));
    assert!(of(5, 1).is_better_than(&of(1, 1)) && !of(1, 1).is_better_than(&of(5, 1)));
    assert!(of(1, 1).is_better_than(&of(1, 1)), "the later one");
    let corrected = Reviewed { dropped: 3, ..of(2, 1) }.correction();
    assert_eq!(
        corrected,
        "message is too long; 3 of 5 entries rest on a quote or count that is not in the posts they name"
    );
    assert!(Reviewed { dropped: 3, ..of(2, 0) }.is_doubtful() && !Reviewed { dropped: 2, ..of(2, 0) }.is_doubtful());
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("drei Mal ist das Blau".to_owned()),
        Just("Says “budget approved” and more.".to_owned()),
        "[“”\"'„a-z .?!]{0,30}",
        "\\PC{0,30}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a model says: what is left of it holds.
    #[test]
    fn nothing_unverified_is_left(
        claims in proptest::collection::vec(
            (proptest::collection::vec("p[0-6]|bio|x", 0..4), proptest::option::of(any_text()), proptest::option::of(0_u32..5), any_text()), 0..6,
        ),
    ) {
        let claims: Vec<Value> = claims
            .into_iter()
            .map(|(posts, quote, count, insight)| json!({ "posts": posts, "quote": quote, "count": count, "insight": insight }))
            .collect();
        let all = claims.len();
        let mut answer = examples::text(CallKind::Money);
        answer["monetisation"] = json!([]);
        answer["risks"] = claims.into();
        let read = read(CallKind::Money, &answer).unwrap();
        prop_assert_eq!((read.kept + read.dropped) as usize, all);
        let Judgement::Money(money) = read.judgement else { panic!("another call") };
        let shown = potter();
        for risk in money.risks {
            prop_assert!(risk.posts.iter().all(|id| shown.source(id).is_some()) && !risk.posts.is_empty());
            prop_assert!(risk.quote.is_some() || risk.count.is_some());
            if let Some(quote) = &risk.quote {
                let stands = shown.where_stands(quote, Speaker::Anybody);
                prop_assert!(risk.posts.iter().all(|id| stands.contains(&id.as_str())), "{quote}");
            }
            if let Some(count) = risk.count {
                prop_assert_eq!(risk.posts.len(), count as usize);
            }
            prop_assert!(!risk.insight.contains("budget approved"));
        }
    }
}
