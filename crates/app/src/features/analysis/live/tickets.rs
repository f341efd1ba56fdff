//! Tickets: a browser's `EventSource` and `WebSocket` can send no header, and a token in an address would be kept in
//! logs and histories. A ticket is for one user, one run, one connection and one minute.
//!
//! Promises: a ticket opens one connection at most, within a minute, of the run that it was made for; what is stored
//! does not open any; a ticket that was made up wakes no object.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::shared::ids::UserId;

/// How long a ticket can be used.
pub const TICKET_LASTS: Duration = Duration::from_secs(60);
/// Tickets of one run that have neither been used nor expired, in all and of one user. When there are more, the oldest
/// is void.
const TICKETS_MAX: usize = 64;
const TICKETS_EACH_MAX: usize = 8;
const MARK_CHARS: usize = 32;
const SECRET_CHARS: usize = 64;

/// A ticket, as its holder sends it.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Only this deployment can derive it from the run: whoever knows it was given a ticket of this run before.
    mark: String,
    secret: String,
}

/// Keeps tickets out of logs.
impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket")
    }
}

/// What is stored of a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TicketHash(String);

impl Ticket {
    /// A new ticket. `object` is the name that the platform gives to the run's object; `secret` is 64 hexadecimal
    /// digits that nobody can guess.
    #[must_use]
    pub fn new(object: &str, secret: String) -> Self {
        Self { mark: mark(object), secret }
    }

    /// Reads what a caller sent; `None` if it cannot be a ticket.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (mark, secret) = text.split_once('.')?;
        let is_hex = |text: &str, chars| text.len() == chars && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_hex(mark, MARK_CHARS) && is_hex(secret, SECRET_CHARS))
            .then(|| Self { mark: mark.to_owned(), secret: secret.to_owned() })
    }

    /// As its holder sends it.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}.{}", self.mark, self.secret)
    }

    /// Whether it was made for the run with this object. Asked before the object is: a flood of tickets that were made
    /// up must not wake an object for each.
    #[must_use]
    pub fn is_for(&self, object: &str) -> bool {
        // Hashed, so that the time of the comparison tells nothing about the mark.
        hex(&self.mark) == hex(&mark(object))
    }

    #[must_use]
    pub fn hash(&self) -> TicketHash {
        TicketHash(hex(&self.secret))
    }
}

fn mark(object: &str) -> String {
    hex(object).chars().take(MARK_CHARS).collect()
}

/// The SHA-256 in hexadecimal digits.
fn hex(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A ticket that an object is to keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTicket {
    pub user: UserId,
    pub hash: TicketHash,
}

/// The tickets of one run that can still be used, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeptTickets(Vec<KeptTicket>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptTicket {
    ticket: NewTicket,
    until: Timestamp,
}

impl KeptTickets {
    /// Keeps a ticket from now on; forgets those that have expired.
    pub fn keep(&mut self, ticket: NewTicket, now: Timestamp) {
        self.0.retain(|kept| kept.until > now);
        let own = |kept: &KeptTicket| kept.ticket.user == ticket.user;
        if self.0.iter().filter(|kept| own(kept)).count() >= TICKETS_EACH_MAX
            && let Some(oldest) = self.0.iter().position(own)
        {
            self.0.remove(oldest);
        }
        if self.0.len() >= TICKETS_MAX {
            self.0.remove(0);
        }
        self.0.push(KeptTicket { ticket, until: now.saturating_add(TICKET_LASTS).unwrap_or(now) });
    }

    /// Whether this ticket can be used now.
    #[must_use]
    pub fn has(&self, hash: &TicketHash, now: Timestamp) -> bool {
        self.0.iter().any(|kept| kept.ticket.hash == *hash && kept.until > now)
    }

    /// Takes the ticket away.
    pub fn use_up(&mut self, hash: &TicketHash) {
        self.0.retain(|kept| kept.ticket.hash != *hash);
    }

    /// How long it takes until the last of them has expired.
    #[must_use]
    pub fn last_for(&self, now: Timestamp) -> Duration {
        let left = |kept: &KeptTicket| Duration::try_from(kept.until.duration_since(now)).unwrap_or_default();
        self.0.iter().map(left).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn ticket(number: u64) -> Ticket {
        Ticket::new("object", format!("{number:064x}"))
    }

    fn new(number: u64) -> NewTicket {
        NewTicket { user: UserId::new(Uuid::from_u128(number.into())), hash: ticket(number).hash() }
    }

    #[test]
    fn a_ticket_is_used_once_and_within_a_minute() {
        let mut kept = KeptTickets::default();
        kept.keep(new(1), at(0));
        let has = |kept: &KeptTickets, number, second| kept.has(&ticket(number).hash(), at(second));
        assert!(has(&kept, 1, 59) && !has(&kept, 1, 60) && !has(&kept, 2, 1));
        kept.use_up(&ticket(2).hash());
        assert!(has(&kept, 1, 59), "another was used");
        kept.use_up(&ticket(1).hash());
        assert!(!has(&kept, 1, 59));
    }

    #[test]
    fn the_oldest_of_too_many_is_void() {
        let mut kept = KeptTickets::default();
        for number in 0..65 {
            kept.keep(new(number), at(0));
        }
        assert_eq!(kept.0.len(), 64);
        assert!(!kept.has(&ticket(0).hash(), at(1)) && kept.has(&ticket(1).hash(), at(1)));
        kept.keep(new(100), at(60));
        assert_eq!(kept.0.len(), 1, "those that expired are forgotten");
    }

    #[test]
    fn who_asks_for_many_voids_their_own() {
        let mut kept = KeptTickets::default();
        kept.keep(new(1), at(0));
        for number in 2..11 {
            kept.keep(NewTicket { user: new(2).user, ..new(number) }, at(0));
        }
        assert_eq!(kept.0.len(), 9);
        assert!(kept.has(&ticket(1).hash(), at(1)), "another user's ticket is void");
        assert!(!kept.has(&ticket(2).hash(), at(1)) && kept.has(&ticket(10).hash(), at(1)));
    }

    #[test]
    fn they_last_as_long_as_the_last_of_them() {
        let mut kept = KeptTickets::default();
        assert_eq!(kept.last_for(at(0)), Duration::ZERO);
        kept.keep(new(1), at(0));
        kept.keep(new(2), at(30));
        assert_eq!(kept.last_for(at(40)), Duration::from_secs(50));
        assert_eq!(kept.last_for(at(100)), Duration::ZERO);
    }

    #[test]
    fn what_is_sent_is_read_back_and_what_is_stored_opens_nothing() {
        let made = ticket(7);
        let text = made.text();
        assert_eq!(Ticket::parse(&text), Some(made.clone()));
        assert!(made.is_for("object") && !made.is_for("another object"));
        let stored = serde_json::to_string(&NewTicket { hash: made.hash(), ..new(7) }).unwrap();
        assert!(!stored.contains(&made.secret) && !format!("{made:?}").contains(&made.secret));
        assert_ne!(Ticket::parse(&format!("{}.{}", made.mark, made.hash().0)).unwrap().hash(), made.hash());
    }

    #[test]
    fn what_cannot_be_a_ticket_is_none() {
        let good = ticket(7).text();
        let umlauts = format!("{}.{}", "ä".repeat(16), "0".repeat(64));
        for text in ["", ".", "a.b", &good.replace('.', ""), &format!("{good}0"), &good.replace('7', "g"), &umlauts] {
            assert_eq!(Ticket::parse(text), None, "{text}");
        }
    }
}
