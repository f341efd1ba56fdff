//! Leads: the scored profiles of an account, listed, exported and deleted; how each changed from one analysis to the
//! next, and how it turned out. Leads are written by the feature `analysis`, when a run completes.

mod changes;
mod export;
mod exports_at_once;
mod http;
mod model;
mod outcome;
mod outcomes_file;
mod paged;
mod ports;
mod query;

pub use changes::{Change, Changes, HISTORY_MAX, ProfileChanges};
pub use export::export;
pub use exports_at_once::exports_at_once;
pub use http::endpoints;
pub(crate) use http::{FILE_HEADERS, File, TOO_MANY_EXPORTS};
pub use model::{Analysis, HistoryEntry, LatestAnalysis, Lead, LeadHistory};
pub use outcome::{JudgedBusiness, JudgedOutcome, LeadOutcome, Mark, MarkOutcome, NewestMark};
pub use outcomes_file::export_outcomes;
pub use paged::{EXPORT_ROWS_MAX, Export};
pub use ports::LeadPorts;
pub use ports::{LeadRepository, OutcomeRepository, Picture, Pictures};
pub use query::{
    InvalidCursor, InvalidQuery, LeadCursor, LeadFilter, LeadKey, LeadQuery, LeadSort, OutcomeQuery, RawLeadQuery,
    RawOutcomeQuery, SearchText,
};
