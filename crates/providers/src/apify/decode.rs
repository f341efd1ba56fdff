//! Reads the items of the Instagram actors, with every quirk that was seen in recordings.
//!
//! The form of the items changed with every version of the actors. So only the profile's name and its counts are
//! required; everything else may be missing or malformed. Texts are untrusted and are clipped.

use std::{cmp::Reverse, collections::HashSet, fmt};

use jiff::{Timestamp, civil, tz::TimeZone};
use oslira_app::features::profiles::{DETAILS_POSTS, Found, InstagramHandle, Link, Post, PostKind, Profile};
use serde_json::Value;

use crate::send::error_word;

mod surrogates;

const NAME_CHARS_MAX: usize = 200;
const BIOGRAPHY_CHARS_MAX: usize = 1_000;
// Instagram allows 2,200 characters and 30 hashtags in a caption.
const CAPTION_CHARS_MAX: usize = 2_200;
const LABEL_CHARS_MAX: usize = 100;
const URL_BYTES_MAX: usize = 2_048;
const HASHTAGS_MAX: usize = 30;
const MENTIONS_MAX: usize = 20;
/// Instagram allows five links in a bio.
const LINKS_MAX: usize = 5;
const COMMENTS_MAX: usize = 3;
const COMMENT_CHARS_MAX: usize = 300;
const SHORT_CODE_BYTES_MAX: usize = 64;
const INSTAGRAM_ID_BYTES_MAX: usize = 20;

/// 2010-10-06, when Instagram opened. An earlier date is a missing one that somebody made a number of.
const FIRST_POST_S: i64 = 1_286_323_200;
/// Above this an epoch number counts milliseconds: as seconds it would be the year 5138.
const EPOCH_SECS_MAX: i64 = 99_999_999_999;

/// Where likes are hidden, some versions of the actor give what Instagram shows instead: at most three names.
const HIDDEN_LIKES_MAX: u64 = 3;
/// So many comments a like say that the likes are hidden and not few.
const COMMENTS_PER_LIKE_TELLING: u64 = 10;

/// 2^53: up to here a JSON client that keeps numbers as floats is exact.
const COUNT_MAX: u64 = 1 << 53;

/// Why items could not be read; another scrape may help. The messages never repeat profile text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the items are not a JSON array")]
    NotItems,
    /// An empty list. It may be temporary, so it is not taken for "not found".
    #[error("no items")]
    Empty,
    /// An error item whose kind is not known to be final.
    #[error("an error item: {0}")]
    ErrorItem(String),
    /// The profile has posts, and the scrape shows none that can be read.
    #[error("no readable post: {0}")]
    NoReadablePost(Dropped),
    #[error("the items are about another profile")]
    OtherProfile,
    /// A required field is missing or is no count.
    #[error("the profile has no usable {0}")]
    Missing(&'static str),
}

/// The posts that could not be read, by what they lack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    without_code: usize,
    of_unknown_kind: usize,
}

impl Dropped {
    const fn any(self) -> bool {
        self.without_code + self.of_unknown_kind > 0
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} without a code, {} of an unknown kind", self.without_code, self.of_unknown_kind)
    }
}

/// The dataset's items. A text that the actor cut inside an emoji ends in half a surrogate pair, which strict parsers
/// refuse: a second attempt replaces such halves, so that one broken text does not lose the whole profile.
pub fn items(body: &[u8]) -> Result<Vec<Value>, Unreadable> {
    serde_json::from_slice(body)
        .or_else(|_| serde_json::from_slice(&surrogates::mended(body)))
        .map_err(|_| Unreadable::NotItems)
}

/// The items about `asked`, of a run about several: by the address that it was asked for, where an item says it, else by
/// any of its names. What names nobody is about nobody.
pub fn about_one(items: &[Value], asked: &InstagramHandle) -> Vec<Value> {
    let is_about = |item: &&Value| match text(item, "inputUrl") {
        Some(address) => is(Some(address), asked),
        None => names(item).chain(owners(item)).any(|name| is(Some(name), asked)),
    };
    items.iter().filter(is_about).cloned().collect()
}

