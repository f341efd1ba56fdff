//! What the daily clean-up removes for good.

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::retention::{Remains, RemainsStore},
    shared::store::StoreError,
};

use super::db::AdminDb;
use crate::session::Param;

#[async_trait]
impl RemainsStore for AdminDb {
    async fn remove(&self, what: Remains, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let sql = match what {
            Remains::Ghosts => "select to_jsonb(system.remove_ghosts($1::timestamptz, $2::integer))",
            Remains::Analyses => "select to_jsonb(system.remove_analyses($1::timestamptz, $2::integer))",
            Remains::Leads => "select to_jsonb(system.remove_leads($1::timestamptz, $2::integer))",
            Remains::BusinessProfiles => {
                "select to_jsonb(system.remove_business_profiles($1::timestamptz, $2::integer))"
            }
            Remains::BusinessProfileTexts => {
                "select to_jsonb(system.empty_business_profiles($1::timestamptz, $2::integer))"
            }
            Remains::Accounts => "select to_jsonb(system.erase_accounts($1::timestamptz, $2::integer))",
            Remains::ScrapeLogs => "select to_jsonb(system.remove_scrape_logs($1::timestamptz, $2::integer))",
            Remains::AiUsage => "select to_jsonb(system.remove_ai_usage($1::timestamptz, $2::integer))",
            Remains::WebhookPayloads => "select to_jsonb(system.forget_payloads($1::timestamptz, $2::integer))",
            Remains::Invitations => "select to_jsonb(system.remove_invitations($1::timestamptz, $2::integer))",
            Remains::LeftOwners => "select to_jsonb(system.release_left_owners($1::timestamptz, $2::integer))",
            Remains::BulkKeys => "select to_jsonb(system.forget_bulk_keys($1::timestamptz, $2::integer))",
            Remains::ErasureProofs => "select to_jsonb(system.forget_proofs($1::timestamptz, $2::integer))",
            Remains::JobRuns => "select to_jsonb(system.remove_job_runs($1::timestamptz, $2::integer))",
        };
        self.value(sql, &[Param::of(before), Param::of(limit)]).await
    }
}
