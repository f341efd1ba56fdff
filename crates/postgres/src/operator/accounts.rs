//! What operators look up.

use async_trait::async_trait;
use oslira_app::{
    features::{
        auth::Operator,
        operators::{AccountView, OperatorAction, OperatorStore},
    },
    shared::{
        ids::AccountId,
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};

use super::db::OperatorDb;
use crate::session::Param;

#[async_trait]
impl OperatorStore for OperatorDb {
    async fn actions(&self, operator: &Operator, page: PageQuery<i64>) -> Result<Page<OperatorAction>, StoreError> {
        const SQL: &str = "select operator.list_actions($1::bigint, $2::integer, $3)";
        let params = [Param::maybe(page.after.map(|cursor| cursor.0)), Param::of(page.limit + 1)];
        let actions = self.call(operator, SQL, &params).await?;
        Ok(Page::cut(actions, page.limit, |last: &OperatorAction| last.id))
    }

    async fn account(&self, operator: &Operator, id: AccountId) -> Result<Option<AccountView>, StoreError> {
        self.call(operator, "select operator.find_account($1::uuid, $2)", &[Param::of(id)]).await
    }

    async fn accounts_of(&self, operator: &Operator, email: &str) -> Result<Vec<AccountView>, StoreError> {
        self.call(operator, "select operator.find_accounts_of($1, $2)", &[Param::of(email)]).await
    }
}
