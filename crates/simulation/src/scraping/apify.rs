//! Apify: actor runs that are started, listed and looked at, and end by themselves. What a call does to it and what its
//! caller hears are two things.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use oslira_app::{
    features::{
        profiles::{Found, InstagramHandle, ScrapeFault, ScrapePart, ScrapeTicket, ScrapeUsage},
        scraping::{Looked, ReadProfile, SCRAPE_TIMEOUT, ScrapeOrder},
    },
    shared::ids::ScrapeId,
};

use super::ApifyBehaviour;
use crate::{Bill, Fixtures, World, silence::given_up_after};

/// How long a request and an answer travel.
const ANSWERS_IN_MS: i64 = 200;
/// A start reaches Apify so much later at most.
const ARRIVES_WITHIN_MS: u64 = 2_000;
/// A run is in the list so much later at most: within the time that a lost start is looked for before it is given up, and,
/// in worlds with faults, also later.
const LISTED_WITHIN_MS: u64 = 2_000;
const LISTED_LATE_WITHIN_MS: u64 = 20_000;
/// Apify stops a run that takes too long so much after its time at most.
const STOPS_WITHIN_MS: u64 = 10_000;
/// How long the items of an ended run are not shown.
const ITEMS_LATE_MS: i64 = 12_000;

/// What becomes of an actor run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Reads,
    Fails,
    IsStopped,
    ShowsItemsLate,
    ReadsNonsense,
}

#[derive(Debug, Clone)]
struct ActorRun {
    id: String,
    /// Who started it; Apify does not know that.
    scrape: ScrapeId,
    usernames: Vec<InstagramHandle>,
    part: ScrapePart,
    started_ms: i64,
    ends_ms: i64,
    listed_ms: i64,
    fate: Fate,
    /// In the names of the calls about it.
    name: String,
    looks: u32,
    /// Whether its scrape follows a later run of the same profile, because the list did not show its own yet: it goes on without a
    /// lease (docs/reliability.md).
    is_mistaken: bool,
}

/// All actor runs there ever were.
#[derive(Debug, Clone, Default)]
pub(crate) struct Apify {
    /// How many runs our plan allows at once; `None` for more than anybody starts.
    pub(crate) runs_max: Option<usize>,
    /// How many starts were asked for, by what they were to read.
    pub(super) starts: BTreeMap<&'static str, u32>,
    runs: Vec<ActorRun>,
    /// Runs whose start was not answered and that were found in the list.
    pub(crate) found: u32,
}

impl Apify {
    /// The most runs with a lease that were under way at once, from a moment on.
    fn under_way_at_most(&self, from_ms: i64) -> usize {
        let leased = || self.runs.iter().filter(|run| !run.is_mistaken);
        let at = |moment: i64| leased().filter(|run| run.started_ms <= moment && moment < run.ends_ms).count();
        leased().filter(|run| run.ends_ms > from_ms).map(|run| at(run.started_ms)).max().unwrap_or(0)
    }

    /// Runs that read several profiles.
    pub(crate) fn shared(&self) -> usize {
        self.runs.iter().filter(|run| run.usernames.len() > 1).count()
    }
}

fn ticket(run: &ActorRun) -> ScrapeTicket {
    ScrapeTicket { provider_run_id: run.id.clone(), dataset_id: format!("items-{}", run.id) }
}

/// The words for a part in the names of calls.
const fn word(part: ScrapePart) -> &'static str {
    match part {
        ScrapePart::Details => "details",
        ScrapePart::Posts(_) => "posts",
    }
}

impl World {
    /// A scrape starts an actor run. Returns what it will hear, and when.
    pub(super) fn start_actor(&mut self, order: &ScrapeOrder) -> (Result<ScrapeTicket, ScrapeFault>, i64) {
        let word = word(order.part);
        let number = self.scraping.apify.starts.entry(word).or_default();
        let name = format!("{word}-{number}");
        *number += 1;
        let mut behaviour = self.apify_behaves(&format!("{name}-start"), &ApifyBehaviour::TROUBLE_AT_START);
        if self.scraping.apify.runs_max.is_some_and(|max| self.under_way() >= max) {
            behaviour = ApifyBehaviour::Full;
        }
        let refused = match behaviour {
            ApifyBehaviour::Unavailable => Some(ScrapeFault::Retryable(format!("{behaviour:?}"))),
            ApifyBehaviour::Full => Some(ScrapeFault::AtCapacity(format!("{behaviour:?}"))),
            _ => None,
        };
        let fault = refused.or_else(|| behaviour.fault());
        let now_ms = self.now_ms;
        let arrives_ms = now_ms + i64::try_from(self.random.below(ARRIVES_WITHIN_MS)).unwrap_or(0);
        let (answer, started_ms) = match (behaviour, fault) {
            (ApifyBehaviour::ReplyLost | ApifyBehaviour::Silent, Some(fault)) => (Err(fault), Some(arrives_ms)),
            (_, Some(fault)) => (Err(fault), None),
            (_, None) => (Ok(()), Some(arrives_ms)),
        };
        let ticket = started_ms.map(|started_ms| self.begin_run(order, name, behaviour, started_ms));
        let heard_ms = match behaviour {
            ApifyBehaviour::Silent => now_ms + ms(given_up_after(Duration::ZERO)),
            _ => arrives_ms + ANSWERS_IN_MS,
        };
        let unknown = || ScrapeFault::Unanswered("no run".to_owned());
        (answer.and_then(|()| ticket.ok_or_else(unknown)), heard_ms)
    }

