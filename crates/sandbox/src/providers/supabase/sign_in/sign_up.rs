//! `POST /signup`: a new user, who must confirm their address before they can sign in.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    super::{
        Answer, Supabase,
        errors::{AuthError, read},
        state::{Account, Entry},
        users::User,
    },
    email::{self, Leading, Purpose},
    password::{Hashed, check_strength},
    pkce::Asked,
};

#[derive(Deserialize)]
struct SignUp {
    email: Option<String>,
    phone: Option<String>,
    password: Option<String>,
    data: Option<Map<String, Value>>,
    #[serde(flatten)]
    pkce: Asked,
}

pub(in super::super) async fn sign_up(
    State(supabase): State<Arc<Supabase>>,
    Query(leading): Query<Leading>,
    body: Bytes,
) -> Answer {
    let asked: SignUp = read(&body)?;
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    if given(&asked.phone) {
        return Err(AuthError::new(400, "phone_provider_disabled", "Phone signups are disabled"));
    }
    if !given(&asked.email) {
        return Err(AuthError::new(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled"));
    }
    let password = asked.password.filter(|password| !password.is_empty());
    let password = password.ok_or_else(|| AuthError::invalid("Signup requires a valid password"))?;
    check_strength(&password)?;
    let challenge = asked.pkce.challenge()?;
    let email = email::address(asked.email)?;
    let data = asked.data.unwrap_or_default();
    let user = supabase.known_or_new(&email, data.clone(), Some(password)).await?;
    if user.is_confirmed() {
        return Ok(Json(User::obfuscated(&email, data)));
    }
    supabase.send_link(&user, Purpose::Signup, challenge, &leading);
    let account = supabase.own.read(|book| book.account(user.id));
    Ok(Json(user.shown(&account)))
}

impl Supabase {
    /// The user who has this address; where there is none, a new one with this password. Whose address is known keeps their
    /// password: nobody has shown that this is the same person.
    pub(super) async fn known_or_new(
        &self,
        email: &str,
        data: Map<String, Value>,
        password: Option<String>,
    ) -> Result<User, AuthError> {
        if let Some(user) = self.user_by_email(email).await? {
            return Ok(user);
        }
        let user = User::new(email, data);
        if let Some(password) = password {
            let account = Account { password: Some(Hashed::of(password).await?), ..Account::of(user.id) };
            // Before the user, who could otherwise be there without their password.
            self.own.transact(|book| book.put(Entry::Account(account)));
        }
        if self.add_user(&user).await? {
            return Ok(user);
        }
        let failed = || AuthError::new(500, "unexpected_failure", "Database error saving new user");
        self.user_by_email(email).await?.ok_or_else(failed)
    }
}
