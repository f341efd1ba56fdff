//! The accounts that a user belongs to.

use async_trait::async_trait;
use oslira_app::{
    features::auth::{ClosedAccount, Membership, Memberships},
    shared::{ids::UserId, store::StoreError},
};

use super::db::TenantDb;

#[async_trait]
impl Memberships for TenantDb {
    async fn accounts_of(&self, user: UserId) -> Result<Vec<Membership>, StoreError> {
        self.value(user, "select api.my_memberships()", &[]).await
    }

    async fn closed_accounts_of(&self, user: UserId) -> Result<Vec<ClosedAccount>, StoreError> {
        self.value(user, "select api.my_closed_accounts()", &[]).await
    }
}