    fn under_way(&self) -> usize {
        self.scraping.apify.runs.iter().filter(|run| self.now_ms < run.ends_ms).count()
    }

    fn begin_run(
        &mut self,
        order: &ScrapeOrder,
        name: String,
        behaviour: ApifyBehaviour,
        started_ms: i64,
    ) -> ScrapeTicket {
        let fate = match behaviour {
            ApifyBehaviour::Fails => Fate::Fails,
            ApifyBehaviour::Hangs => Fate::IsStopped,
            ApifyBehaviour::ItemsLate => Fate::ShowsItemsLate,
            ApifyBehaviour::Malformed => Fate::ReadsNonsense,
            _ => Fate::Reads,
        };
        // At most 42 s, so that two waits of 30 s see the end; the scenarios name the steps of two.
        let takes_ms = match fate {
            Fate::IsStopped => ms(SCRAPE_TIMEOUT) + i64::try_from(self.random.below(STOPS_WITHIN_MS)).unwrap_or(0),
            _ => 2_000 + i64::try_from(self.random.below(38_000)).unwrap_or(0),
        };
        let listed_within_ms = if self.fault_rates.provider > 0 { LISTED_LATE_WITHIN_MS } else { LISTED_WITHIN_MS };
        let run = ActorRun {
            id: format!("actor-{}-{}", order.id.uuid().simple(), self.scraping.apify.runs.len()),
            scrape: order.id,
            usernames: order.usernames.clone(),
            part: order.part,
            started_ms,
            ends_ms: started_ms + takes_ms,
            listed_ms: started_ms + i64::try_from(self.random.below(listed_within_ms)).unwrap_or(0),
            fate,
            name,
            looks: 0,
            is_mistaken: false,
        };
        let ticket = ticket(&run);
        for username in &run.usernames {
            self.bills.push(Bill { key: bill_key(&run, username), known_by: vec![] });
        }
        self.scraping.apify.runs.push(run);
        self.check_runs(order.id);
        ticket
    }

    fn check_runs(&mut self, scrape: ScrapeId) {
        let apify = &self.scraping.apify;
        let most = apify.under_way_at_most(self.now_ms);
        let of_scrape = apify.runs.iter().filter(|run| run.scrape == scrape).count();
        let max = self.scraping.leases_max;
        if of_scrape > 1 {
            self.report_violation(format!("scrape {scrape} has {of_scrape} actor runs"));
        }
        if most > max {
            self.report_violation(format!("{most} actor runs are under way, and {max} are allowed"));
        }
    }

    /// The process that had sent a start died. If the request was still on its way, it may be lost.
    pub(super) fn lose_request_of(&mut self, scrape: ScrapeId) {
        let now_ms = self.now_ms;
        let is_on_its_way = |run: &ActorRun| run.scrape == scrape && now_ms < run.started_ms;
        let Some(at) = self.scraping.apify.runs.iter().position(is_on_its_way) else { return };
        if self.random.chance(500) {
            let run = self.scraping.apify.runs.remove(at);
            let keys: Vec<String> = run.usernames.iter().map(|username| bill_key(&run, username)).collect();
            self.bills.retain(|bill| !keys.contains(&bill.key));
        }
    }

    /// A scrape reads the list of runs. Returns what it will hear, and when.
    pub(super) fn find_actor(
        &mut self,
        order: &ScrapeOrder,
        since: Timestamp,
    ) -> (Result<Option<ScrapeTicket>, ScrapeFault>, i64) {
        let number = self.scraping.apify.starts.get(word(order.part)).map_or(0, |starts| starts - 1);
        let own = self.scraping.apify.runs.iter().find(|run| run.scrape == order.id);
        let name = own.map_or_else(|| format!("{}-{number}", word(order.part)), |run| run.name.clone());
        let behaviour = self.apify_behaves(&format!("{name}-find"), &ApifyBehaviour::TROUBLE_LATER);
        if let Some(fault) = behaviour.fault() {
            return (Err(fault), self.heard_ms(behaviour, Duration::ZERO));
        }
        let (now_ms, since_ms) = (self.now_ms, since.as_millisecond());
        let apify = &mut self.scraping.apify;
        // The oldest first, as the adapter looks for it: a later one with the same input is another scrape's.
        let mut fitting: Vec<&ActorRun> = apify
            .runs
            .iter()
            .filter(|run| {
                let is_asked_for = run.usernames == order.usernames && run.part == order.part;
                is_asked_for && run.started_ms >= since_ms && run.listed_ms <= now_ms
            })
            .collect();
        fitting.sort_by_key(|run| run.started_ms);
        let found = fitting.first().map(|run| (run.scrape, ticket(run)));
        if found.as_ref().is_some_and(|(scrape, _)| *scrape != order.id)
            && let Some(own) = apify.runs.iter_mut().find(|run| run.scrape == order.id)
        {
            own.is_mistaken = true;
        }
        let found = found.map(|(_, ticket)| ticket);
        apify.found += u32::from(found.is_some());
        (Ok(found), now_ms + ANSWERS_IN_MS)
    }

