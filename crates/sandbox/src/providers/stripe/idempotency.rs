//! Idempotency keys: a request with a key is carried out once, and its answer is given again for a day.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{books::Books, errors::StripeError, object::Fields};

const KEPT_S: i64 = 24 * 60 * 60;

/// The answer to the first request with this key, if there was one; an error if that asked for something else.
pub(super) fn kept(books: &Books, key: &str, fingerprint: &str) -> Result<Option<Value>, StripeError> {
    let fresh = |kept: &&Value| kept.number("created") + KEPT_S > books.now;
    let Some(kept) = books.get(&id_of(key)).filter(fresh) else { return Ok(None) };
    if kept.text("fingerprint") == fingerprint {
        return Ok(Some(kept.clone()));
    }
    let message = format!(
        "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a \
         key other than '{key}' if you meant to execute a different request."
    );
    Err(StripeError::new(400, "idempotency_error", message))
}

/// Keeps the answer to a request that was carried out. One that was refused before that may be repeated with its key.
pub(super) fn keep(books: &mut Books, key: &str, fingerprint: &str, status: StatusCode, body: &Value) {
    if status == StatusCode::OK || status == StatusCode::PAYMENT_REQUIRED {
        let request = books.cause.as_ref().map(|cause| cause.request.clone());
        books.put(json!({
            "id": id_of(key), "object": "sandbox.answer", "created": books.now, "request": request,
            "fingerprint": fingerprint, "status": status.as_u16(), "body": body,
        }));
    }
}

fn id_of(key: &str) -> String {
    format!("idempotency:{key}")
}
