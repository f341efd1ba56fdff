//! The connections of one run, as far as their account knows of them: it is asked for room for each, and told of their ends.
//!
//! Promises: an account that does not answer keeps nobody out; a connection is written down before it is open, so that the next life of
//! the object can tell the end of those that ended with this one.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use oslira_app::{
    features::analysis::{Connection, ConnectionsChange},
    shared::ids::{AccountId, ConnectionId},
};
use worker::{Env, ListOptions, Result, Storage};

use crate::adapters::tell_account;

/// How long somebody who wants to watch waits for the answer whether their account has room.
const ROOM_PATIENCE: Duration = Duration::from_millis(250);
/// How long an account may take to hear that connections have ended. Nobody waits for it.
const END_PATIENCE: Duration = Duration::from_secs(5);
/// After so many times in a row their leases end by themselves.
const UNHEARD_MAX: u32 = 5;
/// Before the ids of the open connections in the store.
const OPEN: &str = "connection/";
/// The platform deletes no more at once.
const DELETED_MAX: usize = 128;

pub struct RunConnections {
    env: Env,
    storage: Storage,
    /// Those that have ended, of which their account has not heard it.
    ended: RefCell<Vec<Connection>>,
    unheard: Cell<u32>,
}

impl RunConnections {
    pub fn new(env: &Env, storage: Storage) -> Self {
        Self { env: env.clone(), storage, ended: RefCell::default(), unheard: Cell::default() }
    }

    /// Whether the account has room for this connection, which counts from now on if it has.
    pub async fn ask_for_room(&self, connection: Connection) -> bool {
        let account_id = connection.account_id;
        let answer = self.tell(account_id, &self.ended_of(account_id), Some(connection.id), ROOM_PATIENCE).await;
        answer.unwrap_or_else(|cause| {
            tracing::warn!(%account_id, cause, "not known whether an account has room for a connection; it is opened");
            true
        })
    }

    /// Writes down that it is open.
    pub async fn note_opened(&self, connection: Connection) -> Result<()> {
        self.storage.put(&key(&connection), connection).await
    }

    /// Notes what [`RunConnections::tell_ended`] is to tell. It sends nothing, so it can be called from anywhere.
    pub fn note_ended(&self, ended: impl IntoIterator<Item = Connection>) {
        self.ended.borrow_mut().extend(ended);
    }

    /// Whether an account has yet to hear of ends.
    pub fn has_ended(&self) -> bool {
        !self.ended.borrow().is_empty()
    }

    /// Tells of all ends. What an account does not hear is told again by the next call, a few times.
    pub async fn tell_ended(&self) {
        while let Some(account_id) = self.untold() {
            let ended = self.ended_of(account_id);
            let Err(cause) = self.tell(account_id, &ended, None, END_PATIENCE).await else {
                self.unheard.set(0);
                continue;
            };
            self.unheard.set(self.unheard.get().saturating_add(1));
            if self.unheard.get() >= UNHEARD_MAX {
                tracing::warn!(%account_id, cause, "ends of connections were not told; they count until their leases end");
                self.unheard.set(0);
                self.strike_out(&ended);
            }
            return;
        }
    }

    /// Those that were written down as open and whose end no account has heard.
    pub async fn written_down(&self) -> Result<Vec<Connection>> {
        let stored = self.storage.list_with_options(ListOptions::new().prefix(OPEN)).await?;
        let mut open = vec![];
        for entry in stored.entries() {
            let (_, connection): (String, Connection) = serde_wasm_bindgen::from_value(entry?)?;
            open.push(connection);
        }
        Ok(open)
    }

    async fn tell(
        &self,
        account_id: AccountId,
        ended: &[Connection],
        opened: Option<ConnectionId>,
        patience: Duration,
    ) -> std::result::Result<bool, String> {
        let change = ConnectionsChange { ended: ended.iter().map(|connection| connection.id).collect(), opened };
        let has_room = tell_account(&self.env, account_id, &change, patience).await?;
        self.strike_out(ended);
        let keys: Vec<String> = ended.iter().map(key).collect();
        for some in keys.chunks(DELETED_MAX) {
            if let Err(error) = self.storage.delete_multiple(some.to_vec()).await {
                tracing::warn!(%error, "connections that ended stay written down; the next life of the object tells it again");
            }
        }
        Ok(has_room)
    }

    fn untold(&self) -> Option<AccountId> {
        self.ended.borrow().first().map(|connection| connection.account_id)
    }

    fn ended_of(&self, account_id: AccountId) -> Vec<Connection> {
        self.ended.borrow().iter().filter(|connection| connection.account_id == account_id).copied().collect()
    }

    fn strike_out(&self, told: &[Connection]) {
        self.ended.borrow_mut().retain(|connection| !told.contains(connection));
    }
}

fn key(connection: &Connection) -> String {
    format!("{OPEN}{}", connection.id)
}
