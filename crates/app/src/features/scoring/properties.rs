//! What holds for the facts and the score of every profile, however strange.

use jiff::Timestamp;
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{Criterion, Facts, Rule, Score, blend, match_ideal_customer};
use crate::{
    features::{
        business::IdealCustomer,
        judging::{CallKind, Judgement, Role, Verdict, examples},
        profiles::{
            Post, PostKind, Snapshot,
            testing::{post, snapshot},
        },
    },
    property::config,
    shared::analysis_type::AnalysisType,
};

/// In November 2026.
const NOW_S: i64 = 1_795_000_000;

fn any_post() -> impl Strategy<Value = Post> {
    // 2^53 is the largest count that the decoder of scrapes lets through.
    let count = || option::of(prop_oneof![0..200_u64, 0..5_000_000_u64, Just(1_u64 << 53)]);
    let kind = select(vec![PostKind::Image, PostKind::Video, PostKind::Sidecar]);
    let taken = option::of(NOW_S - 100_000_000..NOW_S);
    (count(), count(), taken, any::<bool>(), kind, vec("[a-zA-Z]{1,8}", 0..4)).prop_map(
        |(likes, comments, taken_s, is_pinned, kind, hashtags)| Post {
            taken_at: taken_s.and_then(|s| Timestamp::from_second(s).ok()),
            is_pinned,
            kind,
            hashtags,
            ..post("2026-01-01T00:00:00Z", likes, comments)
        },
    )
}

prop_compose! {
    fn any_snapshot()(
        followers in prop_oneof![0..3_u64, 0..2_000_000_u64, Just(1_u64 << 53)],
        following in 0..10_000_u64,
        posts in vec(any_post(), 0..20),
    ) -> Snapshot {
        let mut snapshot = snapshot(followers, posts);
        snapshot.profile.following = following;
        snapshot.scraped_at = Timestamp::from_second(NOW_S).unwrap();
        snapshot
    }
}

fn any_ideal() -> impl Strategy<Value = IdealCustomer> {
    (option::of(0..1_000_000_u64), option::of(0..1_000_000_u64), option::of(0.0..100.0_f64), vec("[a-z]{2,8}", 0..4))
        .prop_map(|(a, b, engagement_rate_min_percent, content_themes)| IdealCustomer {
            follower_min: a.min(b.or(a)),
            follower_max: b.max(a.and(b)),
            engagement_rate_min_percent,
            content_themes,
            geographies: vec![],
        })
}

fn any_type() -> impl Strategy<Value = AnalysisType> {
    select(AnalysisType::ALL.to_vec())
}

fn verdict() -> Verdict {
    examples::judgement(CallKind::Verdict).verdict().unwrap().clone()
}

