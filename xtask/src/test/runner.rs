//! Runs the lists of a plan side by side; prints a line for each suite as it ends, and the totals.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::project::Project;
use crate::test::plan::{Plan, Suite};
use crate::test::suite::{self, Environment, Outcome, Priority};

/// Runs every suite, even after failures. A suite that passes prints one line; of one that fails the whole output is
/// shown.
pub fn run(project: &Project, plan: &Plan, stack: &Environment) -> Result<Vec<Outcome>> {
    let logs = project.state_dir().join("test-logs");
    std::fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
    let report = Report { logs, outcomes: Mutex::default() };
    std::thread::scope(|scope| {
        // The simulation uses all processors for minutes. At low priority it does not slow down the suites whose tests
        // wait for answers with a timeout.
        let processors = scope.spawn(|| report.run_all(&plan.processors, &[], Priority::Low));
        let database = scope.spawn(|| report.run_all(&plan.database, stack, Priority::Normal));
        let on_stack = report.run_all(&plan.stack, stack, Priority::Normal);
        let on_database = join(database);
        let killed = on_stack.and(on_database).and_then(|()| report.run_all(&plan.kills, stack, Priority::Normal));
        join(processors).and(killed)
    })?;
    report.run_all(&plan.apart, &[], Priority::Normal)?;
    report.outcomes.into_inner().map_err(|_| anyhow!("a thread that ran tests died"))
}

fn join(thread: std::thread::ScopedJoinHandle<'_, Result<()>>) -> Result<()> {
    thread.join().map_err(|_| anyhow!("a thread that ran tests died"))?
}

struct Report {
    logs: PathBuf,
    outcomes: Mutex<Vec<Outcome>>,
}

impl Report {
    fn run_all(&self, suites: &[Suite], environment: &Environment, priority: Priority) -> Result<()> {
        suites.iter().try_for_each(|suite| self.add(suite::run(suite, environment, priority, &self.log(suite))?))
    }

    /// The output of every suite, passed or failed, is kept until the next run.
    fn log(&self, suite: &Suite) -> PathBuf {
        self.logs
            .join(Path::new(&suite.name.replace(|letter: char| !letter.is_alphanumeric(), "-")).with_extension("log"))
    }

    /// Prints while holding the lock, so that the outputs of two suites never mix.
    fn add(&self, outcome: Outcome) -> Result<()> {
        let mut outcomes = self.outcomes.lock().map_err(|_| anyhow!("a thread that ran tests died"))?;
        if outcome.failed > 0 {
            println!("\n---- {} ----\n{}\n----", outcome.name, outcome.output.trim());
        }
        println!("{}", outcome.line());
        outcomes.push(outcome);
        Ok(())
    }
}

/// Prints the totals, after a list of the failed suites; `true` if none failed.
pub fn summarize(outcomes: &[Outcome], took: Duration) -> bool {
    let sum = |of: fn(&Outcome) -> u32| outcomes.iter().map(of).sum::<u32>();
    let (passed, failed) = (sum(|outcome| outcome.passed), sum(|outcome| outcome.failed));
    println!("\n  {} suites in {:.0} s", outcomes.len(), took.as_secs_f64());
    outcomes.iter().filter(|outcome| outcome.failed > 0).for_each(|outcome| println!("{}", outcome.line()));
    println!("\n{passed} passed, {failed} failed");
    failed == 0
}
