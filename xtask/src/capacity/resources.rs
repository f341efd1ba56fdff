//! Each thing that may run out: how much of it a load takes, where its limit is, and what moves that.

use super::demand::{DAY_S, Demand, Sharing, at_once};
use super::figures;
use super::limits;
use super::load::{Load, Setup};

/// From so much of a limit on, it is time to move it.
const TIGHT_FROM: f64 = 0.7;

/// Something that may run out.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// A stable name, in snake case; of tokens with the model.
    pub name: String,
    /// What is counted, with its unit.
    pub what: &'static str,
    pub demand: f64,
    /// As it is set up; `None` if it is not known.
    pub limit: Option<f64>,
    /// As far as settings, plans and purchases move it; `None` if there is no known end.
    pub limit_most: Option<f64>,
    /// Which setting or plan that is.
    pub moved_by: &'static str,
    /// What has to be built when that is not enough.
    pub beyond: &'static str,
    /// Where the demand is from: measured here, or computed and of what.
    pub demand_from: &'static str,
    /// Beyond this limit customers wait some seconds longer, and nothing is refused.
    pub is_soft: bool,
}

/// How a load stands to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Below seven tenths of it.
    Fits,
    /// Above that.
    Tight,
    /// Beyond one that only costs seconds.
    Slower,
    /// Beyond it, and a setting or a plan moves it far enough.
    Settings,
    /// Beyond what settings and plans move.
    Unmovable,
    /// The limit is not known here.
    Unknown,
}

impl State {
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Tight => "tight",
            Self::Slower => "requests share runs",
            Self::Settings => "a setting moves it",
            Self::Unmovable => "**no setting moves it**",
            Self::Unknown => "ask the provider",
        }
    }
}

impl Resource {
    /// Which part of the limit is used; above 1 it is exceeded.
    pub fn utilisation(&self) -> Option<f64> {
        self.limit.map(|limit| self.demand / limit)
    }

    pub fn state(&self) -> State {
        let Some(used) = self.utilisation() else { return State::Unknown };
        let most = self.limit_most.map_or(0.0, |most| self.demand / most);
        match used {
            used if self.is_soft && used > 1.0 => State::Slower,
            _ if most > 1.0 => State::Unmovable,
            used if used > 1.0 => State::Settings,
            used if used > TIGHT_FROM => State::Tight,
            _ => State::Fits,
        }
    }
}

/// All of them, for a load.
pub fn resources(demand: &Demand<'_>, setup: &Setup) -> Vec<Resource> {
    let mut all = platform(demand);
    all.extend(database(demand, setup));
    all.extend(scraper(demand, setup));
    all.extend(models(demand, setup, false));
    all.extend(models(demand, setup, true));
    all
}

