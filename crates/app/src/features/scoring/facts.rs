//! What can be computed from a snapshot without judgement. Everything is relative to the moment of the scrape, so the
//! same snapshot always gives the same facts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::features::profiles::{Post, PostKind, Profile, Snapshot};

const HASHTAGS_MAX: usize = 10;
const SECONDS_PER_DAY: f64 = 86_400.0;
const SECONDS_PER_WEEK: f64 = 7.0 * SECONDS_PER_DAY;

/// Deterministic facts of a profile. `None` means unknown, never "no".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Facts {
    /// Median of likes + comments per post over followers, in percent, over posts of its own that are not pinned and
    /// show both counts. Unknown without such a post or without followers.
    pub engagement_rate_percent: Option<f64>,
    /// How many posts the rate was computed from.
    pub engagement_posts: u32,
    /// Median of the views of its own videos that are not pinned and show them.
    #[serde(default)]
    pub video_views: Option<f64>,
    /// Posts per week between the oldest and the newest dated, unpinned post; unknown below two of them.
    pub posts_per_week: Option<f64>,
    /// Whole days from the newest dated post to the scrape.
    pub days_since_last_post: Option<i64>,
    /// How many of the posts are of each kind.
    #[schemars(with = "BTreeMap<String, u32>")]
    pub content_mix: BTreeMap<PostKind, u32>,
    /// The most used hashtags, lower case, most used first.
    pub top_hashtags: Vec<String>,
    /// Size of the audience.
    pub audience: AudienceBand,
    /// Accounts followed for each follower. Far above one is how follow-for-follow accounts grow. Unknown without
    /// followers.
    pub following_per_follower: Option<f64>,
    /// Comments for a hundred likes, over the posts of the engagement rate. Bought likes come without comments. Unknown
    /// below [`LIKES_TELLING`] likes a post.
    pub comments_per_hundred_likes: Option<f64>,
    /// How much interactions differ from post to post: their standard deviation over their mean. People's posts differ,
    /// bought interactions hardly do. Unknown below [`POSTS_TELLING`] posts.
    pub engagement_spread: Option<f64>,
    /// How much speaks for a real audience, 0 to 100: the mean grade of the three signals above that are known, and no
    /// more than the engagement allows: an audience that hardly reacts may not be there.
    pub authenticity: Option<f64>,
}

/// Fewer likes a post than this say nothing by their comments.
pub const LIKES_TELLING: f64 = 50.0;
/// Fewer posts than this say nothing by their differences.
pub const POSTS_TELLING: usize = 5;

// A signal gets full marks at its FINE value. These are rules of thumb of influencer
// vetting, chosen mild: they cost points only where something is plainly odd.
/// One account followed for each follower. The grade falls by the logarithm from here, to nothing at ten.
const FOLLOWING_FINE: f64 = 1.0;
const COMMENTS_FINE: f64 = 0.5;
const SPREAD_FINE: f64 = 0.2;
/// An audience that reacts at least so much of what is usual for its size gets full marks.
const ENGAGEMENT_FINE_SHARE: f64 = 0.25;

/// Usual bands of influencer marketing, by followers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

    /// An engagement rate that is nothing special for this size, in percent: the middle of what a public calculator calls
    /// average (thesocialcat.com, "Instagram Engagement Rate Benchmark", read in November 2026: 3.4 to 4.4 from 1,000 followers,
    /// 1.3 to 1.6 from 5,000, 0.8 to 1.1 from 10,000 to a million). Others differ, HypeAuditor with 1.5 to 1.6 above 20,000; all
    /// agree that the rate falls as audiences grow. Below 1,000 and above a million nobody says: the neighbour's.
    pub(super) const fn usual_engagement_percent(self) -> f64 {
        match self {
            Self::Starter => 4.0,
            Self::Nano => 2.5,
            Self::Micro | Self::Macro | Self::Mega => 1.0,
        }
    }

    /// Its followers, in words.
    pub(super) const fn followers(self) -> &'static str {
        match self {
            Self::Starter => "fewer than 1,000 followers",
            Self::Nano => "1,000 to 9,999 followers",
            Self::Micro => "10,000 to 99,999 followers",
            Self::Macro => "100,000 to 999,999 followers",
            Self::Mega => "a million followers and more",
        }
    }
}

