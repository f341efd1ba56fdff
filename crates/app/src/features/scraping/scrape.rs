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
/// How often a start is repeated that the scraper had no room for.
const REFUSALS_MAX: u32 = 3;
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
    /// Certainly not started; so often the scraper had no room for it.
    Ordered {
        refusals: u32,
    },
    /// The start is sent, or was when the process died.
    Starting {
        sent_at: Timestamp,
        refusals: u32,
    },
    /// Nobody knows whether it started.
    Lost(Lost),
    Running(Running),
    /// The lease has to be returned.
    Returning {
        at: Timestamp,
    },
    Ended {
        at: Timestamp,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Lost {
    sent_at: Timestamp,
    /// How often the list did not show it.
    looks: u32,
    /// What whoever waits is told if it stays lost.
    fault: ScrapeFault,
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
        Self { left: order.usernames.clone(), order, stage: Stage::Ordered { refusals: 0 } }
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
            Stage::Ordered { refusals } if now < self.order.start_before => {
                let refusals = *refusals;
                self.stage = Stage::Starting { sent_at: now, refusals };
                (vec![self.stored()], ScrapeTurn::Start)
            }
            Stage::Ordered { .. } => {
                let effects = self.fail(&ScrapeFault::Retryable("the scrape was not begun in time".to_owned()));
                (self.end(effects, now), ScrapeTurn::Return)
            }
            // The process died between the sending and the answer.
            Stage::Starting { sent_at, .. } => {
                let since = *sent_at;
                self.lose(since, ScrapeFault::Unanswered("the process of the scrape died".to_owned()));
                (vec![self.stored()], ScrapeTurn::Find { since })
            }
            Stage::Lost(lost) => (vec![], ScrapeTurn::Find { since: lost.sent_at }),
            // Whatever kept it from being looked at, such as items that no isolate can hold.
            Stage::Running(running) if now >= running.since + may_last(scale) + LEASE_LAG => {
                let effects = self.fail(&ScrapeFault::Overtime("a scrape did not end".to_owned()));
                (self.end(effects, now), ScrapeTurn::Return)
            }
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
        let Stage::Starting { sent_at, refusals } = self.stage else { return (vec![], Duration::ZERO) };
        match answer {
            Ok(ticket) => {
                self.run(ticket, sent_at);
                (vec![self.stored()], Duration::ZERO)
            }
            Err(fault @ (ScrapeFault::TimedOut(_) | ScrapeFault::Unanswered(_))) => {
                self.lose(sent_at, fault);
                (vec![self.stored()], Duration::ZERO)
            }
            // Others fill the plan. It keeps its lease, or the whole line would be refused within seconds.
            Err(ScrapeFault::AtCapacity(_)) if refusals < REFUSALS_MAX => {
                self.stage = Stage::Ordered { refusals: refusals + 1 };
                (vec![self.stored()], LOOK_PAUSE)
            }
            Err(refused) => {
                let effects = self.fail(&refused);
                (self.end(effects, now), Duration::ZERO)
            }
        }
    }

    /// The scraper's list was read, as it was when it was asked for, or was not. Answers with the pause before the next turn.
    #[must_use]
    pub fn found(
        &mut self,
        answer: Result<Option<ScrapeTicket>, ScrapeFault>,
        asked_at: Timestamp,
        now: Timestamp,
        scale: f64,
    ) -> (Vec<ScrapeEffect>, Duration) {
        let Stage::Lost(lost) = &mut self.stage else { return (vec![], Duration::ZERO) };
        let (sent_at, fault) = (lost.sent_at, lost.fault.clone());
        if let Ok(Some(ticket)) = answer {
            self.run(ticket, sent_at);
            return (vec![self.stored()], Duration::ZERO);
        }
        let pause = usize::try_from(lost.looks).ok().and_then(|looks| FIND_PAUSES.get(looks).copied());
        lost.looks += 1;
        let mut effects = vec![];
        if pause.is_none() {
            effects = self.fail(&fault);
            effects.extend((!effects.is_empty()).then_some(ScrapeEffect::Close));
        }
        // An answer may be processed long after it was given: what counts is the list's own age.
        let never_started = answer.is_ok() && asked_at >= sent_at + NEVER_STARTED_AFTER.mul_f64(scale);
        if never_started || now >= sent_at + may_last(scale) {
            effects.extend(self.fail(&fault));
            return (self.end(effects, now), Duration::ZERO);
        }
        effects.push(self.stored());
        (effects, pause.unwrap_or(LOOK_PAUSE))
    }

    /// The run was looked at, or did not answer. Answers with the pause before the next turn.
    #[must_use]
    pub fn looked(
        &mut self,
        answer: Result<Looked, ScrapeFault>,
        now: Timestamp,
        scale: f64,
    ) -> (Vec<ScrapeEffect>, Duration) {
        let Stage::Running(running) = &mut self.stage else { return (vec![], Duration::ZERO) };
        let must_have_ended = now >= running.since + may_last(scale);
        let fault = match answer {
            Ok(Looked::Running { read, items }) => {
                running.items = items;
                (running.unanswered, running.timeouts) = (0, 0);
                let mut effects = self.answer(read, now);
                if must_have_ended {
                    effects.extend(self.fail(&ScrapeFault::Overtime("a scrape did not end".to_owned())));
                    return (self.end(effects, now), Duration::ZERO);
                }
                effects.push(self.stored());
                return (effects, Duration::ZERO);
            }
            Ok(Looked::ItemsMissing { .. }) if running.rereads < REREADS_MAX && !self.left.is_empty() => {
                running.rereads += 1;
                return (vec![self.stored()], LOOK_PAUSE);
            }
            Ok(Looked::ItemsMissing { unusable }) => {
                let effects = self.answer(unusable, now);
                return (self.end(effects, now), Duration::ZERO);
            }
            Ok(Looked::Ended { read, ended_at }) => {
                let mut effects = self.answer(read, ended_at.unwrap_or(now));
                effects.extend(self.fail(&ScrapeFault::Retryable("a scrape says nothing of a profile".to_owned())));
                return (self.end(effects, now), Duration::ZERO);
            }
            // The run itself has ended without success.
            Err(fault @ (ScrapeFault::Overtime(_) | ScrapeFault::Retryable(_))) => {
                let effects = self.fail(&fault);
                return (self.end(effects, now), Duration::ZERO);
            }
            Err(fault) => fault,
        };
        // Nobody knows whether it has ended.
        let told = match fault {
            ScrapeFault::Unanswered(_) => {
                running.unanswered += 1;
                Some(fault).filter(|_| running.unanswered >= UNANSWERED_MAX)
            }
            ScrapeFault::TimedOut(why) => {
                running.timeouts += 1;
                Some(ScrapeFault::Silent(why)).filter(|_| running.timeouts >= TIMEOUTS_MAX)
            }
            // We may not ask any more, but the run goes on.
            refused => Some(refused),
        };
        let mut effects = told.map(|told| self.fail(&told)).unwrap_or_default();
        effects.extend((!effects.is_empty()).then_some(ScrapeEffect::Close));
        if must_have_ended {
            effects.extend(self.fail(&ScrapeFault::Overtime("a scrape did not end".to_owned())));
            return (self.end(effects, now), Duration::ZERO);
        }
        effects.push(self.stored());
        (effects, LOOK_PAUSE)
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

    /// Answers those who were read by then.
    fn answer(&mut self, read: Vec<ReadProfile>, at: Timestamp) -> Vec<ScrapeEffect> {
        let Stage::Running(running) = &self.stage else { return vec![] };
        let run = running.ticket.provider_run_id.clone();
        let is_shared = self.order.usernames.len() > 1;
        let mut effects = vec![];
        for ReadProfile { username, found, usage } in read {
            let Some(place) = self.left.iter().position(|left| *left == username) else { continue };
            self.left.remove(place);
            // A bill is recorded once for each.
            let provider_run_id = if is_shared { format!("{run}-{username}") } else { run.clone() };
            let scraped = Scraped { found, usage, ended_at: Some(at), provider_run_id };
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

    fn lose(&mut self, sent_at: Timestamp, fault: ScrapeFault) {
        self.stage = Stage::Lost(Lost { sent_at, looks: 0, fault });
    }
}

/// How long an actor run can go on after its start was sent.
fn may_last(scale: f64) -> Duration {
    /// A local stack that runs faster has no faster machine, and waits as long for each answer.
    const MIN: Duration = Duration::from_secs(60);
    (SCRAPE_TIMEOUT + LEASE_LAG).mul_f64(scale).max(MIN)
}

fn pause(now: Timestamp, until: Timestamp) -> ScrapeTurn {
    ScrapeTurn::Pause(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}
