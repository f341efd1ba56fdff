//! Whether a profile has changed so much that analyses of the old one are stale.

use std::collections::BTreeSet;

use super::Profile;

/// A follower count that moved by more than this share counts as a change.
const FOLLOWERS_MOVED_MAX: f64 = 0.10;

/// Bios whose words overlap less than this (Jaccard index: shared words over all words) are different bios.
const BIO_OVERLAP_MIN: f64 = 0.6;

/// Whether followers moved by more than 10 %, the bio is mostly other words, or category or link changed.
#[must_use]
pub fn changed_significantly(old: &Profile, new: &Profile) -> bool {
    let moved = old.followers.abs_diff(new.followers) as f64 / old.followers.max(1) as f64;
    moved > FOLLOWERS_MOVED_MAX
        || overlap(&old.biography, &new.biography) < BIO_OVERLAP_MIN
        || old.category != new.category
        || link(old) != link(new)
}

/// The Jaccard index of the words of two texts; two empty ones are the same.
fn overlap(old: &str, new: &str) -> f64 {
    let (old, new) = (words(old), words(new));
    let all = old.union(&new).count();
    if all == 0 { 1.0 } else { old.intersection(&new).count() as f64 / all as f64 }
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// The link without scheme, query and fragment, which redirects and campaigns change.
fn link(profile: &Profile) -> Option<&str> {
    let url = profile.external_url.as_deref()?;
    let url = url.split(['?', '#']).next().unwrap_or(url);
    Some(url.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::{super::testing::snapshot, *};

    fn profile(followers: u64, biography: &str) -> Profile {
        Profile { biography: biography.to_owned(), ..snapshot(followers, vec![]).profile }
    }

    #[test]
    fn a_tenth_more_or_fewer_followers_is_still_the_same_profile() {
        let old = profile(1_000, "");
        for (followers, changed) in
            [(1_000, false), (1_100, false), (900, false), (1_101, true), (899, true), (0, true)]
        {
            assert_eq!(changed_significantly(&old, &profile(followers, "")), changed, "{followers}");
        }
        assert!(changed_significantly(&profile(0, ""), &profile(1, "")));
    }

    #[test]
    fn a_bio_may_be_polished_but_not_rewritten() {
        let old = profile(10, "Coach in Lisbon. I help runners eat well!");
        assert!(!changed_significantly(&old, &profile(10, "coach in LISBON • I help runners eat well")));
        assert!(!changed_significantly(&old, &profile(10, "Coach in Lisbon. I help all runners eat well")));
        assert!(changed_significantly(&old, &profile(10, "Now a full-time photographer")));
        assert!(changed_significantly(&old, &profile(10, "")));
    }

    #[test]
    fn another_category_or_link_is_a_change_and_a_campaign_is_not() {
        let with = |url: &str| Profile { external_url: Some(url.to_owned()), ..profile(10, "") };
        assert!(!changed_significantly(&with("https://a.example/x?utm=1"), &with("http://a.example/x/")));
        assert!(changed_significantly(&with("https://a.example"), &with("https://b.example")));
        assert!(changed_significantly(&with("https://a.example"), &profile(10, "")));
        let category = Profile { category: Some("Coach".to_owned()), ..profile(10, "") };
        assert!(changed_significantly(&profile(10, ""), &category));
    }
}
