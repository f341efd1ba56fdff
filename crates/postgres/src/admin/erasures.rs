//! Erasures, as the job works them off.

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::erasure::{ErasureRecords, InstagramId, OpenErasure, Slice},
    shared::{ids::RunId, store::StoreError},
};
use uuid::Uuid;

use super::db::AdminDb;
use crate::session::Param;

#[async_trait]
impl ErasureRecords for AdminDb {
    async fn take_up(&self, limit: u32) -> Result<Vec<OpenErasure>, StoreError> {
        self.value("select system.take_up_erasures($1::integer)", &[Param::of(limit)]).await
    }

    async fn note_id(&self, erasure: Uuid, id: &InstagramId) -> Result<Option<OpenErasure>, StoreError> {
        self.value("select system.note_subject($1::uuid, $2)", &[Param::of(erasure), Param::of(id)]).await
    }

    async fn end_runs(&self, erasure: Uuid, limit: u32) -> Result<Vec<RunId>, StoreError> {
        let params = [Param::of(erasure), Param::of(limit)];
        self.value("select system.end_runs_of_subject($1::uuid, $2::integer)", &params).await
    }

    async fn erase(&self, erasure: Uuid, limit: u32, deleted: &[RunId]) -> Result<Slice, StoreError> {
        let params = [Param::of(erasure), Param::of(limit), Param::ids(deleted)];
        self.value("select system.erase_subject($1::uuid, $2::integer, $3::uuid[])", &params).await
    }

    async fn erase_from_bulks(&self, erasure: Uuid, limit: u32) -> Result<bool, StoreError> {
        let params = [Param::of(erasure), Param::of(limit)];
        self.value("select to_jsonb(system.erase_from_bulks($1::uuid, $2::integer))", &params).await
    }

    async fn end(&self, erasure: Uuid, found_before: Timestamp) -> Result<bool, StoreError> {
        let params = [Param::of(erasure), Param::of(found_before)];
        self.value("select to_jsonb(system.end_erasure($1::uuid, $2::timestamptz))", &params).await
    }
}
