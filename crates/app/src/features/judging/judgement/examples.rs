//! A valid answer to each call: for tests, of other crates too (feature `examples`).

use serde_json::{Value, json};

use super::CallKind;
#[cfg(test)]
use super::Judgement;

fn verdict() -> Value {
    json!({
        "fit_score": 70, "confidence": 80, "summary": "A runner who cooks.", "niche": "running",
        "reasons": ["posts about meal prep"], "concerns": [],
    })
}

/// As a provider would send it.
#[must_use]
pub fn text(call: CallKind) -> Value {
    let insight = json!([{ "insight": "Wants to eat well on the road.", "evidence": "three posts about race travel" }]);
    match call {
        CallKind::Light => json!({ "verdict": verdict(), "outreach_opener": "Loved your long-run breakfast." }),
        CallKind::CoreStrategy => json!({
            "verdict": verdict(), "needs": insight, "buying_signals": [], "angle": "Race week.", "offer": "A test box.",
            "avoid": ["diet talk"],
        }),
        CallKind::Outreach => json!({
            "channel": "instagram_message", "language": "en", "opener": "Loved your long-run breakfast.",
            "message": "Loved your long-run breakfast. What do you eat in race week?", "follow_up": "One more idea.",
            "hooks": insight,
        }),
        CallKind::Personality => json!({
            "confidence": 60, "traits": [{ "name": "dry humour", "strength": "strong", "evidence": "captions" }],
            "communication_style": "Short.", "decision_style": "By trying.", "say": ["ask"], "do_not_say": ["hype"],
        }),
        CallKind::Psychographic => json!({
            "receptiveness": 65, "confidence": 55, "self_image": "An honest amateur.", "values": insight,
            "motivations": insight, "objections": [], "triggers": insight,
        }),
        CallKind::Commercial => json!({
            "verdict": verdict(), "buying_stage": "looking_for_solutions", "authority": "decides_alone",
            "opportunity": "Reach among runners.", "formats": ["affiliate code"], "monetisation": [], "risks": [],
        }),
    }
}

#[cfg(test)]
pub fn judgement(call: CallKind) -> Judgement {
    call.parse(&text(call).to_string()).unwrap()
}

#[cfg(test)]
pub fn with_fit(call: CallKind, fit_score: u8) -> Judgement {
    let mut text = text(call);
    text["verdict"]["fit_score"] = fit_score.into();
    call.parse(&text.to_string()).unwrap()
}
