//! Bulks, as their workflows and the five-minute job work on them.

use async_trait::async_trait;
use oslira_app::{
    features::analysis::{SystemBulks, Tended},
    shared::{
        ids::{BulkId, RunId},
        store::StoreError,
    },
};

use super::db::AdminDb;
use crate::session::Param;

#[async_trait]
impl SystemBulks for AdminDb {
    async fn tend(&self, bulk: BulkId) -> Result<Tended, StoreError> {
        self.value("select system.tend_bulk($1::uuid)", &[Param::of(bulk)]).await
    }

    async fn beat_unstarted(&self, bulk: BulkId, runs: &[RunId]) -> Result<Vec<RunId>, StoreError> {
        let params = [Param::of(bulk), Param::ids(runs)];
        self.value("select system.beat_unstarted($1::uuid, $2::uuid[])", &params).await
    }

    async fn end_finished(&self, limit: u32) -> Result<u32, StoreError> {
        self.value("select to_jsonb(system.end_finished_bulks($1::bigint))", &[Param::of(limit)]).await
    }
}
