//! A scraped Instagram profile, decoded. Everything in it was written by a stranger.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::InstagramHandle;

/// What a scrape saw. A count that the provider left out is a decoding error, never a zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The username that was asked for.
    pub username: InstagramHandle,
    /// Instagram's own id, which stays when the username changes; absent where the scraper did not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instagram_id: Option<String>,
    pub display_name: String,
    pub biography: String,
    pub followers: u64,
    pub following: u64,
    /// All posts ever, not only those scraped.
    pub posts_count: u64,
    /// The category of a business account.
    pub category: Option<String>,
    /// The link in the bio.
    pub external_url: Option<String>,
    /// All links of the bio, that one among them. Snapshots from before have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Instagram's address of the picture; it expires within hours.
    pub profile_pic_url: Option<String>,
    /// The country that Instagram states, where it does.
    pub country: Option<String>,
    pub is_verified: bool,
    pub is_business: bool,
    /// The newest posts, newest first; those without a time come last.
    pub posts: Vec<Post>,
    /// The present name, if the profile was renamed since it had the one that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_to: Option<InstagramHandle>,
}

impl Profile {
    /// Takes a longer list of posts in place of those that came with the profile. Only those that came with the profile
    /// say which posts are pinned. A post that is in one of the two lists only is kept.
    pub fn take_posts(&mut self, posts: Vec<Post>) {
        let shown = std::mem::replace(&mut self.posts, posts);
        for old in shown {
            match self.posts.iter_mut().find(|post| post.short_code == old.short_code) {
                Some(post) => {
                    post.is_pinned |= old.is_pinned;
                    // The posts alone do not say that an owner is this profile under its new name.
                    post.is_anothers &= old.is_anothers;
                }
                None => self.posts.push(old),
            }
        }
        self.posts.sort_by_key(|post| std::cmp::Reverse(post.taken_at));
    }
}

/// A link of a bio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub url: String,
    /// What its owner calls it: often what is sold there.
    pub title: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Post {
    /// The code in its address.
    pub short_code: String,
    pub kind: PostKind,
    pub caption: String,
    /// Hashtags without `#`.
    pub hashtags: Vec<String>,
    /// Mentioned usernames without `@`.
    pub mentions: Vec<String>,
    /// Likes; absent when hidden or unknown.
    pub likes: Option<u64>,
    /// Comments; absent when hidden or unknown.
    pub comments: Option<u64>,
    pub video_views: Option<u64>,
    /// When it was posted.
    pub taken_at: Option<Timestamp>,
    /// Pinned posts come first on a profile and are its best, so that averages leave them out.
    pub is_pinned: bool,
    /// Whether another account posted it, with this profile as co-author: its likes are those of the other's followers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_anothers: bool,
    /// The place it names.
    pub location: Option<String>,
    /// What others wrote under it last, newest first: texts alone, without who wrote them. Snapshots from before have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub newest_comments: Vec<String>,
}

/// The forms of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostKind {
    /// One picture.
    Image,
    /// A video or reel.
    Video,
    /// Several pictures or videos.
    Sidecar,
}

/// A profile as it was at one moment; never changed once stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub profile: Profile,
    pub scraped_at: Timestamp,
    /// How many of the newest posts were asked for. A profile with fewer posts is still this deep.
    pub depth: u32,
    /// When all of the posts were last read, if some of them were taken over from an earlier snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posts_read_at: Option<Timestamp>,
    /// Who scraped: `apify` or `sandbox`.
    pub source: String,
}

impl Snapshot {
    /// When all of the posts were last read.
    #[must_use]
    pub fn posts_read_at(&self) -> Timestamp {
        self.posts_read_at.unwrap_or(self.scraped_at)
    }
}

/// The key of a snapshot's object in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SnapshotKey(pub String);
