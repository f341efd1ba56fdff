//! Erasures, as operators ask for them.

use async_trait::async_trait;
use oslira_app::{
    features::{
        auth::Operator,
        erasure::{BeginOutcome, Erasure, ErasureDesk, NewErasure},
    },
    shared::store::StoreError,
};
use uuid::Uuid;

use super::db::OperatorDb;
use crate::session::Param;

#[async_trait]
impl ErasureDesk for OperatorDb {
    async fn begin(&self, operator: &Operator, new: &NewErasure) -> Result<BeginOutcome, StoreError> {
        let params = [
            Param::of(new.id),
            Param::of(&new.username),
            Param::maybe(new.instagram_id.as_ref()),
            Param::of(new.proof.text()),
        ];
        self.call(operator, "select operator.begin_erasure($1::uuid, $2, $3, $4, $5)", &params).await
    }

    async fn find(&self, operator: &Operator, id: Uuid) -> Result<Option<Erasure>, StoreError> {
        self.call(operator, "select operator.find_erasure($1::uuid, $2)", &[Param::of(id)]).await
    }
}
