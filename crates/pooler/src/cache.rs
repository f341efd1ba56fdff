//! The answers that a caching pooler would give again.

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

use crate::message::Query;

/// Names of functions from which a pooler can tell that an answer is good for one time only. It cannot tell it from the
/// name of a function that somebody wrote.
const KNOWN_VOLATILE: [&str; 3] = ["clock_timestamp", "now", "random"];

/// Grows for as long as the pooler runs, which is as long as a test.
#[derive(Default)]
pub(crate) struct Cache {
    answers: Mutex<HashMap<Bytes, Bytes>>,
}

impl Cache {
    /// What the same query was answered before.
    pub(crate) fn get(&self, query: &Query) -> Option<Bytes> {
        self.answers.lock().get(query.messages.as_ref()).cloned()
    }

    /// Remembers an answer, unless the query says that it must not be.
    pub(crate) fn put(&self, query: &Query, answer: BytesMut) {
        if !KNOWN_VOLATILE.iter().any(|name| query.sql.0.contains(name)) {
            self.answers.lock().insert(query.messages.clone().freeze(), answer.freeze());
        }
    }
}
