//! How much of each thing a load takes.
//!
//! Everything is a mean over all analyses times their rate, so it doubles with the load. The two exceptions are said where they are:
//! what belongs to one invocation does not grow, and what costs money has a part that is included.

use std::collections::BTreeMap;

use oslira_app::features::judging::{CallKind, ModelName};
use oslira_app::features::scraping::{POSTS_OF_MAX, USERNAMES_MAX};
use oslira_app::shared::analysis_type::AnalysisType;
use oslira_providers::families::Family;

use super::figures::{self, Figures, Work};
use super::load::{Load, Setup};

/// A month of thirty days, in seconds and days.
pub const MONTH_DAYS: f64 = 30.0;
pub const DAY_S: f64 = 86_400.0;

/// A load, and what one of its analyses takes.
pub struct Demand<'a> {
    pub load: Load,
    pub figures: &'a Figures,
}

/// Little's law: so many are there at once if so many come in a second and each stays so long.
pub const fn at_once(per_s: f64, stays_s: f64) -> f64 {
    per_s * stays_s
}

/// Whether its type reads more posts than the profile shows.
fn reads_posts(kind: AnalysisType) -> bool {
    kind != AnalysisType::Light
}

impl Demand<'_> {
    /// A figure of the workflow, for the mean analysis.
    fn work(&self, figure: impl Fn(&Work) -> f64) -> f64 {
        self.load.mean(|kind, is_cached| self.figures.of(kind, is_cached, &figure))
    }

    fn cold_share(&self) -> f64 {
        1.0 - self.load.cached_share
    }

    pub fn instances_running(&self) -> f64 {
        at_once(self.load.per_s(), self.load.mean(figures::total_s))
    }

    pub fn system_statements_per_s(&self) -> f64 {
        self.load.per_s() * self.work(|work| work.database_statements)
    }

    pub fn tenant_statements_per_s(&self) -> f64 {
        self.load.per_s() * figures::REQUEST_STATEMENTS
    }

    pub fn gate_requests_per_s(&self) -> f64 {
        let ahead = figures::REQUEST_GATE_CALLS_COLD * self.cold_share();
        self.load.per_s() * (self.work(|work| work.gate_requests) + ahead)
    }

    pub fn progress_requests_per_s(&self) -> f64 {
        let of_requests = figures::REQUEST_PROGRESS_CALLS + self.load.polls_per_analysis;
        self.load.per_s() * (self.work(|work| work.progress_requests) + of_requests)
    }

    /// Of the busiest single run.
    pub fn progress_requests_per_s_of_one_run(&self) -> f64 {
        let of = |kind, is_cached| {
            let told = self.figures.of(kind, is_cached, |work| work.progress_requests);
            (told + figures::REQUEST_PROGRESS_CALLS + self.load.polls_per_analysis) / figures::total_s(kind, is_cached)
        };
        largest(of)
    }

    pub fn scrape_requests_per_s(&self) -> f64 {
        self.load.per_s() * self.work(|work| work.scrape_requests)
    }

    /// Profiles to be read, a second.
    pub fn profiles_per_s(&self) -> f64 {
        self.load.per_s() * self.cold_share()
    }

    /// Lists of posts to be read, a second. As if nobody had been read before: an upper bound (docs/costs.md, "What is scraped").
    pub fn post_lists_per_s(&self) -> f64 {
        self.load.per_s() * self.load.mean(|kind, is_cached| f64::from(u8::from(!is_cached && reads_posts(kind))))
    }

    /// Actor runs at once if so many profiles, and the posts of so many, share one.
    pub fn actor_runs(&self, setup: &Setup, sharing: Sharing) -> f64 {
        let (profiles, lists) = sharing.of_one_run();
        let runs = |per_s: f64, together: f64| {
            at_once(per_s / together, figures::actor_run_s(together) * setup.actor_time_factor)
        };
        runs(self.profiles_per_s(), profiles) + runs(self.post_lists_per_s(), lists)
    }

    pub fn actor_starts_per_s(&self) -> f64 {
        self.profiles_per_s() + self.post_lists_per_s()
    }

    /// Points and lines: the workflow's own, and one of each request.
    pub fn points_per_s(&self) -> f64 {
        let requests = figures::REQUESTS + self.load.polls_per_analysis;
        self.load.per_s() * (self.work(|work| work.points) + requests)
    }

    /// Of one analysis, if all are told in one invocation. Does not grow with the load.
    pub fn points_of_one_run(&self) -> f64 {
        largest(|kind, is_cached| self.figures.of(kind, is_cached, |work| work.points))
    }

    /// Of one instance: whatever it asks for. Does not grow with the load.
    pub fn subrequests_of_one_run(&self) -> f64 {
        largest(|kind, is_cached| {
            let asked = |work: &Work| {
                work.database_statements
                    + work.gate_requests
                    + work.scrape_requests
                    + work.progress_requests
                    + reads(work)
                    + writes(work)
            };
            self.figures.of(kind, is_cached, asked) + kind.config().calls.len() as f64
        })
    }

    pub fn reads_per_s(&self) -> f64 {
        // The request looks into the cache too.
        self.load.per_s() * (self.work(reads) + figures::READS_PER_SEARCH)
    }

    pub fn writes_per_s(&self) -> f64 {
        self.load.per_s() * self.work(writes)
    }

    /// Steps and requests: whatever the Worker is called for.
    pub fn calls_per_s(&self) -> f64 {
        let requests = figures::REQUESTS + self.load.polls_per_analysis;
        self.load.per_s() * (self.work(|work| work.workflow_steps) + requests)
    }

    pub fn cpu_ms_per_s(&self) -> f64 {
        self.calls_per_s() * figures::CPU_MS_PER_STEP
    }

    /// GB-seconds a second of objects: 128 MB for each progress object and scrape while a run lasts, and for the gate.
    pub fn object_gb_per_s(&self) -> f64 {
        const OBJECT_GB: f64 = 0.128;
        let scrapes = self.load.mean(|kind, is_cached| match is_cached {
            true => 0.0,
            false => f64::from(1 + u8::from(reads_posts(kind))) * figures::actor_run_s(1.0),
        });
        OBJECT_GB * (1.0 + self.instances_running() + at_once(self.load.per_s(), scrapes))
    }

    pub fn snapshot_bytes_per_s(&self) -> f64 {
        self.load.per_s()
            * self.load.mean(|kind, is_cached| if is_cached { 0.0 } else { figures::snapshot_bytes(kind) })
    }

    /// Rows a second of each table.
    pub fn rows_per_s(&self) -> Vec<(figures::Table, f64)> {
        let per_s = self.load.per_s();
        let calls = self.load.mean(|kind, _| kind.config().calls.len() as f64);
        vec![
            (figures::RUNS, per_s),
            (figures::LEDGER, per_s),
            // As if every cold profile were a new lead.
            (figures::LEADS, self.profiles_per_s()),
            (figures::ANALYSES, per_s),
            (figures::AI_USAGE, per_s * calls),
            (figures::SCRAPES, self.actor_starts_per_s()),
        ]
    }

    /// What one month adds to the database, in GB.
    pub fn rows_gb_per_month(&self) -> f64 {
        let bytes = |(table, per_s): (figures::Table, f64)| table.bytes_per_row * per_s * DAY_S * MONTH_DAYS;
        self.rows_per_s().into_iter().map(bytes).sum::<f64>() / 1e9
    }

    /// What a year leaves in the database, in GB: of tables that forget, what they keep.
    pub fn rows_gb_after_a_year(&self) -> f64 {
        const YEAR_DAYS: f64 = 365.0;
        let bytes = |(table, per_s): (figures::Table, f64)| {
            table.bytes_per_row * per_s * DAY_S * table.kept_days.map_or(YEAR_DAYS, |days| days.min(YEAR_DAYS))
        };
        self.rows_per_s().into_iter().map(bytes).sum::<f64>() / 1e9
    }

    /// By model, the tokens of a minute and what they cost in dollars a second: of the models that are asked first, or of those that
    /// stand in for them.
    pub fn tokens(&self, standing_in: bool) -> BTreeMap<String, Tokens> {
        let mut all: BTreeMap<String, Tokens> = BTreeMap::new();
        for kind in AnalysisType::ALL {
            let per_s = self.load.per_s() * self.load.mix.share(kind);
            for call in kind.config().calls {
                let config = call.config();
                let model = if standing_in { config.fallback.clone() } else { config.model.clone() };
                let call = call_tokens(kind, *call, &model);
                let tokens = all.entry(model.to_string()).or_default();
                tokens.per_minute += 60.0 * per_s * call.per_minute;
                tokens.usd_per_s += per_s * call.usd_per_s;
            }
        }
        all
    }
}

