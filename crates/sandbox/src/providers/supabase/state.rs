//! What Auth itself keeps: passwords, one-time links, sessions and PKCE flows, and the users where there is no database.
//!
//! All of it is below one lock, and each change is one line of a journal.

use std::{
    collections::{HashMap, VecDeque},
    path::Path,
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    sign_in::{Flow, Hashed, Session},
    users::User,
};
use crate::shared::{error::SandboxError, journal::Journal};

/// Beyond this number the oldest entries of a kind are forgotten.
const OF_A_KIND_MAX: usize = 50_000;

/// What Auth keeps of a user beside the row of `auth.users`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) id: Uuid,
    pub(super) password: Option<Hashed>,
    pub(super) confirmation: Ticket,
    /// Of a recovery or a magic link, of which there is one at a time.
    pub(super) recovery: Ticket,
}

impl Account {
    pub(super) fn of(id: Uuid) -> Self {
        Self { id, password: None, confirmation: Ticket::default(), recovery: Ticket::default() }
    }

    /// Makes all links that were mailed useless.
    pub(super) fn clear_tokens(&mut self) {
        self.confirmation.token = None;
        self.recovery.token = None;
    }
}

/// The token of a mailed link.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Ticket {
    /// None once it was used.
    pub(super) token: Option<String>,
    pub(super) sent_at_ms: Option<u64>,
}

/// One thing that was written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    User(User),
    Account(Account),
    Session(Session),
    SessionEnded(Uuid),
    Flow(Flow),
    FlowEnded(Uuid),
}

#[derive(Default)]
pub(super) struct Book {
    pub(super) users: Shelf<User>,
    pub(super) accounts: Shelf<Account>,
    pub(super) sessions: Shelf<Session>,
    pub(super) flows: Shelf<Flow>,
    written: Vec<Entry>,
}

impl Book {
    pub(super) fn put(&mut self, entry: Entry) {
        self.written.push(entry.clone());
        self.place(entry);
    }

    /// The account of a user; an empty one if nothing is known of it.
    pub(super) fn account(&self, id: Uuid) -> Account {
        self.accounts.get(id).cloned().unwrap_or_else(|| Account::of(id))
    }

    /// Ends the sessions of a user of which this is true.
    pub(super) fn end_sessions(&mut self, user: Uuid, ends: impl Fn(&Session) -> bool) {
        let ended = |session: &&Session| session.user_id == user && ends(session);
        let ids: Vec<Uuid> = self.sessions.all().filter(ended).map(|session| session.id).collect();
        ids.into_iter().for_each(|id| self.put(Entry::SessionEnded(id)));
    }

    /// The same as `put` for what is on the disk already.
    fn place(&mut self, entry: Entry) {
        match entry {
            Entry::User(user) => self.users.put(user.id, user),
            Entry::Account(account) => self.accounts.put(account.id, account),
            Entry::Session(session) => self.sessions.put(session.id, session),
            Entry::SessionEnded(id) => self.sessions.remove(id),
            Entry::Flow(flow) => self.flows.put(flow.id, flow),
            Entry::FlowEnded(id) => self.flows.remove(id),
        }
    }

    fn everything(&self) -> impl Iterator<Item = Entry> {
        let users = self.users.all().cloned().map(Entry::User);
        let accounts = self.accounts.all().cloned().map(Entry::Account);
        let sessions = self.sessions.all().cloned().map(Entry::Session);
        users.chain(accounts).chain(sessions).chain(self.flows.all().cloned().map(Entry::Flow))
    }
}

/// Entries of one kind.
pub(super) struct Shelf<T> {
    entries: HashMap<Uuid, T>,
    /// Oldest first.
    order: VecDeque<Uuid>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T> Shelf<T> {
    pub(super) fn get(&self, id: Uuid) -> Option<&T> {
        self.entries.get(&id)
    }

    /// Oldest first.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.order.iter().filter_map(|id| self.entries.get(id))
    }

    /// The newest of which this is true.
    pub(super) fn find(&self, wanted: impl Fn(&T) -> bool) -> Option<&T> {
        self.all().rev().find(|entry| wanted(entry))
    }

    fn put(&mut self, id: Uuid, entry: T) {
        if self.entries.insert(id, entry).is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > OF_A_KIND_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }

    fn remove(&mut self, id: Uuid) {
        self.entries.remove(&id);
        self.order.retain(|known| *known != id);
    }
}

pub(super) struct State(Mutex<Inner>);

struct Inner {
    book: Book,
    journal: Journal,
}

impl State {
    pub(super) fn open(state_dir: &Path) -> Result<Self, SandboxError> {
        let path = state_dir.join("auth.jsonl");
        let mut book = Book::default();
        Journal::read(&path, |entry| book.place(entry))?;
        let journal = Journal::begin(&path, book.everything())?;
        Ok(Self(Mutex::new(Inner { book, journal })))
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.0.lock().book)
    }

    /// Carries out one change.
    pub(super) fn transact<T>(&self, work: impl FnOnce(&mut Book) -> T) -> T {
        let Inner { book, journal } = &mut *self.0.lock();
        let result = work(book);
        // A change that can't be saved still holds until the sandbox ends.
        let _ = journal.note(&std::mem::take(&mut book.written));
        result
    }
}

#[cfg(test)]
mod tests;
