//! Instagram profiles: how they are named, scraped, kept and compared.

mod change;
mod handle;
mod model;
mod ports;
mod source;
#[cfg(test)]
pub mod testing;

pub use change::changed_significantly;
pub use handle::{InstagramHandle, InvalidHandle};
pub use model::{Post, PostKind, Profile, Snapshot, SnapshotKey};
pub use ports::{PictureStore, SnapshotStore};
pub use source::{Collected, DETAILS_POSTS, Found, ProfileSource, ScrapeFault, ScrapePart, ScrapeTicket, ScrapeUsage};
