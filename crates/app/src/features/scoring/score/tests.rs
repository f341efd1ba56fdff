use super::*;
use crate::{
    features::{
        judging::{CallKind, examples},
        profiles::testing::{post, snapshot},
    },
    shared::analysis_type::AnalysisType,
};

/// The answers to all calls of the type, with this fit in the verdict.
fn answers(kind: AnalysisType, fit: u8) -> Vec<Judgement> {
    let answer = |call: CallKind| {
        if call.gives_verdict() { examples::with_fit(call, fit) } else { examples::judgement(call) }
    };
    kind.config().calls.iter().map(|call| answer(*call)).collect()
}

fn score(kind: AnalysisType, fit: u8, criteria: &[Criterion], facts: &Facts) -> Score {
    let answers = answers(kind, fit);
    blend(kind.config().weights, &answers.iter().collect::<Vec<_>>(), criteria, facts)
}

#[test]
fn raising_any_input_never_lowers_the_score() {
    let facts = |likes, day: &str| Facts::of(&snapshot(1_000, vec![post(day, Some(likes), Some(1))]));
    let criterion = |points| vec![Criterion { rule: Rule::IcpThemes, points, explanation: String::new() }];
    let (old, new) = ("2026-10-01T00:00:00Z", "2026-11-19T00:00:00Z");
    for kind in AnalysisType::ALL {
        for fit in (0..100).step_by(7) {
            for points in [0.0, 33.0, 80.0] {
                let base = score(kind, fit, &criterion(points), &facts(10, old)).value;
                assert!(score(kind, fit + 1, &criterion(points), &facts(10, old)).value >= base);
                assert!(score(kind, fit, &criterion(points + 20.0), &facts(10, old)).value >= base);
                assert!(score(kind, fit, &criterion(points), &facts(40, old)).value >= base);
                assert!(score(kind, fit, &criterion(points), &facts(10, new)).value >= base);
            }
        }
    }
}

#[test]
fn where_nothing_is_known_the_judgement_still_weighs_sixty_percent_at_most() {
    let mut nobody = snapshot(0, vec![]);
    nobody.profile.following = 0;
    let score = score(AnalysisType::Light, 100, &[], &Facts::of(&nobody));
    assert_eq!(score.value, 80);
    assert_eq!(score.evidence.iter().map(|part| part.weight).sum::<f64>(), 1.0);
    assert!(score.evidence[0].weight <= 0.6);
}

#[test]
fn who_is_not_open_to_the_offer_is_no_hot_lead() {
    let closed = |call: CallKind| {
        let mut text = examples::text(call);
        text["receptiveness"] = 10.into();
        if call == CallKind::Openness { examples::judged(call, &text) } else { examples::with_fit(call, 100) }
    };
    let answers = [closed(CallKind::Verdict), closed(CallKind::Openness)];
    let facts = Facts { authenticity: Some(100.0), ..Facts::of(&snapshot(20_000, vec![])) };
    // Without a weight of its own, so that only the limit can lower the score.
    let score = blend(Weights::QUICK, &answers.iter().collect::<Vec<_>>(), &[], &facts);
    assert_eq!((score.value, score.evidence.last().unwrap().rule), (69, Rule::ReceptivenessCap));
}

#[test]
fn nothing_is_missing_where_facts_weigh_just_enough() {
    let none = Weights { ideal_customer: 0.0, engagement: 0.0, activity: 0.0, ..Weights::QUICK };
    let facts = Facts { authenticity: Some(80.0), ..Facts::of(&snapshot(20_000, vec![])) };
    let rules = |weights| {
        let answers = answers(AnalysisType::Light, 70);
        let score = blend(weights, &answers.iter().collect::<Vec<_>>(), &[], &facts);
        score.evidence.into_iter().map(|part| part.rule).collect::<Vec<_>>()
    };
    let enough = Weights { fit: 0.6, authenticity: 0.4, ..none };
    assert_eq!(rules(enough), [Rule::AiFit, Rule::Authenticity]);
    let less = Weights { fit: 0.7, authenticity: 0.3, ..none };
    assert_eq!(rules(less), [Rule::AiFit, Rule::Authenticity, Rule::UnknownFacts]);
}

#[test]
fn engagement_is_graded_by_what_is_usual_for_the_audience() {
    for (followers, rate, grade) in [(500, 4.0, 40.0), (5_000, 2.5, 40.0), (20_000, 1.0, 40.0), (5_000, 6.25, 100.0)] {
        let facts = Facts { engagement_rate_percent: Some(rate), ..Facts::of(&snapshot(followers, vec![])) };
        let score = score(AnalysisType::Light, 70, &[], &facts);
        let engagement = score.evidence.iter().find(|part| part.rule == Rule::Engagement).unwrap();
        assert_eq!(engagement.value, grade, "{rate} % of {followers}");
    }
}

