//! The texts that are no conclusions from one phrase: summary, concerns, advice, style, deal.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{claims::is_poor, role::Role, style, writer::Writer};
use crate::shared::judge::{evidence::Sign, judgement::Judgement, messages::Language, profile::BIO, subject, walker};

const CONCERNS: usize = 2;
/// With fewer captions most of a judgement is guessed.
const CAPTIONS_FEW: usize = 4;

pub(super) fn all(judgement: &Judgement, language: Language, writer: &mut Writer) -> BTreeMap<&'static str, Value> {
    let role = judgement.role;
    let band = match judgement.relevance {
        _ if is_poor(judgement) => "low",
        70.. => "high",
        _ => "mid",
    };
    writer.slots = writer.slots.clone().with("role", role.phrase()).with("language", language.name());
    let sign = style::main_sign(judgement).name();
    let summary = if role == Role::Competitor { "competitor" } else { band };
    let with_offer = if role == Role::Competitor { "nobody" } else { role.name() };
    let advice = if band == "low" { "say.low" } else { "say.high" };
    let mut one = |section: String| json!(writer.field(&section).unwrap_or_else(|| "Nothing to add.".into()));
    let mut texts = BTreeMap::from([
        ("summary", one(format!("summary.{summary}"))),
        ("niche", json!(subject::subject(judgement))),
        ("angle", one(format!("angle.{band}"))),
        ("offer", one(format!("offer.{with_offer}"))),
        ("decision_style", one(format!("decision.{sign}"))),
        ("self_image", one(format!("self_image.{sign}"))),
        ("opportunity", one(format!("opportunity.{band}"))),
        ("communication_style", json!(style::communication(judgement, language))),
    ]);
    let mut some = |section: String, count: usize| {
        let found: Vec<String> = (0..count).map_while(|_| writer.field(&section)).collect();
        json!(found)
    };
    texts.insert("say", some(advice.to_owned(), 2));
    texts.insert("do_not_say", some("do_not_say.any".to_owned(), if band == "low" { 1 } else { 2 }));
    texts.insert("formats", some(format!("format.{with_offer}"), if band == "high" { 2 } else { 1 }));
    texts.insert("concerns", json!(concerns(judgement, language, writer)));
    texts
}

/// What could stop a deal, as far as it is a fact.
fn concerns(judgement: &Judgement, language: Language, writer: &mut Writer) -> Vec<String> {
    let profile = &judgement.profile;
    let captions = profile.entries.iter().filter(|post| !post.caption.is_empty()).count();
    let is_another = judgement.business_niche.is_some() && judgement.niche != judgement.business_niche;
    let sells =
        judgement.evidence.candidates.iter().any(|found| found.post == BIO && found.phrase.sign == Sign::Selling);
    let size = judgement.followers_fit == Some(false);
    let found = [
        (profile.commands, "concern.steers"),
        (walker::states_a_minor(profile), "concern.minor"),
        (judgement.role == Role::Competitor, "concern.rival"),
        (size && judgement.has_too_many_followers, "concern.large"),
        (size && !judgement.has_too_many_followers, "concern.small"),
        (is_another, "concern.niche"),
        (style::is_silent(profile), "concern.silent"),
        (captions < CAPTIONS_FEW, "concern.few"),
        (language != Language::English, "concern.language"),
        // A partner with an offer of their own is a question of the first talk; a poor fit has other concerns.
        (sells && !is_poor(judgement) && judgement.relevance < 85, "concern.own"),
    ];
    let sections = found.into_iter().filter(|(holds, _)| *holds).map(|(_, section)| section);
    sections.take(CONCERNS).filter_map(|section| writer.field(section)).collect()
}
