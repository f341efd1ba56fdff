//! The canary's page: where the time of each analysis went, what its calls took, and how far the database is.

use std::fmt::Write as _;

use oslira_app::features::alarms::AlarmLimits;
use oslira_app::features::diagnostics::{AiCallTimes, RunTimings, ScrapeTimes};

use super::Analysed;
use super::round_trips::{Measured, percentile};
use crate::table::table;

/// Beside its database, a Worker waits a few milliseconds for a statement; beyond this, they are in different regions.
const ROUND_TRIP_P95_MAX_MS: u64 = 10;

/// All of it, with a verdict at the end.
pub fn page(analysed: &[Analysed], round_trips: &Measured) -> String {
    let mut page = String::new();
    for one in analysed {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "{}", heading(one));
        page += &steps(one);
        if let Some(timings) = &one.timings {
            page += &scrapes(&timings.scrapes);
            page += &calls(&timings.calls);
        }
        page += "\n";
    }
    page += &distance(round_trips);
    page += &verdict(analysed, round_trips);
    page
}

fn seconds(milliseconds: u64) -> String {
    format!("{:.2} s", milliseconds as f64 / 1_000.0)
}

fn heading(one: &Analysed) -> String {
    let name = format!("{} of @{}", one.wanted.analysis_type.as_str(), one.wanted.username);
    let run = one.run.as_ref().map(|run| format!(", run {run}")).unwrap_or_default();
    if let Some(failure) = &one.failure {
        return format!("{name}: FAILED, {failure}{run}");
    }
    let Some(timings) = &one.timings else { return format!("{name}{run}") };
    let took = timings.total_ms.map(|total| format!(" in {}", seconds(total))).unwrap_or_default();
    let cached = if timings.cache_hit == Some(true) { ", its profile from the cache" } else { "" };
    format!("{name}: complete{took}, {}{cached}{run}", cost(timings))
}

/// What the run cost us, as far as it is known.
fn cost(timings: &RunTimings) -> String {
    let priced: f64 = timings.calls.iter().filter_map(|call| call.usd).sum();
    let scraped: f64 = timings.scrapes.iter().map(|scrape| scrape.usd).sum();
    let is_known = timings.calls.iter().all(|call| call.usd.is_some());
    format!("${:.4}{}", priced + scraped, if is_known { "" } else { " and calls without a known price" })
}

fn steps(one: &Analysed) -> String {
    let mut rows = Vec::new();
    let mut row = |step: &str, took: Option<u64>| {
        if let Some(took) = took {
            rows.push(vec![step.to_owned(), took.to_string()]);
        }
    };
    if let Some(timings) = &one.timings {
        row("engine start", timings.waiting_ms);
    }
    for phase in &one.phases {
        row(phase.phase, Some(phase.took_ms));
    }
    if let Some(timings) = &one.timings {
        row("until the profile was there", timings.reading_ms);
        row("until the result was stored", timings.judging_ms);
        row("in all", timings.total_ms);
    }
    table(&["step", "ms"], rows)
}

fn scrapes(scrapes: &[ScrapeTimes]) -> String {
    let row = |scrape: &ScrapeTimes| {
        vec![
            scrape.actor.clone(),
            scrape.outcome.clone(),
            scrape.took_ms.to_string(),
            scrape.results.to_string(),
            format!("{:.4}", scrape.usd),
        ]
    };
    table(&["scrape", "outcome", "ms", "results", "usd"], scrapes.iter().map(row).collect())
}

fn calls(calls: &[AiCallTimes]) -> String {
    let row = |call: &AiCallTimes| {
        vec![
            call.call.clone(),
            call.model.clone(),
            call.took_ms.to_string(),
            call.input_tokens.to_string(),
            call.cached_tokens.to_string(),
            call.cache_write_tokens.to_string(),
            call.output_tokens.to_string(),
            call.reasoning_tokens.to_string(),
            call.usd.map(|usd| format!("{usd:.5}")).unwrap_or_default(),
        ]
    };
    let columns = ["ai call", "model", "ms", "in", "cached", "written", "out", "reasoning", "usd"];
    table(&columns, calls.iter().map(row).collect())
}

fn distance(measured: &Measured) -> String {
    let shown = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    let row = |name: &str, values: &[u64], mean: Option<f64>| {
        let mut row = vec![name.to_owned(), values.len().to_string()];
        row.push(mean.map(|mean| format!("{mean:.2}")).unwrap_or_default());
        row.extend([50, 95, 99, 100].map(|percent| shown(percentile(values, percent))));
        row
    };
    let rows = vec![
        row("to the database and back", &measured.milliseconds, measured.mean_ms()),
        row("the first of a request, which connects", &measured.first_ms, None),
    ];
    table(&["round trips, ms", "count", "mean", "p50", "p95", "p99", "max"], rows) + "\n"
}

