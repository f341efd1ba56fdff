//! What the handlers of a user's request can reach, feature by feature.

use axum::http::Extensions;

use crate::{
    features::{
        analysis::AnalysisPorts, auth::AuthPorts, business::BusinessPorts, credits::CreditPorts, health::HealthPorts,
        leads::LeadPorts,
    },
    http::RequestPorts,
};

/// The bundles of a user's request. Made anew for each request, because on Workers a database socket belongs to one
/// request. They hold the tenant's database role only: no port of the system role is in here, so no handler of a user's
/// request can name one. A request of another kind (a provider's webhook, an operator) gets bundles of its own, without
/// these.
pub struct UserPorts {
    /// Of the envelope.
    pub request: RequestPorts,
    /// Of the feature `auth`.
    pub auth: AuthPorts,
    /// Of the feature `credits`.
    pub credits: CreditPorts,
    /// Of the feature `business`.
    pub business: BusinessPorts,
    /// Of the feature `leads`.
    pub leads: LeadPorts,
    /// Of the feature `analysis`.
    pub analysis: AnalysisPorts,
    /// Of the feature `health`.
    pub health: HealthPorts,
}

impl UserPorts {
    /// Puts every bundle where the handlers look for it.
    pub fn install(self, extensions: &mut Extensions) {
        let Self { request, auth, credits, business, leads, analysis, health } = self;
        extensions.insert(request);
        extensions.insert(auth);
        extensions.insert(credits);
        extensions.insert(business);
        extensions.insert(leads);
        extensions.insert(analysis);
        extensions.insert(health);
    }
}
