//! What a check found.

use serde_json::{Value, json};

/// How many things one finding names; the rest is counted.
const NAMED_MAX: usize = 8;
/// How long an error's text may be in a report: nobody reads more, and an answer may be garbage.
const CAUSE_CHARS_MAX: usize = 300;

/// The outcome of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its name, as in the catalog.
    pub check: &'static str,
    pub verdict: Verdict,
}

/// What a check says of the deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As it must be.
    Held,
    /// Somebody must do something.
    Broken { what: String, do_this: String },
    /// It could not be checked, and what has to be there to check it.
    Unknown { why: String },
}

impl Verdict {
    /// Broken if there is any fault, held if there is none.
    pub fn of(faults: Vec<String>, do_this: impl Into<String>) -> Self {
        if faults.is_empty() {
            return Self::Held;
        }
        let beyond = faults.len().saturating_sub(NAMED_MAX);
        let mut what = faults.into_iter().take(NAMED_MAX).collect::<Vec<_>>().join("; ");
        if beyond > 0 {
            what += &format!("; and {beyond} more");
        }
        Self::Broken { what, do_this: do_this.into() }
    }

    pub fn broken(what: impl Into<String>, do_this: impl Into<String>) -> Self {
        Self::Broken { what: what.into(), do_this: do_this.into() }
    }

    pub fn unknown(why: impl AsRef<str>) -> Self {
        Self::Unknown { why: shortened(why.as_ref()) }
    }

    /// The same as JSON, for programs.
    pub fn json(&self) -> Value {
        match self {
            Self::Held => json!({ "verdict": "held" }),
            Self::Broken { what, do_this } => json!({ "verdict": "broken", "what": what, "do_this": do_this }),
            Self::Unknown { why } => json!({ "verdict": "unknown", "why": why }),
        }
    }
}

impl Finding {
    pub const fn new(check: &'static str, verdict: Verdict) -> Self {
        Self { check, verdict }
    }

    pub const fn is_broken(&self) -> bool {
        matches!(self.verdict, Verdict::Broken { .. })
    }
}

/// A cause on one line, of a length that can be read.
pub fn shortened(cause: &str) -> String {
    let line = cause.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= CAUSE_CHARS_MAX {
        return line;
    }
    line.chars().take(CAUSE_CHARS_MAX).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_names_some_faults_and_counts_the_others() {
        assert_eq!(Verdict::of(vec![], "nothing"), Verdict::Held);
        let faults: Vec<String> = (1..=11).map(|n| format!("table {n}")).collect();
        let Verdict::Broken { what, do_this } = Verdict::of(faults, "do it") else { panic!("not broken") };
        assert!(what.starts_with("table 1; table 2") && what.ends_with("table 8; and 3 more"), "{what}");
        assert_eq!(do_this, "do it");
    }

    #[test]
    fn a_cause_is_one_line_of_bounded_length() {
        assert_eq!(shortened("a\n  b"), "a b");
        assert_eq!(shortened(&"ü".repeat(1_000)).chars().count(), CAUSE_CHARS_MAX + 1);
    }
}
