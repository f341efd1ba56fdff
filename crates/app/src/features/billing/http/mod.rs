//! `/billing/…`, `/credits/alerts` and `/webhooks/stripe`.

mod alerts;
mod checkout;
mod subscription;
mod webhook;

pub use webhook::EVENT_BYTES_MAX;

use crate::http::Registry;

pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<subscription::GetSubscription>();
    registry.add::<subscription::GetCatalogue>();
    registry.add::<checkout::CheckOut>();
    registry.add::<checkout::OpenPortal>();
    registry.add::<alerts::GetAlerts>();
    registry.add::<alerts::SetAlerts>();
    registry.add::<webhook::StripeWebhook>();
}
