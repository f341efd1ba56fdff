//! All mail that the services send: nothing leaves the machine, and everything can be read at `/control/mail`.
//!
//! A mail outlives a restart, and so does the knowledge which idempotency key it was sent with.

use std::{collections::BTreeMap, collections::VecDeque, path::Path};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::shared::{clock::iso, error::SandboxError, journal::Journal};

/// Beyond this number the oldest mails are forgotten.
const MAILS_MAX: usize = 10_000;
/// Beyond this size of all bodies together they are, too.
const BODY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// One mail, to however many people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mail {
    pub(crate) id: String,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) cc: Vec<String>,
    pub(crate) bcc: Vec<String>,
    pub(crate) reply_to: Vec<String>,
    pub(crate) subject: String,
    pub(crate) text: Option<String>,
    pub(crate) html: Option<String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) sent_at_ms: u64,
    pub(crate) sent_by: Sender,
    /// The idempotency key of the request, if it had one.
    pub(crate) once: Option<Once>,
}

/// A name and a value by which the sender finds a mail again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Which service sent a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sender {
    Resend,
    Supabase,
}

/// What a repeated request is known by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Once {
    pub(crate) key: String,
    /// What a later request with the same key must be equal to.
    pub(crate) fingerprint: String,
}

impl Mail {
    fn body_bytes(&self) -> usize {
        [&self.text, &self.html].into_iter().flatten().map(String::len).sum()
    }

    fn is_for(&self, address: &str) -> bool {
        let bare = |written: &str| bare_address(written).to_lowercase();
        [&self.to, &self.cc, &self.bcc].into_iter().flatten().any(|written| bare(written) == bare(address))
    }

    fn to_json(&self) -> Value {
        json!({
            "id": self.id, "from": self.from, "to": self.to, "cc": self.cc, "bcc": self.bcc, "reply_to": self.reply_to,
            "subject": self.subject, "text": self.text, "html": self.html, "headers": self.headers, "tags": self.tags,
            "sent_at": iso(self.sent_at_ms), "sent_by": self.sent_by,
        })
    }
}

/// The address in `Name <address>`, or the address itself.
pub(crate) fn bare_address(written: &str) -> &str {
    let inner = written.trim().strip_suffix('>').and_then(|open| open.rsplit_once('<'));
    inner.map_or(written.trim(), |(_, address)| address.trim())
}

#[derive(Serialize, Deserialize)]
struct Kept {
    mail: Mail,
    /// False once the outbox was cleared: its service still knows the mail, and must not send it a second time.
    is_shown: bool,
}

pub(crate) struct Outbox(Mutex<Inner>);

struct Inner {
    /// Oldest first.
    kept: VecDeque<Kept>,
    body_bytes: usize,
    journal: Journal,
}

impl Outbox {
    /// The outbox of this state directory.
    pub(crate) fn open(state_dir: &Path) -> Result<Self, SandboxError> {
        let path = state_dir.join("mail.jsonl");
        let (mut kept, mut body_bytes) = (VecDeque::new(), 0);
        Journal::read(&path, |one| push(&mut kept, &mut body_bytes, one))?;
        let journal = Journal::begin(&path, kept.iter())?;
        Ok(Self(Mutex::new(Inner { kept, body_bytes, journal })))
    }

    pub(crate) fn send(&self, mail: Mail) {
        let Inner { kept, body_bytes, journal } = &mut *self.0.lock();
        let one = Kept { mail, is_shown: true };
        // A mail that can't be saved is still there until the sandbox ends.
        let _ = journal.note(&[&one]);
        push(kept, body_bytes, one);
    }

    /// The newest mail of which this is true, whether or not it is shown.
    pub(crate) fn find(&self, wanted: impl Fn(&Mail) -> bool) -> Option<Mail> {
        self.0.lock().kept.iter().rev().map(|one| &one.mail).find(|mail| wanted(mail)).cloned()
    }

    /// The mails to this address, or to anybody, the newest first.
    pub(crate) fn list(&self, to: Option<&str>, limit: usize) -> Vec<Value> {
        let inner = self.0.lock();
        let shown = inner.kept.iter().rev().filter(|one| one.is_shown).map(|one| &one.mail);
        shown.filter(|mail| to.is_none_or(|to| mail.is_for(to))).take(limit).map(Mail::to_json).collect()
    }

    /// Shows none of the mails any more, and returns how many there were.
    pub(crate) fn clear(&self) -> usize {
        let Inner { kept, journal, .. } = &mut *self.0.lock();
        let cleared = kept.iter_mut().map(|one| usize::from(std::mem::take(&mut one.is_shown))).sum();
        let _ = journal.begin_again(kept.iter());
        cleared
    }
}

fn push(kept: &mut VecDeque<Kept>, body_bytes: &mut usize, one: Kept) {
    *body_bytes += one.mail.body_bytes();
    kept.push_back(one);
    while kept.len() > MAILS_MAX || *body_bytes > BODY_BYTES_MAX {
        let Some(forgotten) = kept.pop_front() else { break };
        *body_bytes -= forgotten.mail.body_bytes();
    }
}

#[cfg(test)]
mod tests;
