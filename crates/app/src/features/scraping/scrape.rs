//! The life of one actor run: started once, looked at until it ends, its results kept for whoever asked.
//!
//! Promises: the intent to start is stored before the start, so that a crash never starts a second run; a start whose answer was
//! lost is looked for in the scraper's own list; everybody gets an answer, a fault if need be; the lease goes back only when the
//! actor run has ended or can no longer be under way.

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Looked, ReadProfile, ScrapeOrder, Scraped, model::LEASE_LAG, model::SCRAPE_TIMEOUT};
use crate::features::profiles::{InstagramHandle, ScrapeFault, ScrapePart, ScrapeTicket};

/// How long results can be collected after the end.
pub const KEPT_AFTER_END: Duration = Duration::from_secs(3_600);
/// How long one look waits for the actor run to end, and one that several share: its items are read as they appear.
const LOOK_WAIT: Duration = Duration::from_secs(30);
const SHARED_LOOK_WAIT: Duration = Duration::from_secs(1);
/// Pause after a look that gave nothing.
const LOOK_PAUSE: Duration = Duration::from_secs(5);
/// After so many unanswered looks, a minute's worth of pauses, whoever waits is told so.
const UNANSWERED_MAX: u32 = 12;
/// The same for looks that got no answer in time: each has taken longer.
const TIMEOUTS_MAX: u32 = 2;
/// How often a dataset that lacks the items of its bill is read again.
const REREADS_MAX: u32 = 3;
/// Pauses between looks for a run that may not have started; then whoever waits is told so.
const FIND_PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(5)];
/// A run that the list does not show so long after its start was sent has never started.
const NEVER_STARTED_AFTER: Duration = Duration::from_secs(60);

/// A scrape, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scrape {
    order: ScrapeOrder,
    /// Who has no answer yet.
    left: Vec<InstagramHandle>,
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    Ordered,
    /// The start is sent, or was when the process died.
    Starting {
        sent_at: Timestamp,
    },
    /// Nobody knows whether it started.
    Lost {
        sent_at: Timestamp,
        looks: u32,
    },
    Running(Running),
    /// Everybody has an answer, and the actor run may go on until then.
    Abandoned {
        until: Timestamp,
    },
    /// The lease has to be returned.
    Returning {
        at: Timestamp,
    },
    Ended {
        at: Timestamp,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Running {
    ticket: ScrapeTicket,
    since: Timestamp,
    /// Items that were read.
    items: usize,
    unanswered: u32,
    timeouts: u32,
    rereads: u32,
}

/// What the shell has to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScrapeTurn {
    /// Start an actor run; then [`Scrape::started`].
    Start,
    /// Look for one that was started after this; then [`Scrape::found`].
    Find { since: Timestamp },
    /// Look at the run; then [`Scrape::looked`].
    Look { ticket: ScrapeTicket, items: usize, wait: Duration },
    /// Return the lease; then [`Scrape::returned`].
    Return,
    /// Come back later.
    Pause(Duration),
    /// Delete everything.
    Forget,
}

/// What the shell must store or say, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum ScrapeEffect {
    /// Keeps an answer for whoever asked for this username.
    Answer(InstagramHandle, Box<ScrapeAnswer>),
    /// Stores the scrape in place of the older form.
    Store(Scrape),
    /// Tells the gate that nobody may join any more.
    Close,
}

/// What became of one username.
pub type ScrapeAnswer = Result<Scraped, ScrapeFault>;

impl Scrape {
    #[must_use]
    pub fn new(order: ScrapeOrder) -> Self {
        Self { left: order.usernames.clone(), order, stage: Stage::Ordered }
    }

    #[must_use]
    pub const fn order(&self) -> &ScrapeOrder {
        &self.order
    }

    /// Who has no answer yet.
    #[must_use]
    pub fn left(&self) -> &[InstagramHandle] {
        &self.left
    }

