//! The Durable Object of one actor run: the shell round [`Scrape`]. Its alarm goes one turn further each time, so a run is looked
//! after whatever dies.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    time::Duration,
};

use oslira_app::{
    features::{
        profiles::InstagramHandle,
        scraping::{ActorRuns as _, Looked, Scrape as Life, ScrapeAnswer, ScrapeEffect, ScrapeOrder, ScrapeTurn},
    },
    shared::{clock::Clock as _, ids::ScrapeId},
};
use serde::{Deserialize, Serialize};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object, wasm_bindgen};

use super::{Bell, scrape_gate::GateCommand};
use crate::{
    adapters::{Gate, PlatformClock, call_object},
    compose,
    isolate::{self, Isolate},
};

const OBJECTS: &str = "SCRAPE";
const KEY: &str = "scrape";
/// Before the usernames in the store of answers.
const ANSWERS: &str = "answer/";
/// When a scrape whose process has died goes on.
const LOOKED_AFTER_WITHIN: Duration = Duration::from_secs(60);
/// Between looks that were answered at once.
const FLOOR: Duration = Duration::from_millis(500);
/// After a turn that failed because of the platform.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// What is asked of a scrape.
#[derive(Debug, Serialize, Deserialize)]
enum ScrapeCommand {
    /// Takes an order; a repeat does nothing.
    Order(ScrapeOrder),
    /// Waits for so many milliseconds for the answer about a username.
    Collect(InstagramHandle, u64),
}

/// Reaches the scrapes from elsewhere in the Worker.
pub struct Scrapes {
    env: Env,
}

impl Scrapes {
    pub fn new(env: &Env) -> Self {
        Self { env: env.clone() }
    }

    pub async fn order(&self, order: &ScrapeOrder) -> Result<()> {
        call_object(&self.env, OBJECTS, &order.id.to_string(), "/", &ScrapeCommand::Order(order.clone())).await
    }

    /// The answer about a username; `None` while there is none.
    pub async fn collect(
        &self,
        scrape: ScrapeId,
        username: &InstagramHandle,
        wait: Duration,
    ) -> Result<Option<ScrapeAnswer>> {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        call_object(&self.env, OBJECTS, &scrape.to_string(), "/", &ScrapeCommand::Collect(username.clone(), wait_ms))
            .await
    }
}

#[durable_object]
pub struct Scrape {
    state: State,
    env: Env,
    /// As it is stored; read once in the life of the process.
    life: RefCell<Option<Life>>,
    /// Rings when there is a new answer.
    bell: Bell,
    answered: RefCell<BTreeSet<String>>,
    /// Whether this process looks after the run, or has set the alarm to.
    is_at_work: Cell<bool>,
}

impl DurableObject for Scrape {
    fn new(state: State, env: Env) -> Self {
        Isolate::of(&env);
        Self {
            state,
            env,
            life: RefCell::default(),
            bell: Bell::default(),
            answered: RefCell::default(),
            is_at_work: Cell::default(),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        match request.json().await? {
            ScrapeCommand::Order(order) => {
                self.load().await?;
                if self.life.borrow().is_none() {
                    self.take(Life::new(order)).await?;
                }
                self.go_to_work().await?;
                Response::from_json(&())
            }
            ScrapeCommand::Collect(username, wait_ms) => {
                self.load().await?;
                self.go_to_work().await?;
                let key = format!("{ANSWERS}{username}");
                let mut answer: Option<String> = self.state.storage().get(&key).await?;
                if answer.is_none() {
                    let is_answered = || self.answered.borrow().contains(username.as_str());
                    self.bell.wait_until(is_answered, Duration::from_millis(wait_ms)).await;
                    answer = self.state.storage().get(&key).await?;
                }
                // It was written as JSON.
                Response::from_body(worker::ResponseBody::Body(
                    answer.unwrap_or_else(|| "null".to_owned()).into_bytes(),
                ))
            }
        }
    }

    /// Takes turns until one of them has to wait. Catches failures: the platform drops an alarm that has thrown in six retries.
    async fn alarm(&self) -> Result<Response> {
        self.is_at_work.set(true);
        let storage = self.state.storage();
        // Should the process die in the middle.
        storage.set_alarm(LOOKED_AFTER_WITHIN).await?;
        loop {
            match self.take_a_turn().await {
                Ok(Some(Duration::ZERO)) => {}
                Ok(Some(after)) => break storage.set_alarm(after).await?,
                Ok(None) => {
                    self.is_at_work.set(false);
                    break storage.delete_alarm().await?;
                }
                Err(error) => {
                    tracing::warn!(%error, "a scrape was not looked after; trying again");
                    // What was not stored has not happened.
                    *self.life.borrow_mut() = None;
                    break storage.set_alarm(AGAIN_AFTER).await?;
                }
            }
        }
        Response::empty()
    }
}

impl Scrape {
    /// Takes an order. The alarm comes after it: one that ran beside it would find, and change, an older life than the last write.
    async fn take(&self, life: Life) -> Result<()> {
        let text = serde_json::to_string(&life)?;
        *self.life.borrow_mut() = Some(life);
        let stored = self.state.storage().put(KEY, text).await;
        if stored.is_err() {
            *self.life.borrow_mut() = None;
        }
        stored
    }

