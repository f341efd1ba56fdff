//! Cron: every five minutes, care for runs that lost their engine. The local stack also calls it once when it starts.

use jiff::SignedDuration;
use oslira_app::features::analysis::{care_for_runs, config::STALE_WAKE};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use worker::{Delay, Env};

use crate::{
    adapters::{Board, Launcher},
    compose,
};

/// Sent by the local runner when it starts: every engine has just died, so every active run is woken.
const LOCAL_START: &str = "@start";

/// Runs the job of `cron`.
#[wasm_bindgen]
pub async fn scheduled(cron: String, env: JsValue) -> Result<(), JsValue> {
    let env: Env = env.unchecked_into();
    let starting = cron == LOCAL_START && compose::isolate(&env).config.is_local();
    let wake_age = if starting { SignedDuration::ZERO } else { STALE_WAKE };
    let (runs, launcher, board) = (compose::admin(&env), Launcher::new(&env), Board::new(&env));
    let grace = async |duration| Delay::from(duration).await;
    match care_for_runs(runs.as_ref(), &launcher, &board, wake_age, grace).await {
        Ok(report) => {
            tracing::info!(cron, woken = report.woken, swept = report.swept, "care for runs");
            Ok(())
        }
        Err(error) => {
            tracing::error!(cron, %error, "care for runs failed");
            Err(js_sys::Error::new("care for runs failed").into())
        }
    }
}
