//! The buckets of this isolate, and the platform's counters of requests.

use std::{cell::RefCell, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::join_all;
use js_sys::Reflect;
use oslira_app::{
    http::{Buckets, COUNTER_WINDOW_S, Drawn, Refused, TrafficKey, TrafficLimiter},
    shared::{clock::Clock as _, expiring::Expiring},
};
use wasm_bindgen::JsCast as _;
use worker::{Env, Error, RateLimiter, Result, send::SendFuture};

use super::{PlatformClock, deadline::within};

/// Whom a counter has refused is refused for so long without asking again. Less than what they are told to wait.
const REFUSED_MS: u32 = 1_000;
const REFUSED_MAX: usize = 1_024;
/// A counter is in the same place as the Worker. Each request waits for it, so one that is stuck must not hold all of them up.
const PATIENCE: Duration = Duration::from_millis(100);

thread_local! {
    static BUCKETS: RefCell<Option<Buckets>> = const { RefCell::new(None) };
    static REFUSED: RefCell<Expiring<TrafficKey, i64>> = RefCell::new(Expiring::new(REFUSED_MAX));
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

    /// Draws from the bucket of a key; answers whether the platform is to be asked as well.
    fn draw(&self, key: &TrafficKey) -> Result<bool, Refused> {
        let drawn = BUCKETS.with_borrow_mut(|slot| {
            slot.get_or_insert_with(|| Buckets::new(Arc::new(PlatformClock), self.scale)).draw(key)
        });
        match drawn {
            Drawn::Rare => Ok(false),
            Drawn::Frequent => Ok(true),
            Drawn::Empty { for_ms } => {
                Err(Refused { class: key.class, after_s: for_ms.div_ceil(1_000), certain_ms: for_ms })
            }
        }
    }

    /// A counter that does not answer keeps nobody out: the exact limits are the database's.
    async fn ask(&self, key: &TrafficKey) -> Result<(), Refused> {
        let binding = key.class.binding();
        match within(PATIENCE, self.limit(key)).await {
            Some(Ok(true)) => {}
            Some(Ok(false)) => {
                remember_refused(key);
                return Err(refused_by_counter(key, REFUSED_MS));
            }
            Some(Err(error)) => tracing::warn!(binding, %error, "a request was not counted"),
            None => tracing::warn!(binding, "a request was not counted in time"),
        }
        Ok(())
    }
}

/// The first of them whose counter has refused lately.
fn refused_lately(keys: &[TrafficKey]) -> Option<Refused> {
    let now_ms = PlatformClock.now().as_millisecond();
    keys.iter().find_map(|key| {
        let until_ms = REFUSED.with_borrow(|refused| refused.get(key, now_ms).copied())?;
        Some(refused_by_counter(key, u32::try_from(until_ms.saturating_sub(now_ms)).unwrap_or_default()))
    })
}

const fn refused_by_counter(key: &TrafficKey, certain_ms: u32) -> Refused {
    Refused { class: key.class, after_s: COUNTER_WINDOW_S, certain_ms }
}

fn remember_refused(key: &TrafficKey) {
    let now_ms = PlatformClock.now().as_millisecond();
    let until_ms = now_ms.saturating_add(i64::from(REFUSED_MS));
    REFUSED.with_borrow_mut(|refused| refused.insert(key.clone(), until_ms, now_ms, until_ms));
}

#[async_trait]
impl TrafficLimiter for Limiter {
    async fn admit(&self, keys: &[TrafficKey]) -> Result<(), Refused> {
        if let Some(refused) = refused_lately(keys) {
            return Err(refused);
        }
        let mut frequent = Vec::new();
        for key in keys {
            if self.draw(key)? {
                frequent.push(key);
            }
        }
        let said = SendFuture::new(join_all(frequent.into_iter().map(|key| self.ask(key)))).await;
        said.into_iter().collect()
    }

    fn scale(&self) -> u32 {
        self.scale
    }
}
