//! What deployments and a rollback cost the customers whose work is under way: after their own retries, nothing.
//!
//! A minute of mixed work (single analyses of all types, bulks, cancels, reads, payments with Stripe's events), in which four versions
//! of the Worker take over one after the other, and the third once more. All rules of chaos must hold afterwards, those of money too.

use std::time::Duration;

use anyhow::{Result, bail};

use super::metric::{Metric, Report};
use crate::chaos::deploys::{Played, play};
use crate::interrupt::stop_stack_on_interrupt;
use crate::project::Project;
use crate::stack::{LOOSE, Layout, PoolerKind, Speed, UpOptions, Wanted, down, up};

pub const NAMES: &str = "deploy.";

const LENGTH: Duration = Duration::from_secs(60);
const VERSIONS: u32 = 4;
/// Three deployments, and the rollback of the last.
const CHANGES: [(Duration, u32); 4] = [
    (Duration::from_secs(15), 2),
    (Duration::from_secs(30), 3),
    (Duration::from_secs(45), 4),
    (Duration::from_secs(52), 3),
];
/// So many of the things that failed are told.
const SHOWN_MAX: usize = 20;

/// Plays it on a stack of its own.
pub fn measure(project: &Project, report: &mut Report) -> Result<()> {
    let layout = Layout::new(&project.state_dir().join("bench"))?;
    stop_stack_on_interrupt(&layout)?;
    let options = UpOptions {
        fresh: true,
        speed: Some(Speed::Real),
        // A few customers do the work of many.
        rate_limit_scale: Some(LOOSE),
        throw_away: true,
        pooler: PoolerKind::PgBouncer,
        versions: Wanted { count: Some(VERSIONS), dist: None },
        ..UpOptions::default()
    };
    let played = up(project, &layout, &options).and_then(|stack| play(project, &layout, &stack, LENGTH, &CHANGES));
    let stopped = down(&layout);
    // If both failed, the error of the play is the cause.
    tell(&played?, report)?;
    stopped
}

fn tell(played: &Played, report: &mut Report) -> Result<()> {
    let Played { requests, runs, failed_runs, broken } = played;
    let failed: Vec<String> =
        requests.iter().filter(|request| request.has_failed()).map(|request| request.end.place()).collect();
    let retried = requests.iter().filter(|request| request.attempts > 1);
    eprintln!(
        "  {} requests, of which {} were retried, and {runs} runs{}",
        requests.len(),
        retried.clone().count(),
        slowest(retried.map(|request| request.took))
    );
    for (what, which) in [("failed request", &failed), ("failed run", failed_runs)] {
        which.iter().take(SHOWN_MAX).for_each(|one| eprintln!("  {what}: {one}"));
    }
    report.add(Metric::count("deploy.failed_requests", failed.len()));
    report.add(Metric::count("deploy.failed_runs", failed_runs.len()));
    for check in broken {
        eprintln!("  BROKEN  {}", check.rule);
        check.violations.iter().take(SHOWN_MAX).for_each(|one| eprintln!("          {one}"));
    }
    match broken.len() {
        0 => Ok(()),
        count => bail!("{count} rules of the audit are broken; the logs are in .oslira/bench/logs"),
    }
}

fn slowest(retried: impl Iterator<Item = Duration>) -> String {
    retried
        .max()
        .map_or_else(String::new, |took| format!("; the slowest retried request took {:.1} s", took.as_secs_f64()))
}
