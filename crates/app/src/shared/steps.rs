//! Durable steps, as a port.
//!
//! A step runs at least once and its result is remembered: after a crash the body runs again from the top and every
//! finished step answers from memory. So nothing outside a step may have an effect, and every effect inside one must
//! be idempotent by key. Under Cloudflare this port is Workflows; under test it is a journal that crashes on purpose.

use std::{future::Future, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

use super::store::StoreError;

/// An attempt of a step failed. Expected outcomes, bad ones included, are values and never this: they must be
/// remembered, not repeated.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AttemptFailed {
    /// Trying again may cure it: a store is down.
    #[error("{0}")]
    Retryable(String),
    /// Trying again cannot: a defect of ours.
    #[error("{0}")]
    Terminal(String),
}

impl From<StoreError> for AttemptFailed {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable(_) => Self::Retryable(error.to_string()),
            StoreError::Defect(_) => Self::Terminal(error.to_string()),
        }
    }
}

/// A step failed for good: its attempts are used up or cannot help, or its remembered result cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("step {step}: {message}")]
pub struct StepFailed {
    /// The step's name.
    pub step: String,
    /// What the last attempt said.
    pub message: String,
}

/// How often the engine repeats a step whose attempt ended in [`AttemptFailed::Retryable`]: after 1 s, 2 s, 4 s … 64 s,
/// about two minutes in all, which outlives a restart of the database and, unless the attempts hang as well, stays
/// below the five minutes after which a run counts as dead.
pub const TRANSIENT_RETRIES_MAX: u32 = 7;

/// The durable step engine.
pub trait Steps {
    /// Runs `effect` unless `name` has a remembered result. Names are unique within a run and must not depend on
    /// anything that a replay could see differently.
    ///
    /// # Errors
    /// [`StepFailed`] when [`TRANSIENT_RETRIES_MAX`] repetitions failed too.
    fn run<T, F, Fut>(&self, name: &str, effect: F) -> impl Future<Output = Result<T, StepFailed>>
    where
        T: Serialize + DeserializeOwned + 'static,
        F: Fn() -> Fut + 'static,
        Fut: Future<Output = Result<T, AttemptFailed>> + 'static;

    /// Waits durably.
    ///
    /// # Errors
    /// [`StepFailed`] when the engine refuses.
    fn sleep(&self, name: &str, duration: Duration) -> impl Future<Output = Result<(), StepFailed>>;
}
