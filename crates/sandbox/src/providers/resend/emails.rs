//! Sending a mail, at most once for each idempotency key, and reading it again.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    access,
    errors::{ResendError, error_of_status},
    request::Draft,
    state::Resend,
};
use crate::shared::{
    clock::now_ms,
    outbox::{Mail, Once, Sender},
};

/// How long Resend takes to answer, in seconds (assumed).
const SEND_S: f64 = 0.2;
const READ_S: f64 = 0.1;
/// How long an idempotency key is known.
const KEY_KEPT_MS: u64 = 24 * 60 * 60 * 1_000;
const KEY_CHARACTERS_MAX: usize = 256;

pub(super) async fn send(State(resend): State<Arc<Resend>>, sent: HeaderMap, body: Bytes) -> Response {
    let asked = access::check(&sent, 401).and_then(|()| Ok((key(&sent)?, Draft::read(&body)?)));
    match asked {
        Err(error) => error.into_response(),
        // A client that goes away does not undo its request.
        Ok((key, draft)) => tokio::spawn(async move { carry_out(&resend, key, draft).await })
            .await
            .unwrap_or_else(|_| error_of_status(500).into_response()),
    }
}

fn key(sent: &HeaderMap) -> Result<Option<String>, ResendError> {
    let Some(key) = sent.get("idempotency-key") else { return Ok(None) };
    match key.to_str() {
        Ok(key) if (1..=KEY_CHARACTERS_MAX).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(ResendError::new(
            400,
            "invalid_idempotency_key",
            "Idempotency keys, if present, must have between 1 and 256 characters.",
        )),
    }
}

async fn carry_out(resend: &Resend, key: Option<String>, draft: Draft) -> Response {
    let claim = key.as_deref().map(|key| resend.keys_in_use.claim(key));
    if matches!(claim, Some(None)) {
        return error_of_status(409).into_response();
    }
    tokio::time::sleep(resend.latency.scaled(SEND_S)).await;
    let once = key.map(|key| Once { key, fingerprint: draft.fingerprint.clone() });
    if let Some(once) = &once
        && let Some(earlier) = sent_with(resend, &once.key)
    {
        return repeated(&earlier, once);
    }
    let id = Uuid::new_v4().to_string();
    resend.outbox.send(draft.into_mail(id.clone(), once));
    Json(json!({"id": id})).into_response()
}

fn sent_with(resend: &Resend, key: &str) -> Option<Mail> {
    let since_ms = now_ms().saturating_sub(KEY_KEPT_MS);
    resend.outbox.find(|mail| mail.sent_at_ms > since_ms && mail.once.as_ref().is_some_and(|once| once.key == key))
}

/// The answer to a request whose key was used before.
fn repeated(earlier: &Mail, once: &Once) -> Response {
    if earlier.once.as_ref() == Some(once) {
        return Json(json!({"id": earlier.id})).into_response();
    }
    let message = "Same idempotency key used with a different request payload";
    ResendError::new(409, "invalid_idempotent_request", message).into_response()
}

pub(super) async fn retrieve(
    State(resend): State<Arc<Resend>>,
    Path(id): Path<String>,
    sent: HeaderMap,
) -> Result<Json<Value>, ResendError> {
    access::check(&sent, 400)?;
    tokio::time::sleep(resend.latency.scaled(READ_S)).await;
    if Uuid::parse_str(&id).is_err() {
        return Err(ResendError::new(422, "invalid_parameter", "The `id` must be a valid UUID."));
    }
    let found = resend.outbox.find(|mail| mail.id == id && mail.sent_by == Sender::Resend);
    found.map(|mail| Json(shown(&mail))).ok_or_else(|| ResendError::new(404, "not_found", "Email not found"))
}

fn shown(mail: &Mail) -> Value {
    let list = |addresses: &[String]| (!addresses.is_empty()).then(|| addresses.to_vec());
    json!({
        "object": "email", "id": mail.id, "to": mail.to, "from": mail.from, "created_at": written(mail.sent_at_ms),
        "subject": mail.subject, "html": mail.html, "text": mail.text, "bcc": list(&mail.bcc), "cc": list(&mail.cc),
        "reply_to": list(&mail.reply_to), "last_event": "delivered", "scheduled_at": null, "tags": mail.tags,
        "message_id": format!("<{}@sandbox.test>", mail.id),
    })
}

/// A time as Resend writes it, for example `2025-11-30 20:39:58.758+00`.
fn written(ms: u64) -> String {
    let at = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%S%.3f+00").to_string()
}

pub(super) async fn unknown(sent: HeaderMap) -> ResendError {
    access::check(&sent, 400).err().unwrap_or_else(|| error_of_status(404))
}

pub(super) async fn not_allowed(sent: HeaderMap) -> ResendError {
    access::check(&sent, 400).err().unwrap_or_else(|| error_of_status(405))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_resend_writes_them() {
        assert_eq!(written(1_764_535_198_758), "2025-11-30 20:39:58.758+00");
    }
}
