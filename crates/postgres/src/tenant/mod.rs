//! What a signed-in user may do, as `authenticated` with that user's claims: row-level security decides.

mod account;
mod billing;
mod bulks;
mod business_profiles;
mod credits;
mod db;
mod deletion;
mod estimate;
mod insights;
mod lead_filters;
mod leads;
mod members;
mod memberships;
mod models;
mod outcomes;
mod runs;
mod work;

pub use db::TenantDb;
pub use leads::leads_statement;
