//! What the daily job asks about profiles, whoever analysed them.

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::profiles::{AbandonedWhen, InstagramHandle, ProfileRecords},
    shared::store::StoreError,
};

use super::db::AdminDb;
use crate::session::Param;

#[async_trait]
impl ProfileRecords for AdminDb {
    async fn abandoned(
        &self,
        when: AbandonedWhen,
        after: Option<&InstagramHandle>,
        limit: usize,
    ) -> Result<Vec<InstagramHandle>, StoreError> {
        const SQL: &str = "select to_jsonb(u) from system.abandoned_pictures(\
            $1::timestamptz, $2::timestamptz, $3::timestamptz, $4, $5::bigint) u";
        let AbandonedWhen { since, until, closed_before } = when;
        let params =
            [Param::of(since), Param::of(until), Param::of(closed_before), Param::maybe(after), Param::of(limit)];
        self.values(SQL, &params).await
    }

    async fn forget_changes(&self, until: Timestamp) -> Result<u64, StoreError> {
        self.value("select to_jsonb(system.forget_profile_changes($1::timestamptz))", &[Param::of(until)]).await
    }
}
