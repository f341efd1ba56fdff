//! Runs one suite with its output in a file and a time limit, and counts its tests.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::test::plan::Suite;

/// A suite that takes longer is taken for hanging. The longest takes three minutes on two idle cores, and many times
/// that on busy ones.
const SUITE_MAX: Duration = Duration::from_secs(30 * 60);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Tests of a program that run at once, the same on every machine: the stack that they share has ten actor runs, however many
/// processors there are, and tests that wait for them share them, also with the faults that another test planted.
const TESTS_AT_ONCE: &str = "2";

/// Environment variables that say where the stack is.
pub type Environment = [(&'static str, OsString)];

#[derive(Debug)]
pub struct Outcome {
    pub name: String,
    pub passed: u32,
    /// At least one unless the program exited with success, so that a crash without a summary counts.
    pub failed: u32,
    pub ignored: u32,
    pub took: Duration,
    /// Everything it printed.
    pub output: String,
}

impl Outcome {
    /// The line in the summary.
    pub fn line(&self) -> String {
        let verdict = if self.failed == 0 { "passed" } else { "FAILED" };
        let mut counts = format!("{:>4} passed", self.passed);
        for (count, what) in [(self.failed, "failed"), (self.ignored, "ignored")] {
            if count > 0 {
                counts += &format!(", {count} {what}");
            }
        }
        format!("  {verdict}  {:<50} {:>6.1} s  {counts}", self.name, self.took.as_secs_f64())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    Normal,
    /// Gives way to the other suites when the processors are busy.
    Low,
}

/// Runs a suite to its end with its output in `log`.
pub fn run(suite: &Suite, environment: &Environment, priority: Priority, log: &Path) -> Result<Outcome> {
    let file = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
    let mut command = match priority {
        Priority::Normal => Command::new(&suite.program),
        Priority::Low => {
            let mut command = Command::new("nice");
            // A gentle value: the suite must still finish beside the others.
            command.args(["-n", "5"]).arg(&suite.program);
            command
        }
    };
    // The environment that cargo gives to the tests that it starts.
    command.args(&suite.arguments).current_dir(&suite.dir).env("CARGO_MANIFEST_DIR", &suite.dir);
    if !environment.is_empty() {
        command.env("RUST_TEST_THREADS", TESTS_AT_ONCE);
    }
    command.envs(environment.iter().cloned()).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let started = Instant::now();
    let child = command.spawn().with_context(|| format!("cannot start {}", suite.program.display()))?;
    let ended = wait(child, started)?;
    let mut output = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
    if ended.is_none() {
        output += &format!("\nstopped: it was still running after {} minutes\n", SUITE_MAX.as_secs() / 60);
    }
    let [passed, failed, ignored] = counts(&output);
    let is_good = ended.is_some_and(|status| status.success());
    let failed = if is_good { failed } else { failed.max(1) };
    Ok(Outcome { name: suite.name.clone(), passed, failed, ignored, took: started.elapsed(), output })
}

/// How a program ended; `None` if it took too long and was killed.
fn wait(mut child: Child, started: Instant) -> Result<Option<ExitStatus>> {
    while started.elapsed() < SUITE_MAX {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

/// Passed, failed and ignored tests, from the totals that Rust's test programs print, or the number of schemathesis's
/// cases, or of the rules of chaos.
fn counts(output: &str) -> [u32; 3] {
    let rules = output.lines().find_map(|line| {
        let (held, broken) = line.strip_suffix(" broken")?.split_once(" rules held, ")?;
        Some([held.parse().ok()?, broken.parse().ok()?, 0])
    });
    if let Some(rules) = rules {
        return rules;
    }
    let cases = output.lines().find_map(|line| line.trim().split_once(" generated,")?.0.parse().ok());
    if let Some(cases) = cases {
        return [cases, 0, 0];
    }
    let sums = output.lines().filter_map(|line| line.strip_prefix("test result: "));
    sums.fold([0; 3], |all, sums| {
        let number = |word: &str| {
            let part = sums.split([';', '.']).find_map(|part| part.trim().strip_suffix(word));
            part.and_then(|part| part.trim().parse::<u32>().ok()).unwrap_or(0)
        };
        let [passed, failed, ignored] = all;
        [passed + number("passed"), failed + number("failed"), ignored + number("ignored")]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Outcome {
        let dir = std::env::temp_dir();
        let suite = Suite {
            name: format!("a script {:x}", script.len()),
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            dir: dir.clone(),
        };
        run(&suite, &[], Priority::Low, &dir.join(format!("oslira-{}-{:x}.log", std::process::id(), script.len())))
            .unwrap()
    }

    #[test]
    fn tests_are_counted() {
        let outcome = shell("echo 'test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out'");
        assert_eq!((outcome.passed, outcome.failed, outcome.ignored), (12, 0, 1));
    }

    #[test]
    fn cases_of_schemathesis_are_counted() {
        let outcome = shell("echo 'Test cases:'; echo '  2711 generated, 2711 passed, 36 skipped'");
        assert_eq!((outcome.passed, outcome.failed), (2_711, 0));
    }

    #[test]
    fn rules_of_chaos_are_counted() {
        let outcome = shell("echo '11 rules held, 3 broken'; exit 1");
        assert_eq!((outcome.passed, outcome.failed), (11, 3));
    }

    #[test]
    fn a_program_that_dies_without_a_sum_has_failed() {
        let outcome = shell("echo 'stack overflow' >&2; exit 101");
        assert_eq!((outcome.passed, outcome.failed), (0, 1));
        assert!(outcome.line().contains("FAILED") && outcome.output.contains("stack overflow"), "{outcome:?}");
    }
}