/// What the items say about `asked`.
pub fn found(items: &[Value], asked: &InstagramHandle) -> Result<Found, Unreadable> {
    let item = match items {
        [] => return Err(Unreadable::Empty),
        // The run was about one username only, so an error item without a name is about it.
        [only] if error_of(only).is_some() && names(only).next().is_none() => only,
        _ => about(items, asked).ok_or(Unreadable::OtherProfile)?,
    };
    if let Some(error) = error_of(item) {
        return refused(item, error);
    }
    if flag(item, "isRestrictedProfile") {
        return Ok(Found::Restricted);
    }
    if is_private(item) {
        return Ok(Found::Private);
    }
    profile(item, asked).map(|profile| Found::Profile(Box::new(profile)))
}

/// The item about `asked`: a profile rather than an error, and one with this name rather than this address, because
/// after a rename only the requested address still has the old name.
fn about<'a>(items: &'a [Value], asked: &InstagramHandle) -> Option<&'a Value> {
    let named = |item: &&Value| is(text(item, "username"), asked);
    let addressed = |item: &&Value| names(item).any(|name| is(Some(name), asked));
    let good = || items.iter().filter(|item| error_of(item).is_none());
    let found = good().find(named).or_else(|| good().find(addressed));
    found.or_else(|| items.iter().find(named)).or_else(|| items.iter().find(addressed))
}

/// The posts of `asked`, newest first, at most `posts_max`. The actor reports a profile without posts as an error item,
/// or not at all.
pub fn posts(items: &[Value], asked: &InstagramHandle, posts_max: usize) -> Result<Found, Unreadable> {
    let (read, dropped) = newest_first(items, posts_max, &[asked]);
    // An error item among readable posts is ignored: the posts still count.
    let errors = || items.iter().filter(|item| error_of(item).is_some());
    match errors().next().filter(|_| read.is_empty()) {
        Some(item) => match error_of(item) {
            Some("no_items") if !is_private(item) => return Ok(Found::Posts(vec![])),
            error => return refused(item, error.unwrap_or_default()),
        },
        None if items.is_empty() => return Ok(Found::Posts(vec![])),
        None if read.is_empty() => return Err(Unreadable::NoReadablePost(dropped)),
        None => {}
    }
    // Not every post must name `asked`: one shared with another account may name that account as its owner. The run
    // was about one address only, so posts that name nobody are about it.
    let mut posts = items.iter().filter(|item| error_of(item).is_none());
    if posts.clone().any(|post| owners(post).next().is_some()) && !posts.any(|post| is_of(post, asked)) {
        return Err(Unreadable::OtherProfile);
    }
    Ok(Found::Posts(read))
}

/// Everything that names the profile which a post is of, or which it was asked for.
fn owners(post: &Value) -> impl Iterator<Item = &str> {
    ["ownerUsername", "username", "inputUrl"].into_iter().filter_map(|name| text(post, name))
}

fn is_of(post: &Value, asked: &InstagramHandle) -> bool {
    let coauthors = post.get("coauthorProducers").and_then(Value::as_array).into_iter().flatten();
    let mut coauthors = coauthors.filter_map(|coauthor| text(coauthor, "username"));
    owners(post).any(|name| is(Some(name), asked)) || coauthors.any(|name| is(Some(name), asked))
}

/// What an error item says. The words are those of several versions of the actors.
fn refused(item: &Value, error: &str) -> Result<Found, Unreadable> {
    const NOT_FOUND: [&str; 6] =
        ["not_found", "user_not_found", "page_not_found", "profile_not_found", "account_suspended", "user_suspended"];
    const PRIVATE: [&str; 4] = ["private", "private_profile", "profile_private", "private_account"];
    const RESTRICTED: [&str; 4] = ["restricted", "restricted_profile", "age_restricted", "profile_restricted"];
    let word = word_of(error);
    match word.as_str() {
        // Apify reports a missing profile as an error item of a run that succeeded and is billed.
        known if NOT_FOUND.contains(&known) => Ok(Found::NotFound),
        known if RESTRICTED.contains(&known) => Ok(Found::Restricted),
        _ if flag(item, "isRestrictedProfile") => Ok(Found::Restricted),
        known if PRIVATE.contains(&known) || is_private(item) => Ok(Found::Private),
        // It may be temporary, so it is not taken for "not found".
        _ => Err(Unreadable::ErrorItem(word)),
    }
}

