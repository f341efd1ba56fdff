//! Whether the score orders profiles as their labels do when the judgement is right, and whether its limits hold when it is not.

use anyhow::{Result, anyhow};
use oslira_app::{
    features::{
        analysis::scored,
        judging::{CallKind, Judgement, Role, examples},
    },
    shared::analysis_type::AnalysisType,
};
use serde_json::{Value, json};

use crate::{
    figure::{Findings, Miss, Share},
    golden::{Business, Expectation, GoldenProfile, GoldenSet},
    quality::ranking::{Ranked, ranking},
};

/// What a limit allows, as `docs/judgement.md` promises it.
const ABOVE_FIT_MAX: u8 = 20;
const COMPETITOR_MAX: u8 = 20;
const MINOR_MAX: u8 = 14;
const CLOSED_MAX: u8 = 69;
const UNSURE_MAX: u8 = 75;

pub(super) fn measure(set: &GoldenSet) -> Result<Findings> {
    let mut findings = Findings::default();
    let mut ranked = vec![];
    let mut caps = Share::default();
    for profile in set.plain() {
        for business in &set.businesses {
            let expected = profile.expected.get(&business.key).ok_or_else(|| anyhow!("no label"))?;
            let right = verdict(expected, profile, expected.middle().round() as u8, 80)?;
            let score = final_score(AnalysisType::Light, profile, business, &[&right])?;
            ranked.push(Ranked {
                business: business.key.clone(),
                profile: profile.key.clone(),
                range: expected.fit,
                score: f64::from(score),
            });
            for (what, limit, score) in wrong_judgements(profile, business, expected)? {
                caps.count(score <= limit);
                if score > limit {
                    findings.misses.push(Miss {
                        figure: "caps.held".to_owned(),
                        profile: profile.key.clone(),
                        business: Some(business.key.clone()),
                        expected: format!("{what}: at most {limit}"),
                        said: score.to_string(),
                    });
                }
            }
        }
    }
    findings.extend(ranking("score", &ranked));
    findings.figures.extend(caps.figure("caps.held"));
    Ok(findings)
}

/// Judgements that praise where they must not, each with the most that the score may be then.
fn wrong_judgements(
    profile: &GoldenProfile,
    business: &Business,
    expected: &Expectation,
) -> Result<Vec<(&'static str, u8, u8)>> {
    let of = |analysis_type, answers: &[&Judgement]| final_score(analysis_type, profile, business, answers);
    let misfit = verdict(expected, profile, 5, 90)?;
    let unsure = verdict(expected, profile, 95, 0)?;
    let praised = verdict(expected, profile, 95, 90)?;
    let closed = answer(CallKind::Openness, &[("/receptiveness", json!(20))])?;
    let mut found = vec![
        ("a misfit", 5 + ABOVE_FIT_MAX, of(AnalysisType::Light, &[&misfit])?),
        ("nothing is known", UNSURE_MAX, of(AnalysisType::Light, &[&unsure])?),
        ("closed to the offer", CLOSED_MAX, of(AnalysisType::Xray, &[&praised, &closed])?),
    ];
    if expected.role == Role::Competitor {
        found.push(("a competitor", COMPETITOR_MAX, of(AnalysisType::Light, &[&praised])?));
    }
    if profile.is_minor {
        found.push(("a minor", MINOR_MAX, of(AnalysisType::Light, &[&praised])?));
    }
    Ok(found)
}

fn final_score(
    analysis_type: AnalysisType,
    profile: &GoldenProfile,
    business: &Business,
    answers: &[&Judgement],
) -> Result<u8> {
    let ideal = &business.context.ideal_customer;
    let scored = scored(analysis_type, ideal, &profile.snapshot, answers);
    scored.map(|(_, score)| score.value).ok_or_else(|| anyhow!("no verdict"))
}

/// A verdict with the label's role, and this fit and confidence.
fn verdict(expected: &Expectation, profile: &GoldenProfile, fit: u8, confidence: u8) -> Result<Judgement> {
    answer(
        CallKind::Verdict,
        &[
            ("/role", serde_json::to_value(expected.role)?),
            ("/seems_minor", json!(profile.is_minor)),
            ("/fit_score", json!(fit)),
            ("/confidence", json!(confidence)),
        ],
    )
}

fn answer(call: CallKind, changes: &[(&str, Value)]) -> Result<Judgement> {
    let mut text = examples::text(call);
    for (place, value) in changes {
        *text.pointer_mut(place).ok_or_else(|| anyhow!("no {place}"))? = value.clone();
    }
    Ok(serde_json::from_value(json!({ call.as_str(): text }))?)
}
