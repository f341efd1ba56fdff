//! The secret key that every request must carry, and the version that it may ask for.

use axum::http::{HeaderMap, header};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{API_VERSION, errors::StripeError};
use crate::shared::headers;

/// The only secret key of Stripe that the sandbox accepts.
pub const STRIPE_SECRET_KEY: &str = "sandbox-stripe-key";

pub(super) fn check(sent: &HeaderMap) -> Result<(), StripeError> {
    match key(sent).as_deref() {
        Some(STRIPE_SECRET_KEY) => {}
        None | Some("") => {
            let message = "You did not provide an API key. You need to provide your API key in the Authorization \
                           header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').";
            return Err(StripeError::new(401, "invalid_request_error", message));
        }
        Some(_) => {
            return Err(StripeError::new(401, "invalid_request_error", "Invalid API Key provided: ****"));
        }
    }
    match sent.get("stripe-version") {
        Some(version) if version != API_VERSION => {
            Err(StripeError::invalid(format!("The sandbox speaks version {API_VERSION} only.")))
        }
        _ => Ok(()),
    }
}

/// The key as a bearer token, or as the user name of basic authentication.
fn key(sent: &HeaderMap) -> Option<String> {
    if let Some(bearer) = headers::bearer(sent, "authorization") {
        return Some(bearer.to_owned());
    }
    let basic = sent.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(basic.trim()).ok()?).ok()?;
    pair.split(':').next().map(str::to_owned)
}