/// An error's words in lower case, joined by underscores. A whole sentence is `unknown`: it may quote the profile, and
/// the word is logged.
fn word_of(error: &str) -> String {
    const WORDS_MAX: usize = 4;
    let words: Vec<String> = error
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    error_word(Some(words.join("_").as_str()).filter(|_| words.len() <= WORDS_MAX)).to_owned()
}

fn error_of(item: &Value) -> Option<&str> {
    text(item, "error").filter(|error| !error.is_empty())
}

/// The actors' two names of the field.
fn is_private(item: &Value) -> bool {
    flag(item, "private") || flag(item, "isPrivate")
}

/// Every field that may name the profile: a username or an address.
fn names(item: &Value) -> impl Iterator<Item = &str> {
    ["username", "inputUrl", "url"].into_iter().filter_map(|name| text(item, name))
}

fn is(name: Option<&str>, asked: &InstagramHandle) -> bool {
    name.and_then(|name| name.parse::<InstagramHandle>().ok()).is_some_and(|name| name == *asked)
}

fn profile(item: &Value, asked: &InstagramHandle) -> Result<Profile, Unreadable> {
    let required = |name: &'static str| count(item, name).ok_or(Unreadable::Missing(name));
    let posts_count = required("postsCount")?;
    let posts = match item.get("latestPosts").and_then(Value::as_array) {
        Some(posts) => posts.as_slice(),
        None if posts_count == 0 => &[],
        None => return Err(Unreadable::Missing("latestPosts")),
    };
    let renamed_to = text(item, "username").and_then(|name| name.parse().ok()).filter(|name| name != asked);
    let own: Vec<&InstagramHandle> = std::iter::once(asked).chain(&renamed_to).collect();
    let (posts, dropped) = newest_first(posts, DETAILS_POSTS as usize, &own);
    // Judged without its posts, a profile would look like one that never posted.
    if posts_count > 0 && posts.is_empty() {
        return Err(Unreadable::NoReadablePost(dropped));
    }
    Ok(Profile {
        username: asked.clone(),
        instagram_id: instagram_id(item),
        display_name: clipped(item, "fullName", NAME_CHARS_MAX),
        biography: clipped(item, "biography", BIOGRAPHY_CHARS_MAX),
        followers: required("followersCount")?,
        following: required("followsCount")?,
        posts_count,
        category: category(item),
        external_url: external_url(item),
        links: links(item),
        profile_pic_url: web_address(text(item, "profilePicUrlHD"))
            .or_else(|| web_address(text(item, "profilePicUrl"))),
        country: item.get("about").and_then(|about| label(about, "country")),
        is_verified: flag(item, "verified") || flag(item, "isVerified"),
        is_business: flag(item, "isBusinessAccount"),
        posts,
        renamed_to,
    })
}

