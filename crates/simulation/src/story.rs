//! The fixed cast of every history: one customer, their business, the profiles they ask for.

use jiff::Timestamp;
use oslira_app::{
    features::{
        analysis::{AnalysisType, Assignment, Found, InstagramHandle, Post, PostKind, Profile},
        business::{BusinessContext, IdealCustomer},
    },
    shared::ids::{AccountId, BusinessProfileId, UserId},
};
use uuid::Uuid;

/// Who acts; the real database has its own ids for them.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// The user.
    pub user: UserId,
    /// The user's account.
    pub account: AccountId,
    /// The account's business profile.
    pub business_profile: BusinessProfileId,
}

impl Default for Person {
    fn default() -> Self {
        let id = Uuid::from_u128;
        Self {
            user: UserId::new(id(1)),
            account: AccountId::new(id(2)),
            business_profile: BusinessProfileId::new(id(3)),
        }
    }
}

/// What exists on Instagram and in the business's own words.
#[derive(Debug, Clone, Copy)]
pub struct Story;

impl Story {
    /// The usernames that customers ask for. What is found under each is fixed: see [`Story::found`].
    pub const USERNAMES: [&str; 9] =
        ["runner", "cook", "dancer", "runner", "cook", "dancer", "private.person", "nobody", "restricted.page"];

    /// The business that judges.
    #[must_use]
    pub fn assignment(person: Person, username: InstagramHandle) -> Assignment {
        Assignment {
            account_id: person.account,
            username,
            analysis_type: AnalysisType::Light,
            business: BusinessContext {
                id: person.business_profile,
                name: "Kernel Kitchen".to_owned(),
                offering: "Meals".to_owned(),
                target_audience: "People who train".to_owned(),
                ideal_customer: IdealCustomer { follower_min: Some(100), ..IdealCustomer::default() },
                context_version: 1,
            },
        }
    }

    /// What a scrape finds.
    #[must_use]
    pub fn found(username: &InstagramHandle) -> Found {
        match username.as_str() {
            "nobody" => Found::NotFound,
            "private.person" => Found::Private,
            "restricted.page" => Found::Restricted,
            _ => Found::Profile(Box::new(profile(username.clone()))),
        }
    }

    /// An answer that fits the schema.
    pub const JUDGEMENT: &str = r#"{"fit_score":70,"confidence":80,"summary":"A runner who cooks.","niche":"running",
        "reasons":["posts about meal prep"],"concerns":[],"outreach_opener":"Loved your long-run breakfast."}"#;
}

fn profile(username: InstagramHandle) -> Profile {
    Profile {
        username,
        display_name: "Someone".to_owned(),
        biography: "Runs.".to_owned(),
        followers: 1_000,
        following: 10,
        posts_count: 1,
        category: None,
        external_url: None,
        profile_pic_url: None,
        country: None,
        is_verified: false,
        is_business: false,
        posts: vec![Post {
            short_code: "abc".to_owned(),
            kind: PostKind::Image,
            caption: "Breakfast".to_owned(),
            hashtags: vec![],
            mentions: vec![],
            likes: Some(10),
            comments: Some(1),
            video_views: None,
            taken_at: Some(Timestamp::UNIX_EPOCH),
            is_pinned: false,
            location: None,
        }],
    }
}