/// How many an actor run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Each its own: while fewer runs are under way than may be.
    Nobody,
    /// As many as may: what the gate comes to when everybody waits.
    Everybody,
}

impl Sharing {
    const fn of_one_run(self) -> (f64, f64) {
        match self {
            Self::Nobody => (1.0, 1.0),
            Self::Everybody => (USERNAMES_MAX as f64, POSTS_OF_MAX as f64),
        }
    }
}

/// Tokens of something, and what they cost. Of one call, both are for that call.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tokens {
    pub per_minute: f64,
    pub usd_per_s: f64,
}

/// What one call takes and costs.
fn call_tokens(kind: AnalysisType, call: CallKind, model: &ModelName) -> Tokens {
    let family = Family::of(model);
    let in_its_own = f64::from(family.tokens_percent) / 100.0;
    let prefix = figures::prefix_tokens(call) * in_its_own;
    let profile = figures::profile_tokens(kind) * in_its_own;
    let answer = f64::from(call.config().output_tokens_max) * figures::ANSWER_SHARE_OF_MAX * in_its_own;
    let usd = family.price.map_or(0.0, |price| {
        let of = |tokens: f64, picousd: u64| tokens * picousd as f64 / 1e12;
        of(prefix * figures::PREFIX_CACHED_SHARE, price.cached)
            + of(prefix * (1.0 - figures::PREFIX_CACHED_SHARE), price.cache_write)
            + of(profile, price.input)
            + of(answer, price.output)
    });
    Tokens { per_minute: prefix + profile + answer, usd_per_s: usd }
}

fn reads(work: &Work) -> f64 {
    work.snapshot_searches * figures::READS_PER_SEARCH
        + work.snapshot_saves * figures::READS_PER_SAVE
        + figures::LOADS_PER_RUN
}

fn writes(work: &Work) -> f64 {
    work.snapshot_saves * figures::WRITES_PER_SAVE + work.pictures
}

/// Of all types, cold and cached.
fn largest(figure: impl Fn(AnalysisType, bool) -> f64) -> f64 {
    let both = AnalysisType::ALL.into_iter().flat_map(|kind| [figure(kind, true), figure(kind, false)]);
    both.fold(0.0, f64::max)
}
