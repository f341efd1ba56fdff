//! What a finished run of each type stores, every key and every null included.

use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{
    features::{
        business::{BusinessContext, IdealCustomer, testing::business},
        judging::{AiUsage, CallKind, examples},
        profiles::{
            PostKind, SnapshotKey,
            testing::{post, snapshot},
        },
    },
    shared::{analysis_type::AnalysisType, ids::AccountId},
};

fn assignment(analysis_type: AnalysisType) -> Assignment {
    Assignment {
        account_id: AccountId::new(Uuid::from_u128(1)),
        username: "someone".parse().unwrap(),
        analysis_type,
        business: BusinessContext {
            ideal_customer: IdealCustomer {
                follower_min: Some(2_000),
                engagement_rate_min_percent: Some(1.5),
                content_themes: vec!["running".to_owned(), "nutrition".to_owned()],
                geographies: vec!["Austria".to_owned()],
                ..IdealCustomer::default()
            },
            context_version: 7,
            ..business()
        },
        paused: vec![],
    }
}

fn seen() -> Snapshot {
    let mut posts: Vec<_> =
        (1..=13).map(|day| post(&format!("2026-11-{day:02}T06:30:00.25Z"), Some(100 + day * day), Some(day))).collect();
    posts.reverse();
    posts[0].location = Some("Graz, Austria".to_owned());
    posts[1].kind = PostKind::Video;
    posts[2].hashtags = vec!["Running".to_owned()];
    let mut snapshot = snapshot(8_400, posts);
    snapshot.profile.biography = format!("{} <3 \"2:58\"\n🏃", examples::QUOTE);
    snapshot.profile.category = Some("Coach".to_owned());
    snapshot.profile.profile_pic_url = Some("https://pictures.example/1.jpg".to_owned());
    snapshot
}

/// One call in three has no bill, one in three came through the gateway, one in three fell back.
fn judged(analysis_type: AnalysisType) -> Vec<JudgedCall> {
    let calls = analysis_type.config().calls.iter().zip(0..);
    calls
        .map(|(call, number): (&CallKind, u64)| JudgedCall {
            call: *call,
            reviewed: examples::reviewed(*call),
            provider: "openai".to_owned(),
            model: "gpt-6-luna".to_owned(),
            fell_back: number == 2,
            cost_microusd: 1_000 + number,
            is_cost_known: true,
            usage: (number != 1).then(|| AiUsage {
                response_id: format!("response-{number}"),
                provider: "openai".to_owned(),
                model: "gpt-6-luna".to_owned(),
                input_tokens: 2_000,
                cached_tokens: 1_024,
                cache_write_tokens: 64,
                output_tokens: 300,
                reasoning_tokens: 20,
                cost_microusd: Some(1_000 + number),
                gateway_hit: (number == 2).then_some(true),
                duration_ms: 1_500,
                finish_reason: "stop".to_owned(),
            }),
        })
        .collect()
}

fn concluded(snapshot: &Snapshot, analysis_type: AnalysisType, cache_hit: bool) -> (LeadFacts, AnalysisRecord) {
    let cost_microusd = if cache_hit { 0 } else { 2_700 };
    let kept = StoredSnapshot::new(SnapshotKey("snapshots/someone/1".to_owned()), cost_microusd);
    findings(&assignment(analysis_type), snapshot, &kept, &judged(analysis_type), cache_hit).unwrap()
}

fn stored(snapshot: &Snapshot, analysis_type: AnalysisType, cache_hit: bool) -> String {
    let (lead, analysis) = concluded(snapshot, analysis_type, cache_hit);
    serde_json::to_string_pretty(&json!({ "lead": lead, "analysis": analysis })).unwrap()
}

fn same(name: &str, stored: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false }, { insta::assert_snapshot!(name, stored) });
}

#[test]
fn what_each_type_stores_does_not_change_unnoticed() {
    for analysis_type in AnalysisType::ALL {
        same(analysis_type.as_str(), &stored(&seen(), analysis_type, false));
    }
}

#[test]
fn what_is_not_known_is_null_and_not_left_out() {
    let mut bare = snapshot(0, vec![]);
    bare.profile.following = 0;
    same("unknown", &stored(&bare, AnalysisType::Light, true));
}

#[test]
fn what_is_stored_reads_back_the_same_also_with_fields_of_another_version() {
    for analysis_type in AnalysisType::ALL {
        let (lead, analysis) = concluded(&seen(), analysis_type, false);
        let mut text = json!({ "lead": lead, "analysis": analysis });
        text["lead"]["added_later"] = json!(1);
        text["analysis"]["result"]["added_later"] = json!({ "since": 2 });
        assert_eq!(serde_json::from_value::<LeadFacts>(text["lead"].take()).unwrap(), lead);
        assert_eq!(serde_json::from_value::<AnalysisRecord>(text["analysis"].take()).unwrap(), analysis);
    }
}

#[test]
fn the_schema_of_a_result_describes_every_result_and_no_other() {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<AnalysisResult>().to_value();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for analysis_type in AnalysisType::ALL {
        let (_, analysis) = concluded(&seen(), analysis_type, false);
        let mut result = json!(analysis.result);
        let errors: Vec<String> = validator.iter_errors(&result).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{analysis_type:?}");
        let unknown = result.as_object().unwrap().keys().find(|key| schema["properties"].get(key.as_str()).is_none());
        assert_eq!(unknown, None, "{analysis_type:?}");
        result["evidence"][0]["rule"] = json!("icp_luck");
        assert!(!validator.is_valid(&result));
    }
}

#[test]
fn without_a_verdict_nothing_is_stored() {
    let kept = StoredSnapshot::new(SnapshotKey("snapshots/someone/1".to_owned()), 0);
    let mut judged = judged(AnalysisType::Xray);
    judged.retain(|judged| judged.reviewed.judgement.verdict().is_none());
    let refused = findings(&assignment(AnalysisType::Xray), &seen(), &kept, &judged, false);
    assert!(matches!(refused, Err(AttemptFailed::Terminal(_))), "{refused:?}");
}