/// Digits, which some versions of the actor write as a number.
fn instagram_id(item: &Value) -> Option<String> {
    let id = item.get("id")?;
    let id = id.as_str().map(str::to_owned).or_else(|| id.as_u64().map(|number| number.to_string()))?;
    let is_id = (1..=INSTAGRAM_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    is_id.then_some(id)
}

/// The actor writes missing entries of its list of categories as "None": "None,Restaurant".
fn category(item: &Value) -> Option<String> {
    let parts = label(item, "businessCategoryName")?;
    let parts: Vec<&str> = parts.split(',').map(str::trim).filter(|part| !part.is_empty() && *part != "None").collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn external_url(item: &Value) -> Option<String> {
    web_address(text(item, "externalUrl")).or_else(|| links(item).into_iter().next().map(|link| link.url))
}

/// The links of the bio; some versions of the actor list them by their addresses alone.
fn links(item: &Value) -> Vec<Link> {
    let listed = item.get("externalUrls").and_then(Value::as_array).into_iter().flatten();
    let listed = listed.filter_map(|link| {
        let url = web_address(link.as_str().or_else(|| text(link, "url")))?;
        Some(Link { url, title: label(link, "title") })
    });
    let mut links: Vec<Link> = listed.take(LINKS_MAX).collect();
    if let Some(url) = web_address(text(item, "externalUrl")).filter(|_| links.is_empty()) {
        links.push(Link { url, title: None });
    }
    links
}

/// The newest comments of others, newest first.
fn newest_comments(item: &Value, owner: Option<&str>) -> Vec<String> {
    let listed = item.get("latestComments").and_then(Value::as_array).into_iter().flatten();
    let others = listed.filter(|comment| owner.is_none() || text(comment, "ownerUsername") != owner);
    let mut dated: Vec<(Option<Timestamp>, String)> = others
        .map(|comment| (comment.get("timestamp").and_then(time), clipped(comment, "text", COMMENT_CHARS_MAX)))
        .filter(|(_, text)| !text.trim().is_empty())
        .collect();
    dated.sort_by_key(|(at, _)| Reverse(*at));
    dated.into_iter().map(|(_, text)| text).take(COMMENTS_MAX).collect()
}

/// The actor puts pinned posts first whatever their age, and may list a post twice. A post that cannot be read is left
/// out, so that it does not lose the others. Whoever is not among `own` is another account.
fn newest_first(posts: &[Value], posts_max: usize, own: &[&InstagramHandle]) -> (Vec<Post>, Dropped) {
    let (mut seen, mut dropped) = (HashSet::new(), Dropped::default());
    let mut read: Vec<Post> = posts
        .iter()
        .filter(|item| error_of(item).is_none())
        .filter_map(|item| post(item, own, &mut dropped))
        .filter(|post| seen.insert(post.short_code.clone()))
        .collect();
    if dropped.any() {
        tracing::warn!(posts = posts.len(), %dropped, "posts of a scrape cannot be read");
    }
    // `None` sorts lowest, so with `Reverse` undated posts come last; the sort is stable.
    read.sort_by_key(|post| Reverse(post.taken_at));
    read.truncate(posts_max);
    (read, dropped)
}

fn post(item: &Value, own: &[&InstagramHandle], dropped: &mut Dropped) -> Option<Post> {
    let code_char = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let code = text(item, "shortCode")
        .filter(|code| (1..=SHORT_CODE_BYTES_MAX).contains(&code.len()) && code.chars().all(code_char));
    let kind = match text(item, "type") {
        Some("Image") => Some(PostKind::Image),
        Some("Video") => Some(PostKind::Video),
        Some("Sidecar") => Some(PostKind::Sidecar),
        _ => None,
    };
    let (Some(short_code), Some(kind)) = (code, kind) else {
        dropped.without_code += usize::from(code.is_none());
        dropped.of_unknown_kind += usize::from(code.is_some());
        return None;
    };
    // Switched off, comments are not "none yet".
    let comments = count(item, "commentsCount").filter(|_| !flag(item, "isCommentsDisabled"));
    let likes = count(item, "likesCount").filter(|likes| {
        let is_hidden = *likes <= HIDDEN_LIKES_MAX
            && comments.is_some_and(|comments| comments > COMMENTS_PER_LIKE_TELLING * (*likes).max(1));
        !is_hidden
    });
    // Reels have a count of views and one of plays, of which one is often 0. Nobody likes what nobody saw.
    let views = count(item, "videoViewCount").max(count(item, "videoPlayCount"));
    let owner = text(item, "ownerUsername").and_then(|name| name.parse::<InstagramHandle>().ok());
    Some(Post {
        short_code: short_code.to_owned(),
        kind,
        caption: clipped(item, "caption", CAPTION_CHARS_MAX),
        hashtags: listed(item, "hashtags", HASHTAGS_MAX, hashtag),
        mentions: listed(item, "mentions", MENTIONS_MAX, mention),
        likes,
        comments,
        video_views: views.filter(|views| *views > 0 || likes.unwrap_or(0) == 0),
        taken_at: item.get("timestamp").and_then(time),
        is_pinned: flag(item, "isPinned"),
        is_anothers: owner.is_some_and(|owner| !own.contains(&&owner)),
        location: label(item, "locationName"),
        newest_comments: newest_comments(item, text(item, "ownerUsername")),
    })
}

/// An ISO date, with or without its zone (then UTC), or a number of seconds or milliseconds since 1970.
fn time(value: &Value) -> Option<Timestamp> {
    let at = match (value.as_i64(), value.as_str()) {
        (Some(number), _) if number.abs() > EPOCH_SECS_MAX => Timestamp::from_millisecond(number).ok()?,
        (Some(number), _) => Timestamp::from_second(number).ok()?,
        (None, Some(text)) => text.parse().ok().or_else(|| {
            text.parse::<civil::DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
        })?,
        (None, None) => return None,
    };
    (at.as_second() >= FIRST_POST_S).then_some(at)
}

fn listed(item: &Value, name: &str, max: usize, read: fn(&str) -> Option<String>) -> Vec<String> {
    let list = item.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|entry| read(entry.as_str()?)).take(max).collect()
}

fn hashtag(text: &str) -> Option<String> {
    let tag = clip(text.trim().trim_start_matches('#'), LABEL_CHARS_MAX);
    (!tag.is_empty()).then_some(tag)
}

/// The actor leaves trailing text on mentions: "NASAGoddard.", "NASAUniverse’s".
fn mention(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('@');
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_')).unwrap_or(text.len());
    let name = text.get(..end)?.trim_end_matches('.');
    name.parse::<InstagramHandle>().ok().map(String::from)
}

fn text<'a>(item: &'a Value, name: &str) -> Option<&'a str> {
    item.get(name).and_then(Value::as_str)
}

