//! From a username to a stored snapshot.

use std::time::Duration;

use futures_util::future::join;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Body, EarlyEnd, StepFailed,
    failure::{Failure, NOT_FOUND, POSTS_UNREADABLE, PRIVATE, RESTRICTED, SCRAPE_FAILED, SCRAPER_UNAVAILABLE},
    planned::PlannedScrape,
    silence::Silence,
    store::StoredSnapshot,
};
use crate::{
    features::{
        analysis::{Assignment, Outage, config, required_services::SCRAPER},
        profiles::{DETAILS_POSTS, EarlierPosts, Post, PostsRead, Profile, Rest, ScrapeFault, ScrapePart, ScrapePlan},
    },
    shared::steps::Steps,
};

/// What one scrape read. Large, but the decoder bounds it below the 1 MiB that a step may remember.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ScrapedPart {
    /// A [`PartContent`] as one text: the engine would otherwise copy thousands of small objects.
    pub(super) content: String,
    /// When the scrape was over, by the scraper's clock if it says so. The snapshot gets this date, however late it is
    /// collected and stored.
    pub(super) read_at: Timestamp,
    pub(super) source: String,
    pub(super) provider_run_id: String,
    pub(super) cost_microusd: u64,
    /// How many posts the profile says it has, or how many were read.
    #[serde(default)]
    pub(super) posts: u64,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) enum PartContent {
    Details(Box<Profile>),
    Posts(Vec<Post>),
}

