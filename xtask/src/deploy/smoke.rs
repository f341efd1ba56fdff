//! The smoke test: the new version answers, and says that it is ready.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;

use super::runner::Runner;
use crate::environment::answer_fault;

/// Isolates of the version before answer for up to a minute or so; a first certificate takes some minutes.
pub const PATIENCE: Duration = Duration::from_mins(5);
/// Between two questions.
const PAUSE: Duration = Duration::from_secs(3);

/// Which version must answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// The one of this release.
    Release(String),
    /// Any but this one.
    Other(String),
    /// Whichever answers.
    Any,
}

impl Expected {
    fn is(&self, release: &str) -> bool {
        match self {
            Self::Release(expected) => release == expected,
            Self::Other(old) => release != old,
            Self::Any => true,
        }
    }
}

/// Asks until the expected version of this environment (as `OSLIRA_ENV` names it) is ready, and returns what it said.
///
/// # Errors
/// The last answer, when the patience is over. `advice` says how to go back.
pub fn test(
    runner: &impl Runner,
    environment: &str,
    expected: &Expected,
    patience: Duration,
    advice: &str,
) -> Result<Value> {
    let began = Instant::now();
    let mut waited = Duration::ZERO;
    loop {
        let last = match runner.ready() {
            Ok(answer) if answer.status == 200 => {
                let data = answer.body.get("data").cloned().unwrap_or(Value::Null);
                let said = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or("nothing");
                let release = said("release");
                match answer_fault(environment, said("environment")) {
                    Some(fault) => fault,
                    None if expected.is(release) => return Ok(data),
                    None => format!("{release} answers"),
                }
            }
            Ok(answer) => format!("it answers {} {}", answer.status, faults(&answer.body)),
            Err(error) => format!("{error:#}"),
        };
        if began.elapsed().max(waited) >= patience {
            bail!("GET /health/ready is not as expected within {} s: {last}. {advice}", patience.as_secs());
        }
        runner.wait(PAUSE);
        waited += PAUSE;
    }
}

/// What `/health/ready` complains of.
fn faults(body: &Value) -> String {
    let faults = body.pointer("/details/faults").and_then(Value::as_array);
    let texts = faults.map(|faults| faults.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "));
    texts.unwrap_or_else(|| body.pointer("/code").and_then(Value::as_str).unwrap_or_default().to_owned())
}
