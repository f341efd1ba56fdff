//! Whether the product's facts are those that another program computed, and whether bought audiences show.

use oslira_app::features::scoring::Facts;

use crate::{
    figure::{Figure, Findings, Miss, Share},
    golden::{ExpectedFacts, GoldenProfile, GoldenSet},
};

/// The product rounds to the thousandth.
const TOLERANCE: f64 = 0.006;
/// Below this grade an audience does not look real.
const REAL_MIN: f64 = 50.0;

pub(super) fn measure(set: &GoldenSet) -> Findings {
    let mut findings = Findings::default();
    let mut accuracy = Share::default();
    let (mut fakes, mut real) = (Share::default(), Share::default());
    for profile in set.plain() {
        let facts = Facts::of(&profile.snapshot);
        for (name, expected, found) in compared(&profile.facts, &facts) {
            let is_right = match (expected, found) {
                (Some(expected), Some(found)) => (expected - found).abs() <= TOLERANCE * expected.abs().max(1.0),
                (expected, found) => expected.is_none() && found.is_none(),
            };
            accuracy.count(is_right);
            if !is_right {
                findings.misses.push(miss(
                    profile,
                    "facts.accuracy",
                    &format!("{name} {expected:?}"),
                    &format!("{found:?}"),
                ));
            }
        }
        let band = serde_json::to_value(facts.audience).unwrap_or_default();
        accuracy.count(band == profile.facts.audience);
        if let Some(grade) = facts.authenticity {
            let looks_real = grade >= REAL_MIN;
            let (share, expected) = if profile.is_fake { (&mut fakes, false) } else { (&mut real, true) };
            share.count(looks_real == expected);
            if looks_real != expected {
                let expected = if expected { "a real audience" } else { "a bought audience" };
                findings.misses.push(miss(profile, "facts.fakes", expected, &format!("authenticity {grade}")));
            }
        }
    }
    findings.figures.extend(accuracy.figure("facts.accuracy"));
    // The mean of both shares: there are few fakes, and to call everybody real must not look good.
    if let (Some(fakes), Some(real)) = (fakes.figure("facts.fakes"), real.figure("facts.real")) {
        findings.figures.push(Figure::higher(
            "facts.fakes",
            f64::midpoint(fakes.value, real.value),
            fakes.of + real.of,
        ));
    }
    findings
}

fn compared(expected: &ExpectedFacts, facts: &Facts) -> [(&'static str, Option<f64>, Option<f64>); 7] {
    [
        ("engagement rate", expected.engagement_rate_percent, facts.engagement_rate_percent),
        ("posts counted", Some(f64::from(expected.engagement_posts)), Some(f64::from(facts.engagement_posts))),
        ("video views", expected.video_views, facts.video_views),
        ("posts per week", expected.posts_per_week, facts.posts_per_week),
        (
            "days since the last post",
            expected.days_since_last_post.map(|days| days as f64),
            facts.days_since_last_post.map(|days| days as f64),
        ),
        ("following per follower", expected.following_per_follower, facts.following_per_follower),
        ("comments per hundred likes", expected.comments_per_hundred_likes, facts.comments_per_hundred_likes),
    ]
}

fn miss(profile: &GoldenProfile, figure: &str, expected: &str, said: &str) -> Miss {
    Miss {
        figure: figure.to_owned(),
        profile: profile.key.clone(),
        business: None,
        expected: expected.to_owned(),
        said: said.to_owned(),
    }
}
