//! What the handlers of a user's request can reach, feature by feature.

use axum::http::Extensions;

use crate::{
    features::{
        analysis::AnalysisPorts, auth::AuthPorts, business::BusinessPorts, credits::CreditPorts, health::HealthPorts,
        leads::LeadPorts,
    },
    http::RequestPorts,
};

/// The bundles of ports of a user's request. Made anew for each request, because on Workers a database socket belongs
/// to one request. They hold the tenant's database role only: no port of the system role is in here, so no handler of a
/// user's request can name one. A request of another kind (a provider's webhook, an operator) gets bundles of its own,
/// without these.
#[derive(Clone)]
pub struct UserPorts {
    pub request: RequestPorts,
    pub auth: AuthPorts,
    pub credits: CreditPorts,
    pub business: BusinessPorts,
    pub leads: LeadPorts,
    pub analysis: AnalysisPorts,
    pub health: HealthPorts,
}

impl UserPorts {
    /// Puts every bundle into the request's extensions, where [`crate::http::Ports`] looks for it.
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
