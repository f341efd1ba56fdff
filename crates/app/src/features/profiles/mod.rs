//! Instagram profiles: how they are named, scraped, kept and compared.

mod change;
mod earlier_posts;
mod handle;
mod lifetimes;
mod model;
mod object_keys;
mod pictures;
mod ports;
mod scrape_plan;
mod snapshot_pointer;
mod source;
#[cfg(test)]
pub mod testing;

pub use change::changed_significantly;
pub use earlier_posts::EarlierPosts;
pub use handle::{InstagramHandle, InvalidHandle};
pub use lifetimes::{FORGET_CALLS_MAX, ForgetReport, SNAPSHOT_LIFETIME, forget_profiles};
pub use model::{Link, Post, PostKind, Profile, Snapshot, SnapshotKey};
pub use object_keys::{picture_key, pointer_key, snapshot_key, snapshots_of};
pub use pictures::{PICTURE_BYTES_MAX, PICTURE_TIMEOUT, PictureSource, picture_type};
pub use ports::{AbandonedWhen, PictureStore, ProfileRecords, SnapshotStore};
pub use scrape_plan::{PostsRead, Rest, ScrapePlan};
pub use snapshot_pointer::{KnownSnapshot, SnapshotPointer};
pub use source::{DETAILS_POSTS, Found, PostsWindow, ScrapeFault, ScrapePart, ScrapeTicket, ScrapeUsage};