    /// What to do now. The effects MUST be carried out first.
    #[must_use]
    pub fn turn(&mut self, now: Timestamp, scale: f64) -> (Vec<ScrapeEffect>, ScrapeTurn) {
        match &mut self.stage {
            Stage::Ordered if now < self.order.start_before => {
                self.stage = Stage::Starting { sent_at: now };
                (vec![self.stored()], ScrapeTurn::Start)
            }
            Stage::Ordered => {
                let effects = self.fail(&ScrapeFault::Retryable("the scrape was not begun in time".to_owned()));
                (self.end(effects, now), ScrapeTurn::Return)
            }
            // The process died between the sending and the answer.
            Stage::Starting { sent_at } => {
                let since = *sent_at;
                self.stage = Stage::Lost { sent_at: since, looks: 0 };
                (vec![self.stored()], ScrapeTurn::Find { since })
            }
            Stage::Lost { sent_at, .. } => (vec![], ScrapeTurn::Find { since: *sent_at }),
            Stage::Running(running) => {
                // Posts of one profile are complete only at the end.
                let appears = self.order.usernames.len() > 1 && self.order.part == ScrapePart::Details;
                let wait = if appears && !self.left.is_empty() {
                    SHARED_LOOK_WAIT
                } else {
                    LOOK_WAIT.mul_f64(scale).max(SHARED_LOOK_WAIT)
                };
                let turn = ScrapeTurn::Look { ticket: running.ticket.clone(), items: running.items, wait };
                (vec![], turn)
            }
            Stage::Abandoned { until } if now < *until => (vec![], pause(now, *until)),
            Stage::Abandoned { .. } => (self.end(vec![], now), ScrapeTurn::Return),
            Stage::Returning { .. } => (vec![], ScrapeTurn::Return),
            Stage::Ended { at } => {
                let until = *at + KEPT_AFTER_END;
                (vec![], if now < until { pause(now, until) } else { ScrapeTurn::Forget })
            }
        }
    }

    /// The start was answered, or was not.
    #[must_use]
    pub fn started(
        &mut self,
        answer: Result<ScrapeTicket, ScrapeFault>,
        now: Timestamp,
    ) -> (Vec<ScrapeEffect>, Duration) {
        let Stage::Starting { sent_at } = self.stage else { return (vec![], Duration::ZERO) };
        match answer {
            Ok(ticket) => {
                self.run(ticket, sent_at);
                (vec![self.stored()], Duration::ZERO)
            }
            Err(ScrapeFault::TimedOut(_) | ScrapeFault::Unanswered(_)) => {
                self.stage = Stage::Lost { sent_at, looks: 0 };
                (vec![self.stored()], Duration::ZERO)
            }
            Err(refused) => {
                let effects = self.fail(&refused);
                (self.end(effects, now), Duration::ZERO)
            }
        }
    }

    /// The scraper's list was read, or was not. Answers with the pause before the next turn.
    #[must_use]
    pub fn found(
        &mut self,
        answer: Result<Option<ScrapeTicket>, ScrapeFault>,
        now: Timestamp,
    ) -> (Vec<ScrapeEffect>, Duration) {
        let Stage::Lost { sent_at, looks } = self.stage else { return (vec![], Duration::ZERO) };
        if let Ok(Some(ticket)) = answer {
            self.run(ticket, sent_at);
            return (vec![self.stored()], Duration::ZERO);
        }
        let pause = usize::try_from(looks).ok().and_then(|looks| FIND_PAUSES.get(looks).copied());
        let mut effects = vec![];
        if pause.is_none() && !self.left.is_empty() {
            effects = self.fail(&ScrapeFault::Unanswered("whether a scrape started is not known".to_owned()));
            effects.push(ScrapeEffect::Close);
        }
        let never_started = answer.is_ok() && now >= sent_at + NEVER_STARTED_AFTER;
        if never_started || now >= sent_at + SCRAPE_TIMEOUT + LEASE_LAG {
            effects.extend(self.fail(&ScrapeFault::Unanswered("a scrape never started".to_owned())));
            return (self.end(effects, now), Duration::ZERO);
        }
        self.stage = Stage::Lost { sent_at, looks: looks + 1 };
        effects.push(self.stored());
        (effects, pause.unwrap_or(LOOK_PAUSE))
    }