#[test]
fn every_part_is_its_grade_times_its_weight() {
    let facts = Facts {
        engagement_rate_percent: Some(1.25),
        days_since_last_post: Some(48),
        authenticity: Some(80.0),
        ..Facts::of(&snapshot(20_000, vec![]))
    };
    let criterion = |rule, points| Criterion { rule, points, explanation: String::new() };
    let criteria = [criterion(Rule::IcpThemes, 25.0), criterion(Rule::IcpFollowers, 100.0)];
    let score = score(AnalysisType::Light, 70, &criteria, &facts);
    let lines: Vec<_> = score.evidence.iter().map(|e| (e.rule, e.value, e.weight, e.points)).collect();
    assert_eq!(
        lines,
        [
            (Rule::AiFit, 70.0, 0.5, 35.0),
            (Rule::IcpThemes, 25.0, 0.14, 3.5),
            (Rule::IcpFollowers, 100.0, 0.14, 14.0),
            // Half of two and a half times the 1 % that is usual.
            (Rule::Engagement, 50.0, 0.1, 5.0),
            // 42 of the 83 days from the seventh to the ninetieth are left.
            (Rule::Activity, 50.6, 0.07, 3.54),
            (Rule::Authenticity, 80.0, 0.05, 4.0),
        ]
    );
    assert_eq!(score.value, 65);
    let facts: Vec<_> = score.evidence.iter().map(|part| part.fact.as_str()).collect();
    assert_eq!(
        facts,
        [
            "fit with the business, judged by the model",
            "ideal customer",
            "ideal customer",
            "engagement rate",
            "days since the last post",
            "signs of a real audience",
        ]
    );
    let explained: Vec<_> = score.evidence.iter().skip(3).map(|part| part.explanation.as_str()).collect();
    assert_eq!(
        explained,
        [
            "1.25 % over 0 posts; 1 % is usual for 10,000 to 99,999 followers",
            "last post 48 days before the scrape",
            "follows 0.00 accounts for each follower",
        ]
    );
}

#[test]
fn a_part_that_is_unknown_leaves_its_weight_to_the_others() {
    let facts = Facts { authenticity: None, days_since_last_post: Some(7), ..Facts::of(&snapshot(20_000, vec![])) };
    // Only the activity is known, 0.07 of the 0.333 that facts must weigh beside a judgement of 0.5.
    let lines = |score: &Score| score.evidence.iter().map(|e| (e.rule, e.weight, e.points)).collect::<Vec<_>>();
    let alone = score(AnalysisType::Light, 50, &[], &facts);
    assert_eq!(
        lines(&alone),
        [(Rule::AiFit, 0.6, 30.0), (Rule::UnknownFacts, 0.316, 15.8), (Rule::Activity, 0.084, 8.4),]
    );
    // With the criteria the facts weigh 0.35 of 0.85: nothing is missing.
    let criterion = Criterion { rule: Rule::IcpThemes, points: 50.0, explanation: String::new() };
    assert_eq!(
        lines(&score(AnalysisType::Light, 50, &[criterion], &facts)),
        [(Rule::AiFit, 0.5882, 29.41), (Rule::IcpThemes, 0.3294, 16.47), (Rule::Activity, 0.0824, 8.24),]
    );
}

#[test]
fn a_limit_is_a_line_that_says_what_it_took() {
    let facts = Facts { authenticity: None, ..Facts::of(&snapshot(20_000, vec![])) };
    let criterion = Criterion { rule: Rule::IcpThemes, points: 100.0, explanation: String::new() };
    let capped = score(AnalysisType::Light, 10, &[criterion], &facts);
    let last = capped.evidence.last().unwrap();
    // Blended: 0.6 of 10 and 0.4 of (0.28 of 100, 0.0533 of 50) over 0.3333.
    assert_eq!((last.rule, last.value, last.weight, last.points), (Rule::MisfitCap, 30.0, 0.0, -12.8));
    assert_eq!(capped.value, 30);
}

#[test]
fn every_sign_of_the_audience_is_told() {
    let counts = [(90, 2), (91, 2), (100, 2), (109, 2), (110, 2)];
    let posts = counts.map(|(likes, comments)| post("2026-11-03T00:00:00Z", Some(likes), Some(comments)));
    let facts = |posts: &[crate::features::profiles::Post]| Facts::of(&snapshot(1_000, posts.to_vec()));
    let told = "follows 0.01 accounts for each follower, 2.0 comments for a hundred likes, interactions vary by 8 %";
    assert_eq!(signs(&facts(&posts)), format!("{told}, 10.20 % engagement"));
    // Fewer than five posts say nothing of how the audience reacts.
    assert_eq!(signs(&facts(&posts[..4])), "follows 0.01 accounts for each follower, 2.1 comments for a hundred likes");
}

/// Both were absurd once: 55 above 54.
#[test]
fn a_bio_full_of_keywords_stays_below_a_real_fit() {
    let all = |points| vec![Criterion { rule: Rule::IcpThemes, points, explanation: String::new() }];
    let lively = Facts::of(&snapshot(1_000, vec![post("2026-11-19T00:00:00Z", Some(60), Some(9))]));
    let quiet = Facts::of(&snapshot(1_000, vec![post("2026-11-10T00:00:00Z", Some(6), Some(1))]));
    for kind in AnalysisType::ALL {
        let stuffed = score(kind, 10, &all(100.0), &lively);
        let club = score(kind, 60, &all(40.0), &quiet);
        assert_eq!(stuffed.value, 30, "{stuffed:?}");
        assert!(club.value > stuffed.value, "{club:?}");
    }
    assert_eq!(score(AnalysisType::Light, 2, &all(100.0), &lively).value, 22);
}

#[test]
fn an_xray_also_weighs_how_open_the_person_is() {
    let facts = Facts::of(&snapshot(1_000, vec![]));
    let evidence = score(AnalysisType::Xray, 70, &[], &facts).evidence;
    assert!(evidence.iter().any(|part| part.rule == Rule::AiReceptiveness && part.value == 65.0), "{evidence:?}");
}
