//! Memberships, remembered for a minute per isolate. They only choose an account: row-level security and the database
//! functions check membership in every transaction.

use std::{cell::RefCell, sync::Arc};

use async_trait::async_trait;
use oslira_app::{
    features::auth::{ClosedAccount, Membership, Memberships},
    shared::{clock::Clock as _, expiring::Expiring, ids::UserId, store::StoreError},
};
use oslira_postgres::TenantDb;

use super::PlatformClock;

const REMEMBERED_MS: i64 = 60_000;
const REMEMBERED_MAX: usize = 1_024;

thread_local! {
    static KNOWN: RefCell<Expiring<UserId, Vec<Membership>>> = RefCell::new(Expiring::new(REMEMBERED_MAX));
}

/// Memberships read as the user.
pub struct Accounts {
    tenant: Arc<TenantDb>,
}

impl Accounts {
    pub fn new(tenant: Arc<TenantDb>) -> Self {
        Self { tenant }
    }
}

#[async_trait]
impl Memberships for Accounts {
    async fn accounts_of(&self, user: UserId) -> Result<Vec<Membership>, StoreError> {
        let now_ms = PlatformClock.now().as_millisecond();
        match KNOWN.with_borrow(|known| known.get(&user, now_ms).cloned()) {
            Some(accounts) => Ok(accounts),
            None => self.accounts_now(user).await,
        }
    }

    async fn accounts_now(&self, user: UserId) -> Result<Vec<Membership>, StoreError> {
        let accounts = self.tenant.accounts_of(user).await?;
        // A user without an account may get one any moment (sign-up): only memberships are remembered.
        if !accounts.is_empty() {
            let now_ms = PlatformClock.now().as_millisecond();
            let remembered = accounts.clone();
            KNOWN.with_borrow_mut(|known| known.insert(user, remembered, now_ms, now_ms + REMEMBERED_MS));
        }
        Ok(accounts)
    }

    async fn closed_accounts_of(&self, user: UserId) -> Result<Vec<ClosedAccount>, StoreError> {
        self.tenant.closed_accounts_of(user).await
    }
}
