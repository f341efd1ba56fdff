//! What a user does with their access token: reads and changes themselves, and signs out.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    super::{
        Answer, Supabase,
        errors::{AuthError, read},
        state::Entry,
        users::{Change, User},
    },
    password::{Hashed, check_strength},
    session::Session,
};
use crate::shared::headers;

/// Who a request comes from.
struct Caller {
    user: User,
    session: Session,
}

impl Supabase {
    async fn caller(&self, sent: &HeaderMap) -> Result<Caller, AuthError> {
        let needed = || AuthError::new(401, "no_authorization", "This endpoint requires a valid Bearer token");
        let token = headers::bearer(sent, "authorization").ok_or_else(needed)?;
        let refused = |message: &str| AuthError::new(403, "bad_jwt", message);
        let claims = self.keys.read(token, &self.issuer);
        let claims = claims.ok_or_else(|| refused("invalid JWT: unable to parse or verify signature"))?;
        let id = |name: &str| claims.get(name).and_then(Value::as_str).and_then(|id| Uuid::parse_str(id).ok());
        let user = id("sub").ok_or_else(|| refused("invalid claim: missing sub claim"))?;
        let gone = || AuthError::new(403, "user_not_found", "User from sub claim in JWT does not exist");
        let user = self.user(user).await?.ok_or_else(gone)?;
        let ended = || AuthError::new(403, "session_not_found", "Session from session_id claim in JWT does not exist");
        let is_theirs = |session: &&Session| session.user_id == user.id;
        let session = self.own.read(|book| book.sessions.get(id("session_id")?).filter(is_theirs).cloned());
        Ok(Caller { session: session.ok_or_else(ended)?, user })
    }

    fn shown(&self, user: &User) -> Json<Value> {
        Json(user.shown(&self.own.read(|book| book.account(user.id))))
    }
}

pub(in super::super) async fn read_user(State(supabase): State<Arc<Supabase>>, sent: HeaderMap) -> Answer {
    let caller = supabase.caller(&sent).await?;
    Ok(supabase.shown(&caller.user))
}

#[derive(Deserialize)]
struct Update {
    email: Option<String>,
    password: Option<String>,
    data: Option<Map<String, Value>>,
}

pub(in super::super) async fn update_user(
    State(supabase): State<Arc<Supabase>>,
    sent: HeaderMap,
    body: Bytes,
) -> Answer {
    let Caller { mut user, session } = supabase.caller(&sent).await?;
    let asked: Update = read(&body)?;
    if asked.email.is_some_and(|email| !email.is_empty() && email.to_lowercase() != user.email) {
        return Err(AuthError::invalid("The sandbox changes no email addresses"));
    }
    if let Some(password) = asked.password {
        supabase.change_password(&user, &session, password).await?;
    }
    if let Some(data) = asked.data {
        user = supabase.change_user(user.id, Change::Metadata(data)).await?.unwrap_or(user);
    }
    Ok(supabase.shown(&user))
}

impl Supabase {
    /// Sets a password, and ends the user's other sessions: they may be somebody else's who knew the old one.
    async fn change_password(&self, user: &User, session: &Session, password: String) -> Result<(), AuthError> {
        check_strength(&password)?;
        if let Some(kept) = self.own.read(|book| book.account(user.id)).password
            && kept.is_of(password.clone()).await?
        {
            let message = "New password should be different from the old password.";
            return Err(AuthError::new(422, "same_password", message));
        }
        let hashed = Hashed::of(password).await?;
        self.own.transact(|book| {
            let mut account = book.account(user.id);
            account.password = Some(hashed);
            account.clear_tokens();
            book.put(Entry::Account(account));
            book.end_sessions(user.id, |other| other.id != session.id);
        });
        Ok(())
    }
}

#[derive(Deserialize)]
pub(in super::super) struct Scope {
    scope: Option<String>,
}

pub(in super::super) async fn log_out(
    State(supabase): State<Arc<Supabase>>,
    Query(asked): Query<Scope>,
    sent: HeaderMap,
) -> Result<StatusCode, AuthError> {
    let Caller { user, session } = supabase.caller(&sent).await?;
    let ends: fn(bool) -> bool = match asked.scope.as_deref().unwrap_or_default() {
        "" | "global" => |_| true,
        "local" => |is_this| is_this,
        "others" => |is_this| !is_this,
        other => return Err(AuthError::invalid(format!("Unsupported logout scope \"{other}\""))),
    };
    supabase.own.transact(|book| book.end_sessions(user.id, |one| ends(one.id == session.id)));
    Ok(StatusCode::NO_CONTENT)
}
