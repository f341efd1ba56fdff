//! The parts of the sentences: the person's name, a line, a theme.

use crate::shared::judge::judgement::Judgement;

/// Words for a person's traits.
pub(super) const TRAITS: [&str; 6] = ["curious", "disciplined", "warm", "independent", "ambitious", "playful"];
/// Words for a person's values.
pub(super) const VALUES: [&str; 6] = ["craft", "community", "honesty", "growth", "independence", "joy"];

/// Writes texts about one judgement.
pub(in crate::shared::judge) struct Prose<'a>(pub(super) &'a Judgement);

impl<'a> Prose<'a> {
    pub(in crate::shared::judge) fn new(judgement: &'a Judgement) -> Self {
        Self(judgement)
    }

    pub(super) fn username(&self) -> String {
        self.0.profile.username.clone().unwrap_or_else(|| "unknown".into())
    }

    pub(super) fn name(&self) -> String {
        self.0.profile.name.clone().unwrap_or_else(|| self.username())
    }

    pub(super) fn niche(&self) -> String {
        self.0.niche.clone().unwrap_or_else(|| "general".into())
    }

    /// A line of the profile, unchanged; begins again after the last.
    pub(super) fn quote(&self, place: usize) -> String {
        let count = self.0.quotes.len().max(1);
        let found = self.0.quotes.get(place % count).cloned();
        found.unwrap_or_else(|| format!("@{} shows nothing that could be quoted", self.username()))
    }

    pub(super) fn theme(&self, place: usize) -> String {
        let tags = &self.0.profile.hashtags;
        let known = self.0.shared.get(place).or_else(|| tags.get(place % tags.len().max(1)));
        known.cloned().unwrap_or_else(|| self.niche())
    }
}

/// Takes an entry of a list, and begins again after the last.
pub(super) trait At {
    fn at(&self, place: usize) -> String;
}

impl<const COUNT: usize> At for [&str; COUNT] {
    fn at(&self, place: usize) -> String {
        self.get(place % COUNT.max(1)).copied().unwrap_or_default().to_owned()
    }
}
