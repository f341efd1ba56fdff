//! Analyses: from a username to a scored lead.
//!
//! `start` charges and launches, `workflow` is the durable body, `jobs` the five-minute care for runs that lost their
//! engine, `progress` what watchers see. `facts`, `icp` and `score` are pure.

mod change;
mod choice;
pub mod config;
mod estimate;
mod facts;
mod handle;
mod http;
mod icp;
mod jobs;
mod judgement;
mod lifecycle;
mod model;
mod needs;
mod ports;
mod profile;
mod progress;
mod prompt;
#[cfg(test)]
mod properties;
mod providers;
mod score;
mod start;
#[cfg(test)]
mod testing;
mod workflow;

pub use change::changed_significantly;
pub use choice::ModelChoice;
pub use estimate::{Measured, Spread};
pub use facts::{AudienceBand, Facts};
pub use handle::InstagramHandle;
pub use http::routes;
pub use icp::{Criterion, match_ideal_customer};
pub use jobs::{CareReport, care_for_runs};
pub use judgement::{
    Authority, BuyingStage, CallKind, Channel, Commercial, CoreStrategy, Grade, Insight, Judgement, LightJudgement,
    Outreach, Personality, Psychographic, Strength, Trait, Verdict, strict_schema,
};
pub use lifecycle::{
    LifecycleStatus, LifecycleStore, ListedModel, ModelLifecycle, ModelLists, look_up_models, warnings, watch_models,
};
pub use model::{
    AnalysisRequest, AnalysisType, Assignment, Begun, Cancelled, Completion, InvalidRequest, ModelName, Phase, Receipt,
    Run, RunError, RunStatus,
};
pub use needs::Needs;
pub use ports::{
    Look, Outage, PictureStore, ProgressBoard, ProgressSink, RunDesk, RunJournal, RunLauncher, RunState, SnapshotStore,
    UsageKind,
};
pub use profile::{Post, PostKind, Profile, Snapshot, SnapshotKey};
pub use progress::{Progress, ProgressCommand, ProgressOutcome, ProgressUpdate, ProgressView};
pub use providers::{
    AiFault, AiUsage, Answer, CallTags, Collected, Effort, Found, Model, ProfileSource, Question, ScrapeFault,
    ScrapePart, ScrapeTicket, ScrapeUsage,
};
pub use score::{Evidence, Score, blend};
pub use workflow::{WorkflowPorts, analyse};
