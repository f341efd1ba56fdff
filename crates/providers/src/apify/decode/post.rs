//! Reads posts, each for itself: one that cannot be read does not lose the others.

use std::{cmp::Reverse, collections::HashSet, fmt};

use jiff::{Timestamp, civil, tz::TimeZone};
use oslira_app::features::profiles::{InstagramHandle, Post, PostKind};
use serde_json::Value;

use super::{
    error_of,
    json::{LABEL_CHARS_MAX, clip, clipped, count, flag, label, listed, text},
};

// Instagram allows 2,200 characters and 30 hashtags in a caption.
pub(super) const CAPTION_CHARS_MAX: usize = 2_200;
pub(super) const HASHTAGS_MAX: usize = 30;
pub(super) const MENTIONS_MAX: usize = 20;
pub(super) const COMMENTS_MAX: usize = 3;
pub(super) const COMMENT_CHARS_MAX: usize = 300;
pub(super) const SHORT_CODE_BYTES_MAX: usize = 64;

/// 2010-10-06, when Instagram opened. An earlier date is a missing one that somebody made a number of.
pub(super) const FIRST_POST_S: i64 = 1_286_323_200;
/// Above this an epoch number counts milliseconds: as seconds it would be the year 5138.
pub(super) const EPOCH_SECS_MAX: i64 = 99_999_999_999;

/// Where likes are hidden, some versions of the actor give what Instagram shows instead: at most three names.
pub(super) const HIDDEN_LIKES_MAX: u64 = 3;
/// So many comments a like say that the likes are hidden and not few.
pub(super) const COMMENTS_PER_LIKE_TELLING: u64 = 10;

/// The posts that could not be read, by what they lack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    pub(super) without_code: usize,
    pub(super) of_unknown_kind: usize,
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
pub(super) fn newest_first(posts: &[Value], posts_max: usize, own: &[&InstagramHandle]) -> (Vec<Post>, Dropped) {
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

pub(super) fn post(item: &Value, own: &[&InstagramHandle], dropped: &mut Dropped) -> Option<Post> {
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
pub(super) fn time(value: &Value) -> Option<Timestamp> {
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
