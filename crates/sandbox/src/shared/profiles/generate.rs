//! A generated person: everything about them follows from the handle, and from the day how much they have posted so far.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{
    captions,
    people::{Niche, People},
    pictures::HOST,
    posts::{self, Habits, LATEST_POSTS, Owner, Post, Timeline},
    rewrite::Rewrite,
};
use crate::shared::random::Seeded;

/// What is encoded in the value of a query: all but RFC 3986's unreserved characters.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The smallest and largest number of followers.
const FOLLOWERS: (f64, f64) = (200.0, 2_000_000.0);
/// How many posts somebody with few posts has.
const FEW_POSTS: usize = 9;
/// The number of followers that neither raises nor lowers the engagement.
const FOLLOWERS_TYPICAL: f64 = 10_000.0;

/// One generated person with their posts, newest first.
#[derive(Debug)]
pub(super) struct Person {
    handle: String,
    id: String,
    niche: String,
    full_name: String,
    biography: String,
    external_url: ExternalUrl,
    followers: u64,
    follows: u64,
    highlights: u64,
    business: bool,
    category: Option<String>,
    verified: bool,
    private: bool,
    posts_count: u64,
    related: Vec<String>,
    posts: Vec<Post>,
}

/// The scraper writes a missing link in three ways.
#[derive(Debug)]
enum ExternalUrl {
    Absent,
    Null,
    Empty,
    Given(String),
}

impl People {
    /// The person behind a handle, as of a day (counted from 1970); `cadence_days` replaces their own.
    pub(super) fn generate(&self, handle: &str, day: u64, cadence_days: Option<f64>) -> Person {
        // The order of the draws below is part of every person: one more draw in between would change them all.
        let mut random = Seeded::from_texts(&["person", handle]);
        let Some(niche) = self.niche_of(handle, &mut random) else {
            return Person::nobody(handle);
        };
        let followers = random.log_uniform(FOLLOWERS.0, FOLLOWERS.1).round();
        // Larger accounts get fewer likes per follower.
        let size_effect = (FOLLOWERS_TYPICAL / followers).powf(0.12);
        let city = random.chance(0.45).then(|| random.pick_text(&self.cities).to_owned());
        let language = random.chance(0.15).then(|| random.pick(&self.languages)).flatten();
        let habits = Habits {
            niche,
            language,
            city: city.as_deref(),
            followers,
            engagement: random.log_uniform(0.006, 0.06) * size_effect,
            cadence_days: {
                let own = random.log_uniform(0.6, 9.0);
                cadence_days.unwrap_or(own)
            },
            hides_likes: random.chance(0.08),
        };
        let posts_count = random.log_uniform(14.0, 2_500.0) as u64;
        let business = random.chance(0.55);
        let full_name = self.full_name(handle, &mut random);
        let biography = biography(&habits, &mut random);
        let id = format!("{}", 1_000_000_000 + random.bits() % 60_000_000_000);
        let related = (0..random.below(4)).map(|_| {
            format!("{}.{}", random.pick_text(&self.first_names), random.pick_text(&niche.tags)).to_lowercase()
        });
        let related = related.collect();
        let timeline = Timeline::of(Owner { username: handle, id: &id }, habits.cadence_days);
        let posts_count = timeline.count(posts_count, day);
        Person {
            posts: posts::generate(&timeline, &habits, posts_count, day),
            external_url: external_url(handle, &mut random),
            follows: random.log_uniform(20.0, 1_800.0) as u64,
            highlights: random.below(25) as u64,
            category: category(niche, business, &mut random),
            verified: followers > 150_000.0 && random.chance(0.6),
            private: false,
            niche: niche.name.clone(),
            handle: handle.to_owned(),
            followers: followers as u64,
            id,
            full_name,
            biography,
            business,
            posts_count,
            related,
        }
    }

    /// The niche that the handle names, else a random one.
    fn niche_of(&self, handle: &str, random: &mut Seeded) -> Option<&Niche> {
        let tokens: Vec<&str> = handle.split(|character: char| !character.is_ascii_alphabetic()).collect();
        // A short word counts only on its own ("art" is not in "start"); the longest word found decides.
        let named = |word: &str| tokens.contains(&word) || (word.len() >= 4 && handle.contains(word));
        let candidates = self.niches.iter().flat_map(|niche| niche.handle_words.iter().map(move |word| (word, niche)));
        let found = candidates.filter(|(word, _)| named(word)).max_by_key(|(word, _)| word.len());
        let drawn = random.pick(&self.niches);
        found.map(|(_, niche)| niche).or(drawn)
    }

    fn full_name(&self, handle: &str, random: &mut Seeded) -> String {
        if random.chance(0.5) {
            return format!("{} {}", random.pick_text(&self.first_names), random.pick_text(&self.last_names));
        }
        let words = handle.split(['.', '_']).filter(|word| !word.is_empty()).map(|word| {
            let mut characters = word.chars();
            characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
        });
        words.collect::<Vec<String>>().join(" ")
    }
}

fn biography(habits: &Habits<'_>, random: &mut Seeded) -> String {
    let mut lines = vec![random.pick_text(&habits.niche.roles).to_owned()];
    if let Some(city) = habits.city {
        lines.push(format!("📍 {city}"));
    }
    if random.chance(0.7) {
        lines.push(format!("👇 {}", random.pick_text(&habits.niche.offers)));
    }
    if let Some(language) = habits.language
        && random.chance(0.5)
    {
        lines.push(random.pick_text(&language.biographies).to_owned());
    }
    lines.join("\n")
}

