//! Leads: the scored profiles of an account, listed, exported and deleted; how each changed from one analysis to the
//! next, what people do with it, and how it turned out. Leads are written by the feature `analysis`, when a run completes.

mod changes;
mod export;
mod exports_at_once;
mod http;
mod model;
mod note;
mod outcome;
mod outcomes_file;
mod paged;
mod ports;
mod query;
mod saved_filter;
mod work;

pub use changes::{Change, Changes, HISTORY_MAX, ProfileChanges};
pub use export::export;
pub use exports_at_once::{EXPORTS_OF_ACCOUNT_MAX, exports_at_once};
pub use http::endpoints;
pub(crate) use http::{File, TOO_MANY_EXPORTS};
pub use model::{Analysis, HistoryEntry, LatestAnalysis, Lead, LeadHistory};
pub use note::{Note, NoteDeletion, NoteOutcome, NoteText};
pub use outcome::{JudgedBusiness, JudgedOutcome, LeadOutcome, Mark, MarkOutcome, NewestMark};
pub use outcomes_file::export_outcomes;
pub use paged::{EXPORT_ROWS_MAX, Export};
pub use ports::LeadPorts;
pub use ports::{FilterRepository, LeadRepository, OutcomeRepository, Picture, Pictures, WorkRepository};
pub use query::{
    InvalidCursor, InvalidQuery, LeadCursor, LeadFilter, LeadKey, LeadQuery, LeadSort, OutcomeQuery, OwnerFilter,
    RawLeadQuery, RawOutcomeQuery, SearchText,
};
pub use saved_filter::{FilterDeletion, FilterName, FilterOutcome, NewFilter, SavedFilter, SavedQuery};
pub use work::{LeadAction, LeadStatus, Tag, Tags, Work, WorkChanges, WorkOutcome};
