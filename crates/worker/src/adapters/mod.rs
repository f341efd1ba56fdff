//! What the product's ports are on this platform.

mod accounts;
mod blocked;
mod board;
mod connections;
mod crypto;
mod database;
mod deadline;
mod event_inbox;
mod fetch;
mod gate;
mod launcher;
mod objects;
mod pictures;
mod platform;
mod snapshots;
mod telemetry;
mod traffic;

pub use accounts::Accounts;
pub use blocked::BlockMemory;
pub use board::{Board, Opened, QUESTION};
pub use connections::{new_connection_id, tell_account};
pub use crypto::WebCrypto;
pub use database::{operator_login, system_login, tenant_login};
pub use event_inbox::{BillingMessage, Inbox, StoredEvent};
pub use fetch::Fetch;
pub use gate::{Gate, in_time, new_scrape_id};
pub use launcher::Launcher;
pub use objects::call_object;
pub use pictures::PictureCopies;
pub use platform::{PlatformClock, PlatformIds, PlatformPause, PlatformReadiness};
pub use snapshots::Snapshots;
pub use telemetry::{PlatformTelemetry, SentryMemory, report_error, turn_telemetry_off};
pub use traffic::Limiter;

/// The R2 bucket of snapshots and pictures, as in `wrangler.jsonc`.
const PROFILES_BUCKET: &str = "PROFILES";
