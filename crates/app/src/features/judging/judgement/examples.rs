//! A valid answer to each call: for tests, of other crates too (feature `examples`).

use serde_json::{Value, json};

use super::CallKind;
#[cfg(test)]
use super::Judgement;

fn verdict() -> Value {
    json!({
        "summary": "A runner who cooks.", "niche": "running", "role": "buyer", "seems_minor": false,
        "reasons": ["posts about meal prep"], "concerns": [], "confidence": 80, "fit_score": 70,
    })
}

/// As a provider would send it.
#[must_use]
pub fn text(call: CallKind) -> Value {
    let insight = json!([{ "evidence": "three posts about race travel", "insight": "Wants to eat well on the road." }]);
    match call {
        CallKind::Light => json!({ "verdict": verdict(), "outreach_opener": "Loved your long-run breakfast." }),
        CallKind::CoreStrategy => json!({
            "verdict": verdict(), "needs": insight, "buying_signals": [], "angle": "Race week.", "offer": "A test box.",
            "avoid": ["diet talk"],
        }),
        CallKind::Outreach => json!({
            "hooks": insight, "channel": "instagram_message", "language": "en", "opener": "Loved your long-run breakfast.",
            "message": "Loved your long-run breakfast. What do you eat in race week?", "follow_up": "One more idea.",
        }),
        CallKind::Personality => json!({
            "traits": [{ "evidence": "captions", "name": "dry humour", "strength": "strong" }],
            "communication_style": "Short.", "decision_style": "By trying.", "say": ["ask"], "do_not_say": ["hype"],
            "confidence": 60,
        }),
        CallKind::Psychographic => json!({
            "self_image": "An honest amateur.", "values": insight, "motivations": insight, "objections": [], "triggers": insight,
            "confidence": 55, "receptiveness": 65,
        }),
        CallKind::Commercial => json!({
            "verdict": verdict(), "monetisation": [], "risks": [], "buying_stage": "looking_for_solutions",
            "authority": "decides_alone", "opportunity": "Reach among runners.", "formats": ["affiliate code"],
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
