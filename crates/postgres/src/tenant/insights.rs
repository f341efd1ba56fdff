//! What an account asks about its runs.

use async_trait::async_trait;
use oslira_app::{
    features::{
        auth::Member,
        insights::{Insight, InsightDays, InsightStore},
    },
    shared::store::StoreError,
};
use serde_json::Value;

use super::db::TenantDb;
use crate::session::Param;

#[async_trait]
impl InsightStore for TenantDb {
    async fn insight(&self, member: Member, what: Insight, days: InsightDays) -> Result<Option<Value>, StoreError> {
        let sql = match what {
            Insight::Latency => "select coalesce(api.insight_latency($1::uuid, $2::integer, $3::date), 'null')",
            Insight::Costs => "select coalesce(api.insight_costs($1::uuid, $2::integer, $3::date), 'null')",
            Insight::Cache => "select coalesce(api.insight_cache($1::uuid, $2::integer, $3::date), 'null')",
            Insight::Errors => "select coalesce(api.insight_errors($1::uuid, $2::integer, $3::date), 'null')",
            Insight::Drivers => "select coalesce(api.insight_drivers($1::uuid, $2::integer, $3::date), 'null')",
        };
        let params = [Param::of(member.account()), Param::of(days.days), Param::maybe(days.last_day)];
        self.value(member.user(), sql, &params).await
    }
}
