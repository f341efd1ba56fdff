//! Sending a mail, as a port.
//!
//! What it promises:
//! - **No leaks.** Neither `Debug` of a mail nor an error shows an address, a subject, a text or a key, so both may be logged.
//! - **Once.** The same mail under the same idempotency key is sent once a day, however often it is asked for.

use std::fmt;

use async_trait::async_trait;

/// A mail to one person, from the address that the deployment sends from.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// `ann@example.com` or `Ann <ann@example.com>`.
    pub to: String,
    pub subject: String,
    /// For programs that show no HTML; it says the same as `html`.
    pub text: String,
    pub html: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").finish_non_exhaustive()
    }
}

/// Why a mail was not sent, or is not known to have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The provider will never send this mail under this key.
    #[error("the mail was refused: {0}")]
    Refused(String),
    /// No answer, an answer that cannot be read, a server error, or too many requests: the same call may succeed later.
    #[error("mail is not available: {0}")]
    Unavailable(String),
}

/// Sends mail. MUST send the idempotency key with it, and MUST NOT retry.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands the mail to the provider. `idempotency_key` has 1 to 255 visible ASCII characters; a key that was used for a mail
    /// with other words is refused, so whoever repeats a call must write the same mail again.
    ///
    /// # Errors
    /// [`MailError`]. After [`MailError::Unavailable`] the mail may have been sent all the same: only a repeat with the same
    /// key cannot send it twice.
    async fn send(&self, mail: &Mail, idempotency_key: &str) -> Result<(), MailError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_shows_nothing_of_itself() {
        let mail = Mail {
            to: "ann@example.com".to_owned(),
            subject: "Hello".to_owned(),
            text: "Ann".to_owned(),
            html: "<p>Ann</p>".to_owned(),
        };
        assert_eq!(format!("{mail:?}"), "Mail { .. }");
    }
}
