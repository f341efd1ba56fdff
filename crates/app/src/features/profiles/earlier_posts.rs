//! Posts that an earlier scrape paid for, and how a newer scrape goes on from them.
//!
//! Promises: every post is there once, the newest first; what the newer scrape shows is there as it shows it; of the
//! earlier posts no more are kept than fill up the number that is wanted. Earlier posts that the newer scrape does not
//! show keep the likes and comments that they had when they were read.

use std::{cmp::Reverse, collections::HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Post, Profile, Snapshot};

/// The posts of a snapshot, and what tells whether a profile is the one they are of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EarlierPosts {
    posts: Vec<Post>,
    instagram_id: Option<String>,
    /// When all of them were last read.
    pub read_at: Timestamp,
}

impl EarlierPosts {
    #[must_use]
    pub fn of(snapshot: Snapshot) -> Self {
        let read_at = snapshot.posts_read_at();
        Self { posts: snapshot.profile.posts, instagram_id: snapshot.profile.instagram_id, read_at }
    }

    /// Whether they are this profile's: somebody else may have taken the username meanwhile. By Instagram's id where
    /// both have one, else by a post that both show.
    #[must_use]
    pub fn are_of(&self, profile: &Profile) -> bool {
        match (&self.instagram_id, &profile.instagram_id) {
            (Some(earlier), Some(present)) => earlier == present,
            _ => {
                let known: HashSet<&str> = self.posts.iter().map(|post| post.short_code.as_str()).collect();
                profile.posts.iter().any(|post| known.contains(post.short_code.as_str()))
            }
        }
    }

    /// Puts the profile's own posts, `new` ones and these together, as many as are wanted.
    pub fn continue_with(self, profile: &mut Profile, new: Vec<Post>, wanted: u32) {
        let shown_since = shown_since(profile);
        profile.take_posts(new);
        let fresh: HashSet<&str> = profile.posts.iter().map(|post| post.short_code.as_str()).collect();
        // Within the time of the posts that the profile shows, it shows all there are: others were deleted.
        let is_deleted = |post: &Post| shown_since.is_some_and(|since| post.taken_at.is_some_and(|at| at > since));
        let mut kept: Vec<Post> = self
            .posts
            .into_iter()
            .filter(|post| !fresh.contains(post.short_code.as_str()) && !is_deleted(post))
            // Only the profile says which posts are pinned, and it shows those.
            .map(|post| Post { is_pinned: false, ..post })
            .collect();
        let mut seen = HashSet::new();
        kept.retain(|post| seen.insert(post.short_code.clone()));
        kept.sort_by_key(|post| Reverse(post.taken_at));
        kept.truncate((wanted as usize).saturating_sub(profile.posts.len()));
        profile.posts.extend(kept);
        profile.posts.sort_by_key(|post| Reverse(post.taken_at));
    }
}

