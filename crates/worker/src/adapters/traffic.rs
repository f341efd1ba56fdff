//! The platform's counters of requests.

use std::cell::RefCell;

use async_trait::async_trait;
use oslira_app::{
    http::{Client, TrafficClass, TrafficLimiter},
    shared::{clock::Clock as _, expiring::Expiring},
};
use worker::{Env, Result, send::SendFuture};

use super::PlatformClock;

/// A client that was refused is refused for so long without asking again, so that a flood costs next to nothing. Less than what it
/// is told to wait.
const REFUSED_MS: i64 = 1_000;
const REFUSED_MAX: usize = 1_024;

thread_local! {
    static REFUSED: RefCell<Expiring<(TrafficClass, Client), ()>> = RefCell::new(Expiring::new(REFUSED_MAX));
}

/// The Rate Limiting bindings: each location of the platform counts by itself, in its own memory.
pub struct Limiter {
    env: Env,
    scale: u32,
}

impl Limiter {
    pub fn new(env: &Env, scale: u32) -> Self {
        Self { env: env.clone(), scale }
    }

    async fn ask(&self, class: TrafficClass, client: &Client) -> Result<bool> {
        Ok(self.env.rate_limiter(class.binding())?.limit(client.key()).await?.success)
    }
}

#[async_trait]
impl TrafficLimiter for Limiter {
    async fn admit(&self, class: TrafficClass, client: &Client) -> bool {
        let key = (class, client.clone());
        let now_ms = PlatformClock.now().as_millisecond();
        if REFUSED.with_borrow(|refused| refused.get(&key, now_ms).is_some()) {
            return false;
        }
        // A counter that does not answer keeps nobody out: the exact limits are the database's.
        let is_admitted = SendFuture::new(self.ask(class, client)).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "a request was not counted");
            true
        });
        if !is_admitted {
            let now_ms = PlatformClock.now().as_millisecond();
            REFUSED.with_borrow_mut(|refused| refused.insert(key, (), now_ms, now_ms.saturating_add(REFUSED_MS)));
        }
        is_admitted
    }

    fn scale(&self) -> u32 {
        self.scale
    }
}