    /// The run was looked at, or did not answer. Answers with the pause before the next turn.
    #[must_use]
    pub fn looked(&mut self, answer: Result<Looked, ScrapeFault>, now: Timestamp) -> (Vec<ScrapeEffect>, Duration) {
        let Stage::Running(running) = &mut self.stage else { return (vec![], Duration::ZERO) };
        let must_have_ended = now >= running.since + SCRAPE_TIMEOUT + LEASE_LAG;
        match answer {
            Ok(Looked::Running { read, items }) if !must_have_ended => {
                running.items = items;
                (running.unanswered, running.timeouts) = (0, 0);
                let mut effects = self.answer(read, None);
                effects.push(self.stored());
                (effects, Duration::ZERO)
            }
            Ok(Looked::Running { read, .. }) => {
                let mut effects = self.answer(read, None);
                effects.extend(self.fail(&ScrapeFault::Overtime("a scrape did not end".to_owned())));
                (self.end(effects, now), Duration::ZERO)
            }
            Ok(Looked::ItemsMissing { .. }) if running.rereads < REREADS_MAX => {
                running.rereads += 1;
                (vec![self.stored()], LOOK_PAUSE)
            }
            Ok(Looked::ItemsMissing { unusable }) => {
                let effects = self.answer(unusable, None);
                (self.end(effects, now), Duration::ZERO)
            }
            Ok(Looked::Ended { read, ended_at }) => {
                let mut effects = self.answer(read, ended_at);
                effects.extend(self.fail(&ScrapeFault::Retryable("a scrape says nothing of a profile".to_owned())));
                (self.end(effects, now), Duration::ZERO)
            }
            Err(fault @ (ScrapeFault::Unanswered(_) | ScrapeFault::TimedOut(_))) => {
                match &fault {
                    ScrapeFault::TimedOut(_) => running.timeouts += 1,
                    _ => running.unanswered += 1,
                }
                if running.unanswered <= UNANSWERED_MAX && running.timeouts < TIMEOUTS_MAX && !must_have_ended {
                    return (vec![self.stored()], LOOK_PAUSE);
                }
                self.abandon(&fault, now)
            }
            // The run itself has ended without success.
            Err(fault @ (ScrapeFault::Overtime(_) | ScrapeFault::Retryable(_))) => {
                let effects = self.fail(&fault);
                (self.end(effects, now), Duration::ZERO)
            }
            // We may not ask any more, but the run goes on.
            Err(fault) => self.abandon(&fault, now),
        }
    }

    /// The gate has the lease again.
    #[must_use]
    pub fn returned(&mut self) -> Vec<ScrapeEffect> {
        let Stage::Returning { at } = self.stage else { return vec![] };
        self.stage = Stage::Ended { at };
        vec![self.stored()]
    }

    fn run(&mut self, ticket: ScrapeTicket, since: Timestamp) {
        self.stage = Stage::Running(Running { ticket, since, items: 0, unanswered: 0, timeouts: 0, rereads: 0 });
    }

    fn stored(&self) -> ScrapeEffect {
        ScrapeEffect::Store(self.clone())
    }

    /// Answers those who were read.
    fn answer(&mut self, read: Vec<ReadProfile>, ended_at: Option<Timestamp>) -> Vec<ScrapeEffect> {
        let Stage::Running(running) = &self.stage else { return vec![] };
        let run = running.ticket.provider_run_id.clone();
        let is_shared = self.order.usernames.len() > 1;
        let mut effects = vec![];
        for ReadProfile { username, found, usage } in read {
            let Some(place) = self.left.iter().position(|left| *left == username) else { continue };
            self.left.remove(place);
            // A bill is recorded once for each.
            let provider_run_id = if is_shared { format!("{run}-{username}") } else { run.clone() };
            let scraped = Scraped { found, usage, ended_at, provider_run_id };
            effects.push(ScrapeEffect::Answer(username, Box::new(Ok(scraped))));
        }
        effects
    }

    /// Answers everybody else.
    fn fail(&mut self, fault: &ScrapeFault) -> Vec<ScrapeEffect> {
        let left = std::mem::take(&mut self.left);
        left.into_iter().map(|username| ScrapeEffect::Answer(username, Box::new(Err(fault.clone())))).collect()
    }

    fn end(&mut self, mut effects: Vec<ScrapeEffect>, now: Timestamp) -> Vec<ScrapeEffect> {
        self.stage = Stage::Returning { at: now };
        effects.push(self.stored());
        effects
    }

    fn abandon(&mut self, fault: &ScrapeFault, now: Timestamp) -> (Vec<ScrapeEffect>, Duration) {
        let since = if let Stage::Running(running) = &self.stage { running.since } else { now };
        let mut effects = self.fail(fault);
        self.stage = Stage::Abandoned { until: since + SCRAPE_TIMEOUT + LEASE_LAG };
        effects.extend([self.stored(), ScrapeEffect::Close]);
        (effects, Duration::ZERO)
    }
}

fn pause(now: Timestamp, until: Timestamp) -> ScrapeTurn {
    ScrapeTurn::Pause(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}
