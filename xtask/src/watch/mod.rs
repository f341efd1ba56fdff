//! `cargo xtask watch`: follows a deployment and says at the end whether every target of the checklist held (docs/deploying.md).
//!
//! Promises:
//! - What the targets are judged by is the database's: a poll that fails, or this machine's clock, changes none of it.
//! - A poll that fails does not end it, and is counted.
//! - Ctrl-C ends it with the verdict so far.
//! - Only a watch that was answered until its end, and had an analysis to judge by, is a success.

mod follow;
mod line;
mod source;
mod verdict;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use self::follow::{Clock, follow};
use self::source::Deployment;
use crate::environment::{Environment, EnvironmentArgs};
use crate::project::Project;

/// The API reads no more than eight days.
const HOURS_MAX: f64 = 168.0;

/// Arguments of `cargo xtask watch`.
#[derive(clap::Args)]
pub struct WatchArgs {
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// For how many hours; parts of one too, such as 0.5
    #[arg(long, default_value = "24", value_parser = read_hours)]
    hours: Duration,
    /// Seconds from one poll to the next
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    every: u64,
    /// What happened from then on counts too, to go on with an earlier watch: a time of the last days [default: now]
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// A file with the operator's access token, read before each poll: whoever renews it there keeps a long watch going
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

fn read_hours(text: &str) -> Result<Duration> {
    let hours: f64 = text.parse().context("not a number")?;
    if !(hours > 0.0 && hours <= HOURS_MAX) {
        bail!("more than 0, and at most {HOURS_MAX}");
    }
    Ok(Duration::from_secs_f64(hours * 3_600.0))
}

/// Follows the deployment; `false` unless every target held for all of the time.
pub fn run(project: &Project, args: &WatchArgs) -> Result<bool> {
    let environment = Environment::open(project, &args.environment)?;
    println!("watching {} at {}, until {} or Ctrl-C", environment.name, environment.api_url, until(args.hours)?);
    let mut source = Deployment::new(environment, args.token_file.clone())?;
    let (stop, stopped) = channel();
    // The second Ctrl-C ends the process as usual: nobody listens then.
    ctrlc::set_handler(move || {
        if stop.send(()).is_err() {
            std::process::exit(130);
        }
    })
    .context("cannot handle interruptions")?;
    let mut clock = WallClock { began: Instant::now(), stopped };
    let every = Duration::from_secs(args.every);
    let followed = follow(&mut source, &mut clock, args.hours, every, args.since, &mut |line| println!("{line}"));
    let verdict = verdict::of(&followed);
    print!("\n{verdict}");
    Ok(verdict.is_held())
}

fn until(time: Duration) -> Result<String> {
    let end = Timestamp::now().checked_add(time)?;
    Ok(end.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// Time as it passes, until somebody presses Ctrl-C.
struct WallClock {
    began: Instant,
    stopped: Receiver<()>,
}

impl Clock for WallClock {
    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn wait(&mut self, time: Duration) -> bool {
        matches!(self.stopped.recv_timeout(time), Err(RecvTimeoutError::Timeout))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_may_be_parts_of_one_and_a_week_at_most() {
        assert_eq!(read_hours("0.02").unwrap(), Duration::from_secs(72));
        assert_eq!(read_hours("168").unwrap(), Duration::from_secs(7 * 24 * 3_600));
        for refused in ["0", "-1", "168.1", "NaN", "inf", "a day", ""] {
            assert!(read_hours(refused).is_err(), "{refused}");
        }
    }
}