fn score(kind: AnalysisType, fit: u8, criteria: &[Criterion], facts: &Facts) -> Score {
    let answer =
        |call: CallKind| if call.gives_verdict() { examples::with_fit(call, fit) } else { examples::judgement(call) };
    let answers: Vec<Judgement> = kind.config().calls.iter().map(|call| answer(*call)).collect();
    blend(kind.config().weights, &answers.iter().collect::<Vec<_>>(), criteria, facts)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn facts_are_finite_and_within_their_units(snapshot in any_snapshot()) {
        let facts = Facts::of(&snapshot);
        let at_least_zero = [
            facts.engagement_rate_percent, facts.posts_per_week, facts.following_per_follower,
            facts.comments_per_hundred_likes, facts.engagement_spread, facts.video_views,
        ];
        prop_assert!(at_least_zero.into_iter().flatten().all(|fact| fact.is_finite() && fact >= 0.0), "{facts:?}");
        prop_assert!(facts.authenticity.is_none_or(|grade| (0.0..=100.0).contains(&grade)), "{facts:?}");
        prop_assert!(facts.days_since_last_post.is_none_or(|days| days >= 0));
        prop_assert_eq!(facts.engagement_rate_percent.is_some(), facts.engagement_posts > 0);
    }

    #[test]
    fn the_order_of_posts_does_not_matter(snapshot in any_snapshot()) {
        let mut reversed = snapshot.clone();
        reversed.profile.posts.reverse();
        let (one, other) = (Facts::of(&snapshot), Facts::of(&reversed));
        let near = |a: Option<f64>, b: Option<f64>| a.zip(b).map_or(a == b, |(a, b)| (a - b).abs() <= 1e-3 * a.max(1.0));
        prop_assert!(near(one.engagement_rate_percent, other.engagement_rate_percent));
        prop_assert!(near(one.authenticity, other.authenticity));
        prop_assert_eq!((one.posts_per_week, one.days_since_last_post), (other.posts_per_week, other.days_since_last_post));
        prop_assert_eq!((one.content_mix, one.top_hashtags), (other.content_mix, other.top_hashtags));
    }

    #[test]
    fn a_pinned_or_hidden_post_changes_no_rate(snapshot in any_snapshot(), likes in 0..9_000_000_u64, pinned in any::<bool>()) {
        let mut flattered = snapshot.clone();
        let mut extra = post("2026-11-01T00:00:00Z", Some(likes), Some(7));
        if pinned { extra.is_pinned = true } else { extra.comments = None }
        flattered.profile.posts.push(extra);
        let (one, other) = (Facts::of(&snapshot), Facts::of(&flattered));
        prop_assert_eq!(one.engagement_rate_percent, other.engagement_rate_percent);
        prop_assert_eq!(one.authenticity, other.authenticity);
    }

    #[test]
    fn criteria_are_graded_and_reasoned(snapshot in any_snapshot(), ideal in any_ideal()) {
        let facts = Facts::of(&snapshot);
        for criterion in match_ideal_customer(&ideal, &snapshot.profile, &facts, &verdict()) {
            prop_assert!((0.0..=100.0).contains(&criterion.points), "{criterion:?}");
            prop_assert!(!criterion.explanation.is_empty());
        }
    }

    #[test]
    fn a_score_is_the_sum_of_its_evidence_and_facts_weigh_two_fifths(
        snapshot in any_snapshot(), ideal in any_ideal(), fit in 0..=100_u8, kind in any_type(),
    ) {
        let facts = Facts::of(&snapshot);
        let criteria = match_ideal_customer(&ideal, &snapshot.profile, &facts, &verdict());
        let score = score(kind, fit, &criteria, &facts);
        let sum = |pick: &dyn Fn(&super::Evidence) -> f64| score.evidence.iter().map(pick).sum::<f64>();
        prop_assert!((sum(&|part| part.weight) - 1.0).abs() < 1e-3, "{score:?}");
        prop_assert!((sum(&|part| part.points) - f64::from(score.value)).abs() <= 0.5, "{score:?}");
        let facts_weigh = sum(&|part| if matches!(part.rule, Rule::AiFit | Rule::AiReceptiveness) { 0.0 } else { part.weight });
        prop_assert!(facts_weigh >= 0.4 - 1e-3, "{score:?}");
    }

    #[test]
    fn raising_any_one_input_never_lowers_the_score(
        snapshot in any_snapshot(), ideal in any_ideal(), fit in 0..100_u8, kind in any_type(), by in 0.1..60.0_f64,
    ) {
        let facts = Facts::of(&snapshot);
        let criteria = match_ideal_customer(&ideal, &snapshot.profile, &facts, &verdict());
        let base = score(kind, fit, &criteria, &facts).value;
        prop_assert!(base <= fit + 20, "a score far above its fit");
        prop_assert!(score(kind, fit + 1, &criteria, &facts).value >= base);
        for raised in 0..criteria.len() {
            let mut better = criteria.clone();
            better[raised].points = (better[raised].points + by).min(100.0);
            prop_assert!(score(kind, fit, &better, &facts).value >= base);
        }
        let livelier = Facts { engagement_rate_percent: facts.engagement_rate_percent.map(|rate| rate + by), ..facts.clone() };
        let fresher = Facts { days_since_last_post: facts.days_since_last_post.map(|days| days / 2), ..facts.clone() };
        let truer = Facts { authenticity: facts.authenticity.map(|grade| (grade + by).min(100.0)), ..facts.clone() };
        for better in [livelier, fresher, truer] {
            prop_assert!(score(kind, fit, &criteria, &better).value >= base);
        }
    }

    /// Whatever the facts and the confidence: a gate that applies holds, and the lines say how the score came about.
    #[test]
    fn no_gate_is_passed(
        snapshot in any_snapshot(), ideal in any_ideal(), fit in 0..=100_u8, confidence in 0..=100_u8, openness in 0..=100_u8,
        role in select(vec![Role::Buyer, Role::Partner, Role::Competitor, Role::Nobody]), seems_minor in any::<bool>(),
        kind in any_type(),
    ) {
        let facts = Facts::of(&snapshot);
        let criteria = match_ideal_customer(&ideal, &snapshot.profile, &facts, &verdict());
        let answers: Vec<Judgement> = kind.config().calls.iter().map(|call| {
            let mut text = examples::text(*call);
            if call.gives_verdict() {
                let verdict = if *call == CallKind::Light { &mut text["verdict"] } else { &mut text };
                (verdict["fit_score"], verdict["confidence"]) = (fit.into(), confidence.into());
                (verdict["role"], verdict["seems_minor"]) = (serde_json::to_value(role).unwrap(), seems_minor.into());
            } else if *call == CallKind::Openness {
                text["receptiveness"] = openness.into();
            }
            examples::judged(*call, &text)
        }).collect();
        let score = blend(kind.config().weights, &answers.iter().collect::<Vec<_>>(), &criteria, &facts);
        prop_assert!(score.value <= fit.saturating_add(20), "{score:?}");
        prop_assert!(!seems_minor || score.value <= 14, "{score:?}");
        prop_assert!(role != Role::Competitor || score.value <= 20, "{score:?}");
        prop_assert!(kind != AnalysisType::Xray || openness >= 40 || score.value <= 69, "{score:?}");
        let points: f64 = score.evidence.iter().map(|part| part.points).sum();
        prop_assert!((points - f64::from(score.value)).abs() <= 0.5, "{score:?}");
    }
}
