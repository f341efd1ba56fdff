//! The mail that a request asks for, checked as Resend checks it.
//!
//! Fields that the sandbox does not know (attachments, templates, times to send at) are refused, also where Resend has them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::errors::ResendError;
use crate::shared::{
    clock::now_ms,
    outbox::{Mail, Once, Sender, Tag, bare_address},
};

const RECIPIENTS_MAX: usize = 50;
const TAGS_MAX: usize = 75;
const TAG_CHARACTERS_MAX: usize = 256;

/// A mail that can be sent.
#[derive(Debug)]
pub(super) struct Draft {
    fields: Fields,
    from: String,
    to: Vec<String>,
    subject: String,
    /// What a request with the same idempotency key must be equal to.
    pub(super) fingerprint: String,
}

/// The fields of a request. Null is the same as not given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    from: Option<String>,
    to: Option<Addresses>,
    cc: Option<Addresses>,
    bcc: Option<Addresses>,
    reply_to: Option<Addresses>,
    subject: Option<String>,
    text: Option<String>,
    html: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    tags: Option<Vec<Tag>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Addresses {
    One(String),
    Several(Vec<String>),
}

impl Addresses {
    fn list(given: Option<&Self>) -> Vec<String> {
        match given {
            None => vec![],
            Some(Self::One(address)) => vec![address.clone()],
            Some(Self::Several(addresses)) => addresses.clone(),
        }
    }
}

impl Draft {
    pub(super) fn read(body: &[u8]) -> Result<Self, ResendError> {
        let refused = |error: serde_json::Error| ResendError::invalid(error.to_string());
        let body: Value = serde_json::from_slice(body).map_err(refused)?;
        let fingerprint = format!("{:x}", Sha256::digest(body.to_string()));
        let mut fields: Fields = serde_json::from_value(body).map_err(refused)?;
        let to = Addresses::list(fields.to.as_ref());
        let filled = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        for (name, is_there) in [
            ("`to`", !to.is_empty()),
            ("`from`", filled(&fields.from)),
            ("`subject`", filled(&fields.subject)),
            ("`html` or `text`", filled(&fields.html) || filled(&fields.text)),
        ] {
            if !is_there {
                return Err(ResendError::missing(name));
            }
        }
        let from = fields.from.take().unwrap_or_default();
        let subject = fields.subject.take().unwrap_or_default();
        let draft = Self { fields, from, to, subject, fingerprint };
        draft.check()?;
        Ok(draft)
    }

    fn check(&self) -> Result<(), ResendError> {
        let [cc, bcc, reply_to] = self.other_addresses();
        let from = vec![self.from.clone()];
        for (name, addresses) in
            [("from", &from), ("to", &self.to), ("cc", &cc), ("bcc", &bcc), ("reply_to", &reply_to)]
        {
            if !addresses.iter().all(|written| is_address(written)) {
                return Err(ResendError::invalid(format!(
                    "Invalid `{name}` field. The email address needs to follow the `email@example.com` or \
                     `Name <email@example.com>` format."
                )));
            }
        }
        if self.to.len() + cc.len() + bcc.len() > RECIPIENTS_MAX {
            return Err(ResendError::invalid(format!("A mail can have {RECIPIENTS_MAX} recipients at most.")));
        }
        let breaks = |text: &str| text.contains(['\r', '\n']);
        let mut headers = self.fields.headers.iter().flatten();
        if breaks(&self.subject) || headers.any(|(name, value)| name.is_empty() || breaks(name) || breaks(value)) {
            return Err(ResendError::invalid("A header and the `subject` have no line breaks."));
        }
        let tags = self.fields.tags.as_deref().unwrap_or_default();
        if tags.len() > TAGS_MAX || !tags.iter().all(|tag| is_word(&tag.name) && is_word(&tag.value)) {
            return Err(ResendError::invalid(
                "Tags should only contain ASCII letters, numbers, underscores, or dashes.",
            ));
        }
        Ok(())
    }

    fn other_addresses(&self) -> [Vec<String>; 3] {
        let Fields { cc, bcc, reply_to, .. } = &self.fields;
        [cc, bcc, reply_to].map(|addresses| Addresses::list(addresses.as_ref()))
    }

    /// The mail, sent now.
    pub(super) fn into_mail(self, id: String, once: Option<Once>) -> Mail {
        let [cc, bcc, reply_to] = self.other_addresses();
        Mail {
            id,
            from: self.from,
            to: self.to,
            cc,
            bcc,
            reply_to,
            subject: self.subject,
            text: self.fields.text,
            html: self.fields.html,
            headers: self.fields.headers.unwrap_or_default(),
            tags: self.fields.tags.unwrap_or_default(),
            sent_at_ms: now_ms(),
            sent_by: Sender::Resend,
            once,
        }
    }
}

/// `email@example.com` or `Name <email@example.com>`.
fn is_address(written: &str) -> bool {
    let address = bare_address(written);
    let sound = |part: &str| !part.is_empty() && !part.contains([' ', '<', '>', '@', ',', '\r', '\n']);
    let Some((name, domain)) = address.split_once('@') else { return false };
    !written.contains(['\r', '\n'])
        && sound(name)
        && sound(domain)
        && domain.split('.').all(|label| !label.is_empty())
        && domain.contains('.')
}

fn is_word(text: &str) -> bool {
    let sound = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    (1..=TAG_CHARACTERS_MAX).contains(&text.len()) && text.chars().all(sound)
}

#[cfg(test)]
mod tests;
