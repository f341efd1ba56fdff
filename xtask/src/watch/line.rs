//! What has happened so far, as one line.

use oslira_app::features::diagnostics::{HealthSummary, RunHealth};

/// The same for summaries between which nothing happened: it has no times that only pass.
pub fn line(summary: &HealthSummary) -> String {
    let mut parts: Vec<String> = summary.runs.iter().filter(|run| has_any(run)).map(of_type).collect();
    if parts.is_empty() {
        parts.push("no analyses".to_owned());
    }
    let mut also = |count: u64, what: &str| {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    };
    also(summary.webhooks.unapplied, "events not applied");
    also(summary.dead_letters.iter().map(|letters| letters.messages).sum(), "dead letters");
    also(summary.jobs.iter().map(|job| job.failed + job.died).sum(), "jobs failed");
    also(summary.jobs.iter().filter(|job| job.is_silent).count() as u64, "jobs silent");
    let open = summary.alarms.iter().filter(|alarm| alarm.closed_at.is_none());
    let names: Vec<String> = open.map(|alarm| format!("{} {}", alarm.alarm, alarm.subject).trim().to_owned()).collect();
    if !names.is_empty() {
        parts.push(format!("alarms: {}", names.join(", ")));
    }
    parts.join("; ")
}

const fn has_any(run: &RunHealth) -> bool {
    run.begun + run.complete + run.failed + run.cancelled > 0
}

fn of_type(run: &RunHealth) -> String {
    let mut text = format!("{} {} begun, {} complete", run.analysis_type.as_str(), run.begun, run.complete);
    for (count, what) in [(run.failed, "failed"), (run.cancelled, "cancelled"), (run.refunded, "refunded")] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    match run.p95_ms {
        Some(p95) => text + &format!(", p95 {:.1} s", p95 as f64 / 1_000.0),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::follow::tests::summary;
    use super::*;

    #[test]
    fn a_line_names_what_there_is_and_nothing_else() {
        assert_eq!(line(&summary(|_| {})), "no analyses");
        let busy = summary(|it| {
            let run = &mut it["runs"][0];
            (run["begun"], run["complete"], run["failed"]) = (json!(12), json!(9), json!(1));
            (run["refunded"], run["p95_ms"]) = (json!(1), json!(6_140));
            it["webhooks"]["unapplied"] = json!(2);
            it["dead_letters"] = json!([{ "queue": "billing-dead", "messages": 3, "last_at": "2026-11-27T09:00:00Z" }]);
            it["jobs"][0]["is_silent"] = json!(true);
            it["jobs"][0]["died"] = json!(1);
            it["alarms"] = json!([{
                "alarm": "latency", "subject": "LIGHT", "value": 12.0, "threshold": 11.0,
                "opened_at": "2026-11-27T09:00:00Z", "closed_at": null,
            }]);
        });
        assert_eq!(
            line(&busy),
            "LIGHT 12 begun, 9 complete, 1 failed, 1 refunded, p95 6.1 s; 2 events not applied; 3 dead letters; 1 jobs failed; \
             1 jobs silent; alarms: latency LIGHT"
        );
    }
}
