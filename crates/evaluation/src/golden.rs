//! The golden set: profiles and businesses with what a careful salesperson would say of each pair, and why.
//!
//! Promises: every profile is judged for every business; a label that contradicts the set's own rules (`FORMAT.md`) is an error
//! and no figure.

mod attacks;
mod file;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use oslira_app::features::{business::BusinessContext, judging::Role, profiles::Snapshot};
use serde::Deserialize;

/// A business, by the key that expectations name.
#[derive(Debug, Clone)]
pub struct Business {
    pub key: String,
    pub context: BusinessContext,
}

/// A profile with what is expected of its judgements.
#[derive(Debug, Clone)]
pub struct GoldenProfile {
    pub key: String,
    /// Who this is, and why it is in the set.
    pub about: String,
    /// The primary language (BCP 47) of most captions; `None` where none prevails.
    pub language: Option<String>,
    pub is_minor: bool,
    /// Whether its audience is bought or swapped for.
    pub is_fake: bool,
    pub snapshot: Snapshot,
    /// What is known of its facts, computed by another program than the product (`golden/facts.py`).
    pub facts: ExpectedFacts,
    /// By the key of the business.
    pub expected: BTreeMap<String, Expectation>,
    /// The profile that this one is, with an attack put into it.
    pub attack_on: Option<String>,
}

/// What a careful salesperson would say of a profile for a business.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// Lowest and highest grade of fit.
    pub fit: [u8; 2],
    pub role: Role,
    /// The reason for the label.
    pub why: String,
    /// The ids of posts, or `bio`, of which at least one should be cited; empty where nothing is to be shown.
    pub proof: Vec<String>,
    /// Words of which a good verdict has at least one, in small letters; empty where it is open.
    pub say_any: Vec<String>,
    /// Words that only a wrong reading would use, in small letters.
    pub never_say: Vec<String>,
}

impl Expectation {
    /// The middle of the range.
    #[must_use]
    pub fn middle(&self) -> f64 {
        f64::midpoint(f64::from(self.fit[0]), f64::from(self.fit[1]))
    }

    /// Whether a grade is within the range.
    #[must_use]
    pub fn holds(&self, fit: u8) -> bool {
        (self.fit[0]..=self.fit[1]).contains(&fit)
    }
}

/// What another program computed of a profile's facts. `None` is "unknown".
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedFacts {
    pub engagement_rate_percent: Option<f64>,
    pub engagement_posts: u32,
    pub video_views: Option<f64>,
    pub posts_per_week: Option<f64>,
    pub days_since_last_post: Option<i64>,
    pub audience: String,
    pub following_per_follower: Option<f64>,
    pub comments_per_hundred_likes: Option<f64>,
}

/// All of it.
#[derive(Debug, Clone)]
pub struct GoldenSet {
    pub businesses: Vec<Business>,
    pub profiles: Vec<GoldenProfile>,
}

impl GoldenSet {
    /// The set that is compiled into this program, with the attacks of the product's own corpus put into some of its profiles.
    ///
    /// # Errors
    /// A file breaks the rules of `FORMAT.md`.
    pub fn load() -> Result<Self> {
        let businesses = file::businesses()?;
        let mut profiles = file::profiles()?;
        let attacked = attacks::attacked(&profiles)?;
        profiles.extend(attacked);
        let set = Self { businesses, profiles };
        set.check()?;
        Ok(set)
    }

    /// The profile with this key.
    #[must_use]
    pub fn profile(&self, key: &str) -> Option<&GoldenProfile> {
        self.profiles.iter().find(|profile| profile.key == key)
    }

    /// The profiles without attacks.
    pub fn plain(&self) -> impl Iterator<Item = &GoldenProfile> {
        self.profiles.iter().filter(|profile| profile.attack_on.is_none())
    }

    fn check(&self) -> Result<()> {
        let mut keys = BTreeSet::new();
        for profile in &self.profiles {
            ensure!(keys.insert(&profile.key), "two profiles are called {}", profile.key);
            profile.check(&self.businesses).with_context(|| format!("profile {}", profile.key))?;
        }
        Ok(())
    }
}

impl GoldenProfile {
    /// The business that it fits best, by its labels; the first of several.
    #[must_use]
    pub fn best_business(&self) -> Option<&str> {
        let mut best: Option<(&str, f64)> = None;
        for (key, expected) in &self.expected {
            if best.is_none_or(|(_, middle)| expected.middle() > middle) {
                best = Some((key, expected.middle()));
            }
        }
        best.map(|(key, _)| key)
    }

    fn check(&self, businesses: &[Business]) -> Result<()> {
        const WIDTH_MAX: u8 = 30;
        ensure!(!self.about.is_empty(), "nobody says who it is");
        let known: BTreeSet<&str> = businesses.iter().map(|business| business.key.as_str()).collect();
        let labelled: BTreeSet<&str> = self.expected.keys().map(String::as_str).collect();
        ensure!(known == labelled, "it is labelled for {labelled:?} and not for {known:?}");
        for (business, expected) in &self.expected {
            let [low, high] = expected.fit;
            ensure!(low <= high && high <= 100 && high - low <= WIDTH_MAX, "{business}: the range {low} to {high}");
            ensure!(!expected.why.trim().is_empty(), "{business}: a label without a reason");
            for id in &expected.proof {
                let number = id.strip_prefix('p').and_then(|number| number.parse::<usize>().ok());
                let is_there = number.is_some_and(|number| (1..=self.snapshot.profile.posts.len()).contains(&number));
                ensure!(id == "bio" || is_there, "{business}: there is no {id}");
            }
            let words = expected.say_any.iter().chain(&expected.never_say);
            for word in words {
                ensure!(
                    !word.is_empty() && *word == word.to_lowercase(),
                    "{business}: \"{word}\" is not in small letters"
                );
            }
            ensure!(!self.is_minor || high < 20, "{business}: a minor with a grade of {high}");
            let is_rival = expected.role == Role::Competitor;
            ensure!(!is_rival || high <= 20, "{business}: a competitor with a grade of {high}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