fn platform(demand: &Demand<'_>) -> Vec<Resource> {
    let load = &demand.load;
    vec![
        Resource {
            name: "workflow_creations".to_owned(),
            what: "workflow instances created a second",
            demand: load.per_s(),
            limit: Some(limits::WORKFLOW_CREATIONS_PER_S),
            limit_most: Some(limits::WORKFLOW_CREATIONS_PER_S),
            moved_by: "nothing; what is refused waits in the queue `analysis` for five minutes",
            beyond: "shard: three workflows of the same class, chosen by the run's id, reach the account's 300 a second; beyond that, a limit that Cloudflare raises",
            demand_from: "one instance an analysis",
            is_soft: false,
        },
        Resource {
            name: "workflows_running".to_owned(),
            what: "workflow instances at once",
            demand: demand.instances_running(),
            limit: Some(limits::WORKFLOWS_RUNNING),
            limit_most: Some(limits::WORKFLOWS_RUNNING),
            moved_by: "nothing",
            beyond: "a limit that Cloudflare raises, or a second account",
            demand_from: "computed: rate × how long an analysis takes (`bench`)",
            is_soft: false,
        },
        Resource {
            name: "queue_messages".to_owned(),
            what: "messages a second in `analysis`, if no workflow can be created",
            demand: load.per_s(),
            limit: Some(limits::QUEUE_MESSAGES_PER_S),
            limit_most: Some(limits::QUEUE_MESSAGES_PER_S),
            moved_by: "nothing",
            beyond: "shard: several queues, chosen by the run's id",
            demand_from: "one message an analysis, in that outage only",
            is_soft: false,
        },
        Resource {
            name: "gate_requests".to_owned(),
            what: "requests a second of the one ScrapeGate",
            demand: demand.gate_requests_per_s(),
            limit: Some(limits::OBJECT_REQUESTS_PER_S),
            limit_most: Some(limits::OBJECT_REQUESTS_PER_S),
            moved_by: "nothing; half of it is a prudent plan, because most requests store",
            beyond: "shard: a gate for each part of the actor runs (say 64 each), accounts shared out by a hash of their id; fairness then holds within a gate",
            demand_from: "counted in the simulation; upper bound, as if no scrape were shared",
            is_soft: false,
        },
        Resource {
            name: "progress_requests_of_one".to_owned(),
            what: "requests a second of one run's RunProgress",
            demand: demand.progress_requests_per_s_of_one_run(),
            limit: Some(limits::OBJECT_REQUESTS_PER_S),
            limit_most: Some(limits::OBJECT_REQUESTS_PER_S),
            moved_by: "nothing, and it does not grow: each run has its own",
            beyond: "nothing is needed",
            demand_from: "counted in the simulation, and `--polls`",
            is_soft: false,
        },
        Resource {
            name: "points_of_one".to_owned(),
            what: "points of one run's invocation",
            demand: demand.points_of_one_run(),
            limit: Some(limits::POINTS_PER_INVOCATION),
            limit_most: Some(limits::POINTS_PER_INVOCATION),
            moved_by: "nothing, and it does not grow; what is more waits for the next invocation",
            beyond: "nothing is needed",
            demand_from: "counted in the simulation",
            is_soft: false,
        },
        Resource {
            name: "subrequests_of_one".to_owned(),
            what: "subrequests of one instance",
            demand: demand.subrequests_of_one_run(),
            limit: Some(limits::SUBREQUESTS_PER_INSTANCE),
            limit_most: Some(limits::SUBREQUESTS_PER_INSTANCE),
            moved_by: "`limits.subrequests` in `wrangler.jsonc`; it does not grow",
            beyond: "nothing is needed",
            demand_from: "counted in the simulation, without repeats",
            is_soft: false,
        },
        Resource {
            name: "log_lines".to_owned(),
            what: "log lines a day",
            demand: demand.points_per_s() * DAY_S,
            limit: Some(limits::LOG_LINES_PER_DAY),
            limit_most: Some(limits::LOG_LINES_PER_DAY),
            moved_by: "`head_sampling_rate` in `wrangler.jsonc`, which then also loses errors' lines",
            beyond: "Logpush to R2",
            demand_from: "counted in the simulation: a line for each point; warnings come on top",
            is_soft: false,
        },
    ]
}

fn database(demand: &Demand<'_>, setup: &Setup) -> Vec<Resource> {
    let (tenant, system) = (demand.tenant_statements_per_s(), demand.system_statements_per_s());
    let connections = |name: &str, what, per_s, limit, moved_by| Resource {
        name: name.to_owned(),
        what,
        demand: at_once(per_s, figures::STATEMENT_HOLDS_S),
        limit: Some(limit),
        limit_most: Some(limits::HYPERDRIVE_CONNECTIONS),
        moved_by,
        beyond: "a second configuration for the same login",
        demand_from: "computed: statements a second × 5 ms, of which 2 ms of network are assumed; means, so leave room for bursts",
        is_soft: false,
    };
    vec![
        Resource {
            name: "transactions".to_owned(),
            what: "Postgres transactions a second",
            demand: tenant + system,
            limit: Some(setup.database_cores * figures::TRANSACTIONS_PER_S_PER_CORE),
            limit_most: Some(limits::DATABASE_CORES * figures::TRANSACTIONS_PER_S_PER_CORE),
            moved_by: "a larger database at Supabase: 2,441 a core (`bench --only ledger`)",
            beyond: "fewer statements (one heartbeat for parallel calls), then accounts sharded over projects",
            demand_from: "counted in the simulation, plus 4 of the requests; every statement as heavy as a charge",
            is_soft: false,
        },
        connections(
            "tenant_connections",
            "connections at once of Hyperdrive `DB`",
            tenant,
            setup.tenant_connections,
            "`wrangler hyperdrive update ID --origin-connection-limit N`, and a database that allows as many",
        ),
        connections(
            "admin_connections",
            "connections at once of Hyperdrive `DB_ADMIN`",
            system,
            setup.admin_connections,
            "`wrangler hyperdrive update ID --origin-connection-limit N`, and a database that allows as many",
        ),
        Resource {
            name: "database_size".to_owned(),
            what: "GB of rows after a year",
            demand: demand.rows_gb_after_a_year(),
            limit: Some(limits::DISK_GB),
            limit_most: Some(limits::DISK_GB),
            moved_by: "nothing: Supabase's disk grows by itself up to there, at $0.125 a GB",
            beyond: "analyses older than some months in R2, then accounts sharded over projects",
            demand_from: "rows of an analysis × bytes a row, as long as each table keeps them (below)",
            is_soft: false,
        },
    ]
}

