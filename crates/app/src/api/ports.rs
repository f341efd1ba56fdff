//! What the handlers of a user's request can reach, feature by feature.

use axum::http::Extensions;

use crate::{
    features::{
        account::AccountPorts,
        analysis::AnalysisPorts,
        auth::{AuthPorts, SignInPorts},
        billing::{BillingPorts, WebhookPorts},
        business::BusinessPorts,
        credits::CreditPorts,
        diagnostics::DiagnosticsPorts,
        erasure::ErasurePorts,
        health::HealthPorts,
        insights::{InsightPorts, OperatorInsightPorts},
        leads::LeadPorts,
        members::MemberPorts,
        operators::{OperatorActionPorts, OperatorCommandPorts},
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
    pub billing: BillingPorts,
    pub business: BusinessPorts,
    pub leads: LeadPorts,
    pub analysis: AnalysisPorts,
    pub health: HealthPorts,
    pub members: MemberPorts,
    pub account: AccountPorts,
    pub insights: InsightPorts,
}

/// The bundles of ports of a request that a provider sends. They have the system's database role, and no bundle of a user's.
#[derive(Clone)]
pub struct ProviderPorts {
    pub request: RequestPorts,
    pub webhook: WebhookPorts,
}

impl ProviderPorts {
    /// Puts every bundle into the request's extensions.
    pub fn install(self, extensions: &mut Extensions) {
        let Self { request, webhook } = self;
        extensions.insert(request);
        extensions.insert(webhook);
    }
}

/// The bundles of ports of an operator's request. They have the operators' database role, and no bundle of a user's: whoever the
/// operator is a customer as does not count here.
#[derive(Clone)]
pub struct OperatorPorts {
    pub request: RequestPorts,
    pub sign_in: SignInPorts,
    pub actions: OperatorActionPorts,
    pub commands: OperatorCommandPorts,
    pub erasure: ErasurePorts,
    pub insights: OperatorInsightPorts,
    pub diagnostics: DiagnosticsPorts,
}

impl OperatorPorts {
    /// Puts every bundle into the request's extensions.
    pub fn install(self, extensions: &mut Extensions) {
        let Self { request, sign_in, actions, commands, erasure, insights, diagnostics } = self;
        extensions.insert(request);
        extensions.insert(sign_in);
        extensions.insert(actions);
        extensions.insert(commands);
        extensions.insert(erasure);
        extensions.insert(insights);
        extensions.insert(diagnostics);
    }
}

/// Who sends requests to a path, and so which ports they get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// [`UserPorts`].
    OfAUser,
    /// [`ProviderPorts`].
    OfAProvider,
    /// [`OperatorPorts`].
    OfAnOperator,
}

impl RequestKind {
    #[must_use]
    pub fn of(path: &str) -> Self {
        if path.starts_with("/webhooks/") {
            Self::OfAProvider
        } else if path.starts_with("/operator/") {
            Self::OfAnOperator
        } else {
            Self::OfAUser
        }
    }
}

impl UserPorts {
    /// Puts every bundle into the request's extensions, where [`crate::http::Ports`] looks for it.
    pub fn install(self, extensions: &mut Extensions) {
        let Self { request, auth, credits, billing, business, leads, analysis, health, members, account, insights } =
            self;
        extensions.insert(request);
        extensions.insert(auth);
        extensions.insert(credits);
        extensions.insert(billing);
        extensions.insert(business);
        extensions.insert(leads);
        extensions.insert(analysis);
        extensions.insert(health);
        extensions.insert(members);
        extensions.insert(account);
        extensions.insert(insights);
    }
}
