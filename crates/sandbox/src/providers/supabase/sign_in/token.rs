//! `POST /token`: a session for a password, a refresh token, or the code of a PKCE flow.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    super::{
        Answer, Supabase,
        errors::{AuthError, read},
        state::{Book, Entry},
        tokens::TokenRequest,
        users::{Change, User},
    },
    session::{RefreshToken, Session, Use},
};
use crate::shared::clock::now_ms;

const EXPIRES_IN_S: i64 = 3_600;

#[derive(Deserialize)]
pub(in super::super) struct Grant {
    grant_type: Option<String>,
}

pub(in super::super) async fn grant_token(
    State(supabase): State<Arc<Supabase>>,
    Query(grant): Query<Grant>,
    body: Bytes,
) -> Answer {
    let session = match grant.grant_type.as_deref() {
        Some("password") => supabase.by_password(read(&body)?).await?,
        Some("refresh_token") => supabase.by_refresh_token(read(&body)?).await?,
        Some("pkce") => supabase.by_code(read(&body)?).await?,
        _ => return Err(AuthError::new(400, "invalid_credentials", "unsupported_grant_type")),
    };
    Ok(Json(session))
}

#[derive(Deserialize)]
struct Credentials {
    email: Option<String>,
    password: Option<String>,
}

#[derive(Deserialize)]
struct Refresh {
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct Exchange {
    auth_code: Option<String>,
    code_verifier: Option<String>,
}

fn gone() -> AuthError {
    AuthError::new(403, "user_not_found", "User from sub claim in JWT does not exist")
}

impl Supabase {
    async fn by_password(&self, asked: Credentials) -> Result<Value, AuthError> {
        let email = asked.email.filter(|email| !email.is_empty());
        let email = email.ok_or_else(|| AuthError::invalid("missing email or phone"))?.to_lowercase();
        let wrong = || AuthError::new(400, "invalid_credentials", "Invalid login credentials");
        let user = self.user_by_email(&email).await?.ok_or_else(wrong)?;
        let kept = self.own.read(|book| book.account(user.id)).password.ok_or_else(wrong)?;
        if !kept.is_of(asked.password.unwrap_or_default()).await? {
            return Err(wrong());
        }
        if !user.is_confirmed() {
            return Err(AuthError::new(400, "email_not_confirmed", "Email not confirmed"));
        }
        self.begin_session(user.id, "password", |_| Ok(())).await
    }

    async fn by_refresh_token(&self, asked: Refresh) -> Result<Value, AuthError> {
        let text = asked.refresh_token.unwrap_or_default();
        let refused = |code, why: &str| AuthError::new(400, code, format!("Invalid Refresh Token: {why}"));
        let unknown = || refused("refresh_token_not_found", "Refresh Token Not Found");
        let Some(token) = RefreshToken::parse(&text) else {
            // Twelve characters are a token of the kind that the real service gave out before.
            let is_old =
                text.len() == 12 && text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit());
            return Err(if is_old { unknown() } else { AuthError::invalid("Refresh token is not valid") });
        };
        let find = |session: &&Session| token.is_of(session);
        let known = self.own.read(|book| book.sessions.get(token.session).filter(find).cloned()).ok_or_else(unknown)?;
        // Asked before the token is used, so that a database that is down costs nobody their token.
        let user = self.user(known.user_id).await?.ok_or_else(unknown)?;
        let session = self.own.transact(|book| {
            let mut session = book.sessions.get(token.session).filter(find).cloned().ok_or_else(unknown)?;
            match session.refresh(token.counter, now_ms()) {
                Use::Rotated | Use::Repeated => book.put(Entry::Session(session.clone())),
                Use::Stolen => {
                    book.put(Entry::SessionEnded(session.id));
                    return Err(refused("refresh_token_already_used", "Already Used"));
                }
                Use::Unknown => return Err(refused("validation_failed", "Not Issued By This Server")),
            }
            Ok(session)
        })?;
        self.tokens(&user, &session)
    }

    async fn by_code(&self, asked: Exchange) -> Result<Value, AuthError> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (Some(code), Some(verifier)) = (given(asked.auth_code), given(asked.code_verifier)) else {
            let message = "invalid request: both auth code and code verifier should be non-empty";
            return Err(AuthError::invalid(message));
        };
        let unknown = || AuthError::new(404, "flow_state_not_found", "invalid flow state, no valid flow state found");
        // A code that was in no link yet can't be known to anybody.
        let is_it = |flow: &super::Flow| flow.code_at_ms.is_some() && flow.code == code;
        let flow = self.own.read(|book| book.flows.find(is_it).cloned()).ok_or_else(unknown)?;
        flow.check(&verifier, now_ms())?;
        let end = |book: &mut Book| {
            book.flows.find(is_it).ok_or_else(unknown)?;
            book.put(Entry::FlowEnded(flow.id));
            Ok(())
        };
        self.begin_session(flow.user_id, &flow.method, end).await
    }

    /// Signs a user in for something that can be used once, and answers with the tokens of the new session. Of two who use it at
    /// the same time one has a session, and a database that is down uses nothing up.
    pub(super) async fn begin_session(
        &self,
        user: Uuid,
        method: &str,
        use_up: impl FnOnce(&mut Book) -> Result<(), AuthError>,
    ) -> Result<Value, AuthError> {
        let user = self.change_user(user, Change::SignIn).await?.ok_or_else(gone)?;
        let session = Session::begin(user.id, method);
        self.own.transact(|book| {
            use_up(book)?;
            book.put(Entry::Session(session.clone()));
            Ok::<_, AuthError>(())
        })?;
        self.tokens(&user, &session)
    }

    fn tokens(&self, user: &User, session: &Session) -> Result<Value, AuthError> {
        let claims = json!({
            "session_id": session.id, "app_metadata": user.app_metadata, "user_metadata": user.user_metadata,
            "amr": [{"method": session.method, "timestamp": session.begun_at_ms / 1_000}],
        });
        let request = TokenRequest::of_user(user.id, &user.email, claims, EXPIRES_IN_S);
        let failed = |_| AuthError::new(500, "unexpected_failure", "error generating jwt token");
        let token = self.mint(&request).map_err(failed)?;
        let account = self.own.read(|book| book.account(user.id));
        let expires_at = i64::try_from(now_ms() / 1_000).unwrap_or(0) + EXPIRES_IN_S;
        Ok(json!({
            "access_token": token, "token_type": "bearer", "expires_in": EXPIRES_IN_S, "expires_at": expires_at,
            "refresh_token": session.refresh_token(), "user": user.shown(&account),
        }))
    }
}
