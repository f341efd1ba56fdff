//! What every test of prompts needs: a business, a profile, and the tokenizer of the models asked first.

use super::*;
use crate::{
    features::{
        business::IdealCustomer,
        profiles::{
            Link, Profile,
            testing::{post, snapshot},
        },
    },
    shared::{analysis_type::AnalysisType, ids::RunId},
};

mod answers;
mod budget;
mod cleaning;
mod estimate;
mod hostile;
mod prefix;

fn business() -> BusinessContext {
    BusinessContext {
        offering: "Meal plans for endurance runners, by monthly subscription.".to_owned(),
        target_audience: "Runners who train for their first marathon, and the coaches who advise them.".to_owned(),
        voice: Some("Short and dry.".to_owned()),
        do_not_say: vec!["diet".to_owned()],
        competitors: vec!["Race Plates".to_owned()],
        proof_points: vec!["Plans change with each week's training.".to_owned()],
        ideal_customer: IdealCustomer {
            follower_min: Some(2_000),
            follower_max: Some(50_000),
            engagement_rate_min_percent: Some(1.5),
            content_themes: vec!["running".to_owned(), "nutrition".to_owned()],
            geographies: vec!["Austria".to_owned()],
        },
        ..crate::features::business::testing::business()
    }
}

fn profile() -> Profile {
    let mut video = post("2026-11-18T06:30:00.25Z", Some(412), Some(64));
    video.kind = crate::features::profiles::PostKind::Video;
    video.video_views = Some(9_120);
    video.caption = "What do you eat at km 30? 🏃‍♀️\n\nTell me below 👇 #marathon".to_owned();
    video.hashtags = vec!["marathon".to_owned()];
    video.location = Some("Graz, Austria".to_owned());
    let mut hidden = post("2026-11-11T06:30:00Z", None, Some(3));
    hidden.caption = "Langer Lauf, langes Frühstück.".to_owned();
    let mut pinned = post("2025-04-01T06:30:00Z", Some(2_900), Some(210));
    pinned.is_pinned = true;
    pinned.caption = "2:58 <3".to_owned();
    let mut profile = snapshot(8_400, vec![video, hidden, pinned]).profile;
    profile.display_name = "Livia | Marathon".to_owned();
    profile.biography = "Marathon coach, 2:58\nPlans + community below".to_owned();
    profile.category = Some("Coach".to_owned());
    profile.external_url = Some("https://livia.example/plans".to_owned());
    profile.links =
        vec![Link { url: "https://livia.example/plans".to_owned(), title: Some("Training plans".to_owned()) }];
    profile.posts[0].mentions = vec!["graz.runners".to_owned()];
    profile.posts[0].newest_comments = vec!["Gels and regret. Do you sell the plan for beginners too?".to_owned()];
    profile.is_business = true;
    profile
}

fn ask_for(business: &BusinessContext, analysis_type: AnalysisType, call: CallKind, profile: &Profile) -> Question {
    let tags = CallTags { run: RunId::new(uuid::Uuid::nil()), analysis_type, call };
    let snapshot = Snapshot { profile: profile.clone(), ..snapshot(0, vec![]) };
    question(tags, &call.config().model, business, &snapshot, analysis_type.config().profile_budget()).0
}

fn ask(analysis_type: AnalysisType, call: CallKind, profile: &Profile) -> Question {
    ask_for(&business(), analysis_type, call, profile)
}

/// The JSON between the fences.
fn read(question: &Question) -> Value {
    let inner = question.user.strip_prefix("<profile>\n").and_then(|text| text.strip_suffix("\n</profile>\n"));
    serde_json::from_str(inner.unwrap()).unwrap()
}

/// Tokens, as the models that are asked first count them.
fn counted(text: &str) -> usize {
    tiktoken_rs::o200k_base_singleton().encode_ordinary(text).len()
}

/// Every call with each type that asks it.
fn calls() -> impl Iterator<Item = (AnalysisType, CallKind)> {
    AnalysisType::ALL.into_iter().flat_map(|kind| kind.config().calls.iter().map(move |call| (kind, *call)))
}
