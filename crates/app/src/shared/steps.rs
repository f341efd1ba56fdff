//! Durable steps, as a port.
//!
//! A step runs at least once and its result is remembered: after a crash the body runs again from the top and every
//! finished step answers from memory. So nothing outside a step may have an effect, and every effect inside one must
//! be idempotent by key. Under Cloudflare this port is Workflows; under test it is a journal that crashes on purpose.

use std::{future::Future, sync::Arc, time::Duration};

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
            StoreError::Defect(_)
            | StoreError::PermissionMissing
            | StoreError::OperatorRequired
            | StoreError::AccountBlocked => Self::Terminal(error.to_string()),
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
    /// Whether there is a remembered result, in a form that this version of the body cannot read.
    pub is_unreadable: bool,
}

/// How often the engine repeats a step whose attempt ended in [`AttemptFailed::Retryable`]: after 1 s, 2 s, 4 s … 64 s,
/// about two minutes in all, which outlives a restart of the database and, unless the attempts hang as well, stays
/// below the five minutes after which a run counts as dead.
pub const TRANSIENT_RETRIES_MAX: u32 = 7;

/// How many forms of a step's result a run may meet: a run outlives few deployments.
const FORMS_MAX: u32 = 5;

/// The durable step engine.
pub trait Steps {
    /// Runs `effect` unless `name` has a remembered result. Names are unique within a run and must not depend on
    /// anything that a replay could see differently.
    ///
    /// A deployment may come while a run is under way: a result that an older version remembered (or, when the deployment is
    /// taken back, a newer one), and that this version cannot read, costs the step once more, under a name of its own, and not the
    /// run. The first result stays for the version that can read it.
    ///
    /// # Errors
    /// [`StepFailed`] when [`TRANSIENT_RETRIES_MAX`] repetitions failed too.
    fn run<T, F, Fut>(&self, name: &str, effect: F) -> impl Future<Output = Result<T, StepFailed>>
    where
        T: Serialize + DeserializeOwned + 'static,
        F: Fn() -> Fut + 'static,
        Fut: Future<Output = Result<T, AttemptFailed>> + 'static,
    {
        let effect = Arc::new(effect);
        async move {
            let mut form = 1;
            loop {
                let asked = if form == 1 { name.to_owned() } else { format!("{name}-form-{form}") };
                let effect = Arc::clone(&effect);
                match self.run_as(&asked, move || effect()).await {
                    Err(failed) if failed.is_unreadable && form < FORMS_MAX => {
                        tracing::warn!(step = asked, "a step's result is of another version: the step is made again");
                        form += 1;
                    }
                    result => return result,
                }
            }
        }
    }

    /// The same under exactly this name: for a plan that later steps follow, since their results would belong to another one.
    ///
    /// # Errors
    /// The same, and when the remembered result cannot be read.
    fn run_as<T, F, Fut>(&self, name: &str, effect: F) -> impl Future<Output = Result<T, StepFailed>>
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

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        sync::{
            Mutex,
            atomic::{AtomicU32, Ordering},
        },
    };

    use serde_json::{Value, json};

    use super::*;

    /// What is remembered, as JSON.
    #[derive(Default)]
    struct Memory(Mutex<HashMap<String, Value>>);

    impl Steps for Memory {
        async fn run_as<T, F, Fut>(&self, name: &str, effect: F) -> Result<T, StepFailed>
        where
            T: Serialize + DeserializeOwned + 'static,
            F: Fn() -> Fut + 'static,
            Fut: Future<Output = Result<T, AttemptFailed>> + 'static,
        {
            let known = self.0.lock().unwrap().get(name).cloned();
            let failed = |message: String, is_unreadable| StepFailed { step: name.to_owned(), message, is_unreadable };
            if let Some(known) = known {
                return serde_json::from_value(known).map_err(|error| failed(error.to_string(), true));
            }
            let value = effect().await.map_err(|error| failed(error.to_string(), false))?;
            self.0.lock().unwrap().insert(name.to_owned(), serde_json::to_value(&value).unwrap());
            Ok(value)
        }

        async fn sleep(&self, _: &str, _: Duration) -> Result<(), StepFailed> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_result_of_another_version_costs_the_step_once_more_and_stays_for_that_version() {
        let memory = Memory::default();
        memory.0.lock().unwrap().insert("count".to_owned(), json!({ "older": "form" }));
        let made = Arc::new(AtomicU32::new(0));
        for _life in 0..3 {
            let made = Arc::clone(&made);
            let effect = move || {
                let count = made.fetch_add(1, Ordering::Relaxed) + 1;
                async move { Ok(count) }
            };
            assert_eq!(memory.run("count", effect).await.unwrap(), 1);
        }
        assert_eq!(
            *memory.0.lock().unwrap(),
            [("count".to_owned(), json!({ "older": "form" })), ("count-form-2".to_owned(), json!(1))].into()
        );
    }

    #[tokio::test]
    async fn a_step_that_fails_is_not_made_again_in_another_form() {
        let memory = Memory::default();
        let failed = memory.run("count", || async { Err::<u32, _>(AttemptFailed::Terminal("no".to_owned())) }).await;
        assert_eq!(failed.unwrap_err().step, "count");
        assert!(memory.0.lock().unwrap().is_empty());
    }
}
