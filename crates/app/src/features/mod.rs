//! One folder per capability; import a feature only through its `mod.rs`.

pub mod account;
pub mod alarms;
pub mod analysis;
pub mod auth;
pub mod billing;
pub mod business;
pub mod credits;
pub mod diagnostics;
pub mod erasure;
pub mod health;
pub mod insights;
pub mod jobs;
pub mod judging;
pub mod leads;
pub mod members;
pub mod operators;
pub mod profiles;
pub mod retention;
pub mod scoring;
pub mod scraping;
