//! Points and error reports: gathered while an invocation works, and delivered behind its answer by `entry.js`.
//!
//! What one invocation gathered may be delivered by another one of the isolate: it is data, and belongs to nobody's connection.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use oslira_app::shared::{
    clock::Clock as _,
    telemetry::{ErrorReport, Outbox, Parcel, Point, Telemetry},
};
use oslira_providers::{LocalPoints, QuotaMemory, Sentry};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use worker::{AnalyticsEngineDataPointBuilder, Delay, Env};

use super::{PlatformClock, PlatformIds};
use crate::isolate::{self, Isolate};

/// The dataset of Workers Analytics Engine, as in `wrangler.jsonc`.
const DATASET_BINDING: &str = "TELEMETRY";
/// A local stack's points leave together, so that a request costs it no call of its own.
const GATHERED_FOR: Duration = Duration::from_millis(200);
/// Whoever gathers is believed to be alive for so long.
const GATHERED_WITHIN_MS: i64 = 2_000;

thread_local! {
    static OUTBOX: RefCell<Outbox> = const { RefCell::new(Outbox::new()) };
    /// Until when somebody gathers a local stack's points.
    static GATHERED_UNTIL_MS: Cell<i64> = const { Cell::new(0) };
    /// `TELEMETRY_OFF`, of a local stack only.
    static IS_OFF: Cell<bool> = const { Cell::new(false) };
}

/// Whether this isolate tells nothing of what happens. Errors are reported all the same.
pub fn turn_telemetry_off(is_off: bool) {
    IS_OFF.set(is_off);
}

/// Takes points into the outbox of the isolate.
pub struct PlatformTelemetry;

impl Telemetry for PlatformTelemetry {
    fn record(&self, point: Point) {
        OUTBOX.with_borrow_mut(|outbox| outbox.add_point(PlatformClock.now(), point));
    }

    fn is_on(&self) -> bool {
        !IS_OFF.get()
    }
}

/// Takes an error into the outbox of the isolate.
pub fn report_error(report: ErrorReport) {
    OUTBOX.with_borrow_mut(|outbox| outbox.add_report(PlatformClock.now(), report));
}

/// Whether something waits to be delivered. A call of its own, so that nothing is awaited when nothing waits.
#[wasm_bindgen]
pub fn has_telemetry() -> bool {
    OUTBOX.with_borrow(|outbox| !outbox.is_empty())
}

/// Delivers what waits. It cannot fail: what cannot be delivered is in the log.
#[wasm_bindgen]
pub async fn deliver_telemetry(env: JsValue) {
    let env: Env = env.unchecked_into();
    // A module that has just begun, as after a trap, does not know yet where errors are reported.
    isolate::prepare(&env).await;
    let isolate = Isolate::of(&env);
    if isolate.local_points.is_some() && !has_gathered().await {
        return;
    }
    let parcel = OUTBOX.with_borrow_mut(Outbox::take);
    write(&env, &parcel);
    if let Some(points) = &isolate.local_points {
        keep(points, &parcel).await;
    }
    if let Some(sentry) = &isolate.sentry {
        report(sentry, &parcel).await;
    }
}

/// Waits for others' points, unless somebody else does it, who then takes these too.
async fn has_gathered() -> bool {
    let now_ms = PlatformClock.now().as_millisecond();
    if now_ms < GATHERED_UNTIL_MS.get() {
        return false;
    }
    GATHERED_UNTIL_MS.set(now_ms.saturating_add(GATHERED_WITHIN_MS));
    Delay::from(GATHERED_FOR).await;
    GATHERED_UNTIL_MS.set(0);
    true
}

/// The platform takes a point without an answer. Locally it keeps none.
fn write(env: &Env, parcel: &Parcel) {
    if parcel.lost > 0 {
        tracing::warn!(lost = parcel.lost, "points were left out: an invocation may write so many only");
    }
    let dataset = match env.analytics_engine(DATASET_BINDING) {
        Ok(dataset) => dataset,
        Err(error) => {
            tracing::warn!(%error, "no dataset for the points");
            return;
        }
    };
    for (_, point) in &parcel.points {
        let written = AnalyticsEngineDataPointBuilder::new()
            .indexes([point.index.as_str()])
            .blobs(point.blobs.iter().map(String::as_str))
            .doubles(point.doubles.iter().copied())
            .write_to(&dataset);
        if let Err(error) = written {
            tracing::warn!(%error, "a point was not written");
        }
    }
}

async fn keep(points: &LocalPoints, parcel: &Parcel) {
    if !parcel.points.is_empty()
        && let Err(error) = points.keep(&parcel.points).await
    {
        tracing::warn!(%error, "the sandbox did not keep the points");
    }
}

async fn report(sentry: &Sentry, parcel: &Parcel) {
    let lost = sentry.report_all(&parcel.reports, &PlatformIds, &PlatformClock).await;
    if lost > 0 {
        // As a warning: an error would be reported too.
        tracing::warn!(lost, "reports did not reach Sentry");
    }
}

/// A property of JavaScript's global object: a fresh module after a trap begins with a memory of its own.
pub struct SentryMemory;

const SENTRY_MEMORY: &str = "osliraSentryQuota";

impl QuotaMemory for SentryMemory {
    fn read(&self) -> Option<String> {
        js_sys::Reflect::get(&js_sys::global(), &SENTRY_MEMORY.into()).ok()?.as_string()
    }

    fn write(&self, text: &str) {
        // It cannot fail: the global object takes properties.
        js_sys::Reflect::set(&js_sys::global(), &SENTRY_MEMORY.into(), &text.into()).ok();
    }
}
