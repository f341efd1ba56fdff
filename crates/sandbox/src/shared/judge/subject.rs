//! What a profile is about, in words that fit into sentences.

use std::sync::LazyLock;

use super::{
    evidence::{has, spaced},
    judgement::Judgement,
};
use crate::shared::texts::{Slots, Texts};

static NICHES: LazyLock<Texts> = LazyLock::new(|| Texts::parse(include_str!("../../../data/prose/niches.txt")));

/// A narrower subject is named only if so many posts speak of it.
const POSTS_MIN: usize = 2;
const NAME_CHARS_MAX: usize = 30;

/// The slots of the sentences about a profile and a business.
pub(super) fn slots(judgement: &Judgement) -> Slots {
    let lines = NICHES.of(judgement.niche.as_deref().unwrap_or_default());
    let of = |name: &str| {
        let line = lines.iter().find_map(|line| line.split_once(':').filter(|(known, _)| *known == name));
        line.map_or("", |(_, value)| value.trim()).to_owned()
    };
    let business = &judgement.business;
    let name = business.name.clone().unwrap_or_else(|| "the business".into());
    let offer = business.offer.clone().unwrap_or_else(|| format!("what {name} offers"));
    Slots::default()
        .with("subject", subject(judgement))
        .with("readers", of("readers"))
        .with("craft", of("craft"))
        .with("size", size(judgement.profile.followers))
        .with("lead", lead(judgement))
        .with("business", name)
        .with("offer", offer)
}

/// The subject that most posts speak of, as narrow as they are.
pub(super) fn subject(judgement: &Judgement) -> String {
    let lines = NICHES.of(judgement.niche.as_deref().unwrap_or_default());
    let wide = lines.iter().find(|line| !line.contains(':')).copied().unwrap_or("everyday life");
    let captions: Vec<String> = judgement.profile.entries.iter().map(|post| spaced(&post.caption)).collect();
    let narrower = lines.iter().filter_map(|line| line.split_once(':'));
    let narrower = narrower.filter(|(name, _)| !matches!(*name, "readers" | "craft")).map(|(name, words)| {
        let about = |caption: &&String| words.split_whitespace().any(|word| has(caption, word));
        (captions.iter().filter(about).count(), name)
    });
    let most = narrower.filter(|(posts, _)| *posts >= POSTS_MIN).reduce(|a, b| if b.0 > a.0 { b } else { a });
    most.map_or(wide, |(_, name)| name).to_owned()
}

fn size(followers: Option<u64>) -> &'static str {
    match followers {
        None => "a following of unknown size",
        Some(..1_000) => "a very small following",
        Some(..10_000) => "a small following",
        Some(..50_000) => "a mid-sized following",
        Some(..250_000) => "a large following",
        Some(_) => "a very large following",
    }
}

/// The display name where it is plainly a name, else the username.
fn lead(judgement: &Judgement) -> String {
    let is_plain = |name: &&String| {
        name.chars().count() <= NAME_CHARS_MAX && name.chars().all(|c| c.is_alphabetic() || c == ' ' || c == '.')
    };
    let profile = &judgement.profile;
    let name = profile.name.as_ref().filter(is_plain).cloned();
    name.or_else(|| profile.username.as_ref().map(|name| format!("@{name}"))).unwrap_or_else(|| "This account".into())
}
