//! Memberships, remembered for a minute per isolate. They only choose an account: row-level security and the database
//! functions check membership in every transaction.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use async_trait::async_trait;
use oslira_app::{
    features::auth::{Membership, Memberships},
    shared::{clock::Clock as _, ids::UserId, store::StoreError},
};
use oslira_postgres::TenantDb;

use super::PlatformClock;

const REMEMBERED_MS: i64 = 60_000;
const REMEMBERED_MAX: usize = 1_024;

thread_local! {
    static KNOWN: RefCell<HashMap<UserId, (i64, Vec<Membership>)>> = RefCell::new(HashMap::new());
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
        let known = KNOWN.with(|known| {
            known.borrow().get(&user).filter(|(until, _)| *until > now_ms).map(|(_, accounts)| accounts.clone())
        });
        if let Some(accounts) = known {
            return Ok(accounts);
        }
        self.accounts_now(user).await
    }

    async fn accounts_now(&self, user: UserId) -> Result<Vec<Membership>, StoreError> {
        let accounts = self.tenant.accounts_of(user).await?;
        // A user without an account may get one any moment (sign-up): only memberships are remembered.
        if !accounts.is_empty() {
            KNOWN.with(|known| {
                let mut known = known.borrow_mut();
                if known.len() >= REMEMBERED_MAX {
                    known.clear();
                }
                let until_ms = PlatformClock.now().as_millisecond() + REMEMBERED_MS;
                known.insert(user, (until_ms, accounts.clone()));
            });
        }
        Ok(accounts)
    }
}
