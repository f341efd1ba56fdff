//! Small values for the unit tests of this feature.

use jiff::Timestamp;

use super::{Post, PostKind, Profile, Snapshot};

pub fn post(taken_at: &str, likes: Option<u64>, comments: Option<u64>) -> Post {
    Post {
        short_code: taken_at.to_owned(),
        kind: PostKind::Image,
        caption: String::new(),
        hashtags: vec![],
        mentions: vec![],
        likes,
        comments,
        video_views: None,
        taken_at: Some(taken_at.parse().unwrap()),
        is_pinned: false,
        is_anothers: false,
        location: None,
        newest_comments: vec![],
    }
}

/// A snapshot of 2026-11-20T12:00Z.
pub fn snapshot(followers: u64, posts: Vec<Post>) -> Snapshot {
    Snapshot {
        profile: Profile {
            username: "someone".parse().unwrap(),
            instagram_id: None,
            display_name: "Someone".to_owned(),
            biography: String::new(),
            followers,
            following: 10,
            posts_count: posts.len() as u64,
            category: None,
            external_url: None,
            links: vec![],
            profile_pic_url: None,
            country: None,
            is_verified: false,
            is_business: false,
            posts,
            renamed_to: None,
        },
        scraped_at: "2026-11-20T12:00:00Z".parse::<Timestamp>().unwrap(),
        depth: 12,
        posts_read_at: None,
        source: "sandbox".to_owned(),
    }
}
