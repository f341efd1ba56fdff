//! Errors across the boundary to JavaScript.

use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};

#[wasm_bindgen(module = "cloudflare:workflows")]
extern "C" {
    type NonRetryableError;
    #[wasm_bindgen(constructor)]
    fn new(message: &str) -> NonRetryableError;
}

/// How one attempt of a step failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// The engine tries again while attempts are left.
    #[error("{0}")]
    Retry(String),
    /// The engine gives up at once.
    #[error("{0}")]
    Fatal(String),
}

impl From<StepError> for JsValue {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Retry(message) => js_sys::Error::new(&message).into(),
            StepError::Fatal(message) => NonRetryableError::new(&message).into(),
        }
    }
}

/// What the engine, or a step whose attempts are used up, threw.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct WorkflowError {
    /// The JavaScript error's name.
    pub name: String,
    /// Its message.
    pub message: String,
}

/// The name of errors that are made here and not thrown.
const ENCODING_ERROR: &str = "EncodingError";

impl WorkflowError {
    pub(crate) fn encoding(error: &serde_wasm_bindgen::Error) -> Self {
        Self { name: ENCODING_ERROR.to_owned(), message: error.to_string() }
    }

    /// Of [`crate::Step::run`]: whether the step has a result that is not of the type that was asked for.
    #[must_use]
    pub fn is_unreadable_result(&self) -> bool {
        self.name == ENCODING_ERROR
    }
}

impl From<JsValue> for WorkflowError {
    fn from(value: JsValue) -> Self {
        let text = |key: &str| Reflect::get(&value, &key.into()).ok().and_then(|v| v.as_string());
        let plain = || value.as_string().unwrap_or_else(|| "no message".to_owned());
        let is_error = value.is_instance_of::<js_sys::Error>();
        Self {
            name: text("name").filter(|_| is_error).unwrap_or_else(|| "Error".to_owned()),
            message: text("message").unwrap_or_else(plain),
        }
    }
}
