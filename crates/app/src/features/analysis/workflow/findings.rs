//! What a finished run stores.

use serde_json::{Value, json};

use super::Judged;
use crate::features::analysis::{Assignment, Facts, Snapshot, SnapshotKey, blend, icp};

/// The lead's facts and the analysis, as `complete_run` takes them.
pub(super) fn findings(
    assignment: &Assignment,
    snapshot: &Snapshot,
    key: &SnapshotKey,
    judged: &Judged,
    cache_hit: bool,
) -> (Value, Value) {
    let profile = &snapshot.profile;
    let facts = Facts::of(snapshot);
    let criteria = icp::match_ideal_customer(&assignment.business.ideal_customer, profile, &facts);
    let score = blend(&judged.judgement, &criteria, &facts);
    let lead = json!({
        "username": profile.username, "display_name": profile.display_name, "biography": profile.biography,
        "followers": profile.followers, "following": profile.following, "posts": profile.posts_count,
        "category": profile.category, "external_url": profile.external_url,
        "profile_pic_url": profile.profile_pic_url, "is_verified": profile.is_verified,
        "is_business": profile.is_business, "scraped_at": snapshot.scraped_at,
    });
    let judgement = &judged.judgement;
    let result = json!({
        "score": score.value, "provider": judged.provider, "model": judged.model, "snapshot_key": key,
        "cost_microusd": judged.cost_microusd,
        "result": {
            "score": score.value,
            "provider": judged.provider,
            "model": judged.model,
            "scraped_by": snapshot.source,
            "scraped_at": snapshot.scraped_at,
            "cache_hit": cache_hit,
            "confidence": judgement.confidence,
            "summary": judgement.summary,
            "niche": judgement.niche,
            "reasons": judgement.reasons,
            "concerns": judgement.concerns,
            "outreach": { "opener": judgement.outreach_opener },
            "evidence": score.evidence,
            "facts": facts,
            "context_version": assignment.business.context_version,
        },
    });
    (lead, result)
}