/// From when on the profile itself shows all posts. Pinned ones are shown whatever their age, so they do not count.
pub(super) fn shown_since(profile: &Profile) -> Option<Timestamp> {
    profile.posts.iter().filter(|post| !post.is_pinned).filter_map(|post| post.taken_at).min()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{DETAILS_POSTS, testing},
        *,
    };
    use crate::property::config;

    const WANTED: u32 = 50;

    /// The post number `number` of a profile: the higher, the newer.
    fn post(number: u32) -> Post {
        Post {
            short_code: format!("p{number}"),
            taken_at: Timestamp::from_second(1_700_000_000 + i64::from(number) * 3_600).ok(),
            ..testing::post("2026-11-20T12:00:00Z", Some(u64::from(number)), Some(1))
        }
    }

    fn posts(numbers: impl DoubleEndedIterator<Item = u32>) -> Vec<Post> {
        numbers.rev().map(post).collect()
    }

    fn earlier(posts: Vec<Post>) -> EarlierPosts {
        EarlierPosts::of(testing::snapshot(1_000, posts))
    }

    fn profile(shown: Vec<Post>) -> Profile {
        testing::snapshot(1_000, shown).profile
    }

    fn continued(earlier: EarlierPosts, shown: Vec<Post>, new: Vec<Post>) -> Vec<Post> {
        let mut profile = profile(shown);
        earlier.continue_with(&mut profile, new, WANTED);
        profile.posts
    }

    fn codes(posts: &[Post]) -> Vec<&str> {
        posts.iter().map(|post| post.short_code.as_str()).collect()
    }

    #[test]
    fn nothing_new_leaves_the_same_posts_with_the_counts_that_the_profile_shows() {
        let before = posts(0..50);
        let shown: Vec<Post> = posts(38..50).into_iter().map(|post| Post { likes: Some(7), ..post }).collect();
        let after = continued(earlier(before.clone()), shown, vec![]);
        assert_eq!(codes(&after), codes(&before));
        assert!(after[..12].iter().all(|post| post.likes == Some(7)), "read again");
        assert_eq!(after[12..], before[12..], "as they were read");
    }

    #[test]
    fn new_posts_push_the_oldest_out() {
        let after = continued(earlier(posts(0..50)), posts(42..54), posts(50..54));
        assert_eq!(codes(&after), codes(&posts(4..54)));
    }

    #[test]
    fn what_was_deleted_within_the_profiles_own_posts_is_gone() {
        // 45 was deleted, so 37 has moved up into the twelve.
        let shown: Vec<Post> = posts(37..50).into_iter().filter(|post| post.short_code != "p45").collect();
        let after = continued(earlier(posts(0..50)), shown, vec![]);
        assert_eq!((after.len(), codes(&after).contains(&"p45")), (49, false));
        let oldest_shown = continued(earlier(posts(0..50)), posts(38..50), vec![]);
        assert!(codes(&oldest_shown).contains(&"p37"), "beyond them nobody knows");
    }

    #[test]
    fn a_pin_is_where_the_profile_shows_it_and_says_nothing_about_what_was_deleted() {
        let pinned = |number| Post { is_pinned: true, ..post(number) };
        let mut before = posts(0..50);
        before[49] = pinned(0);
        before[40] = pinned(9);
        // Post 9 is pinned no more, post 0 still is, and old as it is shown first.
        let shown: Vec<Post> = std::iter::once(pinned(0)).chain(posts(39..50)).collect();
        let after = continued(earlier(before), shown, vec![]);
        assert_eq!(after.len(), 50, "the old pin does not make all that is newer a deleted post");
        let pins: Vec<&str> = after.iter().filter(|post| post.is_pinned).map(|post| post.short_code.as_str()).collect();
        assert_eq!(pins, ["p0"]);
    }

    #[test]
    fn facts_that_are_hidden_now_are_unknown_though_they_were_read_before() {
        let hidden = Post { likes: None, comments: None, ..post(49) };
        let shown: Vec<Post> = posts(38..49).into_iter().chain([hidden]).collect();
        let after = continued(earlier(posts(0..50)), shown, vec![]);
        assert_eq!((after[0].likes, after[0].comments), (None, None));
    }

    #[test]
    fn posts_are_of_a_profile_by_its_id_or_else_by_a_post_that_both_show() {
        let with_id = |id: &str, shown| Profile { instagram_id: Some(id.to_owned()), ..profile(shown) };
        let mine = EarlierPosts { instagram_id: Some("1".to_owned()), ..earlier(posts(0..50)) };
        assert!(mine.are_of(&with_id("1", posts(70..82))), "many new posts");
        assert!(!mine.are_of(&with_id("2", posts(38..50))));
        let without = earlier(posts(0..50));
        assert!(without.are_of(&with_id("1", posts(49..61))) && mine.are_of(&profile(posts(49..61))));
        assert!(!without.are_of(&with_id("1", posts(50..62))) && !without.are_of(&profile(vec![])));
    }

    #[test]
    fn earlier_posts_stay_readable() {
        let stored = serde_json::to_string(&earlier(posts(0..2))).unwrap();
        assert_eq!(serde_json::from_str::<EarlierPosts>(&stored).unwrap(), earlier(posts(0..2)));
    }

    fn some_post() -> impl Strategy<Value = Post> {
        (0_u32..90, any::<bool>(), prop::option::weighted(0.9, 0_u64..9), prop::bool::weighted(0.9)).prop_map(
            |(number, is_pinned, likes, is_dated)| {
                let taken_at = post(number).taken_at.filter(|_| is_dated);
                Post { is_pinned, likes, taken_at, ..post(number) }
            },
        )
    }

    fn some_posts(max: usize) -> impl Strategy<Value = Vec<Post>> {
        // As the decoder gives them: each once, the newest first.
        prop::collection::vec(some_post(), 0..=max).prop_map(|mut posts| {
            let mut seen = HashSet::new();
            posts.retain(|post| seen.insert(post.short_code.clone()));
            posts.sort_by_key(|post| Reverse(post.taken_at));
            posts
        })
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn whatever_is_put_together(
            before in some_posts(62),
            shown in some_posts(DETAILS_POSTS as usize),
            new in some_posts(WANTED as usize),
        ) {
            let after = continued(earlier(before.clone()), shown.clone(), new.clone());
            let has = |posts: &[Post], code: &str| posts.iter().any(|post| post.short_code == code);

            let codes: HashSet<&str> = after.iter().map(|post| post.short_code.as_str()).collect();
            prop_assert_eq!(codes.len(), after.len(), "each post once");
            prop_assert!(after.is_sorted_by_key(|post| Reverse(post.taken_at)), "the newest first");
            let fresh = shown.iter().chain(&new).map(|post| &post.short_code).collect::<HashSet<_>>().len();
            prop_assert!(after.len() <= fresh.max(WANTED as usize), "no more than are wanted");

            for post in shown.iter().chain(&new) {
                let kept = after.iter().find(|kept| kept.short_code == post.short_code);
                prop_assert!(kept.is_some(), "what the fresh data shows is lost: {}", post.short_code);
                let newest = new.iter().find(|new| new.short_code == post.short_code).unwrap_or(post);
                prop_assert_eq!(kept.map(|kept| kept.likes), Some(newest.likes), "the fresh likes");
            }
            for post in &after {
                prop_assert!(has(&shown, &post.short_code) || has(&new, &post.short_code) || has(&before, &post.short_code));
                let is_fresh = has(&shown, &post.short_code) || has(&new, &post.short_code);
                prop_assert!(is_fresh || !post.is_pinned, "a pin that nobody shows");
                let since = shown_since(&profile(shown.clone()));
                let is_deleted = since.is_some_and(|since| post.taken_at.is_some_and(|at| at > since));
                prop_assert!(is_fresh || !is_deleted, "a deleted post");
            }
        }

        #[test]
        fn of_nothing_new_come_the_same_posts(count in 13_u32..=50, shown in 1_u32..=12) {
            let before = posts(0..count);
            let after = continued(earlier(before.clone()), posts(count - shown..count), vec![]);
            prop_assert_eq!(&after, &before);
            // And again: a chain of repeats loses and invents nothing.
            prop_assert_eq!(continued(earlier(after), posts(count - shown..count), vec![]), before);
        }
    }
}
