//! Mails that a visitor asks for: a magic link, a recovery, the confirmation once more. What is answered does not tell whether there
//! is such a user.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    super::{
        Answer, Supabase,
        errors::{AuthError, read},
    },
    email::{self, Leading, Purpose},
    pkce::Asked,
};

#[derive(Deserialize)]
struct Request {
    email: Option<String>,
    create_user: Option<bool>,
    data: Option<Map<String, Value>>,
    /// What is to be sent again.
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(flatten)]
    pkce: Asked,
}

pub(in super::super) async fn send_magic_link(
    State(supabase): State<Arc<Supabase>>,
    Query(leading): Query<Leading>,
    body: Bytes,
) -> Answer {
    let asked: Request = read(&body)?;
    if asked.email.as_deref().unwrap_or_default().is_empty() {
        return Err(AuthError::invalid("One of email or phone must be set"));
    }
    let email = email::address(asked.email)?;
    let challenge = asked.pkce.challenge()?;
    if asked.create_user == Some(false) && supabase.user_by_email(&email).await?.is_none() {
        return Err(AuthError::new(422, "otp_disabled", "Signups not allowed for otp"));
    }
    let user = supabase.known_or_new(&email, asked.data.unwrap_or_default(), None).await?;
    // The confirmation of somebody new signs them in as well.
    let purpose = if user.is_confirmed() { Purpose::MagicLink } else { Purpose::Signup };
    supabase.send_link(&user, purpose, challenge, &leading);
    Ok(Json(json!({})))
}

pub(in super::super) async fn send_recovery(
    State(supabase): State<Arc<Supabase>>,
    Query(leading): Query<Leading>,
    body: Bytes,
) -> Answer {
    let asked: Request = read(&body)?;
    let email = email::address(asked.email)?;
    let challenge = asked.pkce.challenge()?;
    if let Some(user) = supabase.user_by_email(&email).await? {
        supabase.send_link(&user, Purpose::Recovery, challenge, &leading);
    }
    Ok(Json(json!({})))
}

pub(in super::super) async fn send_again(
    State(supabase): State<Arc<Supabase>>,
    Query(leading): Query<Leading>,
    body: Bytes,
) -> Answer {
    let asked: Request = read(&body)?;
    if asked.kind.as_deref() != Some("signup") {
        return Err(AuthError::invalid("Missing one of these types: signup, email_change, sms, phone_change"));
    }
    let email = email::address(asked.email)?;
    let challenge = asked.pkce.challenge()?;
    if let Some(user) = supabase.user_by_email(&email).await?.filter(|user| !user.is_confirmed()) {
        supabase.send_link(&user, Purpose::Signup, challenge, &leading);
    }
    Ok(Json(json!({})))
}
