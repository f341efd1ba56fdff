//! The object of one scrape, as `crates/worker/src/objects/scrape.rs` is it: it stores its life after each event, keeps
//! an answer for each username, and its alarm goes one turn further each time.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use oslira_app::{
    features::{
        profiles::{ScrapeFault, ScrapeTicket},
        scraping::{Looked, Scrape, ScrapeEffect, ScrapeOrder, ScrapeTurn},
    },
    shared::ids::ScrapeId,
};

use super::Unheard;
use crate::{Mutation, World};

/// When a scrape whose process has died goes on.
const LOOKED_AFTER_WITHIN_MS: i64 = 60_000;
/// Between looks that were answered at once.
const FLOOR: Duration = Duration::from_millis(500);
/// After a turn that failed because of the platform.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Default)]
pub(super) struct ScrapeObject {
    stored: Option<String>,
    /// By username, the answer as JSON.
    pub(super) answers: BTreeMap<String, String>,
    alarm_ms: Option<i64>,
    /// What its process knows; `None` until it is needed after the process's death.
    live: Option<Scrape>,
    /// What its process does, and when that is done.
    doing: Option<(Doing, i64)>,
    /// Whether this process looks after the run, or has set the alarm to.
    is_at_work: bool,
    /// How many processes have died: who waited in one of them hears nothing.
    pub(super) deaths: u32,
}

/// What a process does at the moment: nothing of it is known after its death.
#[derive(Debug, Clone)]
enum Doing {
    /// It is about to take a turn.
    Turn,
    /// It waits for an answer of Apify.
    Starting(Result<ScrapeTicket, ScrapeFault>),
    Finding {
        answer: Result<Option<ScrapeTicket>, ScrapeFault>,
        asked_at: Timestamp,
    },
    /// What is seen is seen at the end of the wait; here are only the faults of the call.
    Looking {
        ticket: ScrapeTicket,
        items: usize,
        asked_ms: i64,
        wait: Duration,
        fault: Option<ScrapeFault>,
    },
}

impl ScrapeObject {
    pub(super) fn event_ms(&self) -> Option<i64> {
        // One alarm does not begin before the one before it has ended.
        self.doing.as_ref().map(|(_, done_ms)| *done_ms).or(self.alarm_ms)
    }
}

impl World {
    fn scrape(&mut self, id: ScrapeId) -> Option<&mut ScrapeObject> {
        self.scraping.scrapes.get_mut(&id)
    }

    /// Gives an order to its scrape; a repeat does nothing.
    pub(super) fn give_order(&mut self, order: &ScrapeOrder) -> Result<(), Unheard> {
        self.work.scrape_requests += 1;
        if self.object_fails() {
            return Err(Unheard);
        }
        self.scraping.scrapes.entry(order.id).or_default();
        self.load_scrape(order.id);
        if self.scrape(order.id).is_some_and(|object| object.live.is_none()) {
            let life = Scrape::new(order.clone());
            self.store_scrape(order.id, &life);
            if let Some(object) = self.scrape(order.id) {
                object.live = Some(life);
            }
        }
        self.go_to_work(order.id);
        if self.object_fails() { Err(Unheard) } else { Ok(()) }
    }

    /// Somebody asks a scrape about a username. Answers with how many of its processes have died.
    pub(super) fn ask_scrape(&mut self, id: ScrapeId) -> Result<u32, Unheard> {
        self.work.scrape_requests += 1;
        if self.object_fails() {
            return Err(Unheard);
        }
        self.load_scrape(id);
        self.go_to_work(id);
        Ok(self.scraping.scrapes.get(&id).map_or(0, |object| object.deaths))
    }

    fn go_to_work(&mut self, id: ScrapeId) {
        let now_ms = self.now_ms;
        if let Some(object) = self.scrape(id)
            && object.live.is_some()
            && !std::mem::replace(&mut object.is_at_work, true)
        {
            object.alarm_ms = Some(now_ms);
        }
    }

    fn load_scrape(&mut self, id: ScrapeId) {
        let Some(object) = self.scrape(id).filter(|object| object.live.is_none()) else { return };
        match object.stored.as_deref().map(serde_json::from_str).transpose() {
            Ok(life) => object.live = life,
            Err(error) => {
                let violation = format!("a stored scrape cannot be read: {error}: {:?}", object.stored);
                self.report_violation(violation);
            }
        }
    }

    /// A scrape's process dies.
    pub(crate) fn evict_scrape(&mut self, id: ScrapeId) {
        let Some(object) = self.scrape(id) else { return };
        if object.live.take().is_none() {
            return;
        }
        object.deaths += 1;
        object.is_at_work = false;
        let was_starting = matches!(object.doing.take(), Some((Doing::Starting(_), _)));
        self.scraping.evictions += 1;
        if was_starting {
            self.lose_request_of(id);
        }
    }

