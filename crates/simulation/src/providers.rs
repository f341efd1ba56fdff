//! The scraper and the language model, misbehaving by script or by the weather. They bill whatever they did, whether or
//! not anybody heard of it.

use std::time::Duration;

use async_trait::async_trait;
use oslira_app::{
    features::analysis::{
        AiFault, AiUsage, Answer, Collected, InstagramHandle, Model, ProfileSource, Question, ScrapeFault,
        ScrapeTicket, ScrapeUsage,
    },
    shared::ids::RunId,
};

use crate::{Bill, Story, ports::Ports, world::World};

const AI_CALL: Duration = Duration::from_secs(2);

/// How a provider answers one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// As documented.
    Works,
    /// It refuses for now and does nothing.
    Passing,
    /// It refuses for good and does nothing.
    Lasting,
    /// It works, bills, and its answer is lost.
    ReplyLost,
    /// It answers what nobody can read.
    Malformed,
    /// The model declines.
    Refused,
    /// The answer is cut off.
    Truncated,
    /// It asks for a pause, in milliseconds.
    Busy(u64),
}

impl Turn {
    const TROUBLE: [Self; 8] = [
        Self::Passing,
        Self::Passing,
        Self::Lasting,
        Self::ReplyLost,
        Self::Malformed,
        Self::Refused,
        Self::Truncated,
        Self::Busy(7_000),
    ];
}

impl World {
    fn turn(&mut self, step: Option<&str>) -> Turn {
        if let Some(turn) = step.and_then(|step| self.script.get(step)) {
            return *turn;
        }
        let trouble = self.weather.provider;
        if self.random.chance(trouble) {
            return self.random.pick(&Turn::TROUBLE).copied().unwrap_or(Turn::Passing);
        }
        Turn::Works
    }

    fn bill(&mut self, run: RunId, kind: &str, told: bool) -> String {
        let key = format!("{kind}-{}-{}", run.uuid().simple(), self.bills.len());
        self.bills.push(Bill { run, key: key.clone(), told });
        if let Err(accusation) = self.watch.billed(run) {
            self.accuse(accusation);
        }
        key
    }
}

impl Ports {
    /// Draws the fate of this call and bills it, unless the provider does nothing.
    fn provide(&self, kind: &str) -> (Turn, String) {
        let Some((run, journal)) = &self.owner else { return (Turn::Lasting, String::new()) };
        let step = journal.running();
        let mut world = self.world.lock();
        let turn = world.turn(step.as_deref());
        if matches!(turn, Turn::Passing | Turn::Lasting | Turn::Busy(_)) {
            return (turn, String::new());
        }
        let key = world.bill(*run, kind, turn != Turn::ReplyLost);
        if kind == "ai" {
            world.watch.ai_called(*run);
        }
        if let Some(accusation) = journal.bill() {
            world.accuse(accusation);
        }
        (turn, key)
    }
}

#[async_trait]
impl ProfileSource for Ports {
    async fn start(&self, _: &InstagramHandle, _: u32) -> Result<ScrapeTicket, ScrapeFault> {
        self.world.pause().await;
        let (turn, key) = self.provide("scrape");
        {
            let mut world = self.world.lock();
            // One in thirty never ends: the actor's own timeout is longer than our patience.
            let stuck = world.weather.provider > 0 && world.random.chance(30);
            let takes_ms = if stuck { 600_000 } else { 2_000 + i64::try_from(world.random.below(40_000)).unwrap_or(0) };
            let ends_ms = world.now_ms + takes_ms;
            world.scrapes.insert(key.clone(), ends_ms);
        }
        self.world.pause().await;
        match turn {
            Turn::Works => Ok(ScrapeTicket { dataset_id: format!("dataset-{key}"), provider_run_id: key }),
            Turn::Lasting => Err(ScrapeFault::Lasting("a refused key".to_owned())),
            other => Err(ScrapeFault::Passing(format!("{other:?}"))),
        }
    }

    async fn collect(
        &self,
        ticket: &ScrapeTicket,
        username: &InstagramHandle,
        wait: Duration,
    ) -> Result<Collected, ScrapeFault> {
        let (now_ms, ends_ms, turn) = {
            let mut world = self.world.lock();
            let ends_ms = world.scrapes.get(&ticket.provider_run_id).copied();
            let step = self.owner.as_ref().and_then(|(_, journal)| journal.running());
            (world.now_ms, ends_ms.unwrap_or(world.now_ms), world.turn(step.as_deref()))
        };
        let patience_ms = now_ms + i64::try_from(wait.as_millis()).unwrap_or(0);
        self.world.until(ends_ms.min(patience_ms)).await;
        match turn {
            Turn::Works if ends_ms > patience_ms => Ok(Collected::Running),
            Turn::Works => Ok(Collected::Finished { found: Story::found(username), usage: scrape_usage() }),
            Turn::Lasting => Err(ScrapeFault::Lasting("an exhausted plan".to_owned())),
            other => Err(ScrapeFault::Passing(format!("{other:?}"))),
        }
    }
}

fn scrape_usage() -> ScrapeUsage {
    ScrapeUsage {
        source: "sandbox".to_owned(),
        actor: "profile-scraper".to_owned(),
        results: 1,
        cost_microusd: 2_600,
        duration_ms: Some(4_000),
    }
}

#[async_trait]
impl Model for Ports {
    async fn ask(&self, question: &Question) -> Answer {
        self.world.pause().await;
        let (turn, key) = self.provide("ai");
        self.world.sleep(AI_CALL).await;
        let unavailable = |retry_after_ms| AiFault::Unavailable { reason: "the weather".to_owned(), retry_after_ms };
        let content = match turn {
            Turn::Works => Ok(Story::JUDGEMENT.to_owned()),
            Turn::Malformed => Ok("{\"fit_score\":".to_owned()),
            Turn::Refused => Err(AiFault::Refused),
            Turn::Truncated => Err(AiFault::Truncated),
            Turn::Lasting => Err(AiFault::QuotaExhausted),
            Turn::Busy(ms) => Err(unavailable(Some(ms))),
            Turn::Passing | Turn::ReplyLost => Err(unavailable(None)),
        };
        let told = !matches!(turn, Turn::Passing | Turn::Lasting | Turn::Busy(_) | Turn::ReplyLost);
        let usage = told.then(|| AiUsage {
            response_id: key,
            provider: "sandbox".to_owned(),
            model: question.model.model().to_owned(),
            input_tokens: 900,
            cached_tokens: 0,
            output_tokens: 200,
            reasoning_tokens: 0,
            cost_microusd: Some(255),
            duration_ms: 2_000,
            finish_reason: "stop".to_owned(),
        });
        Answer { content, usage }
    }
}