    fn heard_ms(&self, behaviour: ApifyBehaviour, wait: Duration) -> i64 {
        let in_ms = if behaviour == ApifyBehaviour::Silent { ms(given_up_after(wait)) } else { ANSWERS_IN_MS };
        self.now_ms + in_ms
    }

    /// A scrape looks at its run. Returns the fault that it will hear, if any, and when it will hear.
    pub(super) fn look_at_actor(&mut self, ticket: &ScrapeTicket, wait: Duration) -> (Option<ScrapeFault>, i64) {
        let run = self.scraping.apify.runs.iter_mut().find(|run| run.id == ticket.provider_run_id);
        let Some((name, ends_ms)) = run.map(|run| {
            run.looks += 1;
            (format!("{}-look-{}", run.name, run.looks - 1), run.ends_ms)
        }) else {
            self.report_violation(format!("a run is looked at that does not exist: {ticket:?}"));
            return (Some(ScrapeFault::Terminal("no such run".to_owned())), self.now_ms);
        };
        let behaviour = self.apify_behaves(&name, &ApifyBehaviour::TROUBLE_LATER);
        let fault = behaviour.fault();
        let heard_ms = match fault {
            Some(_) => self.heard_ms(behaviour, wait),
            None => ends_ms.clamp(self.now_ms, self.now_ms + ms(wait)) + ANSWERS_IN_MS,
        };
        (fault, heard_ms)
    }

    /// What a look shows at its end.
    pub(super) fn seen(
        &self,
        ticket: &ScrapeTicket,
        left: &[InstagramHandle],
        items: usize,
    ) -> Result<Looked, ScrapeFault> {
        let now_ms = self.now_ms;
        let Some(run) = self.scraping.apify.runs.iter().find(|run| run.id == ticket.provider_run_id) else {
            return Err(ScrapeFault::Terminal("no such run".to_owned()));
        };
        let read_at = |username: &InstagramHandle, at_ms: i64| read(run, username, at_ms);
        let about = |names: &[InstagramHandle], at_ms: i64| -> Vec<ReadProfile> {
            names.iter().filter(|name| left.contains(name)).map(|name| read_at(name, at_ms)).collect()
        };
        if now_ms < run.ends_ms {
            // Of several profiles each is shown when it is read; posts are shown at the end.
            let is_shown =
                run.part == ScrapePart::Details && run.usernames.len() > 1 && run.fate != Fate::ShowsItemsLate;
            let (passed_ms, takes_ms) = (now_ms - run.started_ms, run.ends_ms - run.started_ms);
            let count = run.usernames.len();
            let shown = usize::try_from(count as i64 * passed_ms / takes_ms.max(1)).unwrap_or(0).min(count);
            let shown = if is_shown { shown } else { items };
            let new = run.usernames.get(items..shown).unwrap_or_default();
            return Ok(Looked::Running { read: about(new, now_ms), items: shown.max(items) });
        }
        match run.fate {
            Fate::Fails => Err(ScrapeFault::Retryable("a failed actor".to_owned())),
            Fate::IsStopped => Err(ScrapeFault::Overtime("a stopped actor".to_owned())),
            Fate::ShowsItemsLate if now_ms < run.ends_ms + ITEMS_LATE_MS => {
                let missing = |read: ReadProfile| ReadProfile { found: nonsense(), ..read };
                Ok(Looked::ItemsMissing { unusable: about(left, run.ends_ms).into_iter().map(missing).collect() })
            }
            Fate::Reads | Fate::ReadsNonsense | Fate::ShowsItemsLate => Ok(Looked::Ended {
                read: about(left, run.ends_ms),
                ended_at: Timestamp::from_millisecond(run.ends_ms).ok(),
            }),
        }
    }
}

/// What the usage logs know the share of a profile in a run's bill by.
fn bill_key(run: &ActorRun, username: &InstagramHandle) -> String {
    if run.usernames.len() > 1 { format!("{}-{username}", run.id) } else { run.id.clone() }
}

fn nonsense() -> Found {
    Found::Unusable("no readable item".to_owned())
}

fn read(run: &ActorRun, username: &InstagramHandle, at_ms: i64) -> ReadProfile {
    let found = match run.fate {
        Fate::ReadsNonsense => nonsense(),
        _ => Fixtures::found(username, run.part, at_ms),
    };
    let usage = usage(run.part, &found);
    ReadProfile { username: username.clone(), found, usage }
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

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)
}
