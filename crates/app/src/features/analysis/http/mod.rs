//! The feature's endpoints, a file for each resource.

mod analyze;
mod bulk;
mod bulk_body;
mod bulk_query;
mod estimate;
mod events;
mod run_view;
mod runs;

use crate::http::Registry;

/// Declares the feature's endpoints, in the order of the reference.
pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<analyze::Analyze>();
    registry.add::<bulk::BulkAnalyze>();
    registry.add::<estimate::GetEstimate>();
    registry.add::<runs::ListRuns>();
    registry.add::<run_view::GetRun>();
    registry.add::<runs::GetProgress>();
    registry.add::<events::GetEvents>();
    registry.add::<events::CreateTicket>();
    registry.add::<runs::CancelRun>();
    registry.add::<bulk::ContinueBulk>();
}
