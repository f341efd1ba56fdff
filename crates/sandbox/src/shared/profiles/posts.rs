//! The posts of a generated person.

use serde_json::{Value, json};

use super::{
    captions::{self, Told},
    comments::{self, Comment},
    people::{Language, Niche},
    pictures::HOST,
    rewrite::marked_words,
};
use crate::shared::{clock::iso, random::Seeded};

const DAY_MS: f64 = 86_400_000.0;
/// The profile scraper shows at most so many posts.
pub(super) const LATEST_POSTS: usize = 12;
/// 2026-11-01, from when on the number of a person's posts grows with the posts that they make.
const ORIGIN_DAY: u64 = 20_758;
/// The most posts of a generated person that can be scraped.
pub(crate) const POSTS_MAX: usize = 50;

/// How a person posts.
pub(super) struct Habits<'a> {
    pub(super) niche: &'a Niche,
    pub(super) language: Option<&'a Language>,
    pub(super) city: Option<&'a str>,
    pub(super) followers: f64,
    /// Likes per follower of a typical post.
    pub(super) engagement: f64,
    /// Days between posts.
    pub(super) cadence_days: f64,
    pub(super) hides_likes: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) username: &'a str,
    pub(super) id: &'a str,
}

#[derive(Debug)]
pub(super) struct Post {
    id: String,
    short_code: String,
    kind: Kind,
    caption: String,
    /// The tag of its language, where that is not English.
    language: Option<&'static str>,
    hashtags: Vec<String>,
    mentions: Vec<String>,
    /// `None` when the owner hides them; the scraper writes −1 then.
    likes: Option<u64>,
    comments: u64,
    comments_disabled: bool,
    taken_ms: u64,
    city: Option<String>,
    pub(super) pinned: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Image,
    Sidecar { children: usize },
    Video { views: u64 },
}

/// When a person posts. Each post has a place of its own on a line of time that begins in 1970: as days pass, new ones
/// come on top, and the others stay as they are.
pub(super) struct Timeline<'a> {
    owner: Owner<'a>,
    cadence_days: f64,
    /// How far the places are moved, as a part of the cadence, so that people do not all post at the same time.
    phase: f64,
}

impl<'a> Timeline<'a> {
    pub(super) fn of(owner: Owner<'a>, cadence_days: f64) -> Self {
        let phase = Seeded::from_texts(&["timeline", owner.username, owner.id]).unit();
        Self { owner, cadence_days, phase }
    }

    /// What is random about the post of a place.
    fn random(&self, place: u64) -> Seeded {
        Seeded::from_texts(&["post", self.owner.username, self.owner.id, &place.to_string()])
    }

    /// In days since 1970. Two posts are between 0.4 and 1.6 times the cadence apart.
    fn day_of(&self, place: u64, random: &mut Seeded) -> f64 {
        (place as f64 + self.phase + random.between(-0.3, 0.3)) * self.cadence_days
    }

    /// The newest place of which the post is there when this day begins.
    fn newest(&self, day: u64) -> u64 {
        let mut place = (day as f64 / self.cadence_days) as u64 + 1;
        while place > 0 && self.day_of(place, &mut self.random(place)) > day as f64 {
            place -= 1;
        }
        place
    }

    /// How many posts there are by a day, given how many there were by [`ORIGIN_DAY`].
    pub(super) fn count(&self, at_origin: u64, day: u64) -> u64 {
        at_origin + self.newest(day).saturating_sub(self.newest(ORIGIN_DAY))
    }
}

/// The newest posts of a person as of a day, newest first.
pub(super) fn generate(timeline: &Timeline<'_>, habits: &Habits<'_>, posts_count: u64, day: u64) -> Vec<Post> {
    let owner = timeline.owner;
    let newest = timeline.newest(day);
    let oldest = newest.saturating_sub(posts_count.min(POSTS_MAX as u64)) + 1;
    let mut posts: Vec<Post> = (oldest..=newest)
        .rev()
        .map(|place| {
            let mut random = timeline.random(place);
            let taken_ms = timeline.day_of(place, &mut random) * DAY_MS;
            // Instagram's times are whole seconds.
            let told = captions::told(owner.username, usize::try_from(place).unwrap_or(0), habits);
            post(told, habits, (taken_ms / 1_000.0) as u64 * 1_000, &mut random)
        })
        .collect();
    // Pinned posts lie among the newest twelve but not at their head, so that the order of the list is not that of
    // time. People pin posts that did well; when those have become old, they pin others.
    let mut random = Seeded::from_texts(&["pins", owner.username, owner.id]);
    let pins = if random.chance(0.3) { 1 + random.below(3) } else { 0 };
    let mut liked: Vec<&mut Post> = posts.iter_mut().take(LATEST_POSTS).skip(LATEST_POSTS / 2).collect();
    liked.sort_by_key(|post| std::cmp::Reverse((post.likes, post.comments)));
    for post in liked.into_iter().take(pins) {
        post.pinned = true;
    }
    posts
}

