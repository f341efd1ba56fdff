//! What the feature needs from outside.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{Timestamp, civil::Date};
use serde::Deserialize;
use serde_json::Value;

use super::InsightDays;
use crate::{
    features::auth::{Member, Operator},
    shared::store::StoreError,
};

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insight {
    Latency,
    Costs,
    Cache,
    Errors,
    Drivers,
}

impl Insight {
    pub const ALL: [Self; 5] = [Self::Latency, Self::Costs, Self::Cache, Self::Errors, Self::Drivers];
}

/// What customers ask of their account, as the calling user.
#[async_trait]
pub trait InsightStore: Send + Sync {
    /// The answer as a document; `None` when the caller's membership has ended. Other accounts' runs MUST NOT count.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn insight(&self, member: Member, what: Insight, days: InsightDays) -> Result<Option<Value>, StoreError>;
}

/// What operators ask of all accounts. It MUST decide whether the caller is an operator, and write down that they asked.
#[async_trait]
pub trait OperatorInsightStore: Send + Sync {
    /// The answer as a document.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer, and `OperatorRequired`.
    async fn insight(&self, operator: &Operator, what: Insight, days: InsightDays) -> Result<Value, StoreError>;
}

/// One step of summing up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct SummedUp {
    /// The day that was summed up; none when there was nothing more to sum up.
    pub day: Option<Date>,
    pub is_done: bool,
}

/// The sums that are kept.
#[async_trait]
pub trait InsightSums: Send + Sync {
    /// Sums up the next day, as far as it is over at this time. A repeat MUST change nothing, and two at once be as safe as one.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn sum_up(&self, until: Timestamp) -> Result<SummedUp, StoreError>;
}

/// What the handlers of customers' requests can reach.
#[derive(Clone)]
pub struct InsightPorts {
    pub store: Arc<dyn InsightStore>,
}

/// What the handlers of operators' requests can reach.
#[derive(Clone)]
pub struct OperatorInsightPorts {
    pub store: Arc<dyn OperatorInsightStore>,
}
