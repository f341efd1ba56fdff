//! What a finished run stores.

use serde_json::{Map, Value, json};

use super::{Judged, Stored};
use crate::features::{
    analysis::Assignment,
    judging::Judgement,
    profiles::{Profile, Snapshot},
    scoring::{Facts, blend, match_ideal_customer},
};

/// The lead's facts and the analysis, as `complete_run` takes them.
pub(super) fn findings(
    assignment: &Assignment,
    snapshot: &Snapshot,
    stored: &Stored,
    judged: &[Judged],
    cache_hit: bool,
) -> (Value, Value) {
    // A deeper snapshot may serve: the facts are of the posts that the models saw.
    let mut snapshot = snapshot.clone();
    snapshot.profile.posts.truncate(assignment.analysis_type.config().posts as usize);
    let profile = &snapshot.profile;
    let facts = Facts::of(&snapshot);
    let criteria = match_ideal_customer(&assignment.business.ideal_customer, profile, &facts);
    let judgements: Vec<&Judgement> = judged.iter().map(|judged| &judged.judgement).collect();
    let score = blend(assignment.analysis_type.config().weights, &judgements, &criteria, &facts);
    let ai_microusd: u64 = judged.iter().map(|judged| judged.cost_microusd).sum();
    let main = judged.iter().find(|judged| judged.judgement.verdict().is_some());

    let mut lead = about(profile);
    lead.insert("profile_pic_url".to_owned(), json!(profile.profile_pic_url));
    lead.insert("scraped_at".to_owned(), json!(snapshot.scraped_at));
    let mut result = Map::new();
    for judged in judged {
        tell(&mut result, &judged.judgement);
    }
    result.extend(fields(json!({
        "score": score.value,
        "provider": main.map(|main| &main.provider),
        "model": main.map(|main| &main.model),
        "scraped_by": snapshot.source,
        "scraped_at": snapshot.scraped_at,
        "cache_hit": cache_hit,
        "evidence": score.evidence,
        "facts": facts,
        "profile": about(profile),
        "context_version": assignment.business.context_version,
        "cost": {
            "total_microusd": ai_microusd + stored.cost_microusd,
            "scrape_microusd": stored.cost_microusd,
            "ai_microusd": ai_microusd,
            "calls": judged.iter().map(cost).collect::<Vec<_>>(),
        },
    })));
    let analysis = json!({
        "score": score.value,
        "provider": main.map(|main| &main.provider),
        "model": main.map(|main| &main.model),
        "snapshot_key": stored.key,
        "cost_microusd": ai_microusd + stored.cost_microusd,
        "result": result,
    });
    (Value::Object(lead), analysis)
}

/// The profile as it was judged: what the history of a lead compares.
fn about(profile: &Profile) -> Map<String, Value> {
    fields(json!({
        "username": profile.username, "display_name": profile.display_name, "biography": profile.biography,
        "followers": profile.followers, "following": profile.following, "posts": profile.posts_count,
        "category": profile.category, "external_url": profile.external_url, "is_verified": profile.is_verified,
        "is_business": profile.is_business,
    }))
}

/// The verdict's fields stand at the top of every result, whichever call gave it; the rest under the call's name.
fn tell(result: &mut Map<String, Value>, judgement: &Judgement) {
    if let Some(verdict) = judgement.verdict() {
        result.extend(fields(json!({
            "fit_score": verdict.fit_score, "confidence": verdict.confidence, "summary": verdict.summary,
            "niche": verdict.niche, "reasons": verdict.reasons, "concerns": verdict.concerns,
        })));
    }
    let (name, value) = match judgement {
        Judgement::Light(light) => ("outreach", json!({ "opener": light.outreach_opener })),
        Judgement::CoreStrategy(strategy) => ("strategy", json!(strategy)),
        Judgement::Outreach(outreach) => ("outreach", json!(outreach)),
        Judgement::Personality(personality) => ("personality", json!(personality)),
        Judgement::Psychographic(psychographic) => ("psychographic", json!(psychographic)),
        Judgement::Commercial(commercial) => ("commercial", json!(commercial)),
    };
    let mut value = fields(value);
    value.remove("verdict");
    result.insert(name.to_owned(), Value::Object(value));
}

fn cost(judged: &Judged) -> Value {
    let usage = judged.usage.as_ref();
    json!({
        "call": judged.call, "provider": judged.provider, "model": judged.model, "fell_back": judged.fell_back,
        "cost_microusd": judged.cost_microusd,
        "input_tokens": usage.map(|usage| usage.input_tokens), "cached_tokens": usage.map(|usage| usage.cached_tokens),
        "output_tokens": usage.map(|usage| usage.output_tokens), "duration_ms": usage.map(|usage| usage.duration_ms),
        "gateway_hit": usage.and_then(|usage| usage.gateway_hit),
    })
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
