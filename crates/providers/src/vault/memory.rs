//! What an isolate knows of the secrets, and whether to read them: pure, the caller does the reading.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::SecretValues;
use crate::Secret;

/// So long values are used without a question whether they still hold.
const LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// From this age on they are read behind an answer, before anybody has to wait for it.
const AHEAD_FROM: SignedDuration = SignedDuration::from_mins(4);
/// So long the last good values serve while the source is away. Longer, and a key that was revoked because it had leaked might be
/// used for ever.
const USABLE: SignedDuration = SignedDuration::from_hours(24);
/// From this age on a failure is an error of the log.
const LATE: SignedDuration = SignedDuration::from_hours(1);
/// Between readings, where there are good values.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// Between readings, where there are none, or one of them was refused. It bounds how often a wrong key makes us ask.
const SHORT_PAUSE: SignedDuration = SignedDuration::from_secs(2);
/// A reading that has not ended by now never will: the runtime dropped its request. Longer than its own timeout.
const READING_MAX: SignedDuration = SignedDuration::from_secs(5);
/// How many former values are known by their successors.
const FORMER_MAX: usize = 64;

/// For what the values are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    Work,
    /// For whoever comes later.
    Ahead,
    /// A provider has refused one of them.
    Renewal,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Go on with the values that there are, if any.
    Ready,
    /// Read them, then report [`Memory::landed`] or [`Memory::failed`].
    Read,
    /// Another request reads them.
    Wait,
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    values: Arc<SecretValues>,
    /// Another one for other values.
    version: u64,
    /// When the values were asked for; never, at first.
    read: Option<Timestamp>,
    /// When a reading last began, whether or not it worked.
    tried: Option<Timestamp>,
    is_reading: bool,
    /// Former values and their settings, the oldest first.
    former: Vec<(Secret, &'static str)>,
}

impl Memory {
    pub(super) fn usable(&self, now: Timestamp) -> Option<(u64, Arc<SecretValues>)> {
        is_within(self.read, USABLE, now).then(|| (self.version, Arc::clone(&self.values)))
    }

    /// Whether it is time for a reading that nobody makes yet.
    pub(super) fn is_due(&self, now: Timestamp, demand: Demand) -> bool {
        let fresh_for = match demand {
            Demand::Work => LIFETIME,
            Demand::Ahead => AHEAD_FROM,
            Demand::Renewal => SignedDuration::ZERO,
        };
        let is_good = demand != Demand::Renewal && self.usable(now).is_some();
        let pause = if is_good { PAUSE } else { SHORT_PAUSE };
        // One that died says nothing about the source.
        let tried_lately = !self.is_reading && is_within(self.tried, pause, now);
        !self.is_being_read(now) && !tried_lately && !is_within(self.read, fresh_for, now)
    }

    pub(super) fn next(&mut self, now: Timestamp, demand: Demand) -> Next {
        if self.is_being_read(now) {
            let waits = match demand {
                // Old values do meanwhile.
                Demand::Work => self.usable(now).is_none(),
                Demand::Ahead => false,
                Demand::Renewal => true,
            };
            return if waits { Next::Wait } else { Next::Ready };
        }
        if !self.is_due(now, demand) {
            return Next::Ready;
        }
        self.tried = Some(now);
        self.is_reading = true;
        Next::Read
    }

    /// A reading that began at `asked_at` has worked.
    pub(super) fn landed(&mut self, values: SecretValues, asked_at: Timestamp) {
        self.is_reading = false;
        self.read = Some(asked_at);
        if *self.values == values {
            return;
        }
        for (name, former) in self.values.0.iter() {
            if values.get(name) != Some(former) {
                self.former.push((former.clone(), *name));
            }
        }
        let surplus = self.former.len().saturating_sub(FORMER_MAX);
        drop(self.former.drain(..surplus));
        self.version += 1;
        self.values = Arc::new(values);
    }

    /// A reading has failed; answers whether the values are so old that somebody must look.
    pub(super) fn failed(&mut self, now: Timestamp) -> bool {
        self.is_reading = false;
        !is_within(self.read, LATE, now)
    }

    /// What has taken the place of a former value; `None` if it is current again, or was never known.
    pub(super) fn successor(&self, former: &str) -> Option<Secret> {
        let (_, name) = self.former.iter().rev().find(|(known, _)| known.expose() == former)?;
        self.values.get(name).filter(|value| value.expose() != former).cloned()
    }

    fn is_being_read(&self, now: Timestamp) -> bool {
        self.is_reading && is_within(self.tried, READING_MAX, now)
    }
}

/// Whether less than `span` has passed since then.
fn is_within(since: Option<Timestamp>, span: SignedDuration, now: Timestamp) -> bool {
    since.is_some_and(|since| now.duration_since(since) < span)
}
