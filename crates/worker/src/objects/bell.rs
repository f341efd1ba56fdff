//! Wakes the requests of an object that wait for something to change in it.

use std::{cell::RefCell, time::Duration};

use futures_channel::oneshot;
use futures_util::future::select;
use worker::Delay;

/// Rings for everybody who waits at that moment.
#[derive(Default)]
pub struct Bell(RefCell<Vec<oneshot::Sender<()>>>);

impl Bell {
    pub fn ring(&self) {
        for waiting in self.0.take() {
            // Who has gone away hears nothing.
            let _gone = waiting.send(());
        }
    }

    /// Waits until it holds, looking each time the bell rings, for so long at most.
    pub async fn wait_until(&self, holds: impl Fn() -> bool, wait: Duration) {
        let mut timer = Delay::from(wait);
        while !holds() {
            let (sender, rung) = oneshot::channel();
            self.0.borrow_mut().push(sender);
            match select(rung, timer).await {
                futures_util::future::Either::Left((_, rest)) => timer = rest,
                futures_util::future::Either::Right(_) => return,
            }
        }
    }
}