impl ScrapedPart {
    /// The profile, if it is the details that were read.
    fn profile(&self) -> Result<Profile, EarlyEnd> {
        match serde_json::from_str(&self.content) {
            Ok(PartContent::Details(profile)) => Ok(*profile),
            Ok(PartContent::Posts(_)) | Err(_) => Err(EarlyEnd::Broken(StepFailed {
                step: "scrape-details".to_owned(),
                message: "the details are no profile".to_owned(),
                is_unreadable: false,
            })),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) enum PollOutcome {
    /// In the gate's line.
    Waiting,
    /// Deployments without a gate also remembered that items were missing.
    #[serde(alias = "ItemsMissing")]
    Running,
    Read(ScrapedPart),
    NotFound,
    Private,
    Restricted,
    /// The scrape is billed all the same.
    Unusable {
        cost_microusd: u64,
    },
}

/// The attempts at one part of a profile.
pub(super) struct Attempts {
    pub(super) part: ScrapePart,
    /// For step names and logs.
    name: &'static str,
    made: usize,
    /// By attempts that gave nothing.
    spent_microusd: u64,
    pub(super) silence: Silence,
    /// Whether no posts may be all that there are: the posts alone do not say it.
    may_be_empty: bool,
}

impl Attempts {
    fn at(part: ScrapePart) -> Self {
        let name = match part {
            ScrapePart::Details => "details",
            ScrapePart::Posts(_) => "posts",
        };
        Self { part, name, made: 0, spent_microusd: 0, silence: Silence::default(), may_be_empty: true }
    }

    /// At all posts, after the newer ones alone turned out to be of no use.
    fn at_all(part: ScrapePart, spent_microusd: u64) -> Self {
        Self { name: "all", spent_microusd, ..Self::at(part) }
    }

    /// What follows from an attempt.
    fn next(&mut self, outcome: Result<PollOutcome, ScrapeFault>) -> Next {
        let why = |cause: &str, failure, outage| Why { cause: cause.to_owned(), failure, outage };
        let is_posts = matches!(self.part, ScrapePart::Posts(_));
        match outcome {
            Ok(PollOutcome::Read(read)) if is_posts && read.posts == 0 && !self.may_be_empty => {
                self.spent_microusd += read.cost_microusd;
                Next::Again(why("no posts of a profile that has some", POSTS_UNREADABLE, None))
            }
            Ok(PollOutcome::Read(mut read)) => {
                read.cost_microusd += self.spent_microusd;
                Next::Read(Box::new(read))
            }
            Ok(PollOutcome::Unusable { cost_microusd }) => {
                self.spent_microusd += cost_microusd;
                let failure = if is_posts { POSTS_UNREADABLE } else { SCRAPE_FAILED };
                // It may be this profile's fault, and nobody else's: no outage.
                Next::Again(why("no readable answer", failure, None))
            }
            // Final: another attempt would buy the same answer again.
            Ok(PollOutcome::NotFound) => Next::Never(why("not found", NOT_FOUND, None)),
            Ok(PollOutcome::Private) => Next::Never(why("private", PRIVATE, None)),
            Ok(PollOutcome::Restricted) => Next::Never(why("restricted", RESTRICTED, None)),
            Ok(PollOutcome::Waiting | PollOutcome::Running) => {
                Next::Again(why("it did not end in time", SCRAPE_FAILED, Some(Outage::Down)))
            }
            // A rejected input is no outage: others are accepted.
            Err(ScrapeFault::Terminal(cause)) => Next::Never(why(&cause, SCRAPER_UNAVAILABLE, None)),
            // Whichever call met it: a key is refused, or an account empty, for everybody.
            Err(ScrapeFault::Exhausted(cause)) => {
                Next::Never(why(&cause, SCRAPER_UNAVAILABLE, Some(Outage::Exhausted)))
            }
            // Our plan is full, or our gate is busy, which is no outage of the scraper.
            Err(ScrapeFault::AtCapacity(cause) | ScrapeFault::GateSilent(cause)) => {
                Next::Again(why(&cause, SCRAPE_FAILED, None))
            }
            Err(
                ScrapeFault::Retryable(cause)
                | ScrapeFault::Unanswered(cause)
                | ScrapeFault::TimedOut(cause)
                | ScrapeFault::Silent(cause)
                | ScrapeFault::Overtime(cause),
            ) => Next::Again(why(&cause, SCRAPE_FAILED, Some(Outage::Down))),
        }
    }

    /// The number of the attempt that is being made.
    pub(super) fn number(&self) -> u32 {
        u32::try_from(self.made).unwrap_or(u32::MAX)
    }

    /// The pause before the next attempt; `None` when there is no next one.
    fn next_pause(&self) -> Option<Option<Duration>> {
        match self.made.checked_sub(1) {
            None => Some(None),
            Some(index) => config::SCRAPE_PAUSES.get(index).map(|pause| Some(*pause)),
        }
    }
}

/// What follows from an attempt at a part.
enum Next {
    Read(Box<ScrapedPart>),
    /// Another attempt may help.
    Again(Why),
    Never(Why),
}

/// Why an attempt gave nothing, and what is said if it was the last one.
struct Why {
    /// For the log.
    cause: String,
    failure: Failure,
    /// What the circuit breaker is told.
    outage: Option<Outage>,
}

/// The posts as far as they were read.
struct Posts {
    attempts: Attempts,
    read: Result<ScrapedPart, Failure>,
}

impl Posts {
    fn new(attempts: Attempts, read: Result<ScrapedPart, EarlyEnd>) -> Result<Self, EarlyEnd> {
        let read = match read {
            Ok(read) => Ok(read),
            Err(EarlyEnd::Failed(failure)) => Err(failure),
            Err(end) => return Err(end),
        };
        Ok(Self { attempts, read })
    }

    fn count(&self) -> PostsRead {
        self.read.as_ref().map_or(PostsRead::Failed, |read| PostsRead::Count(read.posts))
    }

    fn spent_microusd(&self) -> u64 {
        self.read.as_ref().map_or(self.attempts.spent_microusd, |read| read.cost_microusd)
    }

    /// The attempts at what is still missing.
    fn then(self, part: ScrapePart) -> Attempts {
        let spent_microusd = self.spent_microusd();
        match self.attempts.part == part {
            // They were read and there were none, which is no answer here.
            true => Attempts { spent_microusd, may_be_empty: false, ..self.attempts },
            false => Attempts::at_all(part, spent_microusd),
        }
    }
}

impl<S: Steps> Body<'_, S> {
    /// Reads the profile and stores it, with as many posts as are wanted beyond what the profile itself shows.
    pub(super) async fn scrape(
        &self,
        assignment: &Assignment,
        planned: PlannedScrape,
    ) -> Result<StoredSnapshot, EarlyEnd> {
        let wanted = assignment.analysis_type.config().posts;
        let mut details = Attempts::at(ScrapePart::Details);
        if wanted <= DETAILS_POSTS {
            let details = self.scrape_part(assignment, &mut details).await?;
            return self.store(assignment, details, None, None).await;
        }
        let earlier = planned.earlier();
        let Some(part) = planned.plan.at_once(wanted) else {
            let details = self.scrape_part(assignment, &mut details).await?;
            return self.finish_posts(assignment, planned.plan, details, earlier, None).await;
        };
        let mut attempts = Attempts::at(part);
        // `join` and not `try_join`: when one of them fails, the other one's bill is still due.
        let (details, read) =
            join(self.scrape_part(assignment, &mut details), self.scrape_part(assignment, &mut attempts)).await;
        // The details decide whether a profile is private or missing, so their error comes before that of the posts.
        let details = details?;
        let posts = Posts::new(attempts, read)?;
        self.finish_posts(assignment, planned.plan, details, earlier, Some(posts)).await
    }

    /// Reads what is still missing of the posts once the details are known, and stores all.
    async fn finish_posts(
        &self,
        assignment: &Assignment,
        mut plan: ScrapePlan,
        mut details: ScrapedPart,
        mut earlier: Option<EarlierPosts>,
        mut posts: Option<Posts>,
    ) -> Result<StoredSnapshot, EarlyEnd> {
        let wanted = assignment.analysis_type.config().posts;
        let profile = details.profile()?;
        loop {
            let count = posts.as_ref().map_or(PostsRead::NotAsked, Posts::count);
            let part = match plan.rest(wanted, &profile, earlier.as_ref(), count) {
                Rest::Enough { with_earlier } => {
                    let read = posts.and_then(|posts| match posts.read {
                        Ok(read) => Some(read),
                        Err(_) => {
                            details.cost_microusd += posts.attempts.spent_microusd;
                            None
                        }
                    });
                    return self.store(assignment, details, read, earlier.filter(|_| with_earlier)).await;
                }
                Rest::Unreadable => {
                    let failure = posts.and_then(|posts| posts.read.err()).unwrap_or(POSTS_UNREADABLE);
                    if failure == POSTS_UNREADABLE {
                        // For the LIGHT analysis that the message names.
                        self.store(assignment, details, None, None).await?;
                    }
                    return Err(EarlyEnd::Failed(failure));
                }
                Rest::Read(part) => part,
            };
            if part == ScrapePart::newest(wanted) {
                (plan, earlier) = (ScrapePlan::Everything, None);
            }
            let mut attempts = match posts {
                Some(posts) => posts.then(part),
                None => Attempts::at(part),
            };
            let read = self.scrape_part(assignment, &mut attempts).await;
            posts = Some(Posts::new(attempts, read)?);
        }
    }

    /// Up to four attempts.
    async fn scrape_part(&self, assignment: &Assignment, attempts: &mut Attempts) -> Result<ScrapedPart, EarlyEnd> {
        let part = attempts.name;
        let (wait, _) = config::polls(self.ports.pause_scale);
        let (mut failure, mut outage) = (SCRAPE_FAILED, None);
        while let Some(pause) = attempts.next_pause().filter(|_| !attempts.silence.is_over(wait)) {
            let name = format!("scrape-{part}-{}", attempts.made);
            if let Some(pause) = pause {
                self.pause(&format!("{name}-pause"), pause).await?;
            }
            attempts.made += 1;
            let outcome = self.attempt_scrape(assignment, attempts, &name).await?;
            match attempts.next(outcome) {
                Next::Read(read) => return Ok(*read),
                Next::Again(why) => {
                    tracing::warn!(run_id = %self.run, name, cause = why.cause, "scrape failed");
                    (failure, outage) = (why.failure, why.outage);
                }
                Next::Never(why) => {
                    tracing::warn!(run_id = %self.run, name, cause = why.cause, "scrape refused");
                    (failure, outage) = (why.failure, why.outage);
                    break;
                }
            }
        }
        if let Some(outage) = outage {
            self.report_scraper(part, outage).await?;
        }
        Err(EarlyEnd::Failed(failure))
    }

    /// Tells the circuit breaker, once for a part that is given up, whichever call met the outage.
    async fn report_scraper(&self, part: &str, outage: Outage) -> Result<(), EarlyEnd> {
        let (ports, run) = (self.ports.clone(), self.run);
        self.steps
            .run(&format!("scrape-{part}-outage"), move || {
                let ports = ports.clone();
                async move {
                    ports.report(run, SCRAPER, outage).await;
                    Ok(())
                }
            })
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(posts: u64) -> PollOutcome {
        PollOutcome::Read(ScrapedPart {
            content: String::new(),
            read_at: Timestamp::UNIX_EPOCH,
            source: "sandbox".to_owned(),
            provider_run_id: "run".to_owned(),
            cost_microusd: 10,
            posts,
        })
    }

    /// What follows from an attempt that gave nothing: whether to try again, the code at the end, the outage.
    fn told(part: ScrapePart, outcome: Result<PollOutcome, ScrapeFault>) -> (bool, &'static str, Option<Outage>) {
        match Attempts::at(part).next(outcome) {
            Next::Read(_) => panic!("it was read"),
            Next::Again(why) => (true, why.failure.code, why.outage),
            Next::Never(why) => (false, why.failure.code, why.outage),
        }
    }

    #[test]
    fn an_outage_is_reported_whichever_call_met_it() {
        let (down, exhausted) = (Some(Outage::Down), Some(Outage::Exhausted));
        let why = || "cause".to_owned();
        let details = ScrapePart::Details;
        let cases = [
            (ScrapeFault::Exhausted(why()), (false, "scraper_unavailable", exhausted)),
            (ScrapeFault::Terminal(why()), (false, "scraper_unavailable", None)),
            (ScrapeFault::Retryable(why()), (true, "scrape_failed", down)),
            (ScrapeFault::Unanswered(why()), (true, "scrape_failed", down)),
            (ScrapeFault::TimedOut(why()), (true, "scrape_failed", down)),
            (ScrapeFault::Silent(why()), (true, "scrape_failed", down)),
            (ScrapeFault::Overtime(why()), (true, "scrape_failed", down)),
            (ScrapeFault::AtCapacity(why()), (true, "scrape_failed", None)),
            (ScrapeFault::GateSilent(why()), (true, "scrape_failed", None)),
        ];
        for (fault, expected) in cases {
            assert_eq!(told(details, Err(fault.clone())), expected, "{fault:?}");
        }
        assert_eq!(told(details, Ok(PollOutcome::Running)), (true, "scrape_failed", down));
        let one_profile = told(details, Ok(PollOutcome::Unusable { cost_microusd: 1 }));
        assert_eq!(one_profile, (true, "scrape_failed", None), "it may be this profile alone");
    }

    #[test]
    fn no_posts_are_an_answer_only_where_there_may_be_none() {
        let posts = ScrapePart::newest(50);
        assert!(matches!(Attempts::at(posts).next(Ok(read(0))), Next::Read(_)));
        let mut known = Attempts { may_be_empty: false, ..Attempts::at(posts) };
        assert!(matches!(known.next(Ok(read(0))), Next::Again(Why { failure: POSTS_UNREADABLE, .. })));
        assert_eq!(known.spent_microusd, 10);
        let Next::Read(found) = known.next(Ok(read(3))) else { panic!("it was read") };
        assert_eq!(found.cost_microusd, 20, "with the attempts before");
        assert_eq!(told(posts, Ok(PollOutcome::Unusable { cost_microusd: 1 })).1, "posts_unreadable");
    }
}
