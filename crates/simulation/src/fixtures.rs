//! What every history starts with: one customer, one business, and the Instagram profiles that exist.

use std::sync::LazyLock;

use jiff::Timestamp;
use oslira_app::{
    features::{
        analysis::Assignment,
        business::{BusinessContext, IdealCustomer},
        judging::{CallKind, examples},
        profiles::{Found, InstagramHandle, Post, PostKind, Profile, ScrapePart},
    },
    shared::{
        analysis_type::AnalysisType,
        ids::{AccountId, BusinessProfileId, UserId},
    },
};
use uuid::Uuid;

/// How long a profile that changes keeps its followers, in milliseconds.
const CHANGES_EVERY_MS: i64 = 2 * 60_000;

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
        ["runner", "cook", "dancer", "runner", "cook", "dancer", "private.person", "nobody", "restricted.page"];

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
                Found::Profile(Box::new(profile(username.clone(), followers)))
            }
            (_, ScrapePart::Posts(_)) => Found::Posts(vec![post("abc"), post("def")]),
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

fn post(short_code: &str) -> Post {
    Post {
        short_code: short_code.to_owned(),
        kind: PostKind::Image,
        caption: "Breakfast".to_owned(),
        hashtags: vec![],
        mentions: vec![],
        likes: Some(10),
        comments: Some(1),
        video_views: None,
        taken_at: Some(Timestamp::UNIX_EPOCH),
        is_pinned: false,
        is_anothers: false,
        location: None,
        newest_comments: vec![],
    }
}

fn profile(username: InstagramHandle, followers: u64) -> Profile {
    Profile {
        username,
        display_name: "Someone".to_owned(),
        biography: format!("{}.", examples::QUOTE),
        followers,
        following: 10,
        posts_count: 1,
        category: None,
        external_url: None,
        links: vec![],
        profile_pic_url: Some("https://pictures.example/1.jpg".to_owned()),
        country: None,
        is_verified: false,
        is_business: false,
        posts: vec![post("abc")],
        renamed_to: None,
    }
}
