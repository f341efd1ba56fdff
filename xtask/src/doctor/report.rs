//! The findings as people read them, and as programs do.

use serde_json::{Value, json};

use crate::doctor::catalog::{CHECKS, SOURCES, source_of};
use crate::doctor::finding::{Finding, Verdict};
use crate::table::table;

/// A table for each source, then what to do about each finding.
pub fn in_words(findings: &[Finding]) -> String {
    let mut out = String::new();
    for (source, title) in SOURCES {
        let of_source: Vec<&Finding> = findings.iter().filter(|found| source_of(found.check) == source).collect();
        if of_source.is_empty() {
            continue;
        }
        out += &format!("{title}\n");
        out += &table(&["check", "verdict", "rule"], of_source.iter().map(|found| row(found)).collect());
        for found in of_source {
            out += &remark(found);
        }
        out += "\n";
    }
    out + &sums(findings)
}

/// One object for each check.
pub fn as_json(findings: &[Finding]) -> Value {
    let objects = findings.iter().map(|found| {
        let mut object = json!({ "check": found.check, "rule": rule(found.check) });
        if let (Some(object), Value::Object(verdict)) = (object.as_object_mut(), found.verdict.json()) {
            object.extend(verdict);
        }
        object
    });
    Value::Array(objects.collect())
}

fn rule(name: &str) -> &'static str {
    CHECKS.iter().find(|check| check.name == name).map_or("", |check| check.rule)
}

fn row(found: &Finding) -> Vec<String> {
    let verdict = match found.verdict {
        Verdict::Held => "held",
        Verdict::Broken { .. } => "BROKEN",
        Verdict::Unknown { .. } => "unknown",
    };
    vec![found.check.to_owned(), verdict.to_owned(), rule(found.check).to_owned()]
}

fn remark(found: &Finding) -> String {
    match &found.verdict {
        Verdict::Held => String::new(),
        Verdict::Broken { what, do_this } => format!("  BROKEN {}: {what}\n    do this: {do_this}\n", found.check),
        Verdict::Unknown { why } => format!("  unknown {}: {why}\n", found.check),
    }
}

fn sums(findings: &[Finding]) -> String {
    let count = |is: fn(&Verdict) -> bool| findings.iter().filter(|found| is(&found.verdict)).count();
    format!(
        "{} held, {} broken, {} unknown\n",
        count(|verdict| matches!(verdict, Verdict::Held)),
        count(|verdict| matches!(verdict, Verdict::Broken { .. })),
        count(|verdict| matches!(verdict, Verdict::Unknown { .. })),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        vec![
            Finding::new("files.door", Verdict::Held),
            Finding::new("api.ready", Verdict::broken("it answers 503", "read details.faults")),
            Finding::new("models.offered", Verdict::unknown("there is no key: set OPENAI_API_KEY")),
        ]
    }

    #[test]
    fn what_is_broken_stands_with_what_to_do_and_what_is_unknown_with_what_to_set() {
        let text = in_words(&findings());
        assert!(text.contains("  BROKEN api.ready: it answers 503\n    do this: read details.faults\n"), "{text}");
        assert!(text.contains("  unknown models.offered: there is no key: set OPENAI_API_KEY\n"), "{text}");
        assert!(text.ends_with("1 held, 1 broken, 1 unknown\n"), "{text}");
    }

    #[test]
    fn programs_get_every_check_with_its_verdict() {
        let list = as_json(&findings());
        assert_eq!(list[0]["verdict"], "held");
        assert_eq!(list[1]["do_this"], "read details.faults");
        assert_eq!(list[2]["why"], "there is no key: set OPENAI_API_KEY");
        assert!(
            list.as_array().unwrap().iter().all(|one| one["rule"].as_str().is_some_and(|rule| rule.ends_with('.')))
        );
    }
}
