//! The step object.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use js_sys::{Function, Promise};
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned};
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use crate::{StepError, WorkflowError};

#[wasm_bindgen]
extern "C" {
    /// The object that Cloudflare passes to `run`.
    #[derive(Clone)]
    pub type Step;

    #[wasm_bindgen(method, catch, js_name = "do")]
    fn do_(this: &Step, name: &str, config: &JsValue, callback: &Function) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = sleep)]
    fn sleep_(this: &Step, name: &str, duration: f64) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = waitForEvent)]
    fn wait_for_event_(this: &Step, name: &str, options: &JsValue) -> Result<Promise, JsValue>;
}

/// What `run` is called with.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event<T> {
    /// The parameters given to `create`.
    pub payload: T,
    /// The instance's id.
    pub instance_id: String,
}

impl<T: DeserializeOwned> Event<T> {
    /// Reads the event object.
    ///
    /// # Errors
    /// [`WorkflowError`] when the payload is not a `T`.
    pub fn from_js(value: JsValue) -> Result<Self, WorkflowError> {
        serde_wasm_bindgen::from_value(value).map_err(|error| WorkflowError::encoding(&error))
    }
}

/// Limits of one step; what is left out is the engine's default (5 retries from 10 s, exponential; 10 minutes).
#[derive(Debug, Clone, Default, Serialize)]
pub struct StepConfig {
    /// Retries after the first attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<Retries>,
    /// The longest attempt.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "opt_duration")]
    pub timeout: Option<Duration>,
}

/// Repetitions of a failed attempt.
#[derive(Debug, Clone, Serialize)]
pub struct Retries {
    /// How many after the first attempt.
    pub limit: u32,
    /// The first pause; the engine refuses zero, so at least a millisecond is sent.
    #[serde(serialize_with = "duration")]
    pub delay: Duration,
    /// How pauses grow.
    pub backoff: Backoff,
}

/// How pauses between attempts grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backoff {
    /// Every pause is the same.
    Constant,
    /// Each pause is longer by the first one.
    Linear,
    /// Each pause is twice as long.
    Exponential,
}

fn duration<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(milliseconds(*duration))
}

fn opt_duration<S: Serializer>(value: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => duration(value, serializer),
        None => serializer.serialize_none(),
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_millis() as f64).max(1.0)
}

pub(crate) fn to_js(value: &(impl Serialize + ?Sized)) -> Result<JsValue, WorkflowError> {
    value.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).map_err(|error| WorkflowError::encoding(&error))
}

impl Step {
    /// Runs `attempt` until one succeeds, unless `name` has a remembered result.
    ///
    /// # Errors
    /// What the last attempt threw, or an encoding error.
    pub async fn run<T, F, Fut>(&self, name: &str, config: &StepConfig, attempt: F) -> Result<T, WorkflowError>
    where
        T: Serialize + DeserializeOwned + 'static,
        F: Fn() -> Fut + 'static,
        Fut: Future<Output = Result<T, StepError>> + 'static,
    {
        // Closures for JavaScript must be unwind-safe when the module is built with `panic = "unwind"`.
        let attempt = AssertUnwindSafe(attempt);
        let callback = Closure::<dyn FnMut(JsValue) -> Promise>::new(move |_context: JsValue| {
            let attempt = &attempt;
            let future = (attempt.0)();
            future_to_promise(AssertUnwindSafe(async move {
                let value = future.await?;
                // Fatal: the value would fail to encode in the next attempt as well.
                to_js(&value).map_err(|error| JsValue::from(StepError::Fatal(error.to_string())))
            }))
        });
        let promise = self.do_(name, &to_js(config)?, callback.as_ref().unchecked_ref())?;
        // The engine calls the closure once for each attempt, so it is dropped only when the step has settled.
        let value = JsFuture::from(promise).await;
        drop(callback);
        serde_wasm_bindgen::from_value(value?).map_err(|error| WorkflowError::encoding(&error))
    }

    /// Sleeps durably, up to 365 days; the instance costs nothing meanwhile.
    ///
    /// # Errors
    /// What the engine threw.
    pub async fn sleep(&self, name: &str, duration: Duration) -> Result<(), WorkflowError> {
        JsFuture::from(self.sleep_(name, milliseconds(duration))?).await?;
        Ok(())
    }

    /// Waits for an event of type `kind` sent to the instance.
    ///
    /// # Errors
    /// A timeout is an error of the engine.
    pub async fn wait_for_event<T: DeserializeOwned>(
        &self,
        name: &str,
        kind: &str,
        timeout: Duration,
    ) -> Result<T, WorkflowError> {
        #[derive(Deserialize)]
        struct Received<T> {
            payload: T,
        }
        let options = serde_json::json!({ "type": kind, "timeout": milliseconds(timeout) });
        let event = JsFuture::from(self.wait_for_event_(name, &to_js(&options)?)?).await?;
        let event: Received<T> =
            serde_wasm_bindgen::from_value(event).map_err(|error| WorkflowError::encoding(&error))?;
        Ok(event.payload)
    }
}
