//! Property tests: any input is either refused or read as exactly what it says.

use std::{cmp::Reverse, collections::HashSet};

use oslira_app::features::profiles::{DETAILS_POSTS, Post, Profile};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::json;

use super::{json::*, post::*, profile::*, *};
use crate::property::{config, damaged, no_count, strange};

const PROFILES: [(&str, &str); 7] = [
    ("nasa", include_str!("../../../../sandbox/fixtures/apify/ig_nasa.apify2025.json")),
    ("frcsurat", include_str!("../../../../sandbox/fixtures/apify/ig_frcsurat.apify2026.json")),
    ("apifytech", include_str!("../../../../sandbox/fixtures/apify/ig_apifytech.apify2022.json")),
    ("josephinelangford", include_str!("../../../../sandbox/fixtures/apify/ig_josephinelangford.apify2020.json")),
    ("avengers", include_str!("../../../../sandbox/fixtures/apify/ig_avengers.apify2019.json")),
    ("synthetic_zero", include_str!("../../../../sandbox/fixtures/apify/zero_posts.json")),
    ("synthetic_private", include_str!("../../../../sandbox/fixtures/apify/private_profile.json")),
];

fn handle(name: &str) -> InstagramHandle {
    name.parse().unwrap()
}

fn recorded() -> impl Strategy<Value = (InstagramHandle, Value)> {
    select(&PROFILES[..]).prop_map(|(name, text)| (handle(name), serde_json::from_str(text).unwrap()))
}

fn damaged_recording() -> impl Strategy<Value = (InstagramHandle, Value)> {
    recorded().prop_flat_map(|(name, item)| (Just(name), damaged(item)))
}

/// A count as the item states it, read a second way (through its decimal text) to check the decoder.
fn stated(item: &Value, name: &str) -> Option<u64> {
    let number: f64 = item.get(name)?.as_number()?.to_string().parse().ok()?;
    (number >= 0.0 && number.trunc() == number && number <= 9_007_199_254_740_992.0).then_some(number as u64)
}

fn is_clean(text: &str, chars_max: usize) -> bool {
    text.chars().count() <= chars_max && !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t')
}

fn is_link(url: Option<&String>) -> bool {
    url.is_none_or(|url| {
        let lower = url.to_ascii_lowercase();
        (lower.starts_with("https://") || lower.starts_with("http://"))
            && url.len() <= URL_BYTES_MAX
            && !url.contains(char::is_whitespace)
    })
}

/// Asserts that the profile says what the item says, within all limits.
fn assert_sound(profile: &Profile, item: &Value, asked: &InstagramHandle) {
    assert_eq!(profile.username, *asked);
    let counts = [("followersCount", profile.followers), ("followsCount", profile.following)];
    for (name, count) in counts.into_iter().chain([("postsCount", profile.posts_count)]) {
        assert_eq!(Some(count), stated(item, name), "{name}");
    }
    assert!(is_clean(&profile.display_name, NAME_CHARS_MAX) && is_clean(&profile.biography, BIOGRAPHY_CHARS_MAX));
    assert!(is_link(profile.external_url.as_ref()) && is_link(profile.profile_pic_url.as_ref()));
    let parts = profile.category.as_deref().map(|text| text.split(", ").collect::<Vec<_>>());
    assert!(parts.is_none_or(|parts| !parts.contains(&"None") && !parts.contains(&"")), "{:?}", profile.category);
    assert!(profile.posts.len() <= DETAILS_POSTS as usize);
    let codes: HashSet<&str> = profile.posts.iter().map(|post| post.short_code.as_str()).collect();
    assert_eq!(codes.len(), profile.posts.len(), "no post comes twice");
    assert!(profile.posts.is_sorted_by_key(|post| Reverse(post.taken_at)), "newest first, undated last");
    for post in &profile.posts {
        assert_post_is_sound(post, item);
    }
}

