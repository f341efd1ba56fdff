use jiff::Timestamp;
use uuid::Uuid;

use super::{
    super::{CacheUse, ErrorReport, RunEnd},
    *,
};
use crate::shared::ids::{AccountId, RunId};

const DOCUMENT: &str = include_str!("../../../../../../docs/telemetry.md");
const RUN: RunId = RunId::new(Uuid::from_u128(0x01a2_1d6f_4880_7000_8000_0000_0000_0001));
const ACCOUNT: AccountId = AccountId::new(Uuid::from_u128(7));

fn report() -> ErrorReport {
    let mut report = ErrorReport::at("oslira_app::http::error", None, None);
    for (name, value) in [("message", "internal error"), ("request_id", "r-1"), ("service", "apify")] {
        report.note(name, value);
    }
    report
}

/// One event of each kind, in the order of the document.
fn events(report: &ErrorReport) -> [Event<'_>; 7] {
    [
        Event::Request(RequestAnswered {
            request_id: "r-1",
            method: "GET",
            route: "/runs/{id}",
            status: 404,
            code: "run_not_found",
            duration_ms: 12,
            times: 1,
        }),
        Event::Run(RunEnded {
            run_id: RUN,
            account_id: Some(ACCOUNT),
            analysis_type: Some(AnalysisType::Deep),
            end: RunEnd::Complete,
            code: "",
            cache: CacheUse::Miss,
            cost_microusd: 4_200,
            ended_at: RUN.made_at().unwrap() + jiff::SignedDuration::from_secs(20),
        }),
        Event::AiCall(AiCalled {
            run_id: RUN,
            account_id: ACCOUNT,
            analysis_type: AnalysisType::Deep,
            outcome: "ok",
            provider: "openai",
            model: "gpt-6-luna",
            call: "verdict",
            cache: CacheUse::from(Some(true)),
            duration_ms: 1_500,
            cost_microusd: None,
            input_tokens: 2_000,
            cached_tokens: 1_024,
            output_tokens: 300,
            reasoning_tokens: 20,
        }),
        Event::Scrape(Scraped {
            run_id: RUN,
            account_id: ACCOUNT,
            analysis_type: AnalysisType::Deep,
            outcome: "profile",
            provider: "apify",
            actor: "apify~instagram-profile-scraper",
            part: "details",
            duration_ms: 7_000,
            cost_microusd: 2_650,
            results: 1,
        }),
        Event::Webhook(WebhookReceived {
            provider: "stripe",
            event_id: "evt_1",
            event_type: "invoice.paid",
            outcome: "accepted",
            duration_ms: 3,
        }),
        Event::Job(JobEnded { job: "clean-up", is_ok: false, duration_ms: 900 }),
        Event::Error(report),
    ]
}

/// The rows of the table of fields: the column, then a cell for each kind.
fn rows() -> Vec<(&'static str, Vec<&'static str>)> {
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`'));
    let rows =
        DOCUMENT.lines().map(cells).map(|mut cells| (cells.next().unwrap_or_default(), cells.collect::<Vec<_>>()));
    rows.filter(|(column, _)| ["index1", "blob", "double"].iter().any(|word| column.starts_with(word))).collect()
}

#[test]
fn the_document_says_what_is_in_each_column() {
    let report = report();
    let said = rows();
    for (number, event) in events(&report).iter().enumerate() {
        let columns = of(event);
        let numbered = |prefix: &str, names: Vec<&'static str>| -> Vec<(String, &'static str)> {
            (1..).zip(names).map(|(n, name)| (format!("{prefix}{n}"), name)).collect()
        };
        let declared = [
            vec![("index1".to_owned(), columns.index.0)],
            numbered("blob", columns.texts.iter().map(|(name, _)| *name).collect()),
            numbered("double", columns.numbers.iter().map(|(name, _)| *name).collect()),
        ]
        .concat();
        for (column, cells) in &said {
            let name = declared.iter().find(|(known, _)| known == column).map_or("", |(_, name)| *name);
            assert_eq!(cells[number], name, "{column} of {}", columns.texts[0].1);
        }
        let missing: Vec<_> =
            declared.iter().filter(|(column, _)| !said.iter().any(|(row, _)| row == column)).collect();
        assert!(missing.is_empty(), "no row for {missing:?}");
    }
}

#[test]
fn what_all_kinds_have_is_in_the_same_columns() {
    let report = report();
    let points = events(&report).map(|event| event.point());
    let kinds: Vec<&str> = points.iter().map(|point| point.blobs[0].as_str()).collect();
    assert_eq!(kinds, ["request", "run", "ai_call", "scrape", "webhook", "job", "error"]);
    for point in &points {
        assert!(point.blobs.len() >= 5 && !point.index.is_empty(), "{point:?}");
    }
    let (account, run) = (ACCOUNT.to_string(), RUN.to_string());
    for point in &points[1..4] {
        assert_eq!((&point.index, &point.blobs[1..3]), (&account, &[run.clone(), account.clone()][..]));
        assert_eq!(point.blobs[3], "DEEP");
    }
    assert_eq!(
        points.each_ref().map(|point| point.doubles.first().copied()),
        [Some(12.0), Some(20_000.0), Some(1_500.0), Some(7_000.0), Some(3.0), Some(900.0), None]
    );
    assert_eq!(points[1].doubles[1], 4_200.0);
    // A call without a known price counts as such, and not as one that was free.
    assert_eq!((points[2].doubles[1], points[2].doubles[6]), (0.0, 1.0));
    assert_eq!(points[6].blobs[1..], ["r-1", "", "oslira_app::http::error", "internal error", "apify"]);
}

#[test]
fn a_runs_time_begins_with_its_id_and_is_never_negative() {
    let ended = |run_id, ended_at| RunEnded::without_workflow(run_id, RunEnd::Swept, ended_at).duration_ms();
    let made_at = RUN.made_at().unwrap();
    assert_eq!(ended(RUN, made_at + jiff::SignedDuration::from_secs(300)), 300_000);
    assert_eq!(ended(RUN, made_at - jiff::SignedDuration::from_secs(1)), 0);
    assert_eq!(ended(RunId::new(Uuid::nil()), Timestamp::UNIX_EPOCH), 0);
}
