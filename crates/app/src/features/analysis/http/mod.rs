//! The feature's endpoints, a file for each resource.

mod analyze;
mod estimate;
mod events;
mod runs;

use crate::http::Registry;

/// Declares the feature's endpoints, in the order of the reference.
pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<analyze::Analyze>();
    registry.add::<estimate::GetEstimate>();
    registry.add::<runs::ListRuns>();
    registry.add::<runs::GetRun>();
    registry.add::<runs::GetProgress>();
    registry.add::<events::GetEvents>();
    registry.add::<events::CreateTicket>();
    registry.add::<runs::CancelRun>();
}
