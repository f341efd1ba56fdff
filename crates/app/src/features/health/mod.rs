//! Whether this deployment is alive, whether it is ready, and whether it may charge for work.

mod bindings;
mod http;
mod ports;
mod ready;
mod settings;

pub use bindings::{BLOCKED_ACCOUNTS, binding_faults};
pub use http::{NOT_READY, endpoints, not_ready};
pub use ports::{DatabaseState, HealthPorts, Readiness};
pub use settings::{DeploymentSettings, Environment, setting_fault};
