//! Waiting for the platform, but not for ever.

use std::time::Duration;

use futures_util::future::{Either, select};
use worker::Delay;

/// What the work gives within `patience`; `None` when it is late. What it has begun may happen all the same.
pub async fn within<T>(patience: Duration, work: impl Future<Output = T>) -> Option<T> {
    let work = std::pin::pin!(work);
    match select(work, Delay::from(patience)).await {
        Either::Left((given, _)) => Some(given),
        Either::Right(_) => None,
    }
}
