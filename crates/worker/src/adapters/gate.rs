//! Talks to the gate and to the scrapes: where analyses get their profiles from.

use std::time::Duration;

use async_trait::async_trait;
use oslira_app::{
    features::{
        profiles::ScrapeFault,
        scraping::{Collected, Place, ProfileSource, ScrapeRequest},
    },
    shared::ids::{RunId, ScrapeId},
};
use uuid::Uuid;
use worker::{Delay, Env, Result, send::SendFuture};

use super::call_object;
use crate::objects::{scrape::Scrapes, scrape_gate::GateCommand};

const OBJECTS: &str = "SCRAPE_GATE";
/// There is one gate, over all accounts.
const NAME: &str = "gate";
/// A cancel waits no longer: meanwhile its run goes on, and may come to where a cancel gives nothing back.
const BEGUN_PATIENCE: Duration = Duration::from_secs(1);
/// An object that does not answer so long after the wait that it was asked for is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A new name for a scrape.
#[expect(clippy::disallowed_methods, reason = "this is where new identifiers come from")]
pub fn new_scrape_id() -> ScrapeId {
    ScrapeId::new(Uuid::new_v4())
}

/// The gate, reached from anywhere in the Worker.
pub struct Gate {
    env: Env,
}

impl Gate {
    pub fn new(env: &Env) -> Self {
        Self { env: env.clone() }
    }

    /// Tells the gate something, in time.
    pub async fn tell(&self, command: &GateCommand) -> std::result::Result<(), ScrapeFault> {
        in_time(call_object(&self.env, OBJECTS, NAME, "/", command), Duration::ZERO).await
    }

    async fn wait(&self, request: &ScrapeRequest, wait: Duration) -> Result<Collected> {
        let begun = now_ms();
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let command = GateCommand::Wait(request.clone(), wait_ms);
        let scrape = match call_object(&self.env, OBJECTS, NAME, "/", &command).await? {
            Place::Waiting => return Ok(Collected::Waiting),
            Place::Scrape(scrape) => scrape,
        };
        let waited = Duration::from_millis(u64::try_from(now_ms() - begun).unwrap_or(0));
        let answer = Scrapes::new(&self.env).collect(scrape, &request.username, wait.saturating_sub(waited)).await?;
        Ok(match answer {
            None => Collected::Running,
            Some(Ok(scraped)) => Collected::Finished(Box::new(scraped)),
            Some(Err(fault)) => Collected::Failed(fault),
        })
    }
}

fn now_ms() -> i64 {
    use oslira_app::shared::clock::Clock as _;
    super::PlatformClock.now().as_millisecond()
}

/// What an object answered that was asked to wait for so long, given up when it is too late.
pub async fn in_time<T>(work: impl Future<Output = Result<T>>, wait: Duration) -> std::result::Result<T, ScrapeFault> {
    within(wait + PATIENCE, work).await
}

async fn within<T>(patience: Duration, work: impl Future<Output = Result<T>>) -> std::result::Result<T, ScrapeFault> {
    use futures_util::future::{Either, select};
    let work = std::pin::pin!(work);
    match select(work, Delay::from(patience)).await {
        Either::Left((Ok(answer), _)) => Ok(answer),
        Either::Left((Err(error), _)) => Err(ScrapeFault::Unanswered(format!("the gate: {error}"))),
        Either::Right(_) => Err(ScrapeFault::GateSilent("the gate: timed out".to_owned())),
    }
}

#[async_trait]
impl ProfileSource for Gate {
    async fn ask(&self, requests: &[ScrapeRequest]) -> std::result::Result<(), ScrapeFault> {
        let command = GateCommand::Ask(requests.to_vec());
        SendFuture::new(self.tell(&command)).await
    }

    async fn collect(&self, request: &ScrapeRequest, wait: Duration) -> std::result::Result<Collected, ScrapeFault> {
        SendFuture::new(in_time(self.wait(request, wait), wait)).await
    }

    async fn begun(&self, runs: &[RunId]) -> Vec<RunId> {
        let command = GateCommand::Begun(runs.to_vec());
        let asked = call_object(&self.env, OBJECTS, NAME, "/", &command);
        SendFuture::new(within(BEGUN_PATIENCE, asked)).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "not known which runs are scraped for; none counts");
            vec![]
        })
    }

    async fn withdraw(&self, runs: &[RunId]) {
        let command = GateCommand::Withdraw(runs.to_vec());
        let told = SendFuture::new(self.tell(&command)).await;
        if let Err(error) = told {
            tracing::warn!(%error, "runs were not taken out of the line; they will be when they do not ask again");
        }
    }
}
