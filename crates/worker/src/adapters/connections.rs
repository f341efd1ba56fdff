//! Talks to the objects that know which connections their accounts have open.

use std::time::Duration;

use oslira_app::{
    features::analysis::ConnectionsChange,
    shared::ids::{AccountId, ConnectionId},
};
use uuid::Uuid;
use worker::Env;

use super::{call_object, deadline::within};

const OBJECTS: &str = "ACCOUNT_CONNECTIONS";

/// A new name for a connection.
#[expect(clippy::disallowed_methods, reason = "this is where new identifiers come from")]
pub fn new_connection_id() -> ConnectionId {
    ConnectionId::new(Uuid::new_v4())
}

/// Tells an account's object of a change; answers whether the connection that is to be opened has room.
///
/// # Errors
/// A sentence for the log, when it does not answer within `patience`. It may hear of the change all the same.
pub async fn tell_account(
    env: &Env,
    account_id: AccountId,
    change: &ConnectionsChange,
    patience: Duration,
) -> Result<bool, String> {
    let name = account_id.to_string();
    match within(patience, call_object::<bool>(env, OBJECTS, &name, "/", change)).await {
        Some(answer) => answer.map_err(|error| error.to_string()),
        None => Err(format!("no answer within {} ms", patience.as_millis())),
    }
}
