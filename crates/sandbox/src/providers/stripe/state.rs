//! Stripe as a whole: its books below one lock, and transactions on them.

use std::{path::Path, sync::Arc};

use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Notify;

use super::{
    books::{Books, Cause},
    clock,
    delivery::{Endpoint, Post},
    errors::error_of_status,
    http::refused,
    object::Fields,
    prices,
};
use crate::shared::{
    claims::Claims, error::SandboxError, faults::Target, journal::Journal, latency::Latency, tap::Tapped,
};

/// What Stripe's handlers and its delivery of events need.
pub(crate) struct Stripe {
    state: Mutex<State>,
    pub(super) keys_in_use: Claims,
    pub(super) latency: Latency,
    /// Notified when there may be something to deliver.
    pub(super) changed: Notify,
}

/// What one lock guards.
pub(super) struct State {
    pub(super) books: Books,
    pub(super) post: Post,
    journal: Journal,
}

impl Stripe {
    /// The Stripe of this state directory; events go to this endpoint.
    pub(crate) fn open(state_dir: &Path, latency: Latency, endpoint: Endpoint) -> Result<Self, SandboxError> {
        let path = state_dir.join("stripe.jsonl");
        let mut books = Books::default();
        Journal::read(&path, |object: Value| books.place(object.text("id").to_owned(), object))?;
        let journal = Journal::begin(&path, books.everything())?;
        prices::stock(&mut books);
        let post = Post::new(&books, endpoint);
        let state = Mutex::new(State { books, post, journal });
        Ok(Self { state, keys_in_use: Claims::default(), latency, changed: Notify::new() })
    }

    /// Carries out one change of the books, after all that is due by now.
    pub(super) fn transact<T>(&self, cause: Option<Cause>, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        clock::catch_up(&mut state.books);
        state.books.cause = cause;
        let result = work(&mut state);
        state.books.cause = None;
        let State { books, post, journal } = &mut *state;
        if post.plan(books) {
            self.changed.notify_one();
        }
        // A change that can't be saved still holds until the sandbox ends.
        let _ = journal.note(&books.take_changed());
        result
    }

    /// Delivers events until the future is dropped.
    pub(crate) async fn deliver(self: Arc<Self>) {
        super::delivery::deliver(self).await;
    }
}

impl Tapped for Stripe {
    fn error(&self, _: Target, status: u16) -> Response {
        refused(&error_of_status(status)).into_response()
    }

    /// Calls have no usernames here; faults find a call by the identifier in its path.
    fn usernames(&self, _: Target, _: &str, id: Option<&str>) -> Vec<String> {
        id.map(str::to_owned).into_iter().collect()
    }
}
