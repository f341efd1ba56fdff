//! Alarms: which begin and end, and that they were told.

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::alarms::{AlarmLimits, AlarmStore, Crossing},
    shared::store::StoreError,
    triggers::Queue,
};
use serde_json::{Value, json};

use super::db::AdminDb;
use crate::session::Param;

#[async_trait]
impl AlarmStore for AdminDb {
    async fn check(&self, limits: &AlarmLimits, now: Timestamp) -> Result<Vec<Crossing>, StoreError> {
        const SQL: &str = "select system.check_alarms($1::jsonb, $2::timestamptz)";
        self.value(SQL, &[Param::json(limits)?, Param::of(now)]).await
    }

    async fn note_told(&self, told: &[Crossing]) -> Result<(), StoreError> {
        const SQL: &str = "select to_jsonb(system.note_alarms_told($1::jsonb))";
        let told: Vec<Value> =
            told.iter().map(|crossing| json!({ "id": crossing.id, "crossing": crossing.crossing })).collect();
        self.value::<u64>(SQL, &[Param::json(&told)?]).await.map(drop)
    }

    async fn note_dead_letters(&self, queue: Queue, messages: usize) -> Result<(), StoreError> {
        // The function returns nothing, but every statement must return jsonb.
        const SQL: &str = "select to_jsonb(true) from system.note_dead_letters($1, $2::integer)";
        self.value::<bool>(SQL, &[Param::of(queue.name()), Param::of(messages)]).await.map(drop)
    }
}
