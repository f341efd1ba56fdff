//! The values of secret settings where they do not come with the Worker: kept for a while, read anew in time, and the last good
//! ones while their source is away.
//!
//! What it promises:
//! - Values older than five minutes are read anew before they are used, unless the source is away or another request does it.
//! - From four minutes on they are read anew behind an answer, so that nobody waits.
//! - While the source is away the last good values serve for a day, and nobody waits for it; then none. Values that have a fault which
//!   the good ones do not have are as good as none.
//! - One reading at a time; after one that failed, a pause, counted from its end.

mod fresh_keys;
mod memory;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::SignedDuration;
use oslira_app::{features::auth::Pause, shared::clock::Clock};

pub use fresh_keys::FreshKeys;

use crate::{Secret, aws::SecretSource};
pub(crate) use memory::LIFETIME;
use memory::{Demand, Memory, Next};

/// The settings that may come from here. Addresses are not among them: whoever may write secrets must not be able to send our
/// keys elsewhere.
pub const SECRET_SETTINGS: [&str; 9] = [
    "AI_GATEWAY_TOKEN",
    "ANTHROPIC_API_KEY",
    "APIFY_TOKEN",
    "OPENAI_API_KEY",
    "RESEND_API_KEY",
    "SENTRY_DSN",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "SUPABASE_JWT_SECRET",
];

/// How long a request waits before it looks whether another's reading has ended: Workers forbid a request to continue on
/// another's I/O.
const WAIT: Duration = Duration::from_millis(20);
/// Together longer than a reading can take, so that a waiting request takes over one that died.
const WAITS_MAX: u32 = 300;
/// How often work that cannot do without values looks for them, and for how long in all. A run without a heartbeat for five minutes
/// is given up.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const LOOKS_FOR_MAX: SignedDuration = SignedDuration::from_mins(1);

/// The values by the names of their settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretValues(BTreeMap<&'static str, Secret>);

impl SecretValues {
    /// Takes the values of secret settings, and passes over everything else. An empty one counts as not there.
    ///
    /// # Errors
    /// Which of them is no text.
    pub fn of<'a>(values: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Result<Self, String> {
        let mut taken = BTreeMap::new();
        for (given, value) in values {
            let Some(name) = SECRET_SETTINGS.into_iter().find(|name| *name == given) else { continue };
            let value = value.ok_or_else(|| format!("{name} is no text"))?.trim();
            if !value.is_empty() {
                taken.insert(name, Secret::new(value));
            }
        }
        Ok(Self(taken))
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.get(name)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every secret setting has a value.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.0.len() == SECRET_SETTINGS.len()
    }
}

/// What is wrong with the settings that these values make: sentences without values.
pub type FaultsOf = dyn Fn(&SecretValues) -> Vec<String> + Send + Sync;

/// The values, and when to read them; one per isolate.
pub struct Vault {
    source: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    pause: Arc<dyn Pause>,
    faults_of: Option<Box<FaultsOf>>,
    memory: Mutex<Memory>,
}

impl Vault {
    #[must_use]
    pub fn new(source: Arc<dyn SecretSource>, clock: Arc<dyn Clock>, pause: Arc<dyn Pause>) -> Self {
        Self { source, clock, pause, faults_of: None, memory: Mutex::default() }
    }

    /// Another time than five minutes for which values are used.
    #[must_use]
    pub fn with_lifetime(self, lifetime: SignedDuration) -> Self {
        self.memory().set_lifetime(lifetime);
        self
    }

    /// The values that are used until some are read: whoever holds one of them gets its successor then.
    #[must_use]
    pub fn with_spares(self, spares: SecretValues) -> Self {
        self.memory().set_spares(spares);
        self
    }

    /// Values that have a fault which the good ones do not have are not taken.
    #[must_use]
    pub fn checked_by(self, faults_of: Box<FaultsOf>) -> Self {
        Self { faults_of: Some(faults_of), ..self }
    }

    /// The values to use now, with a number that is another one when they are others; `None` without good ones.
    #[must_use]
    pub fn current(&self) -> Option<(u64, Arc<SecretValues>)> {
        self.memory().usable(self.clock.now())
    }

    /// Before work: reads the values if there are none or they are old.
    pub async fn prepare(&self) {
        self.meet(Demand::Work).await;
    }

    /// Before work that cannot do without values: the same again and again, for about a minute, until `is_enough`. Answers whether
    /// it is.
    pub async fn prepare_work(&self, is_enough: impl Fn() -> bool) -> bool {
        let began = self.clock.now();
        loop {
            self.prepare().await;
            if is_enough() {
                return true;
            }
            // By the clock: a source that hangs makes a look last longer than the pause.
            if self.clock.now().duration_since(began) >= LOOKS_FOR_MAX {
                return false;
            }
            self.pause.pause(LOOK_EVERY).await;
        }
    }

    /// Whether [`Vault::refresh`] has something to do.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.memory().is_due(self.clock.now(), Demand::Ahead)
    }

    /// Behind an answer: reads the values if they will soon be old.
    pub async fn refresh(&self) {
        self.meet(Demand::Ahead).await;
    }

    /// After the refusal of a key: reads the values unless that was done just now.
    pub(crate) async fn renew(&self) {
        self.meet(Demand::Renewal).await;
    }

    /// What has taken the place of a value that was current once.
    pub(crate) fn successor(&self, former: &str) -> Option<Secret> {
        let memory = self.memory();
        // Values that are too old to be used succeed nobody.
        memory.usable(self.clock.now())?;
        memory.successor(former)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // What a panic left behind is whole: every change is made of assignments.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn meet(&self, demand: Demand) {
        for _ in 0..WAITS_MAX {
            // A statement of its own: the lock must not be held while anything is awaited.
            let next = self.memory().next(self.clock.now(), demand);
            match next {
                Next::Ready => return,
                Next::Read => return self.read().await,
                Next::Wait => self.pause.pause(WAIT).await,
            }
        }
    }

    async fn read(&self) {
        let asked_at = self.clock.now();
        let outcome = self.source.read(asked_at).await;
        let new_fault = outcome.as_ref().ok().and_then(|values| self.new_fault(values));
        if let Some(fault) = new_fault {
            self.memory().failed(self.clock.now());
            // Somebody has made a mistake, which does not pass by itself.
            tracing::error!(fault, "the new secrets are not taken; the last good ones serve");
            return;
        }
        let (cause, is_late) = {
            let mut memory = self.memory();
            match outcome {
                Ok(values) => return memory.landed(values, asked_at),
                Err(cause) => (cause, memory.failed(self.clock.now())),
            }
        };
        // A warning while the last good values are young: an error would be reported for every hiccup.
        if is_late {
            tracing::error!(cause, "the secrets cannot be read");
        } else {
            tracing::warn!(cause, "the secrets were not read; the last good ones serve");
        }
    }

    /// A fault of these values that the good ones of now do not have; `None` without good ones, because then any are better.
    fn new_fault(&self, values: &SecretValues) -> Option<String> {
        let (faults_of, (_, current)) = (self.faults_of.as_ref()?, self.current()?);
        if *current == *values {
            return None;
        }
        let known = faults_of(current.as_ref());
        faults_of(values).into_iter().find(|fault| !known.contains(fault))
    }
}

/// For the doubles of tests.
#[cfg(test)]
pub(crate) fn values(pairs: &[(&str, &str)]) -> SecretValues {
    SecretValues::of(pairs.iter().map(|(name, value)| (*name, Some(*value)))).unwrap()
}
