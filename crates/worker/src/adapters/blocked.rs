//! Blocked accounts, remembered in KV for two minutes, and in the isolate for ten seconds.
//!
//! KV is read all over the world from caches that are up to a minute old. So somewhere an account that was unblocked may be refused
//! for about a minute more, or for three if the entry could not be deleted or was written at that very moment; and one that was blocked
//! may still ask the database, which refuses it.

use std::{cell::RefCell, time::Duration};

use async_trait::async_trait;
use futures_util::future::{Either, select};
use oslira_app::{
    features::auth::BlockedAccounts,
    shared::{clock::Clock as _, expiring::Expiring, ids::AccountId},
};
use worker::{Delay, Env, Result, send::SendFuture};

use super::PlatformClock;

/// As in `wrangler.jsonc`.
const BINDING: &str = "BLOCKED_ACCOUNTS";
/// KV allows no less than 60.
const ENTRY_LASTS_S: u64 = 120;
/// A purchase does not wait longer for what only saves a question.
const READ_PATIENCE: Duration = Duration::from_millis(250);
const REMEMBERED_MS: i64 = 10_000;
const REMEMBERED_MAX: usize = 1_024;

thread_local! {
    /// What KV said, or was told, lately.
    static KNOWN: RefCell<Expiring<AccountId, bool>> = RefCell::new(Expiring::new(REMEMBERED_MAX));
}

pub struct BlockMemory {
    env: Env,
}

impl BlockMemory {
    pub fn new(env: &Env) -> Self {
        Self { env: env.clone() }
    }

    async fn read(&self, account: AccountId) -> Result<bool> {
        Ok(self.env.kv(BINDING)?.get(&account.to_string()).text().await?.is_some())
    }

    /// `None` if KV is too slow.
    async fn read_in_time(&self, account: AccountId) -> Option<Result<bool>> {
        let read = std::pin::pin!(self.read(account));
        match select(read, Delay::from(READ_PATIENCE)).await {
            Either::Left((read, _)) => Some(read),
            Either::Right(_) => None,
        }
    }

    async fn write(&self, account: AccountId) -> Result<()> {
        let put = self.env.kv(BINDING)?.put(&account.to_string(), "blocked")?;
        put.expiration_ttl(ENTRY_LASTS_S).execute().await.map_err(worker::Error::from)
    }

    async fn delete(&self, account: AccountId) -> Result<()> {
        self.env.kv(BINDING)?.delete(&account.to_string()).await.map_err(worker::Error::from)
    }
}

fn known(account: AccountId) -> Option<bool> {
    let now_ms = PlatformClock.now().as_millisecond();
    KNOWN.with_borrow(|known| known.get(&account, now_ms).copied())
}

fn learn(account: AccountId, is_blocked: bool) {
    let now_ms = PlatformClock.now().as_millisecond();
    KNOWN.with_borrow_mut(|known| known.insert(account, is_blocked, now_ms, now_ms.saturating_add(REMEMBERED_MS)));
}

#[async_trait]
impl BlockedAccounts for BlockMemory {
    async fn is_blocked(&self, account: AccountId) -> bool {
        if let Some(is_blocked) = known(account) {
            return is_blocked;
        }
        let is_blocked = match SendFuture::new(self.read_in_time(account)).await {
            Some(Ok(is_blocked)) => is_blocked,
            Some(Err(error)) => {
                tracing::warn!(%error, "blocked accounts cannot be looked up; the database decides");
                false
            }
            None => false,
        };
        learn(account, is_blocked);
        is_blocked
    }

    async fn remember(&self, account: AccountId) {
        // KV takes one write a second for a key, and a flood would bring hundreds.
        if known(account) == Some(true) {
            return;
        }
        learn(account, true);
        if let Err(error) = SendFuture::new(self.write(account)).await {
            tracing::warn!(%error, "a blocked account was not remembered; the database refuses it each time");
        }
    }

    async fn forget(&self, account: AccountId) {
        learn(account, false);
        if let Err(error) = SendFuture::new(self.delete(account)).await {
            tracing::warn!(%error, "an account that was unblocked is still remembered, for two minutes at most");
        }
    }
}