fn post(told: Told, habits: &Habits<'_>, taken_ms: u64, random: &mut Seeded) -> Post {
    // A few posts do much better than the rest.
    let luck = random.log_uniform(0.45, 1.9) * if random.chance(0.06) { 3.0 } else { 1.0 };
    let likes = (habits.followers * habits.engagement * luck).round().max(1.0);
    let comments_disabled = random.chance(0.02);
    let kind = match random.below(20) {
        0..=8 => Kind::Image,
        9..=13 => Kind::Sidecar { children: 2 + random.below(5) },
        _ => Kind::Video { views: (likes * random.between(6.0, 30.0)) as u64 },
    };
    Post {
        id: (3_000_000_000_000_000_000 + random.bits() % 900_000_000_000_000_000).to_string(),
        likes: (!habits.hides_likes && !random.chance(0.02)).then_some(likes as u64),
        comments: if comments_disabled { 0 } else { (likes * random.log_uniform(0.004, 0.05)) as u64 },
        city: habits.city.filter(|_| random.chance(0.2)).map(str::to_owned),
        pinned: false,
        short_code: format!("D{}", random.alphanumeric(10)),
        kind,
        caption: told.caption,
        language: told.language,
        hashtags: told.hashtags,
        mentions: told.mentions,
        comments_disabled,
        taken_ms,
    }
}

impl Post {
    /// Replaces the caption, and with it the hashtags and mentions that the scraper lists.
    pub(super) fn rewrite(&mut self, caption: String) {
        self.hashtags = marked_words(&caption, '#');
        self.mentions = marked_words(&caption, '@');
        self.caption = caption;
    }

    /// The post as both scrapers write it.
    pub(super) fn to_json(&self, owner: Owner<'_>) -> Value {
        let picture = |number: usize| format!("{HOST}/v/t51.2885-15/{}_{number}_n.jpg", self.id);
        let (children, name) = match self.kind {
            Kind::Image => (0, "Image"),
            Kind::Sidecar { children } => (children, "Sidecar"),
            Kind::Video { .. } => (0, "Video"),
        };
        // In child posts the real scraper leaves counts and times null and the caption empty.
        let child = |number: usize| {
            json!({
                "id": format!("{}{number}", self.id.get(..18).unwrap_or_default()), "type": "Image",
                "shortCode": format!("{}{number}", self.short_code.get(..10).unwrap_or_default()), "caption": "",
                "hashtags": [], "mentions": [], "url": format!("https://www.instagram.com/p/{}/", self.short_code),
                "commentsCount": 0, "dimensionsHeight": 1350, "dimensionsWidth": 1080, "displayUrl": picture(number),
                "images": [], "alt": null, "likesCount": null, "timestamp": null, "childPosts": [], "ownerId": null,
            })
        };
        let shown = if self.comments_disabled { 0 } else { self.comments };
        let comments = comments::newest(owner.username, &self.short_code, self.language, self.taken_ms, shown);
        let mut item = json!({
            "id": self.id,
            "type": name,
            "shortCode": self.short_code,
            "caption": self.caption,
            "hashtags": self.hashtags,
            "mentions": self.mentions,
            "url": format!("https://www.instagram.com/p/{}/", self.short_code),
            "commentsCount": self.comments,
            "firstComment": comments.first().map_or("", |comment| comment.text.as_str()),
            "latestComments": comments.iter().map(Comment::to_json).collect::<Vec<_>>(),
            "dimensionsHeight": 1350,
            "dimensionsWidth": 1080,
            "displayUrl": picture(0),
            "images": (0..children).map(picture).collect::<Vec<_>>(),
            "alt": null,
            "likesCount": self.likes.map_or(json!(-1), |likes| json!(likes)),
            "timestamp": iso(self.taken_ms),
            "childPosts": (0..children).map(child).collect::<Vec<_>>(),
            "ownerUsername": owner.username,
            "ownerId": owner.id,
            "isCommentsDisabled": self.comments_disabled,
        });
        if let Value::Object(fields) = &mut item {
            if let Kind::Video { views } = self.kind {
                let url = format!("{HOST}/o1/v/t16/{}.mp4", self.id);
                fields.insert("videoUrl".into(), json!(url));
                fields.insert("videoViewCount".into(), json!(views));
                fields.insert("productType".into(), json!("clips"));
            }
            if self.pinned {
                fields.insert("isPinned".into(), json!(true));
            }
            if let Some(city) = &self.city {
                fields.insert("locationName".into(), json!(city));
            }
        }
        item
    }
}
