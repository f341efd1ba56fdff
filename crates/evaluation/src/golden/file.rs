//! The files of the golden set, as `FORMAT.md` tells.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use oslira_app::features::{
    business::{BusinessContext, IdealCustomer},
    profiles::{Post, PostKind, Profile, Snapshot},
};
use serde::Deserialize;
use uuid::Uuid;

use super::{Business, Expectation, ExpectedFacts, GoldenProfile};

const BUSINESSES: &str = include_str!("../../golden/businesses.json");
const FACTS: &str = include_str!("../../golden/facts.json");
const PROFILES: [(&str, &str); 5] = [
    ("running_and_food", include_str!("../../golden/profiles/running_and_food.json")),
    ("makers_and_photographers", include_str!("../../golden/profiles/makers_and_photographers.json")),
    ("cafes_and_salons", include_str!("../../golden/profiles/cafes_and_salons.json")),
    ("beauty_and_others", include_str!("../../golden/profiles/beauty_and_others.json")),
    ("recorded", include_str!("../../golden/profiles/recorded.json")),
];

/// All profiles were read at the same moment, 2026-11-20T12:00Z.
const SCRAPED_AT_S: i64 = 1_795_176_000;
const SECONDS_PER_DAY: f64 = 86_400.0;
/// As deep as what the set's profiles show.
const DEPTH: u32 = 12;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BusinessEntry {
    key: String,
    #[serde(rename = "about")]
    _about: String,
    name: String,
    offering: String,
    target_audience: String,
    voice: Option<String>,
    do_not_say: Vec<String>,
    competitors: Vec<String>,
    proof_points: Vec<String>,
    ideal_customer: IdealCustomer,
}

/// The businesses, each with an id that never changes: it is part of every request.
pub(super) fn businesses() -> Result<Vec<Business>> {
    let entries: Vec<BusinessEntry> = serde_json::from_str(BUSINESSES).context("golden/businesses.json")?;
    let business = |(number, entry): (usize, BusinessEntry)| Business {
        key: entry.key,
        context: BusinessContext {
            id: oslira_app::shared::ids::BusinessProfileId::new(Uuid::from_u128(number as u128 + 1)),
            name: entry.name,
            offering: entry.offering,
            target_audience: entry.target_audience,
            voice: entry.voice,
            do_not_say: entry.do_not_say,
            competitors: entry.competitors,
            proof_points: entry.proof_points,
            ideal_customer: entry.ideal_customer,
            context_version: 1,
        },
    };
    Ok(entries.into_iter().enumerate().map(business).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    key: String,
    about: String,
    language: Option<String>,
    is_minor: bool,
    is_fake: bool,
    profile: ProfileEntry,
    posts: Vec<PostEntry>,
    pairs: BTreeMap<String, Expectation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileEntry {
    username: String,
    display_name: String,
    biography: String,
    followers: u64,
    following: u64,
    posts_count: u64,
    category: Option<String>,
    external_url: Option<String>,
    country: Option<String>,
    is_verified: bool,
    is_business: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PostEntry {
    days_ago: Option<f64>,
    kind: PostKind,
    caption: String,
    likes: Option<u64>,
    comments: Option<u64>,
    #[serde(default)]
    views: Option<u64>,
    #[serde(default)]
    pinned: bool,
    #[serde(default)]
    anothers: bool,
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    newest_comments: Vec<String>,
}

/// The profiles, without attacks.
pub(super) fn profiles() -> Result<Vec<GoldenProfile>> {
    let mut facts: HashMap<String, ExpectedFacts> = serde_json::from_str(FACTS).context("golden/facts.json")?;
    let mut profiles = vec![];
    for (name, text) in PROFILES {
        let entries: Vec<Entry> = serde_json::from_str(text).with_context(|| format!("golden/profiles/{name}.json"))?;
        for entry in entries {
            let key = entry.key.clone();
            let facts = facts.remove(&key).with_context(|| format!("{key} has no facts: run golden/facts.py"))?;
            profiles.push(entry.read(facts).with_context(|| format!("profile {key} in {name}.json"))?);
        }
    }
    Ok(profiles)
}

impl Entry {
    fn read(self, facts: ExpectedFacts) -> Result<GoldenProfile> {
        let scraped_at = Timestamp::from_second(SCRAPED_AT_S)?;
        let ages: Vec<f64> = self.posts.iter().map(|post| post.days_ago.unwrap_or(f64::INFINITY)).collect();
        anyhow::ensure!(
            ages.is_sorted(),
            "its posts must stand newest first, or their ids are not those of the proofs"
        );
        let mut posts = self
            .posts
            .into_iter()
            .enumerate()
            .map(|(number, post)| post.read(number + 1, scraped_at))
            .collect::<Result<Vec<Post>>>()?;
        // As the decoder of scrapes has them: newest first, those without a time last.
        posts.sort_by_key(|post| std::cmp::Reverse(post.taken_at));
        let profile = self.profile;
        let profile = Profile {
            username: profile.username.parse().map_err(|why| anyhow::anyhow!("{}: {why}", profile.username))?,
            instagram_id: None,
            display_name: profile.display_name,
            biography: profile.biography,
            followers: profile.followers,
            following: profile.following,
            posts_count: profile.posts_count,
            category: profile.category,
            external_url: profile.external_url,
            links: vec![],
            profile_pic_url: None,
            country: profile.country,
            is_verified: profile.is_verified,
            is_business: profile.is_business,
            posts,
            renamed_to: None,
        };
        Ok(GoldenProfile {
            key: self.key,
            about: self.about,
            language: self.language,
            is_minor: self.is_minor,
            is_fake: self.is_fake,
            snapshot: Snapshot { profile, scraped_at, depth: DEPTH, posts_read_at: None, source: "golden".to_owned() },
            facts,
            expected: self.pairs,
            attack_on: None,
        })
    }
}

impl PostEntry {
    fn read(self, number: usize, scraped_at: Timestamp) -> Result<Post> {
        let ago = self.days_ago.map(|days| SignedDuration::from_secs((days * SECONDS_PER_DAY) as i64));
        Ok(Post {
            short_code: format!("G{number}"),
            kind: self.kind,
            hashtags: marked(&self.caption, '#'),
            mentions: marked(&self.caption, '@'),
            caption: self.caption,
            likes: self.likes,
            comments: self.comments,
            video_views: self.views,
            taken_at: ago.map(|ago| scraped_at.checked_sub(ago)).transpose()?,
            is_pinned: self.pinned,
            is_anothers: self.anothers,
            location: self.location,
            newest_comments: self.newest_comments,
        })
    }
}

/// The words of a caption behind this mark, in the order in which they stand.
fn marked(caption: &str, mark: char) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || (mark == '@' && c == '.');
    let words = caption.split(mark).skip(1);
    let words = words.map(|rest| rest.chars().take_while(|c| is_part(*c)).collect::<String>());
    words.map(|word| word.trim_end_matches('.').to_owned()).filter(|word| !word.is_empty()).collect()
}
