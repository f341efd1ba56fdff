//! The mails with links, and which addresses there can be.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest, Sha224};
use url::{Url, form_urlencoded::byte_serialize};
use uuid::Uuid;

use super::{
    super::{Supabase, errors::AuthError, state::Entry, users::User},
    pkce::{Challenge, Flow, PREFIX},
    redirect,
};
use crate::shared::{
    clock::now_ms,
    outbox::{Mail, Sender},
    random::Seeded,
};

const FROM: &str = "Supabase Auth <noreply@mail.app.supabase.io>";
const ADDRESS_BYTES_MAX: usize = 255;

/// The query of a request that has a mail sent.
#[derive(Debug, Deserialize)]
pub(in super::super) struct Leading {
    redirect_to: Option<String>,
}

/// What a mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Signup,
    Recovery,
    MagicLink,
}

impl Purpose {
    /// The type that the link names.
    pub(super) fn link_type(self) -> &'static str {
        match self {
            Self::Signup => "signup",
            Self::Recovery => "recovery",
            Self::MagicLink => "magiclink",
        }
    }

    /// How a user signs in by it, as their token says (`amr`) where it was begun with a challenge.
    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Signup => "email/signup",
            Self::Recovery | Self::MagicLink => self.link_type(),
        }
    }

    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Signup => (
                "Confirm your email address",
                "Follow the link below to confirm this email address and finish signing up.",
                "Confirm email address",
            ),
            Self::Recovery => (
                "Reset your password",
                "We received a request to reset your password. Follow the link below to choose a new one.",
                "Reset password",
            ),
            Self::MagicLink => (
                "Your sign-in link",
                "Follow the link below to sign in. This link expires shortly and can only be used once.",
                "Sign in",
            ),
        }
    }
}

/// An address as it is kept, or why it can't be one.
pub(super) fn address(given: Option<String>) -> Result<String, AuthError> {
    let given = given.unwrap_or_default();
    if given.is_empty() {
        return Err(AuthError::invalid("An email address is required"));
    }
    if given.len() > ADDRESS_BYTES_MAX {
        return Err(AuthError::invalid("An email address is too long"));
    }
    let sound = |part: &str| {
        !part.is_empty() && !part.contains(|letter: char| letter.is_whitespace() || "<>,@".contains(letter))
    };
    match given.split_once('@') {
        Some((name, domain)) if sound(name) && sound(domain) && domain.split('.').all(|label| !label.is_empty()) => {
            Ok(given.to_lowercase())
        }
        _ => Err(AuthError::invalid("Unable to validate email address: invalid format")),
    }
}

/// What a link or a code proves: that its owner reads the mail to this address.
pub(super) fn token_hash(email: &str, code: &str) -> String {
    format!("{:x}", Sha224::digest(format!("{email}{code}")))
}

impl Supabase {
    /// Mails a link, which makes earlier ones for the same purpose useless.
    pub(super) fn send_link(&self, user: &User, purpose: Purpose, challenge: Option<Challenge>, leading: &Leading) {
        let code = (0..6).map(|_| Seeded::fresh().below(10).to_string()).collect::<String>();
        let prefix = if challenge.is_some() { PREFIX } else { "" };
        let token = format!("{prefix}{}", token_hash(&user.email, &code));
        let sent_at_ms = now_ms();
        self.own.transact(|book| {
            let mut account = book.account(user.id);
            let ticket = if purpose == Purpose::Signup { &mut account.confirmation } else { &mut account.recovery };
            ticket.token = Some(token.clone());
            ticket.sent_at_ms = Some(sent_at_ms);
            book.put(Entry::Account(account));
            if let Some(challenge) = challenge {
                book.put(Entry::Flow(Flow::begin(user.id, purpose.method(), challenge)));
            }
        });
        let to = redirect::allowed(leading.redirect_to.as_deref());
        let link = link(&self.issuer, &token, purpose, &to);
        self.outbox.send(letter(user, purpose, &link, &code, sent_at_ms));
    }
}

fn link(issuer: &str, token: &str, purpose: Purpose, to: &Url) -> String {
    let to: String = byte_serialize(to.as_str().as_bytes()).collect();
    format!("{issuer}/verify?token={token}&type={}&redirect_to={to}", purpose.link_type())
}

fn letter(user: &User, purpose: Purpose, link: &str, code: &str, sent_at_ms: u64) -> Mail {
    let (subject, words, label) = purpose.words();
    let href = link.replace('&', "&amp;");
    Mail {
        id: Uuid::new_v4().to_string(),
        from: FROM.to_owned(),
        to: vec![user.email.clone()],
        cc: vec![],
        bcc: vec![],
        reply_to: vec![],
        subject: subject.to_owned(),
        text: Some(format!("{words}\n\n{link}\n\nOr enter the code: {code}\n")),
        html: Some(format!(
            "<h2>{subject}</h2>\n\n<p>{words}</p>\n<p><a href=\"{href}\">{label}</a></p>\n<p>Or enter the code: {code}</p>\n"
        )),
        headers: BTreeMap::new(),
        tags: vec![],
        sent_at_ms,
        sent_by: Sender::Supabase,
        once: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_kept_in_lower_case_and_what_is_none_is_refused() {
        assert_eq!(address(Some("Ann+x@Example.com".into())).unwrap(), "ann+x@example.com");
        let long = format!("{}@example.com", "x".repeat(255));
        for wrong in
            ["", "ann", "ann@", "@example.com", "ann@@example.com", "a n@example.com", "ann@example..com", &long]
        {
            assert_eq!(address(Some(wrong.into())).unwrap_err().code, "validation_failed", "{wrong}");
        }
    }

    #[test]
    fn the_hash_is_that_of_supabase_auth() {
        // SHA-224 of "abc", an example of FIPS 180.
        assert_eq!(token_hash("ab", "c"), "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7");
    }
}
