//! What the health endpoints, and whatever charges for work, ask about this deployment.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    features::judging::{ModelChoice, ModelLifecycle},
    shared::clock::Clock,
};

/// How the database answers.
#[derive(Debug, Clone, PartialEq)]
pub enum DatabaseState {
    /// It does not.
    Silent,
    /// Something between us and the database remembers its answers, so that a balance or the answer to a charge could be
    /// an old one.
    Cached,
    /// As it should.
    Answers {
        /// What the daily job last found out about the models in use.
        models: Vec<ModelLifecycle>,
    },
}

/// Whether this deployment may charge for work; checked before every charge.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// What is wrong with the configuration, empty when nothing is: a missing key or binding, or a sandbox address outside
    /// `OSLIRA_ENV=local`. Names settings, never their values.
    fn config_faults(&self) -> Vec<String>;

    /// How the database answers.
    async fn database(&self) -> DatabaseState;

    /// What was known about the models in use when this version was built.
    fn models_announced(&self) -> Vec<ModelLifecycle>;

    /// The value of `OSLIRA_ENV`.
    fn environment(&self) -> &str;

    /// Which version this is, as error reports name it.
    fn release(&self) -> &str;
}

/// What the feature's handlers can reach.
#[derive(Clone)]
pub struct HealthPorts {
    pub readiness: Arc<dyn Readiness>,
    /// Which models this deployment asks.
    pub models: Arc<ModelChoice>,
    pub clock: Arc<dyn Clock>,
}
