//! A profile as a model reads it: within a budget of tokens, whatever a stranger put into it.
//!
//! Promises: every number, date and mark of every post stays; texts are cleaned and bounded; when they do not fit, all
//! captions shrink alike, then the oldest posts lose theirs; where there is room, the newest posts get it; the same
//! profile always gives the same text. Linear: each text is cleaned once and measured once for each length. What an answer may
//! quote is exactly what is shown.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::Serialize;

use super::{
    super::shown::{BIO, Shown, Source},
    clean::cleaned,
    fenced,
    tokens::{part_tokens, tokens},
};
use crate::features::profiles::{Post, PostKind, Profile};

/// Instagram takes 150 characters for a bio and 64 for a name; the rest is for what it may allow next.
const BIOGRAPHY_CHARS_MAX: usize = 300;
const NAME_CHARS_MAX: usize = 80;
const LABEL_CHARS_MAX: usize = 80;
const URL_CHARS_MAX: usize = 200;
const HASHTAG_CHARS_MAX: usize = 50;
/// A head that takes more than this part of the budget (a quarter), because its characters are rare, is cut further.
const HEAD_SHARE_MAX: usize = 4;

const COMMENT_CHARS_MAX: usize = 120;

/// How much of a post's texts is shown, richest first.
const LEVELS: [Level; 6] = [
    Level { caption_chars: 1_200, hashtags: 30, mentions: 10, comments: 3 },
    Level { caption_chars: 800, hashtags: 15, mentions: 5, comments: 3 },
    Level { caption_chars: 500, hashtags: 10, mentions: 5, comments: 2 },
    Level { caption_chars: 300, hashtags: 8, mentions: 3, comments: 1 },
    Level { caption_chars: 160, hashtags: 5, mentions: 2, comments: 0 },
    Level { caption_chars: 80, hashtags: 3, mentions: 1, comments: 0 },
];

struct Level {
    caption_chars: usize,
    hashtags: usize,
    mentions: usize,
    comments: usize,
}

#[derive(Serialize)]
struct Described<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    posts: Vec<DescribedPost>,
}

#[derive(Serialize)]
struct Head<'a> {
    /// The day of the scrape: the profile's today.
    scraped_on: Date,
    username: &'a str,
    display_name: String,
    biography: String,
    category: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<DescribedLink>,
    country: Option<String>,
    followers: u64,
    following: u64,
    posts_count: u64,
    is_verified: bool,
    is_business: bool,
}

#[derive(Serialize)]
struct DescribedLink {
    url: String,
    title: Option<String>,
}

#[derive(Serialize)]
struct DescribedPost {
    #[serde(flatten)]
    numbers: Numbers,
    #[serde(flatten)]
    texts: Option<Texts>,
}

/// What the score uses: always shown. Days are exact enough, and cheaper than times.
#[derive(Serialize)]
struct Numbers {
    id: String,
    kind: PostKind,
    taken_at: Option<Date>,
    likes: Option<u64>,
    comments: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video_views: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_pinned: bool,
}

#[derive(Serialize, Clone)]
struct Texts {
    caption: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashtags: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mentions: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    newest_comments: Vec<String>,
}

/// The profile as fenced JSON of at most `tokens_max` tokens, with its newest posts, and what of it can be quoted.
pub(super) fn described(
    profile: &Profile,
    scraped_at: Timestamp,
    posts_max: u32,
    tokens_max: usize,
) -> (String, Shown) {
    let posts: Vec<&Post> = profile.posts.iter().take(posts_max as usize).collect();
    let head = head(profile, day(scraped_at), tokens_max / HEAD_SHARE_MAX);
    let numbers: Vec<Numbers> = posts.iter().enumerate().map(|(place, post)| Numbers::of(place, post)).collect();
    let spent = tokens(&json(&head)) + numbers.iter().map(cost).sum::<usize>();
    let texts: Vec<[Texts; LEVELS.len()]> = posts.iter().map(|post| Texts::at_every_level(post)).collect();
    // `["posts"]` stands for the key and the brackets of the list.
    let levels = choose(&texts, tokens_max.saturating_sub(spent + cost(&["posts"])));
    let described = numbers
        .into_iter()
        .zip(texts)
        .zip(levels)
        .map(|((numbers, texts), level)| DescribedPost { numbers, texts: texts.into_iter().nth(level) });
    let described = Described { posts: described.collect(), head };
    let sources = described.posts.iter().zip(&posts).map(|(described, post)| described.source(post));
    let shown = Shown::new(std::iter::once(described.head.source()).chain(sources).collect());
    (json(&described), shown)
}

impl Head<'_> {
    fn source(&self) -> Source {
        let links = self.links.iter().flat_map(|link| [Some(link.url.as_str()), link.title.as_deref()]);
        let named =
            [Some(self.username), Some(self.display_name.as_str()), self.category.as_deref(), self.country.as_deref()];
        let details = named.into_iter().chain(links).flatten().filter(|text| !text.is_empty()).map(fenced).collect();
        let numbers = [self.followers, self.following, self.posts_count];
        Source::new(BIO.to_owned(), fenced(&self.biography), details).with(vec![], &numbers)
    }
}

