//! Reads the items of the Instagram actors, with every quirk that was seen in recordings.
//!
//! The form of the items changed with every version of the actors. So only the profile's name and its counts are
//! required; everything else may be missing or malformed. Texts are untrusted and are clipped.

use std::{cmp::Reverse, collections::HashSet};

use jiff::Timestamp;
use oslira_app::features::profiles::{DETAILS_POSTS, Found, InstagramHandle, Post, PostKind, Profile};
use serde_json::Value;

mod surrogates;

const NAME_CHARS_MAX: usize = 200;
const BIOGRAPHY_CHARS_MAX: usize = 1_000;
// Instagram allows 2,200 characters and 30 hashtags in a caption.
const CAPTION_CHARS_MAX: usize = 2_200;
const LABEL_CHARS_MAX: usize = 100;
const URL_BYTES_MAX: usize = 2_048;
const HASHTAGS_MAX: usize = 30;
const MENTIONS_MAX: usize = 20;
const SHORT_CODE_BYTES_MAX: usize = 64;

/// 2^53: up to here a JSON client that keeps numbers as floats is exact.
const COUNT_MAX: u64 = 1 << 53;

/// Why items could not be read; another scrape may help. The messages never repeat profile text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the items are not a JSON array")]
    NotItems,
    /// An empty list. It may be temporary, so it is not taken for "not found".
    #[error("no items")]
    Empty,
    /// An error item whose kind is not known to be final.
    #[error("an error item")]
    ErrorItem,
    #[error("the items are about another profile")]
    OtherProfile,
    /// A required field is missing or is no count.
    #[error("the profile has no usable {0}")]
    Missing(&'static str),
}

/// The dataset's items. A text that the actor cut inside an emoji ends in half a surrogate pair, which strict parsers
/// refuse: a second attempt replaces such halves, so that one broken text does not lose the whole profile.
pub fn items(body: &[u8]) -> Result<Vec<Value>, Unreadable> {
    serde_json::from_slice(body)
        .or_else(|_| serde_json::from_slice(&surrogates::mended(body)))
        .map_err(|_| Unreadable::NotItems)
}

/// What the items say about `asked`.
pub fn found(items: &[Value], asked: &InstagramHandle) -> Result<Found, Unreadable> {
    let item = match items {
        [] => return Err(Unreadable::Empty),
        // The run was about one username only, so an error item without a name is about it.
        [only] if error_of(only).is_some() && names(only).next().is_none() => only,
        _ => items
            .iter()
            .find(|item| is(text(item, "username"), asked))
            // After a rename only the requested address still has the old name.
            .or_else(|| items.iter().find(|item| names(item).any(|name| is(Some(name), asked))))
            .ok_or(Unreadable::OtherProfile)?,
    };
    match error_of(item) {
        // Apify reports a missing profile as an error item of a run that succeeded and is billed.
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

/// The posts of `asked`, newest first, at most `posts_max`. The actor reports a profile without posts as an error item.
pub fn posts(items: &[Value], asked: &InstagramHandle, posts_max: usize) -> Result<Found, Unreadable> {
    let read = newest_first(items, posts_max);
    // An error item among readable posts is ignored: the posts still count.
    match items.iter().find_map(error_of).filter(|_| read.is_empty()) {
        Some("not_found") => return Ok(Found::NotFound),
        Some("Restricted profile") => return Ok(Found::Restricted),
        Some("no_items") => return Ok(Found::Posts(vec![])),
        Some(_) => return Err(Unreadable::ErrorItem),
        None if items.is_empty() => return Err(Unreadable::Empty),
        None => {}
    }
    // Not every post must name `asked`: a post shared with another account may name that account as its owner.
    let about = |item: &&Value| is(text(item, "ownerUsername"), asked) || names(item).any(|name| is(Some(name), asked));
    if !items.iter().any(|item| about(&item)) {
        return Err(Unreadable::OtherProfile);
    }
    Ok(Found::Posts(read))
}

fn error_of(item: &Value) -> Option<&str> {
    text(item, "error").filter(|error| !error.is_empty())
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

/// The actor writes missing entries of its list of categories as "None": "None,Restaurant".
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

/// The actor puts pinned posts first whatever their age, and may list a post twice. A post that cannot be read is left
/// out, so that it does not lose the others.
fn newest_first(posts: &[Value], posts_max: usize) -> Vec<Post> {
    let mut seen = HashSet::new();
    let mut posts: Vec<Post> =
        posts.iter().filter_map(post).filter(|post| seen.insert(post.short_code.clone())).collect();
    // `None` sorts lowest, so with `Reverse` undated posts come last; the sort is stable.
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
    item.get(name).and_then(Value::as_bool).unwrap_or(false)
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
mod properties;
#[cfg(test)]
mod tests;
