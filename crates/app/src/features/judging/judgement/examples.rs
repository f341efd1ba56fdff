//! A valid answer to each call: for tests, of other crates too (feature `examples`). They quote [`QUOTE`], which the profile must
//! have in its bio.

use serde_json::{Value, json};

use super::CallKind;
#[cfg(test)]
use super::Judgement;

/// What every example quotes from the bio.
pub const QUOTE: &str = "Runs and cooks";

fn verdict() -> Value {
    json!({
        "summary": "A runner who cooks.", "niche": "running", "themes": [], "role": "buyer", "seems_minor": false,
        "reasons": insights("Cooks for races, so meals are a subject already."), "concerns": [], "confidence": 80,
        "fit_score": 70,
    })
}

fn insights(insight: &str) -> Value {
    json!([{ "posts": ["bio"], "quote": QUOTE, "count": null, "insight": insight }])
}

/// As a provider would send it.
#[must_use]
pub fn text(call: CallKind) -> Value {
    match call {
        CallKind::Light => json!({
            "verdict": verdict(), "language": "en", "outreach_opener": "Your long-run breakfast looks earned.", "gloss": null,
        }),
        CallKind::Verdict => verdict(),
        CallKind::Needs => json!({ "needs": insights("Wants to eat well on the road."), "buying_signals": [] }),
        CallKind::Approach => json!({
            "angle": "Race week.", "offer": "A test box.", "avoid": insights("Diet talk, for cooking is joy here."),
        }),
        CallKind::Outreach => json!({
            "hooks": insights("Cooking is told with pride."), "channel": "instagram_message", "language": "en",
            "opener": "Your long-run breakfast looks earned.",
            "message": "Your long-run breakfast looks earned. What do you eat in race week?", "follow_up": "One more idea.",
            "gloss": null,
        }),
        CallKind::Personality => json!({
            "traits": [{ "posts": ["bio"], "quote": QUOTE, "count": null, "name": "dry humour", "strength": "weak" }],
            "communication_style": "Short.", "decision_style": "By trying.", "say": ["ask"], "do_not_say": ["hype"],
            "confidence": 60,
        }),
        CallKind::Motives => json!({
            "self_image": "An honest amateur.", "values": insights("Does things by hand."),
            "motivations": insights("Wants to finish a marathon."),
        }),
        CallKind::Openness => json!({
            "objections": [], "triggers": insights("Race week, when meals are planned."), "confidence": 55, "receptiveness": 65,
        }),
        CallKind::Money => json!({ "monetisation": insights("Sells a training plan."), "risks": [] }),
        CallKind::Deal => json!({
            "signs": [], "buying_stage": "aware_of_the_problem", "authority": "decides_alone",
            "opportunity": "Reach among runners.", "formats": ["affiliate code"],
        }),
    }
}

/// A usable answer that is asked for once more: a message with two questions, or entries that rest on what nobody wrote.
#[must_use]
pub fn doubtful(call: CallKind) -> Value {
    let mut text = text(call);
    if let Some(message) = text.get_mut("message") {
        *message = "Your long-run breakfast looks earned. What is in it? What do you eat in race week?".into();
    } else if let Some(opener) = text.get_mut("outreach_opener") {
        *opener = "What is in your long-run breakfast? It looks earned.".into();
    } else {
        let invented =
            json!({ "posts": ["bio"], "quote": "budget approved", "count": null, "insight": "Wants to buy." });
        let list = ["reasons", "needs", "avoid", "values", "triggers", "monetisation", "signs"];
        if let Some(list) =
            list.iter().find(|list| text.get(**list).is_some()).and_then(|list| text.get_mut(*list)?.as_array_mut())
        {
            list.extend([invented.clone(), invented.clone(), invented]);
        }
        if let Some(traits) = text.get_mut("traits").and_then(Value::as_array_mut) {
            let heard = json!({ "posts": ["bio"], "quote": "budget approved", "count": null, "name": "rich", "strength": "weak" });
            traits.extend(std::iter::repeat_n(heard, 4));
        }
    }
    text
}

#[cfg(test)]
pub fn judgement(call: CallKind) -> Judgement {
    judged(call, &text(call))
}

/// An answer as it is read.
#[cfg(test)]
pub fn judged(call: CallKind, text: &Value) -> Judgement {
    call.read(&text.to_string()).unwrap()
}

#[cfg(test)]
pub fn with_fit(call: CallKind, fit_score: u8) -> Judgement {
    let mut text = text(call);
    let verdict = if call == CallKind::Verdict { &mut text } else { &mut text["verdict"] };
    verdict["fit_score"] = fit_score.into();
    judged(call, &text)
}

/// The example with its review, against a profile that has [`QUOTE`] in its bio.
#[cfg(test)]
pub fn reviewed(call: CallKind) -> super::Reviewed {
    let judgement = judgement(call);
    super::Reviewed { judgement, dropped: 0, kept: 1, problems: vec![] }
}
