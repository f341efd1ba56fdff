//! Stripe's API, as far as selling subscriptions and packs needs it, and the events that it delivers.
//!
//! All of it is below one lock, and each request is one transaction: its changes, the events that they cause and the
//! deliveries of these are one line of the journal, so that a sandbox that is killed goes on as the real service would.

mod access;
mod books;
mod calendar;
mod call;
mod charges;
mod checkout;
mod clock;
mod control;
mod customers;
mod delivery;
mod disputes;
mod due;
mod errors;
mod events;
mod expand;
mod fixtures;
mod form;
mod http;
mod idempotency;
mod invoices;
mod listing;
mod object;
mod payment_intents;
mod payment_methods;
mod payments;
mod portal;
mod prices;
mod refunds;
mod state;
mod subscriptions;
mod test_clocks;

use std::sync::Arc;

use axum::{
    Router,
    routing::{MethodFilter, any},
};

pub use access::STRIPE_SECRET_KEY;
pub(crate) use control::routes as control_routes;
pub(crate) use delivery::Endpoint;
pub(crate) use state::Stripe;

use crate::shared::{faults::Target, tap::Tap};
use call::Operation;

/// The version of the API that the sandbox speaks, and of the events that it delivers unless it is told otherwise.
pub(crate) const API_VERSION: &str = "2026-10-28.endive";

const GET: MethodFilter = MethodFilter::GET;
const POST: MethodFilter = MethodFilter::POST;
const DELETE: MethodFilter = MethodFilter::DELETE;

/// Every endpoint: its path below `/v1`, its method, which faults strike it, and what it does.
const ENDPOINTS: &[(&str, MethodFilter, Target, Operation)] = &[
    ("billing_portal/sessions", POST, Target::StripePortal, portal::create),
    ("charges", GET, Target::StripeOther, charges::list_all),
    ("charges/{id}", GET, Target::StripeOther, charges::retrieve),
    ("checkout/sessions", GET, Target::StripeCheckout, checkout::list_all),
    ("checkout/sessions", POST, Target::StripeCheckout, checkout::create),
    ("checkout/sessions/{id}", GET, Target::StripeCheckout, checkout::retrieve),
    ("checkout/sessions/{id}/expire", POST, Target::StripeCheckout, checkout::expire),
    ("checkout/sessions/{id}/line_items", GET, Target::StripeCheckout, checkout::line_items),
    ("customers", GET, Target::StripeCustomers, customers::list_all),
    ("customers", POST, Target::StripeCustomers, customers::create),
    ("customers/{id}", GET, Target::StripeCustomers, customers::retrieve),
    ("customers/{id}", POST, Target::StripeCustomers, customers::update),
    ("customers/{id}/payment_methods", GET, Target::StripeOther, payment_methods::list_of_customer),
    ("disputes", GET, Target::StripeOther, disputes::list_all),
    ("disputes/{id}", GET, Target::StripeOther, disputes::retrieve),
    ("events", GET, Target::StripeEvents, events::list_all),
    ("events/{id}", GET, Target::StripeEvents, events::retrieve),
    ("invoice_payments", GET, Target::StripeInvoices, invoices::list_payments),
    ("invoices", GET, Target::StripeInvoices, invoices::list_all),
    ("invoices/{id}", GET, Target::StripeInvoices, invoices::retrieve),
    ("invoices/{id}/pay", POST, Target::StripeInvoices, invoices::pay),
    ("payment_intents", GET, Target::StripePayments, payment_intents::list_all),
    ("payment_intents", POST, Target::StripePayments, payment_intents::create),
    ("payment_intents/{id}", GET, Target::StripePayments, payment_intents::retrieve),
    ("payment_methods", GET, Target::StripeOther, payment_methods::list_all),
    ("payment_methods/{id}", GET, Target::StripeOther, payment_methods::retrieve),
    ("payment_methods/{id}/attach", POST, Target::StripeOther, payment_methods::attach),
    ("prices", GET, Target::StripeOther, prices::list_all),
    ("prices/{id}", GET, Target::StripeOther, prices::retrieve),
    ("refunds", GET, Target::StripeRefunds, refunds::list_all),
    ("refunds", POST, Target::StripeRefunds, refunds::create),
    ("refunds/{id}", GET, Target::StripeRefunds, refunds::retrieve),
    ("subscriptions", GET, Target::StripeSubscriptions, subscriptions::list_all),
    ("subscriptions/{id}", GET, Target::StripeSubscriptions, subscriptions::retrieve),
    ("subscriptions/{id}", POST, Target::StripeSubscriptions, subscriptions::update),
    ("subscriptions/{id}", DELETE, Target::StripeSubscriptions, subscriptions::cancel),
    ("test_helpers/test_clocks", POST, Target::StripeOther, test_clocks::create),
    ("test_helpers/test_clocks/{id}", GET, Target::StripeOther, test_clocks::retrieve),
    ("test_helpers/test_clocks/{id}/advance", POST, Target::StripeOther, test_clocks::advance),
];

/// The routes below `/stripe`.
pub(crate) fn routes(stripe: &Arc<Stripe>, tap: &Tap) -> Router {
    let mut router = Router::new();
    for (path, method, target, operation) in ENDPOINTS {
        let route = tap.before(stripe, *target, http::route(*method, *operation));
        router = router.route(&format!("/v1/{path}"), route);
    }
    let unknown = tap.before(stripe, Target::StripeOther, any(http::unknown));
    router.fallback_service(unknown.with_state(Arc::clone(stripe))).with_state(Arc::clone(stripe))
}
