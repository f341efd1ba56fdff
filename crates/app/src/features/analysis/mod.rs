//! Analyses: from a username to a scored lead.
//!
//! `start` charges and launches, `workflow` is the durable body, `recover` the job that finds runs whose engine
//! stopped, `progress` what watchers see. `result` and `usage` are what a run stores and what it is billed.

pub mod config;
mod estimate;
mod http;
mod model;
mod ports;
mod progress;
mod recover;
mod required_services;
mod result;
mod start;
mod usage;
mod workflow;

pub use estimate::{Measured, Spread};
pub use http::routes;
pub use model::{
    AnalysisRequest, Assignment, BeginOutcome, CancelOutcome, Completion, InvalidRequest, Phase, Receipt, Run,
    RunError, RunStatus,
};
pub use ports::{
    AnalysisPorts, Outage, ProgressBoard, ProgressLookup, ProgressSink, RunLauncher, RunRepository, RunState,
    SystemRuns,
};
pub use progress::{Progress, ProgressCommand, ProgressOutcome, ProgressUpdate, ProgressView};
pub use recover::{RecoveryReport, recover_stale_runs};
pub use required_services::RequiredServices;
pub use result::{
    AnalysisRecord, AnalysisResult, CallAnswers, CallCost, CommercialAnswer, Cost, JudgedProfile, LeadFacts,
    OutreachAnswer, StrategyAnswer,
};
pub use usage::{AiBill, ScrapeBill, ScrapeOutcome, UsageRecord};
pub use workflow::{WorkflowPorts, analyse};
