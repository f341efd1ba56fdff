//! Every endpoint of the API, feature by feature: the one list that the router, the description and the tests read.

use crate::{
    features::{
        account, analysis, auth, billing, business, credits, diagnostics, erasure, health, insights, leads, members,
        operators,
    },
    http::Registry,
};

/// Adds every endpoint, in the order of the reference.
pub fn register(registry: &mut impl Registry) {
    analysis::endpoints(registry);
    leads::endpoints(registry);
    business::endpoints(registry);
    credits::endpoints(registry);
    billing::endpoints(registry);
    auth::endpoints(registry);
    account::endpoints(registry);
    members::endpoints(registry);
    insights::endpoints(registry);
    operators::endpoints(registry);
    erasure::endpoints(registry);
    diagnostics::endpoints(registry);
    health::endpoints(registry);
}