fn assert_post_is_sound(post: &Post, item: &Value) {
    let is_it = |raw: &&Value| {
        raw["shortCode"] == post.short_code.as_str()
            // What is hidden, switched off or contradicts itself is left out; nothing is made up.
            && (post.likes.is_none() || stated(raw, "likesCount") == post.likes)
            && (post.comments.is_none() || stated(raw, "commentsCount") == post.comments)
            && (post.video_views.is_none()
                || ["videoViewCount", "videoPlayCount"].into_iter().any(|name| stated(raw, name) == post.video_views))
    };
    assert!(item["latestPosts"].as_array().unwrap().iter().find(is_it).is_some(), "not as stated: {post:?}");
    assert!(is_clean(&post.caption, CAPTION_CHARS_MAX));
    assert!(post.hashtags.len() <= HASHTAGS_MAX && post.mentions.len() <= MENTIONS_MAX);
    assert!(post.hashtags.iter().all(|tag| !tag.is_empty() && !tag.starts_with('#') && is_clean(tag, LABEL_CHARS_MAX)));
    assert!(post.mentions.iter().all(|name| handle(name).as_str() == name));
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_items_are_read_or_refused(items in vec(strange(), 0..4)) {
        if let Ok(Found::Profile(profile)) = found(&items, &handle("ann")) {
            let of_one = items.iter().filter(|item| stated(item, "followersCount") == Some(profile.followers));
            prop_assert!(of_one.count() > 0);
        }
    }

    #[test]
    fn a_damaged_recording_is_refused_or_says_what_it_says((asked, item) in damaged_recording()) {
        if let Ok(Found::Profile(profile)) = found(std::slice::from_ref(&item), &asked) {
            assert_sound(&profile, &item, &asked);
        }
    }

    #[test]
    fn damaged_posts_cost_no_profile((asked, item) in recorded(), posts in vec(strange(), 0..20)) {
        let mut item = item;
        item["latestPosts"] = posts.into();
        item["private"] = json!(false);
        match found(std::slice::from_ref(&item), &asked) {
            Ok(Found::Profile(profile)) => assert_sound(&profile, &item, &asked),
            Err(Unreadable::NoReadablePost(_)) => prop_assert!(stated(&item, "postsCount") != Some(0)),
            other => panic!("{item}: {other:?}"),
        }
    }

    #[test]
    fn a_count_that_is_none_is_never_a_number(
        (asked, item) in recorded(),
        name in select(vec!["followersCount", "followsCount", "postsCount"]),
        garbage in prop::option::of(no_count()),
    ) {
        let mut item = item;
        match garbage {
            Some(garbage) => item[name] = garbage,
            None => drop(item.as_object_mut().unwrap().remove(name)),
        }
        let read = found(std::slice::from_ref(&item), &asked);
        let is_private = item["private"] == true;
        prop_assert_eq!(read, if is_private { Ok(Found::Private) } else { Err(Unreadable::Missing(name)) });
    }

    #[test]
    fn likes_that_are_no_count_are_absent(garbage in no_count(), name in select(vec!["likesCount", "commentsCount"])) {
        let raw = json!({"type": "Image", "shortCode": "a", name: garbage});
        let read = post(&raw, &[], &mut Dropped::default()).unwrap();
        prop_assert_eq!((read.likes, read.comments), (None, None));
    }

    #[test]
    fn a_count_is_the_same_in_either_spelling(number in 0..=COUNT_MAX) {
        prop_assert_eq!(count(&json!({"n": number}), "n"), Some(number));
        prop_assert_eq!(count(&json!({"n": number as f64}), "n"), Some(number));
    }

    #[test]
    fn any_bytes_are_items_or_not(body in vec(any::<u8>(), 0..300)) {
        let _ = items(&body);
    }

    #[test]
    fn a_body_that_was_damaged_on_the_way_is_items_or_not(
        (_, text) in select(&PROFILES[..]),
        at in any::<prop::sample::Index>(),
        patch in vec(any::<u8>(), 0..6),
        gone in 0_usize..6,
    ) {
        let mut body = format!("[{text}]").into_bytes();
        let at = at.index(body.len());
        let end = (at + gone).min(body.len());
        body.splice(at..end, patch);
        if let Ok(items) = items(&body) {
            let _ = found(&items, &handle("nasa"));
        }
    }

    #[test]
    fn nesting_is_limited_and_never_exhausts_the_stack(depth in 1_usize..5_000, open in select(vec!["[", "{\"a\":"])) {
        let close = if open == "[" { "]" } else { "}" };
        let body = format!("[{}0{}]", open.repeat(depth), close.repeat(depth));
        // serde_json reads 127 levels of nesting, and the list of items is one of them.
        prop_assert_eq!(items(body.as_bytes()).is_ok(), depth < 127);
    }

    #[test]
    fn mending_changes_nothing_that_is_whole(value in strange()) {
        let text = value.to_string();
        prop_assert_eq!(surrogates::mended(text.as_bytes()), text.as_bytes());
    }

    #[test]
    fn any_escaped_units_can_be_read_once_mended(units in vec(prop_oneof![any::<u16>(), 0xD7F0..0xE010_u16], 0..20)) {
        let text = units.iter().fold(String::new(), |text, unit| format!("{text}\\u{unit:04x}"));
        let read = items(format!("[\"{text}\"]").as_bytes());
        // Each lone half becomes one U+FFFD, exactly as the standard library replaces it.
        prop_assert_eq!(read, Ok(vec![json!(String::from_utf16_lossy(&units))]));
    }
}
