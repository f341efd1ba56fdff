//! The engine behind the `Steps` port: Cloudflare Workflows.

use std::{future::Future, time::Duration};

use oslira_app::{
    features::analysis::{BulkLeg, analyse, run_bulk},
    shared::{
        ids::{BulkId, RunId},
        steps::{AttemptFailed, StepFailed, Steps, TRANSIENT_RETRIES_MAX},
    },
    triggers::WorkflowClass,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use worker::Env;
use workers_workflows::{Backoff, Event, Retries, Step, StepConfig, StepError, WorkflowError};

use crate::{compose, isolate};

/// Longer than any single wait inside a step.
const STEP_TIMEOUT: Duration = Duration::from_secs(180);

/// What an instance is created with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The run; also the instance's id.
    pub run_id: RunId,
}

/// What an instance of a bulk is created with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BulkParams {
    pub bulk_id: BulkId,
    /// Which lines it starts: those that are pending when it begins.
    pub leg: BulkLeg,
}

struct Engine(Step);

impl Steps for Engine {
    async fn run_as<T, F, Fut>(&self, name: &str, effect: F) -> Result<T, StepFailed>
    where
        T: Serialize + DeserializeOwned + 'static,
        F: Fn() -> Fut + 'static,
        Fut: Future<Output = Result<T, AttemptFailed>> + 'static,
    {
        let config = StepConfig {
            // Only for stores that are down: the body repeats calls to providers itself, with durable sleeps.
            retries: Some(Retries {
                limit: TRANSIENT_RETRIES_MAX,
                delay: Duration::from_secs(1),
                backoff: Backoff::Exponential,
            }),
            timeout: Some(STEP_TIMEOUT),
        };
        let attempt = move || {
            let effect = effect();
            async move {
                effect.await.map_err(|error| match error {
                    AttemptFailed::Retryable(why) => StepError::Retry(why),
                    AttemptFailed::Terminal(why) => StepError::Fatal(why),
                })
            }
        };
        self.0.run(name, &config, attempt).await.map_err(|error| failed(name, &error))
    }

    async fn sleep(&self, name: &str, duration: Duration) -> Result<(), StepFailed> {
        self.0.sleep(name, duration).await.map_err(|error| failed(name, &error))
    }
}

fn failed(step: &str, error: &WorkflowError) -> StepFailed {
    StepFailed { step: step.to_owned(), message: error.to_string(), is_unreadable: error.is_unreadable_result() }
}

/// The body of every workflow: `class` is the name of the JavaScript class that the engine started.
#[wasm_bindgen]
pub async fn run_workflow(class: String, event: JsValue, step: Step, env: JsValue) -> Result<(), JsValue> {
    let env: Env = env.unchecked_into();
    // Without them after a minute it goes on: what it asks is refused then, and the run refunded.
    isolate::prepare_work(&env).await;
    match WorkflowClass::named(&class) {
        Some(WorkflowClass::Analysis) => run_analysis(event, step, &env).await,
        Some(WorkflowClass::Bulk) => run_list(event, step, &env).await,
        None => {
            tracing::error!(class, "no body belongs to this class of workflows");
            Err(StepError::Fatal("no such workflow".to_owned()).into())
        }
    }
}

async fn run_analysis(event: JsValue, step: Step, env: &Env) -> Result<(), JsValue> {
    let event: Event<Params> =
        Event::from_js(event).map_err(|error| JsValue::from(StepError::Fatal(error.to_string())))?;
    let run = event.payload.run_id;
    analyse(&Engine(step), compose::workflow(env), run).await.map_err(|error| {
        tracing::error!(run_id = %run, %error, "workflow given up; the five-minute job will refund the run");
        js_sys::Error::new(&error.to_string()).into()
    })
}

async fn run_list(event: JsValue, step: Step, env: &Env) -> Result<(), JsValue> {
    let event: Event<BulkParams> =
        Event::from_js(event).map_err(|error| JsValue::from(StepError::Fatal(error.to_string())))?;
    let bulk = event.payload.bulk_id;
    run_bulk(&Engine(step), compose::bulk(env), bulk).await.map_err(|error| {
        tracing::error!(bulk_id = %bulk, %error, "bulk workflow given up; the five-minute job goes on with its lines");
        js_sys::Error::new(&error.to_string()).into()
    })
}
