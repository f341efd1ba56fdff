//! What the feature needs from outside.

use std::sync::Arc;

use async_trait::async_trait;

use super::{AccountView, OperatorAction};
use crate::{
    features::auth::Operator,
    shared::{
        ids::AccountId,
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};

/// What operators do. Every method MUST decide whether the caller is an operator, and write down what they did and why, in the
/// transaction that does it. Each fails with [`StoreError`] when the database does not answer, and with `OperatorRequired`.
#[async_trait]
pub trait OperatorStore: Send + Sync {
    /// Who did what, newest first.
    async fn actions(&self, operator: &Operator, page: PageQuery<i64>) -> Result<Page<OperatorAction>, StoreError>;

    /// An account, open or not.
    async fn account(&self, operator: &Operator, id: AccountId) -> Result<Option<AccountView>, StoreError>;

    /// The accounts of whoever signs in with this address, the longest membership first; at most a hundred.
    async fn accounts_of(&self, operator: &Operator, email: &str) -> Result<Vec<AccountView>, StoreError>;
}

/// What the feature's handlers can reach.
#[derive(Clone)]
pub struct OperatorActionPorts {
    pub store: Arc<dyn OperatorStore>,
}
