//! The database against a real Postgres: what the SQL functions promise, who may see and do what, and what holds when
//! 32 connections act at once. `cargo xtask test` provides the cluster; each test has a database of its own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this crate is tests, its helpers too: a panic is how a test fails"
)]
#![expect(clippy::disallowed_methods, reason = "tests make identifiers that no other test has")]

mod access;
mod alarms;
mod api_keys;
mod audit;
mod begin_analysis;
mod billing;
mod bulk;
mod business_profile_functions;
mod business_profiles;
mod cancel_refunds;
mod catalog;
mod circuit_breaker;
mod clean_up;
mod closing;
mod complete_run;
mod daily_cap;
mod diagnostics;
mod documents;
mod erasure;
mod estimate;
mod exports;
mod hourly_limit;
mod idempotency;
mod insights;
mod job_runs;
mod lead_filters;
mod lead_work;
mod leads;
mod leaving;
mod ledger;
mod limits;
mod logins;
mod members;
mod migrations;
mod model_lifecycles;
mod operator_commands;
mod operators;
mod outcomes;
mod permissions;
mod personal_data;
mod pgtap;
mod prices;
mod privileges;
mod races;
mod releases;
mod run_as;
mod run_costs;
mod run_transitions;
mod sign_up;
mod spenders;
mod stale_analyses;
mod state_machine;
mod support;
mod sweep;
mod temporary_objects;
mod tenancy;
mod usage_logs;
mod workflow_double;
