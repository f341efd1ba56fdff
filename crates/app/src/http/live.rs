//! An answer that goes on for as long as the client stays: a stream of events or a WebSocket that the platform has opened.

use std::{any::Any, fmt, sync::Arc};

/// What the platform has opened. It travels in the extensions of a response, which has the head that the router made;
/// the platform's way out puts the two together.
#[derive(Clone)]
pub struct Live(Arc<dyn Any + Send + Sync>);

impl Live {
    #[must_use]
    pub fn new<T: Send + Sync + 'static>(opened: T) -> Self {
        Self(Arc::new(opened))
    }

    /// What was opened, if it is a `T`.
    #[must_use]
    pub fn opened<T: 'static>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Live")
    }
}
