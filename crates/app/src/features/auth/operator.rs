//! People of ours who act on accounts of others. That a request is an operator's is for the database to say, in the statement that
//! acts; here it must be a person's, who says why.

use std::fmt;

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{
    CallingUser, KeySecret, SignInPorts,
    codes::{INVALID_REASON, KEY_INVALID, PERSON_REQUIRED},
    identity::{credential, person_required},
};
use crate::{
    http::{ApiError, Caller, CallerKind, Client, ErrorCode, OPERATOR_REQUIRED, Ports, count_request},
    shared::ids::UserId,
};

const HEADER: &str = "x-operator-reason";

/// Why an operator acts: 10 to 500 visible ASCII characters and blanks. It is kept with what they did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    const CHARS_MIN: usize = 10;
    const CHARS_MAX: usize = 500;

    /// Reads what was sent; `None` if it says too little, or too much.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        (is_plain && (Self::CHARS_MIN..=Self::CHARS_MAX).contains(&text.len())).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A person who acts as an operator, and why.
#[derive(Debug, Clone)]
pub struct Operator {
    pub user: UserId,
    pub reason: Reason,
}

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Ports(ports) = Ports::<SignInPorts>::from_request_parts(parts, state).await?;
        let credential = credential(parts).await?;
        if KeySecret::is_meant(&credential) {
            // No key is looked up here: whatever it may do, this it may not.
            let client = Client::by_address(&parts.headers);
            count_request(parts, &client).await?;
            return Err(person_required());
        }
        let user = ports.familiar.sign_in(parts, ports.authenticator.as_ref(), &credential).await?;
        let reason = parts.headers.get(HEADER).and_then(|value| value.to_str().ok()).and_then(Reason::parse);
        let reason = reason.ok_or_else(|| {
            ApiError::new(
                INVALID_REASON,
                "Send the header X-Operator-Reason: why you do this, in 10 to 500 visible ASCII characters.",
            )
        })?;
        Ok(Self { user, reason })
    }
}

impl Caller for Operator {
    const KIND: CallerKind = CallerKind::Operator;

    fn errors() -> Vec<ErrorCode> {
        let mut errors = CallingUser::errors();
        errors.retain(|code| *code != KEY_INVALID);
        [errors, vec![PERSON_REQUIRED, INVALID_REASON, OPERATOR_REQUIRED]].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_something_in_plain_characters() {
        for good in ["ticket 123", " a customer asked for help ", &"x".repeat(500)] {
            assert_eq!(Reason::parse(good).unwrap().to_string(), good.trim());
        }
        for bad in
            ["", "too short", "          x", &"x".repeat(501), "a line\nand another", "weil er darum gebeten hät"]
        {
            assert_eq!(Reason::parse(bad), None, "{bad:?}");
        }
    }
}
