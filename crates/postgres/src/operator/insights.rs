//! What operators ask about the runs of all accounts.

use async_trait::async_trait;
use oslira_app::{
    features::{
        auth::Operator,
        insights::{Insight, InsightDays, OperatorInsightStore},
    },
    shared::store::StoreError,
};
use serde_json::Value;

use super::db::OperatorDb;
use crate::session::Param;

#[async_trait]
impl OperatorInsightStore for OperatorDb {
    async fn insight(&self, operator: &Operator, what: Insight, days: InsightDays) -> Result<Value, StoreError> {
        let sql = match what {
            Insight::Latency => "select operator.insight_latency($1::integer, $2::date, $3)",
            Insight::Costs => "select operator.insight_costs($1::integer, $2::date, $3)",
            Insight::Cache => "select operator.insight_cache($1::integer, $2::date, $3)",
            Insight::Errors => "select operator.insight_errors($1::integer, $2::date, $3)",
            Insight::Drivers => "select operator.insight_drivers($1::integer, $2::date, $3)",
        };
        self.call(operator, sql, &[Param::of(days.days), Param::maybe(days.last_day)]).await
    }
}
