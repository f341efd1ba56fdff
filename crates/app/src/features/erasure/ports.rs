//! What the erasure needs from outside. Every effect MUST be safe to repeat: the job does all of it again until nothing is left.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::{BeginOutcome, Erasure, InstagramId, NewErasure, OpenErasure, Slice};
use crate::{
    features::{
        analysis::ProgressSink,
        auth::Operator,
        profiles::{InstagramHandle, PictureStore},
        scraping::ProfileSource,
    },
    shared::{
        clock::Clock,
        ids::{Ids, RunId},
        store::StoreError,
        telemetry::Telemetry,
    },
};

/// Erasures, as an operator. Every method MUST decide whether the caller is one, and write down what they did, in its transaction.
/// Each fails with [`StoreError`] when the database does not answer, and with `OperatorRequired`.
#[async_trait]
pub trait ErasureDesk: Send + Sync {
    /// Refuses analyses of the subject from now on, and has them erased. A repeat is the same erasure.
    async fn begin(&self, operator: &Operator, new: &NewErasure) -> Result<BeginOutcome, StoreError>;

    async fn find(&self, operator: &Operator, id: Uuid) -> Result<Option<Erasure>, StoreError>;
}

/// Erasures in the database, as the job works them off. Every method fails with [`StoreError`] when it does not answer.
#[async_trait]
pub trait ErasureRecords: Send + Sync {
    /// Takes up some that are not done: those that have waited longest for it.
    async fn take_up(&self, limit: u32) -> Result<Vec<OpenErasure>, StoreError>;

    /// Adds an id of Instagram's that a stored scrape shows, with the names that belong to it; the erasure with them, or `None` if
    /// it is done.
    async fn note_id(&self, erasure: Uuid, id: &InstagramId) -> Result<Option<OpenErasure>, StoreError>;

    /// Fails and refunds up to `limit` runs that are under way, and answers which. It MUST be one short transaction that waits for
    /// no customer: what somebody holds is left.
    async fn end_runs(&self, erasure: Uuid, limit: u32) -> Result<Vec<RunId>, StoreError>;

    /// Removes up to `limit` leads with all that hangs on them, and takes the names off as many bills and runs that have ended: those
    /// that the engine has long forgotten, and those of `deleted`, whose instances it has just deleted.
    async fn erase(&self, erasure: Uuid, limit: u32, deleted: &[RunId]) -> Result<Slice, StoreError>;

    /// Takes the names out of the next `limit` bulks; whether there are more.
    async fn erase_from_bulks(&self, erasure: Uuid, limit: u32) -> Result<bool, StoreError>;

    /// Ends an erasure that has found nothing new since `found_before`, and forgets whom it was about; `false` when something is left.
    async fn end(&self, erasure: Uuid, found_before: Timestamp) -> Result<bool, StoreError>;
}

/// Scrapes of a profile in the store of snapshots.
#[async_trait]
pub trait SubjectFiles: Send + Sync {
    /// Instagram's id in the newest snapshot of this username, if there is one that says it.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn id_of(&self, username: &InstagramHandle) -> Result<Option<InstagramId>, StoreError>;

    /// Deletes every snapshot of this username and the pointer to them; answers how many objects.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn delete_all(&self, username: &InstagramHandle) -> Result<u32, StoreError>;
}

/// The engine's instances.
#[async_trait]
pub trait EngineInstances: Send + Sync {
    /// Deletes the instances of up to a hundred runs with all that the engine remembers of them; answers which are gone, or never
    /// were there.
    ///
    /// # Errors
    /// [`StoreError`] when the engine does not answer.
    async fn delete(&self, runs: &[RunId]) -> Result<Vec<RunId>, StoreError>;
}

/// What the feature's handlers can reach.
#[derive(Clone)]
pub struct ErasurePorts {
    pub desk: Arc<dyn ErasureDesk>,
    pub ids: Arc<dyn Ids>,
    pub clock: Arc<dyn Clock>,
}

/// What the job can reach.
#[derive(Clone)]
pub struct EraseJobPorts {
    pub records: Arc<dyn ErasureRecords>,
    pub files: Arc<dyn SubjectFiles>,
    pub pictures: Arc<dyn PictureStore>,
    pub engine: Arc<dyn EngineInstances>,
    /// The scraper's gate.
    pub profiles: Arc<dyn ProfileSource>,
    pub progress: Arc<dyn ProgressSink>,
    pub clock: Arc<dyn Clock>,
    pub telemetry: Arc<dyn Telemetry>,
}