impl Facts {
    /// Computes the facts of a snapshot.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let profile = &snapshot.profile;
        let (engagement_rate_percent, engagement_posts) = engagement(profile);
        let following_per_follower =
            (profile.followers > 0).then(|| round(profile.following as f64 / profile.followers as f64, 1_000.0));
        let audience = AudienceBand::of(profile.followers);
        let comments_per_hundred_likes = comments_per_hundred_likes(profile);
        let engagement_spread = spread(&interactions(profile));
        let grades = [
            following_per_follower.map(|following| 100.0 * (1.0 - following.max(FOLLOWING_FINE).log10())),
            comments_per_hundred_likes.map(|comments| 100.0 * comments / COMMENTS_FINE),
            engagement_spread.map(|spread| 100.0 * spread / SPREAD_FINE),
        ];
        let grades: Vec<f64> = grades.into_iter().flatten().map(|grade| grade.clamp(0.0, 100.0)).collect();
        // As a limit: much engagement proves nothing, because it can be bought too.
        let reaction = engagement_rate_percent.filter(|_| engagement_posts as usize >= POSTS_TELLING).map(|rate| {
            (100.0 * rate / (ENGAGEMENT_FINE_SHARE * audience.usual_engagement_percent())).clamp(0.0, 100.0)
        });
        let authenticity = match (mean(&grades), reaction) {
            (Some(signs), Some(reaction)) => Some(signs.min(reaction)),
            (signs, reaction) => signs.or(reaction),
        };
        let authenticity = authenticity.map(|grade| round(grade, 10.0));
        Self {
            following_per_follower,
            comments_per_hundred_likes,
            engagement_spread,
            authenticity,
            engagement_rate_percent,
            engagement_posts,
            video_views: video_views(profile),
            posts_per_week: cadence(&profile.posts),
            days_since_last_post: recency(&profile.posts, snapshot.scraped_at),
            content_mix: profile.posts.iter().fold(BTreeMap::new(), |mut mix, post| {
                *mix.entry(post.kind).or_insert(0) += 1;
                mix
            }),
            top_hashtags: top_hashtags(&profile.posts),
            audience,
        }
    }
}

/// Likes and comments of the posts that count: those that show both, are not pinned and not another account's.
fn counted(profile: &Profile) -> impl Iterator<Item = (f64, f64)> {
    let counted = profile.posts.iter().filter(|post| !post.is_pinned && !post.is_anothers);
    counted.filter_map(|post| Some((post.likes? as f64, post.comments? as f64)))
}

fn interactions(profile: &Profile) -> Vec<f64> {
    counted(profile).map(|(likes, comments)| likes + comments).collect()
}

fn engagement(profile: &Profile) -> (Option<f64>, u32) {
    let interactions = interactions(profile);
    // The median: one post that everybody saw says little about the next one.
    let Some(median) = median(&interactions).filter(|_| profile.followers > 0) else {
        return (None, 0);
    };
    (Some(round(100.0 * median / profile.followers as f64, 1_000.0)), interactions.len() as u32)
}

fn comments_per_hundred_likes(profile: &Profile) -> Option<f64> {
    let (likes, comments): (Vec<f64>, Vec<f64>) = counted(profile).unzip();
    let likes = mean(&likes).filter(|likes| *likes >= LIKES_TELLING)?;
    Some(round(100.0 * mean(&comments)? / likes, 1_000.0))
}

fn video_views(profile: &Profile) -> Option<f64> {
    let own = profile.posts.iter().filter(|post| !post.is_pinned && !post.is_anothers);
    let views: Vec<f64> = own.filter_map(|post| post.video_views.map(|views| views as f64)).collect();
    median(&views)
}

fn spread(values: &[f64]) -> Option<f64> {
    // Without any interactions the spread has nothing to be relative to.
    let mean_value = mean(values).filter(|mean| *mean > 0.0 && values.len() >= POSTS_TELLING)?;
    let squares: Vec<f64> = values.iter().map(|value| (value - mean_value).powi(2)).collect();
    Some(round(mean(&squares)?.sqrt() / mean_value, 1_000.0))
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
    Some(f64::midpoint(lower, upper))
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
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
    // Pinned posts too: they flatter averages, but a new one is activity.
    let newest = posts.iter().filter_map(|post| post.taken_at).max()?;
    let days = scraped_at.duration_since(newest).as_secs_f64() / SECONDS_PER_DAY;
    // A post may be dated after the scrape when clocks differ.
    Some(days.floor().max(0.0) as i64)
}

fn top_hashtags(posts: &[Post]) -> Vec<String> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for tag in posts.iter().flat_map(|post| &post.hashtags) {
        *counts.entry(tag.to_lowercase()).or_insert(0) += 1;
    }
    let mut ranked: Vec<_> = counts.into_iter().collect();
    // By name where counts are equal, so that the same posts always give the same list.
    ranked.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
    ranked.into_iter().take(HASHTAGS_MAX).map(|(tag, _)| tag).collect()
}

/// To the nearest multiple of 1 / `steps`.
fn round(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

#[cfg(test)]
mod tests;
