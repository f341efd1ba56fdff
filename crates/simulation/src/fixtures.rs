//! What every history starts with: one customer, one business, and the Instagram profiles that exist.

use std::sync::LazyLock;

use jiff::Timestamp;
use oslira_app::{
    features::{
        analysis::Assignment,
        business::{BusinessContext, IdealCustomer},
        judging::{CallKind, examples},
        profiles::{DETAILS_POSTS, Found, InstagramHandle, Post, PostKind, PostsWindow, Profile, ScrapePart, Snapshot},
    },
    shared::{
        analysis_type::AnalysisType,
        ids::{AccountId, BusinessProfileId, UserId},
    },
};
use uuid::Uuid;

use crate::world::EPOCH_MS;

/// How long a profile that changes keeps its followers, in milliseconds.
const CHANGES_EVERY_MS: i64 = 2 * 60_000;

/// How many posts a profile has when the time begins: more than the profile itself shows.
const POSTS_AT_FIRST: u64 = 14;
/// How often a profile posts, in seconds: of the jumps in time some bring no new post, some a few, some more than the
/// profile itself shows.
const POSTS_EVERY_S: i64 = 8 * 3_600;
/// How many posts the beginner has, who never posts again.
const POSTS_OF_THE_BEGINNER: u64 = 3;

/// The customer of a history. A replay against the real database puts that database's ids here.
#[derive(Debug, Clone, Copy)]
pub struct Customer {
    pub user: UserId,
    pub account: AccountId,
    pub business_profile: BusinessProfileId,
}

impl Default for Customer {
    fn default() -> Self {
        let id = Uuid::from_u128;
        Self {
            user: UserId::new(id(1)),
            account: AccountId::new(id(2)),
            business_profile: BusinessProfileId::new(id(3)),
        }
    }
}

/// The profiles on Instagram, the business, and the models' answers.
#[derive(Debug, Clone, Copy)]
pub struct Fixtures;

impl Fixtures {
    /// The usernames that customers ask for; repeated ones are asked for more often. [`Fixtures::found`] says what is
    /// found under each.
    pub const USERNAMES: [&str; 9] =
        ["runner", "cook", "dancer", "beginner", "cook", "dancer", "private.person", "nobody", "restricted.page"];

    /// The types that are bought: LIGHT more often than the other two together.
    pub const KINDS: [AnalysisType; 5] =
        [AnalysisType::Light, AnalysisType::Deep, AnalysisType::Light, AnalysisType::Xray, AnalysisType::Light];

    /// What a run is to do, for the one business of all histories.
    #[must_use]
    pub fn assignment(customer: Customer, username: InstagramHandle, analysis_type: AnalysisType) -> Assignment {
        Assignment {
            account_id: customer.account,
            username,
            analysis_type,
            business: BusinessContext {
                id: customer.business_profile,
                name: "Kernel Kitchen".to_owned(),
                offering: "Meals".to_owned(),
                target_audience: "People who train".to_owned(),
                voice: None,
                do_not_say: vec![],
                competitors: vec![],
                proof_points: vec![],
                ideal_customer: IdealCustomer { follower_min: Some(100), ..IdealCustomer::default() },
                context_version: 1,
            },
            paused: vec![],
        }
    }

    /// What a scrape finds at a moment. Followers come and go, the runner's excepted.
    #[must_use]
    pub fn found(username: &InstagramHandle, part: ScrapePart, now_ms: i64) -> Found {
        match (username.as_str(), part) {
            ("nobody", _) => Found::NotFound,
            ("private.person", ScrapePart::Details) => Found::Private,
            // Apify's posts actor returns no posts for a private profile and does not say why.
            ("private.person", ScrapePart::Posts(_)) => Found::Posts(vec![]),
            ("restricted.page", _) => Found::Restricted,
            ("mute.page", ScrapePart::Posts(_)) => Found::Posts(vec![]),
            (name, ScrapePart::Details) => {
                let moves = if name == "dancer" || name == "cook" {
                    now_ms.div_euclid(CHANGES_EVERY_MS).rem_euclid(4)
                } else {
                    0
                };
                // 1000, 1400, 1800, 2200 and 1000 again: each move is above the 10 % that make older analyses stale.
                let followers = 1_000 + 400 * moves.unsigned_abs();
                Found::Profile(Box::new(profile(username.clone(), followers, now_ms)))
            }
            (name, ScrapePart::Posts(window)) => Found::Posts(posts(name, window, now_ms)),
        }
    }

