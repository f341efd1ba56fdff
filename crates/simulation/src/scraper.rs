//! The gate and the scraper behind it (Apify), as one. A started scrape runs to its end and is billed, whether or not anybody asks about it again.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::{
        profiles::{Found, ScrapeFault, ScrapePart, ScrapeUsage},
        scraping::{Collected, ProfileSource, RequestKey, ScrapeRequest, Scraped},
    },
    shared::ids::RunId,
};

use crate::{Fixtures, Mutation, ProviderBehaviour, ports::Ports, silence::given_up_after};

const NAME: &str = "apify";
/// So many of a thousand scrapes take ten minutes, longer than the workflow asks (`config::SCRAPE_POLLS_MAX`).
const STUCK_PERMILLE: u64 = 30;

#[async_trait]
impl ProfileSource for Ports {
    async fn ask(&self, requests: &[ScrapeRequest]) -> Result<(), ScrapeFault> {
        for request in requests {
            self.world.pause().await;
            if !self.world.lock().asked.contains_key(&request.key) {
                self.begin(request).await?;
            }
        }
        Ok(())
    }

    async fn collect(&self, request: &ScrapeRequest, wait: Duration) -> Result<Collected, ScrapeFault> {
        if !self.world.lock().asked.contains_key(&request.key) {
            // Whatever becomes of a start is an answer about the scrape.
            if let Err(fault) = self.begin(request).await {
                return failed(fault);
            }
        }
        let ScrapeRequest { key: RequestKey { part, .. }, username, .. } = request;
        let step = self.caller().map(|(_, step)| step);
        let (now_ms, bill, ends_ms, behaviour) = {
            let mut world = self.world.lock();
            let bill = world.asked.get(&request.key).cloned().unwrap_or_default();
            let ends_ms = world.scrapes.get(&bill).copied();
            let behaviour = world.behaviour_towards(step.as_deref().unwrap_or_default(), NAME);
            (world.now_ms, bill, ends_ms.unwrap_or(world.now_ms), behaviour)
        };
        if behaviour == ProviderBehaviour::Silent {
            return Err(self.unanswered(wait).await);
        }
        let patience_ms = now_ms + i64::try_from(wait.as_millis()).unwrap_or(0);
        self.world.until(ends_ms.min(patience_ms)).await;
        if !(ends_ms > patience_ms && matches!(behaviour, ProviderBehaviour::Works | ProviderBehaviour::Malformed)) {
            self.heard();
        }
        let found = match behaviour {
            ProviderBehaviour::Works | ProviderBehaviour::Malformed if ends_ms > patience_ms => {
                self.unheard(wait);
                return Ok(Collected::Running);
            }
            // The profile as it was when the scrape ended, however late it is collected.
            ProviderBehaviour::Works => Fixtures::found(username, *part, ends_ms),
            ProviderBehaviour::Malformed => Found::Unusable("an empty list".to_owned()),
            ProviderBehaviour::OutOfQuota => return failed(ScrapeFault::Exhausted("no money".to_owned())),
            ProviderBehaviour::Rejected | ProviderBehaviour::ModelGone => {
                return failed(ScrapeFault::Terminal("a refused key".to_owned()));
            }
            ProviderBehaviour::ReplyLost | ProviderBehaviour::Busy(_) => {
                return Err(ScrapeFault::Unanswered(format!("{behaviour:?}")));
            }
            ProviderBehaviour::Unavailable
            | ProviderBehaviour::Refused
            | ProviderBehaviour::Doubtful
            | ProviderBehaviour::Truncated
            | ProviderBehaviour::Silent => {
                return failed(ScrapeFault::Retryable("a failed actor".to_owned()));
            }
        };
        // Only an ended scrape tells its cost. One that is never asked about again is on Apify's invoice and in no log.
        if let Some((_, journal)) = &self.owner {
            journal.receive_bill(&bill);
        }
        let usage = usage(*part, &found);
        let ended_at = Timestamp::from_millisecond(ends_ms).ok();
        Ok(Collected::Finished(Box::new(Scraped { found, usage, ended_at, provider_run_id: bill })))
    }

    async fn withdraw(&self, _: &[RunId]) {}
}

fn failed(fault: ScrapeFault) -> Result<Collected, ScrapeFault> {
    Ok(Collected::Failed(fault))
}

impl Ports {
    /// Begins a scrape, which is paid from now on whoever asks about it.
    async fn begin(&self, request: &ScrapeRequest) -> Result<(), ScrapeFault> {
        let (behaviour, bill) = self.provide("scrape", NAME);
        {
            let mut world = self.world.lock();
            if behaviour.bills() {
                // Not without faults: the scenarios that are crashed must end the same way every time.
                let is_stuck = world.fault_rates.provider > 0 && world.random.chance(STUCK_PERMILLE);
                // At most 42 s, so one wait of 30 s or two; the scenarios name the steps of two.
                let takes_ms = 2_000 + i64::try_from(world.random.below(40_000)).unwrap_or(0);
                let ends_ms = world.now_ms + if is_stuck { 600_000 } else { takes_ms };
                world.scrapes.insert(bill.clone(), ends_ms);
            }
            if behaviour == ProviderBehaviour::Works {
                world.asked.insert(request.key, bill);
            }
        }
        self.world.pause().await;
        if behaviour == ProviderBehaviour::Silent {
            return Err(self.unanswered(Duration::ZERO).await);
        }
        // A place in the line is no result yet, so it does not end a silence.
        if behaviour != ProviderBehaviour::Works {
            self.heard();
        }
        match behaviour {
            ProviderBehaviour::Works => Ok(()),
            ProviderBehaviour::OutOfQuota => Err(ScrapeFault::Exhausted("no money".to_owned())),
            ProviderBehaviour::Rejected | ProviderBehaviour::ModelGone => {
                Err(ScrapeFault::Terminal("a refused key".to_owned()))
            }
            ProviderBehaviour::ReplyLost => Err(ScrapeFault::Unanswered("a lost answer".to_owned())),
            other => Err(ScrapeFault::Retryable(format!("{other:?}"))),
        }
    }

    /// A call that gets no answer, until it is given up.
    async fn unanswered(&self, wait: Duration) -> ScrapeFault {
        let given_up = given_up_after(wait);
        self.world.sleep(given_up).await;
        self.unheard(given_up);
        if self.world.has(Mutation::TimeoutIsAnError) {
            return ScrapeFault::Unanswered("a lost connection".to_owned());
        }
        ScrapeFault::TimedOut("no answer".to_owned())
    }
}

fn usage(part: ScrapePart, found: &Found) -> ScrapeUsage {
    let (actor, results) = match (part, found) {
        (ScrapePart::Details, _) => ("profile-scraper", 1),
        // An error item is an item.
        (ScrapePart::Posts(_), Found::Posts(posts)) => ("post-scraper", u32::try_from(posts.len().max(1)).unwrap_or(1)),
        (ScrapePart::Posts(_), _) => ("post-scraper", 1),
    };
    ScrapeUsage {
        source: "sandbox".to_owned(),
        actor: actor.to_owned(),
        results,
        cost_microusd: 2_600 * u64::from(results),
        duration_ms: Some(4_000),
    }
}
