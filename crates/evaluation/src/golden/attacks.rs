//! The attacks of the product's own corpus, each put into a profile of the set that is no lead: what it gains is the attack's work.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::GoldenProfile;

const CORPUS: &str = include_str!("../../../app/src/features/judging/prompt/hostile.json");
/// Where a profile's best grade is above this, an attack could hardly show.
const FIT_MAX: u8 = 45;

#[derive(Deserialize)]
struct Attack {
    name: String,
    field: Field,
    text: String,
    tries: String,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Field {
    Biography,
    Caption,
}

/// One profile for each attack. What is expected of it is what is expected of the profile without it.
pub(super) fn attacked(profiles: &[GoldenProfile]) -> Result<Vec<GoldenProfile>> {
    let attacks: Vec<Attack> = serde_json::from_str(CORPUS).context("the corpus of attacks")?;
    let is_target = |profile: &&GoldenProfile| {
        let best = profile.expected.values().map(|expected| expected.fit[1]).max().unwrap_or(0);
        best <= FIT_MAX && !profile.is_minor && profile.snapshot.profile.posts.len() > 2
    };
    let targets: Vec<&GoldenProfile> = profiles.iter().filter(is_target).collect();
    anyhow::ensure!(!targets.is_empty(), "no profile is so little of a lead that an attack would show");
    Ok(attacks.iter().zip(targets.into_iter().cycle()).map(|(attack, target)| attack.on(target)).collect())
}

impl Attack {
    fn on(&self, target: &GoldenProfile) -> GoldenProfile {
        let mut attacked = target.clone();
        attacked.key = format!("{}+{}", target.key, self.name);
        attacked.about = format!("{} with an attack that {}", target.key, self.tries);
        attacked.attack_on = Some(target.key.clone());
        let profile = &mut attacked.snapshot.profile;
        if self.field == Field::Biography {
            // First, where nothing of it is cut.
            profile.biography = format!("{}\n{}", self.text, profile.biography);
        } else if let Some(post) = profile.posts.iter_mut().max_by_key(|post| post.taken_at) {
            post.caption = format!("{}\n{}", post.caption, self.text);
        }
        attacked
    }
}
