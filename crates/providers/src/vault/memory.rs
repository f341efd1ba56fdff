//! What an isolate knows of the secrets, and whether to read them: pure, the caller does the reading.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::SecretValues;
use crate::Secret;

/// So long values are used without a question whether they still hold.
pub(crate) const LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// So long the last good values serve while the source is away. Longer, and a key that was revoked because it had leaked might be
/// used for ever.
const USABLE: SignedDuration = SignedDuration::from_hours(24);
/// From this age on a failure is an error of the log.
const LATE: SignedDuration = SignedDuration::from_hours(1);
/// From the end of a reading that failed to the next, where there are good values.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// The same where there are none, or one of them was refused. It bounds how often a wrong key makes us ask.
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

#[derive(Debug)]
pub(super) struct Memory {
    lifetime: SignedDuration,
    /// Before anything was read: the spares, which are not usable from here, but have successors.
    values: Arc<SecretValues>,
    /// Another one for other values.
    version: u64,
    /// When the values were asked for; never, at first.
    read: Option<Timestamp>,
    /// When a reading last began, or failed: a source that hangs is left alone for a while after it has been waited for.
    tried: Option<Timestamp>,
    is_reading: bool,
    /// Whether the last reading that ended did not work.
    has_failed: bool,
    /// Former values and their settings, the oldest first.
    former: Vec<(Secret, &'static str)>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            lifetime: LIFETIME,
            values: Arc::default(),
            version: 0,
            read: None,
            tried: None,
            is_reading: false,
            has_failed: false,
            former: Vec::new(),
        }
    }
}

impl Memory {
    pub(super) fn set_lifetime(&mut self, lifetime: SignedDuration) {
        self.lifetime = lifetime;
    }

    /// What is used in place of values until some are read.
    pub(super) fn set_spares(&mut self, spares: SecretValues) {
        self.values = Arc::new(spares);
    }

    pub(super) fn usable(&self, now: Timestamp) -> Option<(u64, Arc<SecretValues>)> {
        is_within(self.read, USABLE, now).then(|| (self.version, Arc::clone(&self.values)))
    }

    /// Whether it is time for a reading that nobody makes yet.
    pub(super) fn is_due(&self, now: Timestamp, demand: Demand) -> bool {
        let is_usable = self.usable(now).is_some();
        // Nobody waits for a source that is away while there are good values: it is asked again behind an answer. After a while without a
        // question nobody knows whether it still is.
        let is_away = self.has_failed && is_within(self.tried, self.lifetime, now);
        if demand == Demand::Work && is_usable && is_away {
            return false;
        }
        let fresh_for = match demand {
            Demand::Work => self.lifetime,
            // Before the end, so that nobody has to wait for it.
            Demand::Ahead => self.lifetime / 5 * 4,
            Demand::Renewal => SignedDuration::ZERO,
        };
        let pause = match demand {
            Demand::Renewal => SHORT_PAUSE,
            Demand::Work | Demand::Ahead if !is_usable => SHORT_PAUSE,
            Demand::Work | Demand::Ahead if self.has_failed => PAUSE,
            Demand::Work | Demand::Ahead => SignedDuration::ZERO,
        };
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
        self.has_failed = false;
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
        self.has_failed = true;
        self.tried = Some(now);
        !is_within(self.read, LATE, now)
    }

    /// What has taken the place of a former value; `None` if it is current again, of whatever setting, or was never known. A key that
    /// once stood under a wrong name must not be replaced by that name's key, which is another provider's.
    pub(super) fn successor(&self, former: &str) -> Option<Secret> {
        if self.values.0.values().any(|value| value.expose() == former) {
            return None;
        }
        let (_, name) = self.former.iter().rev().find(|(known, _)| known.expose() == former)?;
        self.values.get(name).cloned()
    }

    fn is_being_read(&self, now: Timestamp) -> bool {
        self.is_reading && is_within(self.tried, READING_MAX, now)
    }
}

/// Whether less than `span` has passed since then.
fn is_within(since: Option<Timestamp>, span: SignedDuration, now: Timestamp) -> bool {
    since.is_some_and(|since| now.duration_since(since) < span)
}
