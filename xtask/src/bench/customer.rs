//! Accounts and usernames that no other run of the benchmark has used, so that nothing is cached.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

use crate::api::Api;
use crate::postgres::database::{User, mint_users};
use crate::postgres::{PgUrl, database};
use crate::stack::{Document, mint_token};

/// More than the benchmark spends with one account.
const CREDITS: i32 = 10_000;

/// Creates accounts and usernames for one run of the benchmark.
pub struct Customers<'a> {
    stack: &'a Document,
    database: PgUrl,
    tag: String,
    minted: AtomicU32,
}

impl<'a> Customers<'a> {
    pub fn of(stack: &'a Document) -> Result<Self> {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        Ok(Self {
            stack,
            database: PgUrl::parse(&stack.database_url)?,
            tag: format!("{now_ms:x}"),
            minted: AtomicU32::new(0),
        })
    }

    /// A new account with a business profile and plenty of credits.
    pub fn mint(&self) -> Result<Api> {
        let number = self.minted.fetch_add(1, Ordering::Relaxed);
        let user = database::mint_user(&self.database, &format!("bench {} {number}", self.tag), CREDITS)?;
        let token = mint_token(&self.stack.sandbox_url, &self.stack.sandbox_token, &user)?;
        Ok(Api::of(self.stack, &token, &user.business_profile_id))
    }

    /// Many accounts with exactly so many credits, for parts that need no tokens.
    pub fn mint_many(&self, count: usize, credits: i32) -> Result<Vec<User>> {
        let number = self.minted.fetch_add(1, Ordering::Relaxed);
        mint_users(&self.database, &format!("bench {} {number}", self.tag), i32::try_from(count)?, credits)
    }

    /// What the names of this run's accounts have in them, and those of no other run.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// A username that was never analysed. None is the beginning of another, because the sandbox's calls are found by
    /// searching for the name.
    pub fn username(&self, purpose: &str, number: usize) -> Result<String> {
        let name = format!("fitness.{purpose}{}{number:04}", self.tag);
        // Instagram's limit, which the API enforces.
        if name.len() > 30 {
            bail!("{name} is too long for a username");
        }
        Ok(name)
    }
}
