//! Rust bindings for [Cloudflare Workflows](https://developers.cloudflare.com/workflows/); `workers-rs` has none.
//!
//! A workflow's class must be JavaScript (`class X extends WorkflowEntrypoint`); its `run(event, step)` calls an
//! exported Rust function that gets the event as [`Event`] and the step object as [`Step`]. Durable steps are closures:
//!
//! ```ignore
//! let page: Page = step.run("fetch", &StepConfig::default(), move || fetch(url.clone())).await?;
//! step.sleep("pause", Duration::from_secs(5)).await?;
//! ```
//!
//! A step runs at least once. Its result is remembered as JSON (1 MiB at most), so after a crash the function runs
//! again from the top and finished steps answer at once. Whatever has an effect must be inside a step and safe to
//! repeat.

// The one crate that is written to be used elsewhere.
#![warn(missing_docs)]

mod binding;
mod error;
mod step;

pub use binding::{Instance, InstanceStatus, NotDeleted, Workflow};
pub use error::{StepError, WorkflowError};
pub use step::{Backoff, Event, Retries, Step, StepConfig};
