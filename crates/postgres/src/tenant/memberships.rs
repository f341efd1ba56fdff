//! The accounts that a user belongs to.

use async_trait::async_trait;
use oslira_app::{
    features::auth::{Membership, Memberships},
    shared::{ids::UserId, store::StoreError},
};

use super::db::TenantDb;
use crate::session::Param;

#[async_trait]
impl Memberships for TenantDb {
    async fn accounts_of(&self, user: UserId) -> Result<Vec<Membership>, StoreError> {
        const SQL: &str = "select jsonb_build_object('account_id', a.id, 'account_name', a.name, 'role', m.role) \
            from public.account_members m join public.accounts a on a.id = m.account_id \
            where m.user_id = $1::uuid and a.deleted_at is null order by m.created_at, a.id";
        self.values(user, SQL, &[Param::of(user)]).await
    }
}
