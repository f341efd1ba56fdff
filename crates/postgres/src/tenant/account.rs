//! The account itself and everything it owns, as the caller.

use async_trait::async_trait;
use oslira_app::{
    features::{
        account::{AccountOutcome, AccountStore, CloseOutcome, ExportedRow, ExportedTable, RestoreOutcome},
        auth::Member,
    },
    shared::store::StoreError,
};
use serde_json::Value;

use super::db::TenantDb;
use crate::session::Param;

#[async_trait]
impl AccountStore for TenantDb {
    async fn account(&self, member: Member) -> Result<AccountOutcome, StoreError> {
        self.value(member.user(), "select api.account($1::uuid)", &[Param::of(member.account())]).await
    }

    async fn close(&self, member: Member, name: &str) -> Result<CloseOutcome, StoreError> {
        const SQL: &str = "select api.close_account($1::uuid, $2)";
        self.value(member.user(), SQL, &[Param::of(member.account()), Param::of(name)]).await
    }

    async fn restore(&self, member: Member) -> Result<RestoreOutcome, StoreError> {
        self.value(member.user(), "select api.restore_account($1::uuid)", &[Param::of(member.account())]).await
    }

    async fn exported_tables(&self, member: Member) -> Result<Option<Vec<ExportedTable>>, StoreError> {
        const SQL: &str = "select coalesce(api.exported_tables($1::uuid), 'null')";
        self.value(member.user(), SQL, &[Param::of(member.account())]).await
    }

    async fn exported_rows(
        &self,
        member: Member,
        table: &str,
        after: Option<&Value>,
    ) -> Result<Vec<ExportedRow>, StoreError> {
        const SQL: &str = "select api.export_rows($1::uuid, $2, $3::jsonb)";
        let params = [Param::of(member.account()), Param::of(table), Param::maybe(after)];
        self.values(member.user(), SQL, &params).await
    }
}
