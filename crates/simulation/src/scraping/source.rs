//! How a workflow reaches the gate and the scrapes, as `crates/worker/src/adapters/gate.rs` does.

use std::time::Duration;

use async_trait::async_trait;
use oslira_app::{
    features::{
        profiles::ScrapeFault,
        scraping::{Collected, Place, ProfileSource, ScrapeAnswer, ScrapeRequest},
    },
    shared::ids::{RunId, ScrapeId},
};

use super::Unheard;
use crate::{Mutation, World, ports::Ports, silence::given_up_after};

/// Of the calls to an object that are lost, so many of a thousand are given up only when their time is over.
const HANGS_PERMILLE: u64 = 300;

#[async_trait]
impl ProfileSource for Ports {
    async fn ask(&self, requests: &[ScrapeRequest]) -> Result<(), ScrapeFault> {
        self.world.pause().await;
        let asked = self.world.lock().ask_gate(requests);
        asked.map_err(|Unheard| unanswered())
    }

    async fn collect(&self, request: &ScrapeRequest, wait: Duration) -> Result<Collected, ScrapeFault> {
        let begun_ms = self.world.now_ms();
        self.must_be_active();
        self.world.pause().await;
        let collected = match self.wait_for(request, begun_ms, wait).await {
            Ok(collected) => Ok(collected),
            Err(Unheard) => Err(self.unheard_of(begun_ms, wait).await),
        };
        // A jump in time is not of the call's making.
        let lasted = Duration::from_millis((self.world.now_ms() - begun_ms).unsigned_abs()).min(given_up_after(wait));
        match &collected {
            // The scraper was not asked meanwhile.
            Ok(Collected::Waiting) => {}
            // It gave neither a result nor an error yet.
            Ok(
                Collected::Running
                | Collected::Failed(ScrapeFault::TimedOut(_) | ScrapeFault::Silent(_) | ScrapeFault::Overtime(_)),
            )
            | Err(ScrapeFault::GateSilent(_)) => self.unheard(lasted),
            Ok(Collected::Finished(_) | Collected::Failed(_)) | Err(_) => self.heard(),
        }
        // A bill comes with the answer. One that nobody asks for is on Apify's invoice and in no log.
        if let (Ok(Collected::Finished(scraped)), Some((_, journal))) = (&collected, &self.owner) {
            journal.receive_bill(&scraped.provider_run_id);
        }
        collected.map_err(|fault| match fault {
            ScrapeFault::GateSilent(why) if self.world.has(Mutation::TimeoutIsAnError) => ScrapeFault::Unanswered(why),
            fault => fault,
        })
    }

    async fn begun(&self, _: &[RunId]) -> Vec<RunId> {
        // Only a request that cancels asks, and the customers of histories do without requests.
        vec![]
    }

    async fn withdraw(&self, runs: &[RunId]) {
        self.world.pause().await;
        let _unheard = self.world.lock().withdraw_from_gate(runs);
    }
}

fn unanswered() -> ScrapeFault {
    ScrapeFault::Unanswered("the gate: no answer".to_owned())
}

/// What a scrape says of a username; an error when the process that was asked has died.
fn answer(
    world: &World,
    scrape: ScrapeId,
    request: &ScrapeRequest,
    deaths: u32,
) -> Option<Result<ScrapeAnswer, Unheard>> {
    let object = world.scraping.scrapes.get(&scrape)?;
    match object.answers.get(request.username.as_str()) {
        _ if object.deaths != deaths => Some(Err(Unheard)),
        Some(text) => Some(serde_json::from_str(text).map_err(|_| Unheard)),
        None => None,
    }
}

impl Ports {
    /// A scrape is asked for only by a step that has seen its run active: it is paid for whoever collects it.
    fn must_be_active(&self) {
        let mut world = self.world.lock();
        match self.caller().map(|(run, step)| world.invariants.billed(run, &step)) {
            Some(Ok(())) => {}
            Some(Err(violation)) => world.report_violation(violation),
            None => world.report_violation("a scrape was asked for outside of a step".to_owned()),
        }
    }

    async fn wait_for(&self, request: &ScrapeRequest, begun_ms: i64, wait: Duration) -> Result<Collected, Unheard> {
        let deadline_ms = begun_ms + i64::try_from(wait.as_millis()).unwrap_or(0);
        let deaths = {
            let mut world = self.world.lock();
            world.ask_gate(std::slice::from_ref(request))?;
            world.scraping.gate.deaths
        };
        let placed = self.world.wait_until(deadline_ms, |world| match world.place(&request.key) {
            _ if world.scraping.gate.deaths != deaths => Some(Err(Unheard)),
            Some(Place::Scrape(scrape)) => Some(Ok(scrape)),
            Some(Place::Waiting) | None => None,
        });
        let Some(placed) = placed.await else { return Ok(Collected::Waiting) };
        let scrape = placed?;
        self.world.pause().await;
        let deaths = self.world.lock().ask_scrape(scrape)?;
        let answered = self.world.wait_until(deadline_ms, |world| answer(world, scrape, request, deaths)).await;
        Ok(match answered.transpose()? {
            None => Collected::Running,
            Some(Ok(scraped)) => Collected::Finished(Box::new(scraped)),
            Some(Err(fault)) => Collected::Failed(fault),
        })
    }

    /// A call whose answer was lost: at once, or given up when its time is over.
    async fn unheard_of(&self, begun_ms: i64, wait: Duration) -> ScrapeFault {
        let hangs = self.world.lock().random.chance(HANGS_PERMILLE);
        if !hangs {
            return unanswered();
        }
        let given_up_after = i64::try_from(given_up_after(wait).as_millis()).unwrap_or(0);
        self.world.until(begun_ms + given_up_after).await;
        ScrapeFault::GateSilent("the gate: timed out".to_owned())
    }
}
