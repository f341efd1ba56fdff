//! Analyses: from a username to a scored lead.
//!
//! `start` charges and launches, `workflow` is the durable body, `recover` the job that finds runs whose engine
//! stopped, `progress` what watchers see, `live` how they are told at once. `result` and `usage` are what a run stores and what it is billed.

mod bulk;
mod codes;
pub mod config;
mod estimate;
mod failures;
mod http;
mod live;
mod model;
mod ports;
mod progress;
mod progress_object;
mod recover;
mod required_services;
mod result;
mod scored;
mod start;
mod usage;
mod watch;
mod workflow;

pub use bulk::{
    Bulk, BulkCancelled, BulkItem, BulkLauncher, BulkLeg, BulkLine, BulkOptions, BulkOutcome, BulkPlan, BulkPorts,
    BulkProgress, BulkRefusal, BulkRepository, BulkRequest, BulkStatus, DryRun, HeldLine, LINES_MAX, LineReason,
    LinesUsed, ListEntry, ListSource, NAMES_MAX, PlannedLine, SystemBulks, Tended, UnusedLine, run_bulk,
};
pub use codes::{INVALID_USERNAME, RUN_NOT_FOUND};
pub use estimate::{Measured, Spread};
pub use failures::{FAILURES, FailureCode};
pub use http::endpoints;
pub use live::{
    Connection, ConnectionsChange, ConnectionsEffect, ConnectionsRecord, Cursor, EventLog, HEARTBEAT, HEARTBEAT_EVERY,
    NewTicket, NotWatched, OpenConnections, ProgressEvent, STREAMS_OF_ACCOUNT_MAX, StreamReader, StreamStep, Ticket,
    TicketHash, Told, Transport, WATCHERS_MAX, Watched, Watchers, streams_at_once,
};
pub use model::{
    AnalysisRequest, Assignment, BeginOutcome, CancelOutcome, ChargeOutcome, Completion, InvalidRequest, Phase,
    Receipt, Run, RunError, RunStatus, UndoOutcome,
};
pub use ports::{
    AnalysisPorts, Outage, ProgressBoard, ProgressLookup, ProgressSink, RunLauncher, RunRepository, RunState,
    SilentRun, SystemRuns, Woken,
};
pub use progress::{Progress, ProgressCommand, ProgressOutcome, ProgressUpdate, ProgressView};
pub use progress_object::{
    Pass, ProgressAlarm, ProgressEffect, ProgressObject, ProgressProofs, ProgressQuestion, ProgressRecord,
    RECONCILE_EVERY, Room, WatchAnswer, WatchQuestion, WatchRefusal,
};
pub use recover::{RecoveryReport, Round, recover_stale_runs};
pub use required_services::RequiredServices;
pub use result::{
    AnalysisRecord, AnalysisResult, CallAnswers, CallCost, CitedSource, CommercialAnswer, Cost, JudgedProfile,
    LeadFacts, OutreachAnswer, PsychographicAnswer, StrategyAnswer,
};
pub use scored::scored;
pub use start::tell_cancelled;
pub use usage::{AiBill, ScrapeBill, ScrapeOutcome, UsageRecord};
pub use watch::WatchedRuns;
pub use workflow::{WorkflowPorts, analyse};
