//! Bulks: up to a hundred analyses that are bought together.
//!
//! `list` reads the names as people have them, `buy` charges and starts, `workflow` is the durable body that starts the
//! ordinary workflow of each line and ends the bulk, `sheet` is the result as a table.

mod buy;
mod list;
mod model;
mod ports;
mod sheet;
mod view;
mod workflow;

pub use buy::{Bought, buy, cancel, go_on};
pub use list::{
    InvalidList, LINES_MAX, LineReason, LinesUsed, ListEntry, NAMES_MAX, UnusedLine, names_in_list, names_in_text,
};
pub use model::{
    BulkCancelled, BulkOptions, BulkOutcome, BulkPlan, BulkRefusal, BulkRequest, DryRun, HeldLine, ListSource,
    PlannedLine,
};
pub use ports::{BulkLauncher, BulkLeg, BulkLine, BulkRepository, SystemBulks, Tended};
pub use sheet::sheet;
pub use view::{Bulk, BulkItem, BulkProgress, BulkStatus};
pub use workflow::{BulkPorts, run_bulk};