/// A line for each target: whether it was held.
fn verdict(analysed: &[Analysed], round_trips: &Measured) -> String {
    let limits = AlarmLimits::default();
    let mut lines = String::new();
    let mut line = |is_held: bool, text: String| {
        let _ = writeln!(lines, "  {}  {text}", if is_held { "held  " } else { "MISSED" });
    };
    for one in analysed {
        let kind = one.wanted.analysis_type.as_str();
        let name = format!("{kind} of @{}", one.wanted.username);
        let most = limits.p95_max_s.get(kind).copied().unwrap_or_default();
        match (&one.failure, one.timings.as_ref().and_then(|timings| timings.total_ms)) {
            (None, Some(total)) => {
                line(total as f64 <= most * 1_000.0, format!("{name} within {most} s: {}", seconds(total)));
            }
            (None, None) => line(false, format!("{name} within {most} s: its times are not known")),
            (Some(failure), _) => line(false, format!("{name} is complete: {failure}")),
        }
    }
    let (made, asked) = (round_trips.milliseconds.len(), round_trips.asked());
    if !round_trips.is_whole() {
        line(false, format!("{asked} round trips: only {made} came within 20 s a hundred"));
    }
    if let Some(p95) = percentile(&round_trips.milliseconds, 95) {
        let is_held = p95 <= ROUND_TRIP_P95_MAX_MS;
        let advice = if is_held { "" } else { "; is `placement` in wrangler.jsonc the database's region?" };
        line(is_held, format!("95 of 100 round trips within {ROUND_TRIP_P95_MAX_MS} ms: {p95} ms{advice}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use oslira_app::shared::analysis_type::AnalysisType;
    use serde_json::json;

    use super::super::customer::{PhaseTime, Wanted};
    use super::*;

    fn analysed(total_ms: u64, usd: Option<f64>) -> Analysed {
        let timings = json!({
            "id": uuid::Uuid::nil(), "account_id": uuid::Uuid::nil(), "analysis_type": "LIGHT", "status": "complete",
            "phase": "saving", "cache_hit": true, "error_code": null, "created_at": "2026-11-27T09:30:00Z",
            "finished_at": "2026-11-27T09:30:06Z", "waiting_ms": 180, "reading_ms": 90, "judging_ms": 2_120,
            "total_ms": total_ms, "scrapes": [],
            "calls": [{
                "call": "light", "provider": "openai", "model": "openai/gpt-6-luna", "took_ms": 1_890,
                "input_tokens": 3_040, "cached_tokens": 1_920, "cache_write_tokens": 77, "output_tokens": 410,
                "reasoning_tokens": 96, "usd": usd, "finish_reason": "stop", "gateway_hit": false,
            }],
        });
        Analysed {
            wanted: Wanted { analysis_type: AnalysisType::Light, username: "nasa".to_owned(), place: 0 },
            run: Some("r1".to_owned()),
            phases: vec![PhaseTime { phase: "analyzing", took_ms: 2_000 }],
            timings: Some(serde_json::from_value(timings).unwrap()),
            failure: None,
        }
    }

    #[test]
    fn the_page_has_each_steps_time_the_tokens_the_cost_and_the_percentiles() {
        let page = page(&[analysed(6_400, Some(0.0012))], &Measured::of(&[1, 2, 3, 40]));
        for part in [
            "LIGHT of @nasa: complete in 6.40 s, $0.0012, its profile from the cache, run r1",
            "engine start",
            "analyzing",
            "held    LIGHT of @nasa within 11 s: 6.40 s",
            "MISSED  95 of 100 round trips within 10 ms: 40 ms",
        ] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
        let call = page.lines().find(|line| line.contains("gpt-6-luna")).unwrap();
        let cells: Vec<&str> = call.split_whitespace().collect();
        let expected = ["light", "openai/gpt-6-luna", "1890", "3040", "1920", "77", "410", "96", "0.00120"];
        assert_eq!(cells, expected);
        let trips = page.lines().find(|line| line.contains("database and back")).unwrap();
        assert!(trips.ends_with("4  11.50    2   40   40   40"), "{trips}");
    }

    #[test]
    fn a_slow_a_failed_and_an_unpriced_analysis_show() {
        let page_of = |one: Analysed| page(&[one], &Measured::of(&[1]));
        assert!(page_of(analysed(11_001, Some(0.0))).contains("MISSED  LIGHT of @nasa within 11 s: 11.00 s"));
        assert!(page_of(analysed(1, None)).contains("calls without a known price"));
        let failed = Analysed { failure: Some("failed: scrape_failed".to_owned()), ..analysed(1, None) };
        let page = page_of(failed);
        assert!(page.contains("FAILED, failed: scrape_failed, run r1"), "{page}");
        assert!(page.contains("MISSED  LIGHT of @nasa is complete: failed: scrape_failed"), "{page}");
    }
}