    /// What a deep analysis of a moment has stored; `None` where the profile cannot be read.
    #[must_use]
    pub fn deep_snapshot(name: &str, now_ms: i64) -> Option<Snapshot> {
        let depth = AnalysisType::Deep.config().posts;
        let username = name.parse().ok()?;
        let Found::Profile(mut profile) = Self::found(&username, ScrapePart::Details, now_ms) else { return None };
        profile.take_posts(posts(name, PostsWindow { count: depth, newer_than: None }, now_ms));
        let scraped_at = Timestamp::from_millisecond(now_ms).ok()?;
        Some(Snapshot { profile: *profile, scraped_at, depth, posts_read_at: None, source: "sandbox".to_owned() })
    }

    /// Whether a snapshot has every post of its profile that there was at its time, as far as it is deep: also one that
    /// goes on from the posts of an earlier one.
    pub fn is_complete(snapshot: &Snapshot) -> Result<(), String> {
        let name = snapshot.profile.username.as_str();
        let window = PostsWindow { count: snapshot.depth, newer_than: None };
        // A post may appear while a profile is read: the posts actor, which ended later, shows it in place of the oldest.
        let newest = snapshot.profile.posts.iter().filter_map(|post| post.taken_at).max();
        let read_at = newest.map_or(snapshot.scraped_at, |newest| newest.max(snapshot.scraped_at));
        let there_were = posts(name, window, read_at.as_millisecond());
        let has = |post: &Post| snapshot.profile.posts.iter().any(|own| own.short_code == post.short_code);
        match there_were.iter().find(|post| !has(post)) {
            Some(missing) => Err(format!("a snapshot of @{name} lacks the post {}", missing.short_code)),
            None => Ok(()),
        }
    }

    /// An answer that fits the call's schema.
    #[must_use]
    pub fn judgement(call: CallKind) -> &'static str {
        static TEXTS: LazyLock<Vec<(CallKind, String)>> =
            LazyLock::new(|| CallKind::ALL.into_iter().map(|call| (call, examples::text(call).to_string())).collect());
        TEXTS.iter().find(|(of, _)| *of == call).map_or("", |(_, text)| text)
    }
}

fn posts_count(name: &str, now_ms: i64) -> u64 {
    match name {
        "beginner" => POSTS_OF_THE_BEGINNER,
        _ => POSTS_AT_FIRST + (now_ms - EPOCH_MS).div_euclid(1_000 * POSTS_EVERY_S).unsigned_abs(),
    }
}

/// The posts of a profile at a moment, the newest first.
fn posts(name: &str, window: PostsWindow, now_ms: i64) -> Vec<Post> {
    let newest = posts_count(name, now_ms);
    let all = (1..=newest).rev().take(window.count as usize).map(post);
    all.filter(|post| window.newer_than.is_none_or(|since| post.taken_at.is_some_and(|at| at > since))).collect()
}

/// The post that made a profile have so many.
fn post(number: u64) -> Post {
    let after_s = (i64::try_from(number).unwrap_or(0) - POSTS_AT_FIRST as i64) * POSTS_EVERY_S;
    Post {
        short_code: format!("post{number}"),
        kind: PostKind::Image,
        caption: "Breakfast".to_owned(),
        hashtags: vec![],
        mentions: vec![],
        likes: Some(10),
        comments: Some(1),
        video_views: None,
        taken_at: Timestamp::from_second(EPOCH_MS / 1_000 + after_s).ok(),
        is_pinned: false,
        is_anothers: false,
        location: None,
        newest_comments: vec![],
    }
}

fn profile(username: InstagramHandle, followers: u64, now_ms: i64) -> Profile {
    let shown = PostsWindow { count: DETAILS_POSTS, newer_than: None };
    Profile {
        display_name: "Someone".to_owned(),
        biography: format!("{}.", examples::QUOTE),
        followers,
        following: 10,
        posts_count: posts_count(username.as_str(), now_ms),
        category: None,
        external_url: None,
        links: vec![],
        profile_pic_url: Some("https://pictures.example/1.jpg".to_owned()),
        country: None,
        is_verified: false,
        is_business: false,
        posts: posts(username.as_str(), shown, now_ms),
        renamed_to: None,
        // Of the others it must be told by their posts who they are.
        instagram_id: (username.as_str() == "runner").then(|| "1".to_owned()),
        username,
    }
}
