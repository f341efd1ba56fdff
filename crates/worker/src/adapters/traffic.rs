//! The platform's counters of requests.

use std::{cell::RefCell, time::Duration};

use async_trait::async_trait;
use futures_util::future::join_all;
use js_sys::Reflect;
use oslira_app::{
    http::{Admission, LocalCounts, TrafficKey, TrafficLimiter},
    shared::{clock::Clock as _, expiring::Expiring},
};
use wasm_bindgen::JsCast as _;
use worker::{Env, Error, RateLimiter, Result, send::SendFuture};

use super::{PlatformClock, deadline::within};

/// A client that was refused is refused for so long without asking again, so that a flood costs next to nothing. Less than what it
/// is told to wait.
const REFUSED_MS: i64 = 1_000;
const REFUSED_MAX: usize = 1_024;
/// A counter is in the same place as the Worker. Each request waits for it, so one that is stuck must not hold all of them up.
const PATIENCE: Duration = Duration::from_millis(100);

thread_local! {
    static COUNTS: RefCell<LocalCounts> = RefCell::default();
    static REFUSED: RefCell<Expiring<TrafficKey, ()>> = RefCell::new(Expiring::new(REFUSED_MAX));
}

/// A counter by the name of its binding. `Env::rate_limiter` asks what the binding's class is called, which nobody has documented: by
/// another name all requests would go uncounted.
pub fn limiter(env: &Env, binding: &str) -> Result<RateLimiter> {
    let found = Reflect::get(env.as_ref(), &binding.into())?;
    if found.is_undefined() {
        return Err(Error::BindingError(binding.to_owned()));
    }
    Ok(found.unchecked_into())
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

    async fn limit(&self, key: &TrafficKey) -> Result<bool> {
        Ok(limiter(&self.env, key.class.binding())?.limit(key.text()).await?.success)
    }

    /// A counter that does not answer keeps nobody out: the exact limits are the database's.
    async fn ask(&self, key: &TrafficKey) -> Admission {
        let now_ms = PlatformClock.now().as_millisecond();
        if !COUNTS.with_borrow_mut(|counts| counts.is_much(key, self.scale, now_ms)) {
            return Admission::Admitted;
        }
        let binding = key.class.binding();
        match within(PATIENCE, self.limit(key)).await {
            Some(Ok(true)) => Admission::Admitted,
            Some(Ok(false)) => Admission::Refused,
            Some(Err(error)) => {
                tracing::warn!(binding, %error, "a request was not counted");
                Admission::NotCounted
            }
            None => {
                tracing::warn!(binding, "a request was not counted in time");
                Admission::NotCounted
            }
        }
    }
}

/// What is known without asking; `None` if none of these counters has refused lately.
fn refused_lately(keys: &[TrafficKey]) -> Option<Vec<Admission>> {
    let now_ms = PlatformClock.now().as_millisecond();
    let is_refused = |key: &TrafficKey| REFUSED.with_borrow(|refused| refused.get(key, now_ms).is_some());
    let known = keys.iter().map(|key| if is_refused(key) { Admission::Refused } else { Admission::Admitted });
    Some(known.collect::<Vec<Admission>>()).filter(|known| known.contains(&Admission::Refused))
}

fn remember_refused(key: &TrafficKey) {
    let now_ms = PlatformClock.now().as_millisecond();
    let until_ms = now_ms.saturating_add(REFUSED_MS);
    REFUSED.with_borrow_mut(|refused| refused.insert(key.clone(), (), now_ms, until_ms));
}

#[async_trait]
impl TrafficLimiter for Limiter {
    async fn admit(&self, keys: &[TrafficKey]) -> Vec<Admission> {
        if let Some(known) = refused_lately(keys) {
            return known;
        }
        let said = SendFuture::new(join_all(keys.iter().map(|key| self.ask(key)))).await;
        for (key, _) in keys.iter().zip(&said).filter(|(_, said)| **said == Admission::Refused) {
            remember_refused(key);
        }
        said
    }

    fn scale(&self) -> u32 {
        self.scale
    }
}
