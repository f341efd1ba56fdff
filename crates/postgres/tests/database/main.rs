//! The database against a real Postgres: what the SQL functions promise, who may see and do what, and what 32
//! connections at once make of it. `cargo xtask test` provides the cluster; each test has a database of its own.

mod begin;
mod business_profiles;
mod catalog;
mod completion;
mod hourly_limit;
mod idempotency;
mod ledger;
mod logins;
mod migrations;
mod prices;
mod privileges;
mod races;
mod sign_up;
mod state_machine;
mod support;
mod sweep;
mod tenancy;
mod transitions;
mod usage;
