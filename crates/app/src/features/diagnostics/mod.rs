//! How a deployment does, for operators: how far its database is, where the time of one run went, and how everything went since a
//! moment. `cargo xtask canary` and `cargo xtask watch` read it (docs/deploying.md).

mod http;
mod measure;
mod model;
mod ports;
mod since;

pub use http::endpoints;
pub use measure::{ROUND_TRIPS_MAX, RoundTripCount, RoundTrips};
pub use model::{
    AiCallTimes, DeadLetters, HealthSummary, JobHealth, RaisedAlarm, RunHealth, RunTimings, ScrapeTimes, WebhookHealth,
};
pub use ports::{DiagnosticsPorts, DiagnosticsStore};
