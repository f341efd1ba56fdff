//! Lets only so many futures go on at the same time.
//!
//! Not `buffer_unordered`: it polls a future again only when that one was woken, while the simulation, which has no clock to be
//! woken by, polls everything.

use std::{
    future::poll_fn,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
};

/// Turns that futures wait for, first come, first served where they are polled in order.
pub struct Turns {
    free: AtomicUsize,
    waiting: Mutex<Vec<Waker>>,
}

/// Gives its turn back when it is dropped.
pub struct Turn<'a>(&'a Turns);

impl Turns {
    /// So many at the same time.
    #[must_use]
    pub const fn new(at_once: usize) -> Self {
        Self { free: AtomicUsize::new(at_once), waiting: Mutex::new(vec![]) }
    }

    /// Waits for a turn.
    pub async fn take(&self) -> Turn<'_> {
        poll_fn(|context| {
            let taken = self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| free.checked_sub(1));
            if taken.is_ok() {
                return Poll::Ready(());
            }
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(context.waker().clone());
            Poll::Pending
        })
        .await;
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Ordering::AcqRel);
        let waiting = std::mem::take(&mut *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn no_more_go_on_than_there_are_turns_and_all_come_to_theirs() {
        let (turns, going_on, most) = (Turns::new(3), AtomicUsize::new(0), AtomicUsize::new(0));
        let work = (0..10).map(async |_| {
            let _turn = turns.take().await;
            most.fetch_max(going_on.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            going_on.fetch_sub(1, Ordering::SeqCst);
        });
        assert_eq!(join_all(work).await.len(), 10);
        assert_eq!(most.into_inner(), 3);
    }
}
