//! What the feature needs from outside.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::{AccountOutcome, CloseOutcome, ExportedRow, ExportedTable, RestoreOutcome};
use crate::{
    features::{analysis::ProgressBoard, auth::Member, scraping::ProfileSource},
    shared::{clock::Clock, ids::AccountId, in_flight::InFlight, store::StoreError, telemetry::Telemetry},
};

/// The account, as the caller, who may be an owner of a closed one. Every method fails with [`StoreError`] when the database does
/// not answer, and with `PermissionMissing` when the caller may not do it.
#[async_trait]
pub trait AccountStore: Send + Sync {
    async fn account(&self, member: Member) -> Result<AccountOutcome, StoreError>;

    /// Closes the account if it has this name. MUST hold for every charge that begins afterwards; a repeat MUST change nothing.
    async fn close(&self, member: Member, name: &str) -> Result<CloseOutcome, StoreError>;

    /// Opens it again. A repeat MUST change nothing.
    async fn restore(&self, member: Member) -> Result<RestoreOutcome, StoreError>;

    /// What an export of it holds, in the order of the file; `None` for a stranger.
    async fn exported_tables(&self, member: Member) -> Result<Option<Vec<ExportedTable>>, StoreError>;

    /// A page of a table after the row with that key. A page with fewer rows than [`ExportedTable::page_rows`] is the last one; so
    /// MUST fail, and not be empty, when the caller may not read it any more.
    async fn exported_rows(
        &self,
        member: Member,
        table: &str,
        after: Option<&Value>,
    ) -> Result<Vec<ExportedRow>, StoreError>;
}

/// What the feature's handlers can reach.
#[derive(Clone)]
pub struct AccountPorts {
    pub store: Arc<dyn AccountStore>,
    pub clock: Arc<dyn Clock>,
    pub telemetry: Arc<dyn Telemetry>,
    /// The exports that are under way, those of leads too; one per isolate.
    pub exports: Arc<InFlight<AccountId>>,
    /// Who watches the runs that closing the account cancels.
    pub progress: Arc<dyn ProgressBoard>,
    /// The scraper's gate, in whose line they may stand.
    pub profiles: Arc<dyn ProfileSource>,
}
