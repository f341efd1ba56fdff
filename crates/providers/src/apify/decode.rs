//! Items of the Instagram profile actor, read with every quirk that was met.
//!
//! Its form changed with every version of the actor, so that nothing is taken for granted: what names the profile and
//! its counts must be there, everything else may be missing or strange. Texts are a stranger's and are clipped.

use std::{cmp::Reverse, collections::HashSet};

use jiff::Timestamp;
use oslira_app::features::profiles::{DETAILS_POSTS, Found, InstagramHandle, Post, PostKind, Profile};
use serde_json::Value;

mod surrogates;

const NAME_CHARS_MAX: usize = 200;
const BIOGRAPHY_CHARS_MAX: usize = 1_000;
const CAPTION_CHARS_MAX: usize = 2_200;
const LABEL_CHARS_MAX: usize = 100;
const URL_BYTES_MAX: usize = 2_048;
const HASHTAGS_MAX: usize = 30;
const MENTIONS_MAX: usize = 20;
const SHORT_CODE_BYTES_MAX: usize = 64;

/// The largest whole number that survives a client which keeps numbers as floats.
const COUNT_MAX: u64 = 1 << 53;

/// Why items could not be read; trying again may help. Never says what was in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not a JSON array.
    #[error("the items are not a JSON array")]
    NotItems,
    /// Nothing at all, which passes.
    #[error("no items")]
    Empty,
    /// An error item of another kind than those known to last.
    #[error("an error item")]
    ErrorItem,
    /// The items are about somebody else.
    #[error("the items are about another profile")]
    OtherProfile,
    /// A field that must be there is not, or is no count.
    #[error("the profile has no usable {0}")]
    Missing(&'static str),
}

/// The dataset's items; each is read on its own. A text that was cut through an emoji ends in half a surrogate pair,
/// which no strict parser takes: a second reading replaces such halves, so that they do not cost the profile.
pub fn items(body: &[u8]) -> Result<Vec<Value>, Unreadable> {
    serde_json::from_slice(body)
        .or_else(|_| serde_json::from_slice(&surrogates::mended(body)))
        .map_err(|_| Unreadable::NotItems)
}

/// What the items say about `asked`.
pub fn found(items: &[Value], asked: &InstagramHandle) -> Result<Found, Unreadable> {
    let item = match items {
        [] => return Err(Unreadable::Empty),
        // The run was about one name: an error that names nobody is about it.
        [only] if error_of(only).is_some() && names(only).next().is_none() => only,
        _ => items
            .iter()
            .find(|item| is(text(item, "username"), asked))
            // After a rename only the address that was asked for is still the old one.
            .or_else(|| items.iter().find(|item| names(item).any(|name| is(Some(name), asked))))
            .ok_or(Unreadable::OtherProfile)?,
    };
    match error_of(item) {
        Some("not_found") => return Ok(Found::NotFound),
        Some("Restricted profile") => return Ok(Found::Restricted),
        _ if flag(item, "isRestrictedProfile") => return Ok(Found::Restricted),
        Some(_) => return Err(Unreadable::ErrorItem),
        None => {}
    }
    if flag(item, "private") {
        return Ok(Found::Private);
    }
    profile(item, asked).map(|profile| Found::Profile(Box::new(profile)))
}

/// The posts that the items show of `asked`, newest first, at most `posts_max`. A profile without posts is an error item
/// that says so.
pub fn posts(items: &[Value], asked: &InstagramHandle, posts_max: usize) -> Result<Found, Unreadable> {
    let read = newest_first(items, posts_max);
    // One strange item among good posts spoils nothing.
    match items.iter().find_map(error_of).filter(|_| read.is_empty()) {
        Some("not_found") => return Ok(Found::NotFound),
        Some("Restricted profile") => return Ok(Found::Restricted),
        Some("no_items") => return Ok(Found::Posts(vec![])),
        Some(_) => return Err(Unreadable::ErrorItem),
        None if items.is_empty() => return Err(Unreadable::Empty),
        None => {}
    }
    // A post that somebody else shares with the profile is shown there too, and is the profile's just the same.
    let about = |item: &&Value| is(text(item, "ownerUsername"), asked) || names(item).any(|name| is(Some(name), asked));
    if !items.iter().any(|item| about(&item)) {
        return Err(Unreadable::OtherProfile);
    }
    Ok(Found::Posts(read))
}

fn error_of(item: &Value) -> Option<&str> {
    text(item, "error").filter(|error| !error.is_empty())
}