impl DescribedPost {
    fn source(&self, post: &Post) -> Source {
        let Numbers { id, taken_at, likes, comments, video_views, .. } = &self.numbers;
        let (mut caption, mut details, mut others) = (String::new(), vec![], vec![]);
        if let Some(texts) = &self.texts {
            caption = fenced(&texts.caption);
            details.extend(texts.hashtags.iter().map(|tag| format!("#{}", fenced(tag))));
            details.extend(texts.mentions.iter().map(|name| format!("@{}", fenced(name))));
            details.extend(texts.location.iter().map(|place| fenced(place)));
            others.extend(texts.newest_comments.iter().map(|text| fenced(text)));
        }
        let numbers: Vec<u64> = [*likes, *comments, *video_views].into_iter().flatten().collect();
        Source::new(id.clone(), caption, details).with(others, &numbers).post(&post.short_code, *taken_at)
    }
}

/// The UTC day of a time.
fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// What a part costs within the whole; its braces pay for the comma before it.
fn cost(part: &impl Serialize) -> usize {
    part_tokens(&json(part))
}

/// The default is never taken: these values always serialise.
fn json(value: &impl Serialize) -> String {
    fenced(&serde_json::to_string(value).unwrap_or_default())
}

/// A level for each post, newest first, never a richer one after a poorer; past the last level a post has no texts.
fn choose(texts: &[[Texts; LEVELS.len()]], mut room: usize) -> Vec<usize> {
    let costs: Vec<[usize; LEVELS.len()]> = texts.iter().map(|levels| levels.each_ref().map(cost)).collect();
    let of = |costs: &[usize; LEVELS.len()], level: usize| costs.get(level).copied().unwrap_or(0);
    let total = |level: usize| costs.iter().map(|costs| of(costs, level)).sum::<usize>();
    let base = (0..LEVELS.len()).find(|level| total(*level) <= room).unwrap_or(LEVELS.len());
    room = room.saturating_sub(total(base));
    let mut levels = vec![base; texts.len()];
    // One step richer, newest first, as far as the room goes.
    if let Some(richer) = base.checked_sub(1) {
        for (level, costs) in levels.iter_mut().zip(&costs) {
            let Some(left) = room.checked_sub(of(costs, richer).saturating_sub(of(costs, base))) else { break };
            (room, *level) = (left, richer);
        }
    }
    levels
}

impl Numbers {
    fn of(place: usize, post: &Post) -> Self {
        Self {
            id: format!("p{}", place + 1),
            kind: post.kind,
            taken_at: post.taken_at.map(day),
            likes: post.likes,
            comments: post.comments,
            video_views: post.video_views,
            is_pinned: post.is_pinned,
        }
    }
}

impl Texts {
    fn at_every_level(post: &Post) -> [Self; LEVELS.len()] {
        let [richest, ..] = LEVELS;
        let caption = cleaned(&post.caption, richest.caption_chars);
        let list = |texts: &[String], count: usize, chars_max: usize| -> Vec<String> {
            let cleaned = texts.iter().take(count).map(|text| cleaned(text, chars_max));
            cleaned.filter(|text| !text.is_empty()).collect()
        };
        let hashtags = list(&post.hashtags, richest.hashtags, HASHTAG_CHARS_MAX);
        let mentions = list(&post.mentions, richest.mentions, HASHTAG_CHARS_MAX);
        let comments = list(&post.newest_comments, richest.comments, COMMENT_CHARS_MAX);
        let location = label(post.location.as_deref());
        let first = |texts: &[String], count: usize| texts.iter().take(count).cloned().collect();
        LEVELS.map(|level| Self {
            caption: cleaned(&caption, level.caption_chars),
            hashtags: first(&hashtags, level.hashtags),
            mentions: first(&mentions, level.mentions),
            location: location.clone(),
            newest_comments: first(&comments, level.comments),
        })
    }
}

fn label(text: Option<&str>) -> Option<String> {
    text.map(|text| cleaned(text, LABEL_CHARS_MAX)).filter(|text| !text.is_empty())
}

fn head(profile: &Profile, scraped_on: Date, tokens_max: usize) -> Head<'_> {
    let link = |url: &str, title: Option<&str>| DescribedLink { url: cleaned(url, URL_CHARS_MAX), title: label(title) };
    let mut links: Vec<DescribedLink> =
        profile.links.iter().map(|listed| link(&listed.url, listed.title.as_deref())).collect();
    // Snapshots from before have the first link alone.
    if let Some(url) = profile.external_url.as_deref().filter(|_| links.is_empty()) {
        links.push(link(url, None));
    }
    let mut head = Head {
        scraped_on,
        username: profile.username.as_str(),
        display_name: cleaned(&profile.display_name, NAME_CHARS_MAX),
        biography: cleaned(&profile.biography, BIOGRAPHY_CHARS_MAX),
        category: label(profile.category.as_deref()),
        links,
        country: label(profile.country.as_deref()),
        followers: profile.followers,
        following: profile.following,
        posts_count: profile.posts_count,
        is_verified: profile.is_verified,
        is_business: profile.is_business,
    };
    if tokens(&json(&head)) > tokens_max {
        let quarter = |text: &str, chars_max: usize| cleaned(text, chars_max / 4);
        head.display_name = quarter(&head.display_name, NAME_CHARS_MAX);
        head.biography = quarter(&head.biography, BIOGRAPHY_CHARS_MAX);
        head.category = head.category.map(|text| quarter(&text, LABEL_CHARS_MAX));
        head.links.truncate(1);
        for link in &mut head.links {
            link.url = quarter(&link.url, URL_CHARS_MAX);
            link.title = link.title.take().map(|text| quarter(&text, LABEL_CHARS_MAX));
        }
        head.country = head.country.map(|text| quarter(&text, LABEL_CHARS_MAX));
    }
    head
}
