//! The queries of docs/telemetry.md and of the dashboard, on points like the Worker's.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

const DOCUMENT: &str = include_str!("../../../../../../docs/telemetry.md");
const DASHBOARD: &str = include_str!("../../../../../../grafana/oslira.json");
/// How the document restricts the time, and how the dashboard does.
const LAST_WEEK: &str = "timestamp > NOW() - INTERVAL '7' DAY";
const SHOWN: &str = "timestamp > toDateTime(${__from:date:seconds}) AND timestamp <= toDateTime(${__to:date:seconds})";
const NOW_S: i64 = 1_795_789_200;

fn point(ago_s: i64, index: &str, blobs: &[&str], doubles: &[f64]) -> Point {
    let at = jiff::Timestamp::from_second(NOW_S - ago_s).unwrap();
    Point::read(json!({"dataset": "oslira", "at": at, "indexes": [index], "blobs": blobs, "doubles": doubles})).unwrap()
}

/// Two days of an account with two runs, and other things.
fn rows() -> VecDeque<Point> {
    let day = 86_400;
    let run = |ago_s, id: &str, end: &str, cache: &str, ms: f64| {
        point(ago_s, "acc", &["run", id, "acc", "LIGHT", end, "", cache], &[ms, 4_000.0])
    };
    let call = |ago_s, provider: &str, model: &str, usd: f64| {
        let blobs = ["ai_call", "r1", "acc", "LIGHT", "ok", provider, model, "light", "miss"];
        point(ago_s, "acc", &blobs, &[900.0, usd * 1e6, 2_000.0, 500.0, 300.0, 20.0, 0.0])
    };
    let mut rows: VecDeque<Point> = (1..=100)
        .map(|ms| point(10, "/health", &["request", "q", "", "/health", "ok", "GET"], &[f64::from(ms), 0.0, 200.0]))
        .collect();
    rows.extend([
        run(100, "r1", "complete", "miss", 20_000.0),
        run(90, "r2", "complete", "hit", 5_000.0),
        run(80, "r3", "failed", "", 9_000.0),
        run(30 * day, "r0", "complete", "hit", 999_000.0),
        call(100, "openai", "gpt-6-luna", 0.25),
        call(day, "openai", "gpt-6-luna", 0.5),
        call(day, "anthropic", "claude-haiku-5-5", 1.0),
        point(
            100,
            "acc",
            &["scrape", "r1", "acc", "LIGHT", "profile", "apify", "apify~profiles", "details"],
            &[7_000.0, 2_650.0, 1.0],
        ),
        point(5, "stripe", &["webhook", "evt_1", "", "invoice.paid", "accepted", "stripe"], &[3.0]),
        point(5, "clean-up", &["job", "", "", "clean-up", "failed"], &[900.0]),
        point(5, "app", &["error", "q", "", "oslira_app::http::error", "store unavailable", "apify"], &[]),
    ]);
    rows
}

fn asked(query: &str) -> Vec<Json> {
    let answer = answer(query, &rows(), NOW_S).unwrap_or_else(|why| panic!("{why}\n{query}"));
    assert_eq!(answer["rows"], answer["data"].as_array().unwrap().len(), "{answer}");
    answer["data"].as_array().unwrap().clone()
}

/// The document's queries by the heading before each.
fn documented() -> Vec<(&'static str, &'static str)> {
    let mut heading = "";
    let mut found = Vec::new();
    let mut parts = DOCUMENT.split("```");
    while let Some(prose) = parts.next() {
        heading = prose.lines().filter_map(|line| line.strip_prefix("### ")).next_back().unwrap_or(heading);
        if let Some(query) = parts.next().and_then(|code| code.strip_prefix("sql\n")) {
            found.push((heading, query));
        }
    }
    found
}

fn query(heading: &str) -> &'static str {
    documented().iter().find(|(known, _)| *known == heading).unwrap_or_else(|| panic!("no {heading}")).1
}

#[test]
fn every_query_of_the_document_has_an_answer() {
    let queries = documented();
    assert!(queries.len() >= 8, "{queries:?}");
    for (heading, query) in queries {
        assert!(!asked(query).is_empty(), "{heading} finds nothing");
        assert_eq!(query.matches(LAST_WEEK).count(), 1, "{heading}");
    }
}

#[test]
fn every_panel_of_the_dashboard_asks_a_query_of_the_document() {
    let dashboard: Json = serde_json::from_str(DASHBOARD).unwrap();
    let mut shown = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let query = target["query"].as_str().unwrap();
            let documented = documented().iter().any(|(heading, known)| {
                *heading == panel["title"] && known.trim_end().replace(LAST_WEEK, SHOWN) == query.trim_end()
            });
            assert!(documented, "{}: {query}", panel["title"]);
            shown.insert(panel["title"].as_str().unwrap().to_owned());
            let grafana = query.replace("${__from:date:seconds}", "0").replace("${__to:date:seconds}", "99999999999");
            assert!(!asked(&grafana).is_empty(), "{}", panel["title"]);
        }
    }
    assert_eq!(shown.len(), documented().len(), "{shown:?}");
}

