//! Alarms, and when they begin and end.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What can be wrong. The names are the database's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// Too few analyses found their profile in the cache, over a week.
    CacheHits,
    /// Too many runs failed, over a day.
    Success,
    /// By the end of the month, AI calls will have cost more than they may.
    AiBudget,
    /// Analyses of a type take too long.
    Latency,
    /// An event of Stripe's has not been applied for too long; or too many have not.
    Webhooks,
    /// A queue has given messages up.
    DeadLetters,
    /// A model in use is shut down soon, or has been.
    ModelRetiring,
    /// A job has not done its work for too long.
    JobSilent,
}

impl Alarm {
    pub const ALL: [Self; 8] = [
        Self::CacheHits,
        Self::Success,
        Self::AiBudget,
        Self::Latency,
        Self::Webhooks,
        Self::DeadLetters,
        Self::ModelRetiring,
        Self::JobSilent,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CacheHits => "cache_hits",
            Self::Success => "success",
            Self::AiBudget => "ai_budget",
            Self::Latency => "latency",
            Self::Webhooks => "webhooks",
            Self::DeadLetters => "dead_letters",
            Self::ModelRetiring => "model_retiring",
            Self::JobSilent => "job_silent",
        }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which end of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrossingKind {
    Opened,
    Closed,
}

/// An alarm that begins or ends.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Crossing {
    /// Of the alarm's row.
    pub id: i64,
    pub crossing: CrossingKind,
    pub alarm: Alarm,
    /// A type of analysis, a queue, a model, a job, or the state of the events that wait, with `-many` where it is their number; else empty.
    pub subject: String,
    /// What was found when it began, and the limit: shares from 0 to 1, dollars, seconds, messages, events, days.
    pub value: f64,
    pub threshold: f64,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_has_one_name() {
        for alarm in Alarm::ALL {
            assert_eq!(serde_json::to_value(alarm).unwrap(), alarm.name());
        }
    }

    #[test]
    fn the_runbook_says_of_every_alarm_what_to_do() {
        let runbook = include_str!("../../../../../docs/runbook.md");
        for alarm in Alarm::ALL {
            let entry = runbook.split_once(&format!("\n### `{alarm}`\n")).map(|(_, rest)| rest);
            let entry = entry.unwrap_or_else(|| panic!("docs/runbook.md has no entry `{alarm}`"));
            let entry = entry.split("\n##").next().unwrap();
            for part in ["Means", "Suffers", "See", "Do", "Over", "Never"] {
                assert!(entry.contains(&format!("\n- **{part}**:")), "`{alarm}` does not say {part}");
            }
            assert!(runbook.contains(&format!("| alarm `{alarm}` | ")), "the index has no line for `{alarm}`");
        }
    }
}