    /// Sets the alarm unless it is set or at work: for a new order, and after a death of the process, whose last alarm comes late.
    async fn go_to_work(&self) -> Result<()> {
        // Not before there is an order: the alarm of an empty object would take away the order's.
        if self.life.borrow().is_none() || self.is_at_work.replace(true) {
            return Ok(());
        }
        let set = self.state.storage().set_alarm(Duration::ZERO).await;
        self.is_at_work.set(set.is_ok());
        set
    }

    async fn load(&self) -> Result<()> {
        if self.life.borrow().is_some() {
            return Ok(());
        }
        let stored: Option<String> = self.state.storage().get(KEY).await?;
        if let Some(life) = stored.map(|text| serde_json::from_str(&text)).transpose()? {
            self.life.borrow_mut().get_or_insert(life);
        }
        Ok(())
    }

    /// One turn; answers when the next one is due, or `None` when all is over.
    async fn take_a_turn(&self) -> Result<Option<Duration>> {
        self.load().await?;
        if !isolate::is_prepared(&self.env).await {
            return Err(worker::Error::RustError("there are no secrets".to_owned()));
        }
        let config = &Isolate::of(&self.env).config;
        let scale = config.deployment.pause_scale;
        let Some((effects, turn, order, left)) = self.life.borrow_mut().as_mut().map(|life| {
            let (effects, turn) = life.turn(PlatformClock.now(), scale);
            (effects, turn, life.order().clone(), life.left().to_vec())
        }) else {
            return Ok(None);
        };
        self.carry_out(effects).await?;
        let actors = compose::actors(&self.env);
        let (effects, pause) = match turn {
            ScrapeTurn::Start => {
                let answer = actors.start(&order.usernames, order.part).await;
                self.told(|life| life.started(answer, PlatformClock.now()))
            }
            ScrapeTurn::Find { since } => {
                let asked_at = PlatformClock.now();
                let answer = actors.find(&order.usernames, order.part, since).await;
                self.told(|life| life.found(answer, asked_at, PlatformClock.now(), scale))
            }
            ScrapeTurn::Look { ticket, items, wait } => {
                let asked_at = PlatformClock.now();
                let answer = actors.look(&ticket, &order.usernames, &left, order.part, items, wait).await;
                let goes_on = matches!(answer, Ok(Looked::Running { .. }));
                let (effects, pause) = self.told(|life| life.looked(answer, PlatformClock.now(), scale));
                // A scraper that does not wait as it was asked to must not be asked without end.
                let waited = PlatformClock.now().duration_since(asked_at).unsigned_abs();
                (effects, if goes_on && waited < wait / 2 { FLOOR } else { pause })
            }
            ScrapeTurn::Return => {
                let told = Gate::new(&self.env).tell(&GateCommand::Ended(order.id)).await;
                told.map_err(|error| worker::Error::RustError(error.to_string()))?;
                self.told(|life| (life.returned(), Duration::ZERO))
            }
            ScrapeTurn::Pause(pause) => return Ok(Some(pause)),
            ScrapeTurn::Forget => {
                self.state.storage().delete_all().await?;
                *self.life.borrow_mut() = None;
                return Ok(None);
            }
        };
        self.carry_out(effects).await?;
        Ok(Some(pause.mul_f64(scale)))
    }

    fn told(&self, tell: impl FnOnce(&mut Life) -> (Vec<ScrapeEffect>, Duration)) -> (Vec<ScrapeEffect>, Duration) {
        self.life.borrow_mut().as_mut().map(tell).unwrap_or_default()
    }

    async fn carry_out(&self, effects: Vec<ScrapeEffect>) -> Result<()> {
        let storage = self.state.storage();
        for effect in effects {
            match effect {
                ScrapeEffect::Answer(username, answer) => {
                    storage.put(&format!("{ANSWERS}{username}"), serde_json::to_string(&answer)?).await?;
                    self.answered.borrow_mut().insert(username.to_string());
                    self.bell.ring();
                }
                // In memory it is so already.
                ScrapeEffect::Store(life) => storage.put(KEY, serde_json::to_string(&life)?).await?,
                ScrapeEffect::Close => {
                    let id = self.life.borrow().as_ref().map(|life| life.order().id);
                    if let Some(id) = id {
                        // Whoever joins all the same is told what the others were told.
                        if let Err(error) = Gate::new(&self.env).tell(&GateCommand::Closed(id)).await {
                            tracing::warn!(scrape_id = %id, %error, "the gate was not told that a scrape is closed");
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
