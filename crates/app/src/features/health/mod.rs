//! Whether this deployment is alive, whether it is ready, and whether it may charge for work.

mod http;
mod ports;
mod ready;
mod settings;

pub use http::{NOT_READY, endpoints, not_ready};
pub use ports::{DatabaseState, HealthPorts, Readiness};
pub use settings::{DeploymentSettings, Environment, setting_fault};
