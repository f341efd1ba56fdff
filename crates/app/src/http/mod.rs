//! What all handlers share: the envelope, errors with stable codes, the caller's identity, limits and pagination.

mod app;
mod body;
mod envelope;
mod error;
mod idempotency;
mod member;
mod pagination;
mod path;
mod router;

pub use app::{App, CallingUser, HttpConfig, Readiness, setting_fault};
pub use body::{BODY_BYTES_MAX, JsonBody};
pub use envelope::{Reply, RequestId};
pub use error::ApiError;
pub use idempotency::{IdempotencyKey, body_hash};
pub use pagination::{Cursor, Page, PageQuery};
pub use path::PathId;
pub use router::router;
