//! A profile as a model reads it: within a budget of tokens, whatever a stranger put into it.
//!
//! Promises: every number, date and mark of every post stays; texts are cleaned and bounded; when they do not fit, all
//! captions shrink alike, then the oldest posts lose theirs; where there is room, the newest posts get it; the same
//! profile always gives the same text. Linear: each text is cleaned once and measured once for each of four lengths.

use serde::Serialize;

use super::{
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

/// How much of a post's texts is shown, richest first.
const LEVELS: [Level; 4] = [
    Level { caption_chars: 500, hashtags: 30 },
    Level { caption_chars: 300, hashtags: 15 },
    Level { caption_chars: 160, hashtags: 8 },
    Level { caption_chars: 80, hashtags: 4 },
];

struct Level {
    caption_chars: usize,
    hashtags: usize,
}

#[derive(Serialize)]
struct Described<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    posts: Vec<DescribedPost>,
}

#[derive(Serialize)]
struct Head<'a> {
    username: &'a str,
    display_name: String,
    biography: String,
    category: Option<String>,
    external_url: Option<String>,
    country: Option<String>,
    followers: u64,
    following: u64,
    posts_count: u64,
    is_verified: bool,
    is_business: bool,
}

#[derive(Serialize)]
struct DescribedPost {
    #[serde(flatten)]
    numbers: Numbers,
    #[serde(flatten)]
    texts: Option<Texts>,
}

/// What the score uses: always shown.
#[derive(Serialize)]
struct Numbers {
    kind: PostKind,
    taken_at: Option<String>,
    likes: Option<u64>,
    comments: Option<u64>,
    video_views: Option<u64>,
    is_pinned: bool,
}

#[derive(Serialize, Clone)]
struct Texts {
    caption: String,
    hashtags: Vec<String>,
    location: Option<String>,
}

/// The profile as fenced JSON of at most `tokens_max` tokens, with its newest posts.
pub(super) fn described(profile: &Profile, posts_max: u32, tokens_max: usize) -> String {
    let posts: Vec<&Post> = profile.posts.iter().take(posts_max as usize).collect();
    let head = head(profile, tokens_max / HEAD_SHARE_MAX);
    let numbers: Vec<Numbers> = posts.iter().map(|post| Numbers::of(post)).collect();
    let spent = tokens(&json(&head)) + numbers.iter().map(cost).sum::<usize>();
    let texts: Vec<[Texts; LEVELS.len()]> = posts.iter().map(|post| Texts::at_every_level(post)).collect();
    // `["posts"]` stands for the key and the brackets of the list.
    let levels = choose(&texts, tokens_max.saturating_sub(spent + cost(&["posts"])));
    let shown = numbers
        .into_iter()
        .zip(texts)
        .zip(levels)
        .map(|((numbers, texts), level)| DescribedPost { numbers, texts: texts.into_iter().nth(level) });
    json(&Described { head, posts: shown.collect() })
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
    fn of(post: &Post) -> Self {
        // Fractions of a second would only cost tokens.
        let to_the_second = |at: jiff::Timestamp| jiff::Timestamp::from_second(at.as_second()).unwrap_or(at);
        Self {
            kind: post.kind,
            taken_at: post.taken_at.map(|at| to_the_second(at).to_string()),
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
        let hashtags = post.hashtags.iter().take(richest.hashtags);
        let hashtags: Vec<String> = hashtags.map(|tag| cleaned(tag, HASHTAG_CHARS_MAX)).collect();
        let location = label(post.location.as_deref());
        LEVELS.map(|level| Self {
            caption: cleaned(&caption, level.caption_chars),
            hashtags: hashtags.iter().take(level.hashtags).cloned().collect(),
            location: location.clone(),
        })
    }
}

fn label(text: Option<&str>) -> Option<String> {
    text.map(|text| cleaned(text, LABEL_CHARS_MAX)).filter(|text| !text.is_empty())
}

fn head(profile: &Profile, tokens_max: usize) -> Head<'_> {
    let mut head = Head {
        username: profile.username.as_str(),
        display_name: cleaned(&profile.display_name, NAME_CHARS_MAX),
        biography: cleaned(&profile.biography, BIOGRAPHY_CHARS_MAX),
        category: label(profile.category.as_deref()),
        external_url: profile.external_url.as_deref().map(|url| cleaned(url, URL_CHARS_MAX)),
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
        head.external_url = head.external_url.map(|text| quarter(&text, URL_CHARS_MAX));
        head.country = head.country.map(|text| quarter(&text, LABEL_CHARS_MAX));
    }
    head
}
