//! Erases an Instagram profile from all accounts, when its owner wants it (docs/erasure.md): operators ask for it, a job works it
//! off until every store has nothing more, and analyses of the profile are refused for good.

mod erase;
mod http;
mod model;
mod ports;
mod stores;

pub use erase::{EraseReport, erase_subjects};
pub use http::endpoints;
pub use model::{BeginOutcome, Erasure, ErasureState, InstagramId, NewErasure, OpenErasure, Proof, Slice};
pub use ports::{EngineInstances, EraseJobPorts, ErasureDesk, ErasurePorts, ErasureRecords, SubjectFiles};
pub use stores::{Ends, SETTLED_AFTER, SubjectStore};
