//! `/verify`: following a mailed link, which leads back to the site, and handing in its token or its code.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::{
    super::{
        Answer, Supabase,
        errors::{AuthError, read},
        state::{Account, Book, Entry, Ticket},
        users::Change,
    },
    email::{self, Purpose},
    pkce::PREFIX,
    redirect,
};
use crate::shared::{clock::now_ms, headers};

const TOKEN_KEPT_MS: u64 = 60 * 60 * 1_000;

#[derive(Deserialize)]
pub(in super::super) struct Followed {
    token: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    redirect_to: Option<String>,
}

#[derive(Deserialize)]
struct HandedIn {
    #[serde(rename = "type")]
    kind: Option<String>,
    token: Option<String>,
    token_hash: Option<String>,
    email: Option<String>,
}

/// A token that was found valid, and is to be used.
struct Found {
    user: Uuid,
    token: String,
    purpose: Purpose,
}

pub(in super::super) async fn follow_link(
    State(supabase): State<Arc<Supabase>>,
    Query(followed): Query<Followed>,
) -> Result<Response, AuthError> {
    let (kind, token) = (given(followed.kind), given(followed.token));
    let kind = kind.ok_or_else(|| AuthError::invalid("Verify requires a verification type"))?;
    let token = token.ok_or_else(|| AuthError::invalid("Verify requires a token or a token hash"))?;
    let to = redirect::allowed(followed.redirect_to.as_deref());
    let is_pkce = token.starts_with(PREFIX);
    let led = supabase.lead(&kind, token, to.clone(), is_pkce).await;
    let url = led.unwrap_or_else(|error| redirect::with_error(to, &error, is_pkce));
    let mut response = StatusCode::SEE_OTHER.into_response();
    headers::set(response.headers_mut(), "location", url.as_str());
    Ok(response)
}

pub(in super::super) async fn verify(State(supabase): State<Arc<Supabase>>, body: Bytes) -> Answer {
    let asked: HandedIn = read(&body)?;
    let kind = given(asked.kind).ok_or_else(|| AuthError::invalid("Verify requires a verification type"))?;
    let found = match (given(asked.token), given(asked.token_hash)) {
        (Some(code), None) => supabase.find_code(&kind, &email::address(asked.email)?, &code).await?,
        (None, Some(token)) => supabase.find_token(&kind, token)?,
        _ => return Err(AuthError::invalid("Verify requires either a token or a token hash")),
    };
    supabase.confirm(found.user).await?;
    supabase.begin_session(found.user, "otp", |book| found.use_up(book)).await.map(Json)
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn expired(message: &str) -> AuthError {
    AuthError::new(403, "otp_expired", message)
}

impl Found {
    /// Makes the token useless, and all others of the user; an error if somebody was faster.
    fn use_up(&self, book: &mut Book) -> Result<(), AuthError> {
        let mut account = book.account(self.user);
        if !holds(ticket(&account, self.purpose), &self.token) {
            return Err(expired(LINK));
        }
        account.clear_tokens();
        book.put(Entry::Account(account));
        Ok(())
    }
}

const LINK: &str = "Email link is invalid or has expired";

impl Supabase {
    /// Where a link leads that was followed.
    async fn lead(&self, kind: &str, token: String, to: Url, is_pkce: bool) -> Result<Url, AuthError> {
        let found = self.find_token(kind, token)?;
        self.confirm(found.user).await?;
        if is_pkce {
            return Ok(redirect::with_code(to, &self.issue_code(&found)?));
        }
        let session = self.begin_session(found.user, "otp", |book| found.use_up(book)).await?;
        let text = |name: &str| match session.get(name) {
            Some(Value::String(text)) => text.clone(),
            value => value.map(Value::to_string).unwrap_or_default(),
        };
        let names = ["access_token", "expires_at", "expires_in", "refresh_token"];
        let mut fields: Vec<(&str, String)> = names.into_iter().map(|name| (name, text(name))).collect();
        fields.extend([("sb", String::new()), ("token_type", text("token_type")), ("type", kind.to_owned())]);
        Ok(redirect::with_session(to, &fields))
    }

    /// The code of the flow that the link belongs to.
    fn issue_code(&self, found: &Found) -> Result<String, AuthError> {
        let none = || AuthError::new(400, "flow_state_not_found", "No associated flow state found.");
        self.own.transact(|book| {
            found.use_up(book)?;
            let is_it = |flow: &super::Flow| flow.user_id == found.user && flow.method == found.purpose.method();
            let mut flow = book.flows.find(is_it).cloned().ok_or_else(none)?;
            flow.code_at_ms = Some(now_ms());
            let code = flow.code.clone();
            book.put(Entry::Flow(flow));
            Ok(code)
        })
    }

    fn find_token(&self, kind: &str, token: String) -> Result<Found, AuthError> {
        let purposes = purposes(kind)?;
        let found = self.own.read(|book| {
            purposes.iter().find_map(|purpose| {
                let account = book.accounts.find(|account| holds(ticket(account, *purpose), &token))?;
                Some((account.id, *purpose))
            })
        });
        let (user, purpose) = found.ok_or_else(|| expired(LINK))?;
        Ok(Found { user, token, purpose })
    }

    async fn find_code(&self, kind: &str, email: &str, code: &str) -> Result<Found, AuthError> {
        let purposes = purposes(kind)?;
        let wrong = || expired("Token has expired or is invalid");
        let user = self.user_by_email(email).await?.ok_or_else(wrong)?.id;
        let account = self.own.read(|book| book.account(user));
        let hash = email::token_hash(email, code);
        let tokens = [hash.clone(), format!("{PREFIX}{hash}")];
        let found = tokens.into_iter().find_map(|token| {
            let purpose = purposes.iter().find(|purpose| holds(ticket(&account, **purpose), &token))?;
            Some(Found { user, token, purpose: *purpose })
        });
        found.ok_or_else(wrong)
    }

    /// Whoever has a link or a code has shown that the address is theirs.
    async fn confirm(&self, user: Uuid) -> Result<(), AuthError> {
        let user = self.user(user).await?.ok_or_else(|| expired(LINK))?;
        if !user.is_confirmed() {
            self.change_user(user.id, Change::Confirm).await?;
        }
        Ok(())
    }
}

/// What a link of this type can have been mailed for.
fn purposes(kind: &str) -> Result<&'static [Purpose], AuthError> {
    match kind {
        "signup" => Ok(&[Purpose::Signup]),
        "recovery" => Ok(&[Purpose::Recovery]),
        "magiclink" => Ok(&[Purpose::MagicLink]),
        "email" => Ok(&[Purpose::Signup, Purpose::MagicLink]),
        _ => Err(AuthError::invalid("Invalid email verification type")),
    }
}

fn ticket(account: &Account, purpose: Purpose) -> &Ticket {
    match purpose {
        Purpose::Signup => &account.confirmation,
        Purpose::Recovery | Purpose::MagicLink => &account.recovery,
    }
}

fn holds(ticket: &Ticket, token: &str) -> bool {
    let is_fresh = ticket.sent_at_ms.is_some_and(|sent_at_ms| now_ms() <= sent_at_ms + TOKEN_KEPT_MS);
    is_fresh && ticket.token.as_deref() == Some(token)
}