fn flag(item: &Value, name: &str) -> bool {
    item.get(name).is_some_and(|value| value.as_bool() == Some(true) || value.as_str() == Some("true"))
}

/// A count, which may come as a float. −1 (Instagram's "hidden"), fractions and anything else are `None`, never zero.
fn count(item: &Value, name: &str) -> Option<u64> {
    let number = item.get(name)?;
    // `as` turns a float that is too large into `u64::MAX`, which `COUNT_MAX` then refuses.
    let whole = |float: f64| (float >= 0.0 && float.fract() == 0.0).then_some(float as u64);
    number.as_u64().or_else(|| number.as_f64().and_then(whole)).filter(|count| *count <= COUNT_MAX)
}

fn clipped(item: &Value, name: &str, chars_max: usize) -> String {
    clip(text(item, name).unwrap_or_default(), chars_max)
}

/// A short text; `None` if it is missing or blank.
fn label(item: &Value, name: &str) -> Option<String> {
    Some(clipped(item, name, LABEL_CHARS_MAX)).filter(|text| !text.trim().is_empty())
}

/// The first `chars_max` characters without control characters: Postgres refuses NUL, and the others are useless in a
/// prompt or an export. Line breaks and tabs stay.
fn clip(text: &str, chars_max: usize) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).take(chars_max).collect()
}

/// An address that is safe to show as a link: `javascript:` and the like are refused.
fn web_address(text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    let lower = text.chars().take("https://".len()).collect::<String>().to_ascii_lowercase();
    let scheme = ["https://", "http://"].into_iter().find(|scheme| lower.starts_with(scheme))?;
    let host = text.get(scheme.len()..)?.split(['/', '?', '#']).next()?;
    let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    (plain && !host.is_empty() && text.len() <= URL_BYTES_MAX).then(|| text.to_owned())
}

#[cfg(test)]
mod field;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
