//! The sums that insights are read from.

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::insights::{InsightSums, SummedUp},
    shared::store::StoreError,
};

use super::db::AdminDb;
use crate::session::Param;

#[async_trait]
impl InsightSums for AdminDb {
    async fn sum_up(&self, until: Timestamp) -> Result<SummedUp, StoreError> {
        self.value("select system.sum_up($1::timestamptz)", &[Param::of(until)]).await
    }
}