/// Every name that an item gives its profile.
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
    Ok(Profile {
        username: asked.clone(),
        display_name: clipped(item, "fullName", NAME_CHARS_MAX),
        biography: clipped(item, "biography", BIOGRAPHY_CHARS_MAX),
        followers: required("followersCount")?,
        following: required("followsCount")?,
        posts_count,
        category: category(item),
        external_url: external_url(item),
        profile_pic_url: web_address(text(item, "profilePicUrlHD"))
            .or_else(|| web_address(text(item, "profilePicUrl"))),
        country: item.get("about").and_then(|about| label(about, "country")),
        is_verified: flag(item, "verified"),
        is_business: flag(item, "isBusinessAccount"),
        posts: newest_first(posts, DETAILS_POSTS as usize),
    })
}

/// "None", "None,Restaurant" and the like are what is left of a list in the actor.
fn category(item: &Value) -> Option<String> {
    let parts = label(item, "businessCategoryName")?;
    let parts: Vec<&str> = parts.split(',').map(str::trim).filter(|part| !part.is_empty() && *part != "None").collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn external_url(item: &Value) -> Option<String> {
    let listed = item.get("externalUrls").and_then(Value::as_array);
    let mut listed = listed.into_iter().flatten().filter_map(|link| web_address(text(link, "url")));
    web_address(text(item, "externalUrl")).or_else(|| listed.next())
}

/// Pinned posts lead the actor's list whatever their age, and a post may come twice. A post that can't be read is
/// left out: the others still speak for the profile.
fn newest_first(posts: &[Value], posts_max: usize) -> Vec<Post> {
    let mut seen = HashSet::new();
    let mut posts: Vec<Post> =
        posts.iter().filter_map(post).filter(|post| seen.insert(post.short_code.clone())).collect();
    // `None` is the smallest, so reversed it is last; the sort is stable.
    posts.sort_by_key(|post| Reverse(post.taken_at));
    posts.truncate(posts_max);
    posts
}

fn post(item: &Value) -> Option<Post> {
    let code_char = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let short_code = text(item, "shortCode")
        .filter(|code| (1..=SHORT_CODE_BYTES_MAX).contains(&code.len()) && code.chars().all(code_char))?;
    let kind = match text(item, "type")? {
        "Image" => PostKind::Image,
        "Video" => PostKind::Video,
        "Sidecar" => PostKind::Sidecar,
        _ => return None,
    };
    Some(Post {
        short_code: short_code.to_owned(),
        kind,
        caption: clipped(item, "caption", CAPTION_CHARS_MAX),
        hashtags: listed(item, "hashtags", HASHTAGS_MAX, hashtag),
        mentions: listed(item, "mentions", MENTIONS_MAX, mention),
        likes: count(item, "likesCount"),
        comments: count(item, "commentsCount"),
        video_views: count(item, "videoViewCount"),
        taken_at: text(item, "timestamp").and_then(|time| time.parse::<Timestamp>().ok()),
        is_pinned: flag(item, "isPinned"),
        location: label(item, "locationName"),
    })
}

fn listed(item: &Value, name: &str, max: usize, read: fn(&str) -> Option<String>) -> Vec<String> {
    let list = item.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|entry| read(entry.as_str()?)).take(max).collect()
}

fn hashtag(text: &str) -> Option<String> {
    let tag = clip(text.trim().trim_start_matches('#'), LABEL_CHARS_MAX);
    (!tag.is_empty()).then_some(tag)
}

/// The actor cuts mentions out of captions with what follows them: "NASAGoddard.", "NASAUniverse’s".
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
    item.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// A count; −1 (hidden), fractions and everything else that is no count are `None`.
fn count(item: &Value, name: &str) -> Option<u64> {
    let number = item.get(name)?;
    // What is too large for the type becomes its largest value, which is above the limit.
    let whole = |float: f64| (float >= 0.0 && float.fract() == 0.0).then_some(float as u64);
    number.as_u64().or_else(|| number.as_f64().and_then(whole)).filter(|count| *count <= COUNT_MAX)
}

fn clipped(item: &Value, name: &str, chars_max: usize) -> String {
    clip(text(item, name).unwrap_or_default(), chars_max)
}

/// A short text, if there is one.
fn label(item: &Value, name: &str) -> Option<String> {
    Some(clipped(item, name, LABEL_CHARS_MAX)).filter(|text| !text.trim().is_empty())
}

/// The first characters, without control characters: the database takes no NUL, and nobody else wants the rest.
fn clip(text: &str, chars_max: usize) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).take(chars_max).collect()
}

/// An address that is safe to show as a link.
fn web_address(text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    let lower = text.chars().take("https://".len()).collect::<String>().to_ascii_lowercase();
    let scheme = ["https://", "http://"].into_iter().find(|scheme| lower.starts_with(scheme))?;
    let host = text.get(scheme.len()..)?.split(['/', '?', '#']).next()?;
    let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    (plain && !host.is_empty() && text.len() <= URL_BYTES_MAX).then(|| text.to_owned())
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
