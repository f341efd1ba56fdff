//! Reads the profile of an item of details.

use oslira_app::features::profiles::{DETAILS_POSTS, InstagramHandle, Link, Profile};
use serde_json::Value;

use super::{
    Unreadable,
    json::{clipped, count, flag, label, text, web_address},
    post::newest_first,
};

pub(super) const NAME_CHARS_MAX: usize = 200;
pub(super) const BIOGRAPHY_CHARS_MAX: usize = 1_000;
/// Instagram allows five links in a bio.
pub(super) const LINKS_MAX: usize = 5;
pub(super) const INSTAGRAM_ID_BYTES_MAX: usize = 20;

pub(super) fn profile(item: &Value, asked: &InstagramHandle) -> Result<Profile, Unreadable> {
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
