//! Blocked accounts, remembered in KV for two minutes, and in the isolate for ten seconds.
//!
//! KV is read all over the world from caches that are up to a minute old. So somewhere an account that was unblocked may be refused
//! for about a minute more, or for three if the entry could not be deleted or was written at that very moment; and one that was blocked
//! may still ask the database, which refuses it. Nobody waits for KV longer than it is worth: it only saves questions.

use std::{cell::RefCell, time::Duration};

use async_trait::async_trait;
use oslira_app::{
    features::{
        auth::{BlockedAccounts, KnownBlocks},
        health::BLOCKED_ACCOUNTS,
    },
    shared::{clock::Clock as _, ids::AccountId},
};
use worker::{Env, Result, send::SendFuture};

use super::{PlatformClock, deadline::within};

/// KV allows no less than 60.
const ENTRY_LASTS_S: u64 = 120;
const PATIENCE: Duration = Duration::from_millis(250);

thread_local! {
    static KNOWN: RefCell<KnownBlocks> = RefCell::new(KnownBlocks::default());
}

pub struct BlockMemory {
    env: Env,
}

impl BlockMemory {
    pub fn new(env: &Env) -> Self {
        Self { env: env.clone() }
    }

    async fn read(&self, account: AccountId) -> Result<bool> {
        Ok(self.env.kv(BLOCKED_ACCOUNTS)?.get(&account.to_string()).text().await?.is_some())
    }

    async fn write(&self, account: AccountId) -> Result<()> {
        let put = self.env.kv(BLOCKED_ACCOUNTS)?.put(&account.to_string(), "blocked")?;
        put.expiration_ttl(ENTRY_LASTS_S).execute().await.map_err(worker::Error::from)
    }

    async fn delete(&self, account: AccountId) -> Result<()> {
        self.env.kv(BLOCKED_ACCOUNTS)?.delete(&account.to_string()).await.map_err(worker::Error::from)
    }
}

fn learn(account: AccountId, is_blocked: bool) {
    KNOWN.with_borrow_mut(|known| known.learn(account, is_blocked, PlatformClock.now()));
}

/// A change of KV that fails, or is late and so may still happen.
async fn change(work: impl Future<Output = Result<()>>, otherwise: &'static str) {
    match within(PATIENCE, work).await {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::warn!(%error, otherwise, "KV did not change"),
        None => tracing::warn!(otherwise, "KV did not answer in time"),
    }
}

#[async_trait]
impl BlockedAccounts for BlockMemory {
    async fn is_blocked(&self, account: AccountId) -> bool {
        if let Some(is_blocked) = KNOWN.with_borrow(|known| known.get(account, PlatformClock.now())) {
            return is_blocked;
        }
        let is_blocked = match SendFuture::new(within(PATIENCE, self.read(account))).await {
            Some(Ok(is_blocked)) => is_blocked,
            Some(Err(error)) => {
                tracing::warn!(%error, "blocked accounts cannot be looked up; the database decides");
                false
            }
            None => false,
        };
        KNOWN.with_borrow_mut(|known| known.settle(account, is_blocked, PlatformClock.now()))
    }

    async fn remember(&self, account: AccountId) {
        // KV takes one write a second for a key, and a flood would bring hundreds.
        if KNOWN.with_borrow(|known| known.get(account, PlatformClock.now())) == Some(true) {
            return;
        }
        learn(account, true);
        let otherwise = "the database refuses the blocked account each time";
        SendFuture::new(change(self.write(account), otherwise)).await;
    }

    async fn forget(&self, account: AccountId) {
        learn(account, false);
        let otherwise = "the account may be remembered as blocked, for two minutes at most";
        SendFuture::new(change(self.delete(account), otherwise)).await;
    }
}
