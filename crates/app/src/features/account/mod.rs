//! The account itself: what it is, its end and the way back, and everything it owns as a file.

mod export;
mod http;
mod model;
mod ports;

pub use http::endpoints;
pub use model::{AccountOutcome, AccountState, AccountView, CloseOutcome, ExportedRow, ExportedTable, RestoreOutcome};
pub use ports::{AccountPorts, AccountStore};