// The real scraper writes null, "None", "None,Restaurant" and the plain category.
fn category(niche: &Niche, business: bool, random: &mut Seeded) -> Option<String> {
    let real = random.pick_text(&niche.categories).to_owned();
    match random.below(10) {
        0 => Some("None".into()),
        1 => Some(format!("None,{real}")),
        2 | 3 => None,
        _ if !business => None,
        _ => Some(real),
    }
}

fn external_url(handle: &str, random: &mut Seeded) -> ExternalUrl {
    match random.below(10) {
        0 => ExternalUrl::Absent,
        1 | 2 => ExternalUrl::Null,
        3 => ExternalUrl::Empty,
        // `.example` is reserved and belongs to nobody.
        _ => ExternalUrl::Given(format!("https://{}.example/", handle.replace(['.', '_'], "-").trim_matches('-'))),
    }
}

impl Person {
    /// An empty person, for data without niches; the built-in data always has some.
    fn nobody(handle: &str) -> Self {
        Self {
            handle: handle.to_owned(),
            id: "0".into(),
            niche: String::new(),
            full_name: String::new(),
            biography: String::new(),
            external_url: ExternalUrl::Absent,
            followers: 0,
            follows: 0,
            highlights: 0,
            business: false,
            category: None,
            verified: false,
            private: false,
            posts_count: 0,
            related: vec![],
            posts: vec![],
        }
    }

    /// The same person with other texts.
    pub(super) fn rewritten(mut self, rewrite: Rewrite) -> Self {
        if let Some(biography) = rewrite.biography {
            self.biography = biography;
        }
        for (post, caption) in self.posts.iter_mut().zip(rewrite.captions) {
            post.rewrite(caption);
        }
        self
    }

    /// The same person with a private account: counts and biography stay visible, the posts do not.
    pub(super) fn private(self) -> Self {
        Self { private: true, posts: vec![], related: vec![], ..self }
    }

    /// The same person with so few posts that the profile shows all of them.
    pub(super) fn with_few_posts(mut self) -> Self {
        self.posts.truncate(FEW_POSTS);
        Self { posts_count: self.posts.len() as u64, ..self }
    }

    /// The same person before their first post.
    pub(super) fn without_posts(self) -> Self {
        Self { posts_count: 0, highlights: 0, posts: vec![], ..self }
    }

    /// The person as an item of the profile scraper.
    pub(super) fn to_json(&self, input_url: &str) -> Value {
        let picture = format!("{}/v/t51.2885-19/{}_n.jpg", HOST, self.id);
        let latest: Vec<Value> = self.pinned_first(LATEST_POSTS).map(|post| post.to_json(self.owner())).collect();
        let mut item = json!({
            "inputUrl": input_url,
            "id": self.id,
            "username": self.handle,
            "url": format!("https://www.instagram.com/{}", self.handle),
            "fullName": self.full_name,
            "biography": self.biography,
            "externalUrls": [],
            "followersCount": self.followers,
            "followsCount": self.follows,
            "hasChannel": false,
            "highlightReelCount": self.highlights,
            "isBusinessAccount": self.business,
            "joinedRecently": false,
            "businessCategoryName": self.category,
            "private": self.private,
            "verified": self.verified,
            "profilePicUrl": picture,
            "profilePicUrlHD": picture,
            "igtvVideoCount": 0,
            "relatedProfiles": self.related.iter().map(|name| json!({
                "id": Seeded::from_texts(&["id", name]).bits().to_string(),
                "full_name": name, "is_private": false, "is_verified": false, "username": name,
            })).collect::<Vec<_>>(),
            "latestIgtvVideos": [],
            "postsCount": self.posts_count,
            "latestPosts": latest,
            "fbid": format!("1784{:013}", Seeded::from_texts(&["fbid", &self.handle]).bits() % 10_u64.pow(13)),
        });
        let link = match &self.external_url {
            ExternalUrl::Absent => return item,
            ExternalUrl::Null => Value::Null,
            ExternalUrl::Empty => json!(""),
            ExternalUrl::Given(url) => json!(url),
        };
        if let Value::Object(fields) = &mut item {
            if let Some(url) = link.as_str().filter(|url| !url.is_empty()) {
                let shimmed = format!("https://l.instagram.com/?u={}", utf8_percent_encode(url, QUERY_VALUE));
                fields.insert("externalUrlShimmed".into(), json!(shimmed));
                fields.insert("externalUrls".into(), captions::links(&self.handle, &self.niche, url));
            }
            fields.insert("externalUrl".into(), link);
        }
        item
    }

    /// All posts as items of the posts scraper.
    pub(super) fn posts_as_items(&self) -> Vec<Value> {
        let item = |post: &Post| {
            let mut item = post.to_json(self.owner());
            if let Value::Object(fields) = &mut item {
                fields.insert("ownerFullName".into(), json!(self.full_name));
                fields.insert("isSponsored".into(), json!(false));
            }
            item
        };
        self.pinned_first(self.posts.len()).map(item).collect()
    }

    fn owner(&self) -> Owner<'_> {
        Owner { username: &self.handle, id: &self.id }
    }

    /// The newest posts, those pinned among them first: Instagram's own order, which is not that of time.
    fn pinned_first(&self, count: usize) -> impl Iterator<Item = &Post> {
        let newest = || self.posts.iter().take(count);
        newest().filter(|post| post.pinned).chain(newest().filter(|post| !post.pinned))
    }
}
