//! Profiles that once got absurd scores, end to end from snapshot and verdict.

use super::{Facts, Rule, Score, blend, match_ideal_customer};
use crate::{
    features::{
        business::IdealCustomer,
        judging::{CallKind, Judgement, Role, examples},
        profiles::{
            Post, PostKind, Snapshot,
            testing::{post, snapshot},
        },
    },
    shared::analysis_type::AnalysisType,
};

fn wanted() -> IdealCustomer {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    IdealCustomer {
        follower_min: Some(1_000),
        follower_max: Some(50_000),
        engagement_rate_min_percent: Some(1.0),
        content_themes: texts(&["running", "nutrition", "marathon"]),
        geographies: texts(&["Czechia"]),
    }
}

fn lively(followers: u64) -> Vec<Post> {
    let likes =
        |share: u64| post("2026-11-18T00:00:00Z", Some(followers * share / 1_000), Some(followers * share / 30_000));
    [31, 44, 26, 60, 38, 35].map(likes).to_vec()
}

fn score(snapshot: &Snapshot, fit: u8, change: impl FnOnce(&mut crate::features::judging::Verdict)) -> Score {
    let Judgement::Light(mut light) = examples::with_fit(CallKind::Light, fit) else { panic!("another call") };
    change(&mut light.verdict);
    let facts = Facts::of(snapshot);
    let criteria = match_ideal_customer(&wanted(), &snapshot.profile, &facts, &light.verdict);
    blend(AnalysisType::Light.config().weights, &[&Judgement::Light(light)], &criteria, &facts)
}

#[test]
fn a_stuffed_bio_does_not_pass_a_real_club() {
    let mut stuffed = snapshot(20_000, lively(20_000));
    stuffed.profile.biography = "running nutrition marathon running nutrition marathon Czechia 🇨🇿".to_owned();
    let stuffed = score(&stuffed, 10, |_| {});
    // A small club that posts seldom, and writes nothing into its bio.
    let mut club = snapshot(700, lively(700));
    for post in &mut club.profile.posts {
        post.taken_at = Some("2026-10-01T00:00:00Z".parse().unwrap());
    }
    let club = score(&club, 60, |_| {});
    assert!(stuffed.value <= 30 && club.value > stuffed.value + 15, "{} and {}", stuffed.value, club.value);
    assert!(stuffed.evidence.iter().any(|part| part.rule == Rule::MisfitCap));
}

#[test]
fn a_competitor_and_a_minor_are_no_leads_however_well_they_match() {
    let perfect = snapshot(20_000, lively(20_000));
    let plain = score(&perfect, 90, |_| {}).value;
    let competitor = score(&perfect, 90, |verdict| verdict.role = Role::Competitor).value;
    let minor = score(&perfect, 90, |verdict| verdict.seems_minor = true).value;
    assert!(plain > 60 && competitor <= 20 && minor <= 14, "{plain} {competitor} {minor}");
    assert!(score(&perfect, 2, |verdict| verdict.role = Role::Competitor).value <= 20);
}

#[test]
fn half_a_million_followers_with_forty_likes_are_not_authentic() {
    let silent = [38, 44, 31, 52, 40, 41].map(|likes| post("2026-11-18T00:00:00Z", Some(likes), Some(likes / 20)));
    let facts = Facts::of(&snapshot(500_000, silent.to_vec()));
    assert!(facts.authenticity.is_some_and(|grade| grade < 10.0), "{facts:?}");
}

#[test]
fn one_bought_reel_makes_no_engagement() {
    let mut posts = lively(10_000);
    posts.push(Post {
        kind: PostKind::Video,
        video_views: Some(9_000_000),
        ..post("2026-11-19T00:00:00Z", Some(240_000), Some(900))
    });
    let facts = Facts::of(&snapshot(10_000, posts));
    assert!(facts.engagement_rate_percent.is_some_and(|rate| rate < 5.0), "{facts:?}");
}

#[test]
fn prague_is_in_czechia_by_any_of_its_names() {
    let mut roaster = snapshot(2_000, vec![]);
    roaster.profile.biography = "Prague, Czech Republic".to_owned();
    let verdict = examples::judgement(CallKind::Verdict).verdict().unwrap().clone();
    let criteria = match_ideal_customer(&wanted(), &roaster.profile, &Facts::of(&roaster), &verdict);
    let place = criteria.iter().find(|criterion| criterion.rule == Rule::IcpGeography);
    assert!(place.is_some_and(|place| place.points == 100.0), "{criteria:?}");
}