#[test]
fn the_95th_percentile_by_type_is_that_of_the_runs_that_completed_within_the_week() {
    assert_eq!(asked(query("P95 of analyses by type")), [json!({"type": "LIGHT", "p95_s": 20.0, "runs": 2.0})]);
    let requests = asked(query("P95 of requests by route"));
    assert_eq!(requests, [json!({"route": "/health", "p95_ms": 95.0, "requests": 100.0})]);
}

#[test]
fn costs_are_summed_by_day_and_provider() {
    let costs = asked(query("Cost by day and provider"));
    let dollars = |provider: &str| -> Vec<f64> {
        costs.iter().filter(|row| row["provider"] == provider).map(|row| row["dollars"].as_f64().unwrap()).collect()
    };
    assert_eq!(
        (dollars("openai"), dollars("anthropic"), dollars("apify")),
        (vec![0.5, 0.25], vec![1.0], vec![0.00265])
    );
    assert!(costs.iter().all(|row| row["day"].as_str().unwrap().ends_with(" 00:00:00")), "{costs:?}");
}

#[test]
fn caches_are_measured_by_what_they_saved() {
    let profiles = asked(query("Profiles from the cache"));
    assert_eq!(profiles, [json!({"type": "LIGHT", "hit_rate": 0.5, "runs": 2.0})]);
    let prompts = asked(query("Input tokens from the providers' caches"));
    assert!(prompts.iter().all(|row| row["cached_share"] == 0.25), "{prompts:?}");
}

#[test]
fn the_most_expensive_comes_first() {
    let drivers = asked(query("Top cost drivers"));
    let names: Vec<&str> = drivers.iter().map(|row| row["product"].as_str().unwrap()).collect();
    assert_eq!(names, ["claude-haiku-5-5", "gpt-6-luna", "apify~profiles"]);
    assert_eq!(drivers[1]["dollars"], 0.75);
}

#[test]
fn what_the_real_service_would_refuse_is_refused() {
    for query in [
        "",
        "SELECT",
        "SELECT blob1 FROM nowhere",
        "SELECT blob21 FROM oslira",
        "SELECT blob1, count() AS n FROM oslira",
        "SELECT blob1, blob2, count() AS n FROM oslira GROUP BY blob1",
        "SELECT median(double1) AS m FROM oslira",
        "SELECT quantileExactWeighted(2)(double1, _sample_interval) AS q FROM oslira",
        "SELECT blob1 FROM oslira WHERE blob1 = 1",
        "SELECT blob1 FROM oslira WHERE count() > 1",
        "SELECT blob1 FROM oslira LIMIT many",
        "SELECT blob1 FROM oslira JOIN others",
        "SELECT blob1 FROM oslira WHERE blob1 = 'open",
        "DROP TABLE oslira",
    ] {
        assert!(answer(query, &rows(), NOW_S).is_err(), "{query}");
    }
    let deep = format!("SELECT {}1{} AS n FROM oslira", "(".repeat(400), ")".repeat(400));
    let long = format!("SELECT {}1 AS n FROM oslira", "1 + ".repeat(1_000));
    let negated = format!("SELECT {}1 AS n FROM oslira", "NOT ".repeat(400));
    for query in [deep, long, negated] {
        assert!(answer(&query, &rows(), NOW_S).is_err());
    }
}

#[test]
fn operators_bind_as_in_sql() {
    let one = |expr: &str| asked(&format!("SELECT {expr} AS n, count() AS c FROM oslira"))[0]["n"].clone();
    for (expr, value) in [
        ("1 + 2 * 3", json!(7.0)),
        ("(1 + 2) * 3", json!(9.0)),
        ("-2 - 3", json!(-5.0)),
        ("7 % 4", json!(3.0)),
        ("1 = 1 OR 1 = 2 AND 1 = 3", json!(1)),
        ("NOT 1 = 2", json!(1)),
        ("'a' IN ('b', 'a')", json!(1)),
        ("'a' NOT IN ('b', 'a')", json!(0)),
        ("'it''s'", json!("it's")),
        ("intDiv(7, 2)", json!(3.0)),
        ("toDateTime(0) + INTERVAL '1' HOUR", json!("1970-01-01 01:00:00")),
        ("toUnixTimestamp(toStartOfDay(NOW())) % 86400", json!(0.0)),
        ("sumIf(double1, blob1 = 'webhook')", json!(3.0)),
        ("max(double1)", json!(999_000.0)),
    ] {
        assert_eq!(one(expr), value, "{expr}");
    }
}