    /// Its alarm, or the end of what it did.
    pub(super) fn scrape_acts(&mut self, id: ScrapeId) {
        let now_ms = self.now_ms;
        let Some(object) = self.scrape(id) else { return };
        match object.doing.take() {
            None => {
                object.is_at_work = true;
                // Should the process die in the middle.
                object.alarm_ms = Some(now_ms + LOOKED_AFTER_WITHIN_MS);
                self.take_turn(id);
            }
            Some((Doing::Turn, _)) => self.take_turn(id),
            Some((Doing::Starting(answer), _)) => {
                let now = self.now();
                self.told(id, |life| life.started(answer, now));
            }
            Some((Doing::Finding { answer, asked_at }, _)) => {
                let now = self.now();
                self.told(id, |life| life.found(answer, asked_at, now, 1.0));
            }
            Some((Doing::Looking { ticket, items, asked_ms, wait, fault }, _)) => {
                let Some(left) = object.live.as_ref().map(|life| life.left().to_vec()) else { return };
                let answer = fault.map_or_else(|| self.seen(&ticket, &left, items), Err);
                let goes_on = matches!(answer, Ok(Looked::Running { .. }));
                let (now, waited) = (self.now(), Duration::from_millis((now_ms - asked_ms).unsigned_abs()));
                // A scraper that does not wait as it was asked to must not be asked without end.
                let is_early = goes_on && waited < wait / 2;
                self.told(id, |life| {
                    let (effects, pause) = life.looked(answer, now, 1.0);
                    (effects, if is_early { FLOOR } else { pause })
                });
            }
        }
    }

    fn take_turn(&mut self, id: ScrapeId) {
        self.load_scrape(id);
        let now = self.now();
        let Some(object) = self.scrape(id) else { return };
        let Some(life) = object.live.as_mut() else {
            object.alarm_ms = None;
            return;
        };
        let (mut effects, turn) = life.turn(now, 1.0);
        let order = life.order().clone();
        if self.has(Mutation::LostStartMadeAgain) && turn == ScrapeTurn::Start {
            effects.clear();
        }
        if self.carry_out_for_scrape(id, effects).is_err() {
            return;
        }
        match turn {
            ScrapeTurn::Start => {
                let (answer, at_ms) = self.start_actor(&order);
                self.do_until(id, Doing::Starting(answer), at_ms);
            }
            ScrapeTurn::Find { since } => {
                let (answer, at_ms) = self.find_actor(&order, since);
                self.do_until(id, Doing::Finding { answer, asked_at: now }, at_ms);
            }
            ScrapeTurn::Look { ticket, items, wait } => {
                let (fault, at_ms) = self.look_at_actor(&ticket, wait);
                let asked_ms = self.now_ms;
                self.do_until(id, Doing::Looking { ticket, items, asked_ms, wait, fault }, at_ms);
            }
            ScrapeTurn::Return => {
                if self.return_lease(id).is_ok() {
                    self.check_answers(id, &order);
                    self.told(id, |life| (life.returned(), Duration::ZERO));
                } else {
                    self.give_up_turn(id);
                }
            }
            ScrapeTurn::Pause(pause) => self.pause_scrape(id, pause),
            ScrapeTurn::Forget => drop(self.scraping.scrapes.remove(&id)),
        }
    }

    fn told(&mut self, id: ScrapeId, tell: impl FnOnce(&mut Scrape) -> (Vec<ScrapeEffect>, Duration)) {
        let Some((effects, pause)) = self.scrape(id).and_then(|object| object.live.as_mut()).map(tell) else { return };
        if self.carry_out_for_scrape(id, effects).is_err() {
            return;
        }
        if pause.is_zero() {
            let now_ms = self.now_ms;
            self.do_until(id, Doing::Turn, now_ms);
        } else {
            self.pause_scrape(id, pause);
        }
    }

    fn carry_out_for_scrape(&mut self, id: ScrapeId, effects: Vec<ScrapeEffect>) -> Result<(), Unheard> {
        for effect in effects {
            if self.object_fails() {
                self.evict_scrape(id);
                return Err(Unheard);
            }
            match effect {
                ScrapeEffect::Answer(_, answer) if self.has(Mutation::FaultKeptFromWaiters) && answer.is_err() => {}
                ScrapeEffect::Answer(username, answer) => {
                    let text = serde_json::to_string(&answer).ok().map(|text| self.written(text));
                    if let Some(object) = self.scrape(id) {
                        object.answers.extend(text.map(|text| (username.to_string(), text)));
                    }
                }
                ScrapeEffect::Store(life) => self.store_scrape(id, &life),
                // Whoever joins all the same is told what the others were told.
                ScrapeEffect::Close => {
                    let _unheard = self.close_lease(id);
                }
            }
        }
        Ok(())
    }

    fn store_scrape(&mut self, id: ScrapeId, life: &Scrape) {
        let text = serde_json::to_string(life).ok().map(|text| self.written(text));
        if let Some(object) = self.scrape(id) {
            object.stored = text;
        }
    }

    fn do_until(&mut self, id: ScrapeId, doing: Doing, done_ms: i64) {
        if let Some(object) = self.scrape(id) {
            object.doing = Some((doing, done_ms));
        }
    }

    fn pause_scrape(&mut self, id: ScrapeId, pause: Duration) {
        let at_ms = self.now_ms + i64::try_from(pause.as_millis()).unwrap_or(i64::MAX / 2);
        if let Some(object) = self.scrape(id) {
            object.alarm_ms = Some(at_ms);
        }
    }

    /// What was not stored has not happened.
    fn give_up_turn(&mut self, id: ScrapeId) {
        if let Some(object) = self.scrape(id) {
            object.live = None;
        }
        self.pause_scrape(id, AGAIN_AFTER);
    }
}