fn scraper(demand: &Demand<'_>, setup: &Setup) -> Vec<Resource> {
    vec![
        Resource {
            name: "actor_runs_unshared".to_owned(),
            what: "actor runs at once, if each reads one profile",
            demand: demand.actor_runs(setup, Sharing::Nobody),
            limit: Some(setup.apify_runs),
            // Beyond the limit requests share runs, which costs seconds: the next row is the limit that counts.
            limit_most: None,
            moved_by: "`APIFY_MAX_CONCURRENT`; beyond it requests share runs and wait some seconds longer",
            beyond: "nothing is needed: see `actor_runs_shared`",
            demand_from: "computed: Little's law, with the sandbox's times of actor runs",
            is_soft: true,
        },
        Resource {
            name: "actor_runs_shared".to_owned(),
            what: "actor runs at once, if each reads ten profiles or three lists of posts",
            demand: demand.actor_runs(setup, Sharing::Everybody),
            limit: Some(setup.apify_runs),
            limit_most: Some(limits::APIFY_RUNS),
            moved_by: "`APIFY_MAX_CONCURRENT` up to 256, and an Apify plan with as many runs (32, 128 or 256)",
            beyond: "several Apify accounts, each with a gate and a token of its own",
            demand_from: "computed: Little's law, with the sandbox's times of actor runs",
            is_soft: false,
        },
        Resource {
            name: "actor_starts".to_owned(),
            what: "starts of actor runs a second",
            demand: demand.actor_starts_per_s(),
            limit: Some(limits::APIFY_STARTS_PER_S),
            limit_most: Some(limits::APIFY_STARTS_PER_S),
            moved_by: "nothing; runs that are shared start less often",
            beyond: "several Apify accounts",
            demand_from: "computed: as if no run were shared",
            is_soft: false,
        },
    ]
}

fn models(demand: &Demand<'_>, setup: &Setup, standing_in: bool) -> Vec<Resource> {
    let what =
        if standing_in { "tokens a minute, if the models of the first provider are out" } else { "tokens a minute" };
    let of = |(model, tokens): (String, super::demand::Tokens)| {
        let limit = setup.tokens_per_minute.get(&model).copied();
        Resource {
            name: format!("tokens:{model}"),
            what,
            demand: tokens.per_minute,
            limit,
            limit_most: None,
            moved_by: "the usage tier of our account at the provider; `MODELS_…` shares calls out among models",
            beyond: "a second organisation at the provider, or another model",
            demand_from: "computed: prompts of the snapshots, a third of each longest answer; compared with `ai.cost_usd` of `bench`",
            is_soft: false,
        }
    };
    demand.tokens(standing_in).into_iter().map(of).collect()
}

/// What comes first at a load: the limit of which most is used, as it is set up. Those that only cost seconds are none.
pub fn first(resources: &[Resource]) -> Option<&Resource> {
    let used = |resource: &&Resource| resource.utilisation().unwrap_or(0.0);
    let counts = |resource: &&Resource| resource.utilisation().is_some() && !resource.is_soft;
    resources.iter().filter(counts).max_by(|a, b| used(a).total_cmp(&used(b)))
}

/// At how many analyses a minute a limit is reached, as it is set up or as far as settings move it; `None` if the demand does not grow
/// or the limit is not known.
pub fn reached_at(load: Load, setup: &Setup, figures: &figures::Figures, name: &str, most: bool) -> Option<f64> {
    const NEVER: f64 = 1e9;
    let used = |analyses_per_minute: f64| {
        let demand = Demand { load: load.at(analyses_per_minute), figures };
        let all = resources(&demand, setup);
        let resource = all.iter().find(|resource| resource.name == name)?;
        let limit = if most { resource.limit_most } else { resource.limit }?;
        Some(resource.demand / limit)
    };
    if used(NEVER)? <= 1.0 {
        return None;
    }
    let (mut fits, mut exceeds) = (0.0, NEVER);
    for _ in 0..100 {
        let middle = f64::midpoint(fits, exceeds);
        if used(middle)? <= 1.0 {
            fits = middle;
        } else {
            exceeds = middle;
        }
    }
    Some(fits)
}
