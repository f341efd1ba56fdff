//! What can be computed from a snapshot without judgement. Everything is relative to the moment of the scrape, so the
//! same snapshot always gives the same facts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Post, PostKind, Profile, Snapshot};

const HASHTAGS_MAX: usize = 10;
const SECONDS_PER_DAY: f64 = 86_400.0;
const SECONDS_PER_WEEK: f64 = 7.0 * SECONDS_PER_DAY;

/// Deterministic facts of a profile. `None` means unknown, never "no".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Mean of likes + comments per post over followers, in percent, over posts that are not pinned and show both
    /// counts. Unknown without such a post or without followers.
    pub engagement_rate_percent: Option<f64>,
    /// How many posts the rate was computed from.
    pub engagement_posts: u32,
    /// Posts per week between the oldest and the newest dated, unpinned post; unknown below two of them.
    pub posts_per_week: Option<f64>,
    /// Whole days from the newest dated post to the scrape.
    pub days_since_last_post: Option<i64>,
    /// How many of the posts are of each kind.
    pub content_mix: BTreeMap<PostKind, u32>,
    /// The most used hashtags, lower case, most used first.
    pub top_hashtags: Vec<String>,
    /// Size of the audience.
    pub audience: AudienceBand,
}

/// Usual bands of influencer marketing, by followers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudienceBand {
    /// Below 1,000.
    Starter,
    /// 1,000 to 9,999.
    Nano,
    /// 10,000 to 99,999.
    Micro,
    /// 100,000 to 999,999.
    Macro,
    /// 1,000,000 and more.
    Mega,
}

impl AudienceBand {
    const fn of(followers: u64) -> Self {
        match followers {
            0..=999 => Self::Starter,
            1_000..=9_999 => Self::Nano,
            10_000..=99_999 => Self::Micro,
            100_000..=999_999 => Self::Macro,
            _ => Self::Mega,
        }
    }
}

impl Facts {
    /// Computes the facts of a snapshot.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let profile = &snapshot.profile;
        let (engagement_rate_percent, engagement_posts) = engagement(profile);
        Self {
            engagement_rate_percent,
            engagement_posts,
            posts_per_week: cadence(&profile.posts),
            days_since_last_post: recency(&profile.posts, snapshot.scraped_at),
            content_mix: profile.posts.iter().fold(BTreeMap::new(), |mut mix, post| {
                *mix.entry(post.kind).or_insert(0) += 1;
                mix
            }),
            top_hashtags: top_hashtags(&profile.posts),
            audience: AudienceBand::of(profile.followers),
        }
    }
}

fn engagement(profile: &Profile) -> (Option<f64>, u32) {
    let interactions: Vec<u64> = profile
        .posts
        .iter()
        .filter(|post| !post.is_pinned)
        .filter_map(|post| Some(post.likes?.saturating_add(post.comments?)))
        .collect();
    if interactions.is_empty() || profile.followers == 0 {
        return (None, 0);
    }
    let mean = interactions.iter().map(|n| *n as f64).sum::<f64>() / interactions.len() as f64;
    let rate = 100.0 * mean / profile.followers as f64;
    (Some(round(rate, 1_000.0)), interactions.len() as u32)
}

fn dated(posts: &[Post]) -> impl Iterator<Item = Timestamp> {
    posts.iter().filter(|post| !post.is_pinned).filter_map(|post| post.taken_at)
}

fn cadence(posts: &[Post]) -> Option<f64> {
    let (oldest, newest) = (dated(posts).min()?, dated(posts).max()?);
    let gaps = dated(posts).count().checked_sub(1).filter(|gaps| *gaps > 0)?;
    let weeks = newest.duration_since(oldest).as_secs_f64() / SECONDS_PER_WEEK;
    // Several posts within one day are one burst, not dozens a week.
    Some(round(gaps as f64 / weeks.max(1.0 / 7.0), 100.0))
}

fn recency(posts: &[Post], scraped_at: Timestamp) -> Option<i64> {
    let newest = posts.iter().filter_map(|post| post.taken_at).max()?;
    let days = scraped_at.duration_since(newest).as_secs_f64() / SECONDS_PER_DAY;
    Some(days.floor().max(0.0) as i64)
}

fn top_hashtags(posts: &[Post]) -> Vec<String> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for tag in posts.iter().flat_map(|post| &post.hashtags) {
        *counts.entry(tag.to_lowercase()).or_insert(0) += 1;
    }
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
    ranked.into_iter().take(HASHTAGS_MAX).map(|(tag, _)| tag).collect()
}

fn round(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

#[cfg(test)]
mod tests {
    use super::super::testing::{post, snapshot};
    use super::*;

    #[test]
    fn pinned_and_hidden_posts_do_not_flatter_the_engagement_rate() {
        let mut pinned = post("2026-11-01T00:00:00Z", Some(90_000), Some(0));
        pinned.is_pinned = true;
        let hidden = post("2026-11-02T00:00:00Z", None, Some(5));
        let plain = post("2026-11-03T00:00:00Z", Some(40), Some(10));
        let facts = Facts::of(&snapshot(1_000, vec![pinned, hidden, plain]));
        assert_eq!(facts.engagement_rate_percent, Some(5.0));
        assert_eq!(facts.engagement_posts, 1);
    }

    #[test]
    fn without_posts_or_followers_everything_about_them_is_unknown() {
        let empty = Facts::of(&snapshot(1_000, vec![]));
        assert_eq!(
            (empty.engagement_rate_percent, empty.posts_per_week, empty.days_since_last_post),
            (None, None, None)
        );
        let unfollowed = Facts::of(&snapshot(0, vec![post("2026-11-03T00:00:00Z", Some(1), Some(1))]));
        assert_eq!(unfollowed.engagement_rate_percent, None);
    }

    #[test]
    fn cadence_and_recency_are_measured_in_weeks_and_days() {
        let posts = vec![
            post("2026-11-16T00:00:00Z", Some(1), Some(1)),
            post("2026-11-09T00:00:00Z", Some(1), Some(1)),
            post("2026-11-02T00:00:00Z", Some(1), Some(1)),
        ];
        let facts = Facts::of(&snapshot(100, posts));
        assert_eq!(facts.posts_per_week, Some(1.0));
        assert_eq!(facts.days_since_last_post, Some(4));
    }
}
