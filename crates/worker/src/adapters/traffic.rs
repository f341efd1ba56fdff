//! The buckets and permits of this isolate, and the platform's counters of requests.

use std::{cell::RefCell, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::join_all;
use js_sys::{Function, Promise, Reflect};
use oslira_app::{
    http::{Buckets, COUNTER_WINDOW_S, Client, Drawn, Permit, PermitId, Permits, Refused, TrafficKey, TrafficLimiter},
    shared::{clock::Clock as _, expiring::Expiring},
};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use worker::{Env, Error, RateLimiter, Result, send::SendFuture};

use super::{PlatformClock, deadline::within};

/// Whom a counter has refused is refused for so long without asking again. Less than what they are told to wait.
const REFUSED_MS: u32 = 1_000;
const REFUSED_MAX: usize = 1_024;
/// A counter is in the same place as the Worker. Each request waits for it, so one that is stuck must not hold all of them up.
const PATIENCE: Duration = Duration::from_millis(100);
/// Behind slow requests of its own, one that waits goes on after so long, the foremost first.
const PERMIT_PATIENCE: Duration = Duration::from_secs(2);

thread_local! {
    static PERMITS: RefCell<Option<Permits<Option<Function>>>> = const { RefCell::new(None) };
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

/// A permit that was taken, or is waited for.
struct Taken {
    client: Client,
    id: PermitId,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let now_ms = PlatformClock.now().as_millisecond();
        if let Some(waker) = with_permits(1, |permits| permits.give_back(&self.client, self.id, now_ms)).flatten() {
            // It cannot fail: it is the function that settles a promise.
            drop(waker.call0(&JsValue::UNDEFINED));
        }
    }
}

/// The permits of this isolate; whoever is first says with which scale.
fn with_permits<T>(scale: u32, work: impl FnOnce(&mut Permits<Option<Function>>) -> T) -> T {
    PERMITS.with_borrow_mut(|slot| work(slot.get_or_insert_with(|| Permits::new(scale))))
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

    async fn permit(&self, client: &Client) -> Permit {
        SendFuture::new(async {
            let mut given = None;
            let waker = || {
                let mut waker = None;
                given = Some(Promise::new(&mut |resolve, _| waker = Some(resolve)));
                waker
            };
            let now_ms = PlatformClock.now().as_millisecond();
            let (id, is_taken) = with_permits(self.scale, |permits| permits.take(client, now_ms, waker));
            let taken = Taken { client: client.clone(), id };
            if let Some(given) = given.filter(|_| !is_taken) {
                // The platform lets a promise of one request be settled by another (`handle_cross_request_promise_resolution`).
                let mut given = JsFuture::from(given);
                while within(PERMIT_PATIENCE, &mut given).await.is_none() {
                    let now_ms = PlatformClock.now().as_millisecond();
                    if with_permits(self.scale, |permits| permits.is_taken(client, id, now_ms)) {
                        break;
                    }
                }
            }
            Box::new(taken) as Permit
        })
        .await
    }

    fn scale(&self) -> u32 {
        self.scale
    }
}
