//! The binding: create, find and control instances from anywhere in the Worker.

use js_sys::{Promise, Reflect};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

use crate::{WorkflowError, step::to_js};

#[wasm_bindgen]
extern "C" {
    type JsWorkflow;
    #[wasm_bindgen(method, catch)]
    fn create(this: &JsWorkflow, options: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = createBatch)]
    fn create_batch(this: &JsWorkflow, batch: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = deleteBatch)]
    fn delete_batch(this: &JsWorkflow, ids: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn get(this: &JsWorkflow, id: &str) -> Result<Promise, JsValue>;

    type JsInstance;
    #[wasm_bindgen(method, catch)]
    fn status(this: &JsInstance) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = sendEvent)]
    fn send_event(this: &JsInstance, event: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn pause(this: &JsInstance) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn resume(this: &JsInstance) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn terminate(this: &JsInstance) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn restart(this: &JsInstance) -> Result<Promise, JsValue>;
}

/// A workflow binding of `wrangler.jsonc`.
pub struct Workflow(JsWorkflow);

/// One instance.
pub struct Instance(JsInstance);

/// An instance that was not deleted, and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NotDeleted {
    /// Its id.
    pub id: String,
    /// The engine's number of the error.
    #[serde(default)]
    pub code: u32,
    /// The engine's sentence, such as `workflows.api.error.instance.not_found`.
    pub message: String,
}

impl NotDeleted {
    /// Whether there is no such instance.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        /// `instance.not_found`, in what `deleteBatch` answers.
        const NOT_FOUND: u32 = 10_400;
        // Words change: either tells.
        self.code == NOT_FOUND || self.message.contains("not_found")
    }
}

#[derive(Serialize)]
struct Options<'a, T> {
    id: &'a str,
    params: &'a T,
}

/// The state of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum InstanceStatus {
    /// Created, not started.
    Queued,
    /// At work.
    Running,
    /// Paused by [`Instance::pause`].
    Paused,
    /// About to pause.
    WaitingForPause,
    /// In a durable sleep or waiting for an event.
    Waiting,
    /// Ended with an error.
    Errored,
    /// Ended by [`Instance::terminate`].
    Terminated,
    /// Ended with success.
    Complete,
    /// Anything newer than this binding.
    #[serde(other)]
    Unknown,
}

impl InstanceStatus {
    /// Whether the instance will do nothing more.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        match self {
            Self::Errored | Self::Terminated | Self::Complete => true,
            Self::Queued | Self::Running | Self::Paused | Self::WaitingForPause | Self::Waiting | Self::Unknown => {
                false
            }
        }
    }
}

impl Workflow {
    /// Finds the binding `name` in the Worker's `env`.
    ///
    /// # Errors
    /// [`WorkflowError`] when there is no such binding.
    pub fn from_env(env: &JsValue, name: &str) -> Result<Self, WorkflowError> {
        let binding = Reflect::get(env, &name.into())?;
        if binding.is_object() {
            Ok(Self(binding.unchecked_into()))
        } else {
            Err(WorkflowError { name: "TypeError".to_owned(), message: format!("no workflow binding {name}") })
        }
    }

    /// Creates an instance. A used id is an error or, with older runtimes, simply the existing instance. The error has no
    /// code: whoever needs to know asks [`Workflow::get`] for the instance and then for its [`Instance::status`].
    ///
    /// # Errors
    /// What the engine threw.
    pub async fn create(&self, id: &str, params: &impl Serialize) -> Result<Instance, WorkflowError> {
        let instance = JsFuture::from(self.0.create(&to_js(&Options { id, params })?)?).await?;
        Ok(Instance(instance.unchecked_into()))
    }

    /// Creates up to 100 instances at once, each of an id and its parameters. What becomes of ids that are used depends on
    /// the runtime: it leaves them out, or refuses the batch.
    ///
    /// # Errors
    /// What the engine threw; some instances may have been created.
    pub async fn create_batch<T: Serialize>(&self, instances: &[(String, T)]) -> Result<(), WorkflowError> {
        let batch: Vec<_> = instances.iter().map(|(id, params)| Options { id, params }).collect();
        JsFuture::from(self.0.create_batch(&to_js(&batch)?)?).await?;
        Ok(())
    }

    /// Deletes up to 100 instances, also those under way, with all that the engine remembers of them; answers which were not
    /// deleted. There must be one at least.
    ///
    /// # Errors
    /// What the engine threw; some instances may have been deleted.
    pub async fn delete_batch(&self, ids: &[String]) -> Result<Vec<NotDeleted>, WorkflowError> {
        #[derive(Deserialize)]
        struct Answer {
            errors: Vec<NotDeleted>,
        }
        let value = JsFuture::from(self.0.delete_batch(&to_js(&ids)?)?).await?;
        let answer: Answer = serde_wasm_bindgen::from_value(value).map_err(|error| WorkflowError::encoding(&error))?;
        Ok(answer.errors)
    }

    /// Finds an instance.
    ///
    /// # Errors
    /// What the engine threw; it need not look for the instance before it is asked something.
    pub async fn get(&self, id: &str) -> Result<Instance, WorkflowError> {
        Ok(Instance(JsFuture::from(self.0.get(id)?).await?.unchecked_into()))
    }
}

impl Instance {
    /// Its state.
    ///
    /// # Errors
    /// What the engine threw.
    pub async fn status(&self) -> Result<InstanceStatus, WorkflowError> {
        #[derive(Deserialize)]
        struct Answer {
            status: InstanceStatus,
        }
        let value = JsFuture::from(self.0.status()?).await?;
        let answer: Answer = serde_wasm_bindgen::from_value(value).map_err(|error| WorkflowError::encoding(&error))?;
        Ok(answer.status)
    }

    /// Sends an event; the engine keeps one that no step waits for yet.
    ///
    /// # Errors
    /// What the engine threw.
    pub async fn send_event(&self, kind: &str, payload: &impl Serialize) -> Result<(), WorkflowError> {
        #[derive(Serialize)]
        struct Sent<'a, T> {
            r#type: &'a str,
            payload: &'a T,
        }
        JsFuture::from(self.0.send_event(&to_js(&Sent { r#type: kind, payload })?)?).await?;
        Ok(())
    }

    /// Stops after the current step.
    ///
    /// # Errors
    /// What the engine threw.
    pub async fn pause(&self) -> Result<(), WorkflowError> {
        JsFuture::from(self.0.pause()?).await?;
        Ok(())
    }

    /// Continues after a pause.
    ///
    /// # Errors
    /// What the engine threw.
    pub async fn resume(&self) -> Result<(), WorkflowError> {
        JsFuture::from(self.0.resume()?).await?;
        Ok(())
    }

    /// Ends the instance.
    ///
    /// # Errors
    /// What the engine threw.
    pub async fn terminate(&self) -> Result<(), WorkflowError> {
        JsFuture::from(self.0.terminate()?).await?;
        Ok(())
    }

    /// Runs the instance again from its beginning, forgetting its steps.
    ///
    /// # Errors
    /// What the engine threw.
    pub async fn restart(&self) -> Result<(), WorkflowError> {
        JsFuture::from(self.0.restart()?).await?;
        Ok(())
    }
}
