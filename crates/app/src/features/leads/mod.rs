//! Leads: the scored profiles of an account, listed, exported and deleted; and how each changed from one analysis to
//! the next. Leads are written by the feature `analysis`, when a run completes.

mod changes;
mod export;
mod exports_at_once;
mod http;
mod model;
mod ports;
mod query;

pub use changes::{Change, Changes, HISTORY_MAX, ProfileChanges};
pub use export::{EXPORT_ROWS_MAX, Export, export};
pub use exports_at_once::exports_at_once;
pub use http::endpoints;
pub use model::{Analysis, HistoryEntry, LatestAnalysis, Lead, LeadHistory};
pub use ports::LeadPorts;
pub use ports::{LeadRepository, Picture, Pictures};
pub use query::{
    InvalidCursor, InvalidQuery, LeadCursor, LeadFilter, LeadKey, LeadQuery, LeadSort, RawLeadQuery, SearchText,
};
