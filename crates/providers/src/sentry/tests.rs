//! Envelopes as Sentry's own library reads them, and what follows from the answers.

use std::sync::Arc;

use sentry_types::{
    Dsn,
    protocol::v7::{Envelope, EnvelopeItem, Level},
};
use serde_json::json;

use oslira_app::shared::ids::RunId;

use super::*;
use crate::double::{Script, json as answer};

const DSN: &str = "https://0123456789abcdef0123456789abcdef@o7.ingest.sentry.io/4501";
const ID: &str = "00112233445566778899aabbccddeeff";

fn now() -> Timestamp {
    "2026-11-27T12:00:00.250Z".parse().unwrap()
}

fn report() -> ErrorReport {
    let mut report = ErrorReport::at("oslira_app::http::error", Some("crates/app/src/http/error.rs"), Some(35));
    for (name, value) in [
        ("message", "store unavailable"),
        ("request_id", "r-1"),
        ("cause", "password=hunter2 of @coffee_ann"),
        ("run_id", "019ab2f0-0000-7000-8000-000000000001"),
    ] {
        report.note(name, value);
    }
    report
}

fn sentry(answers: impl IntoIterator<Item = Result<http::Response<Bytes>, SendError>>) -> (Sentry, Arc<Script>) {
    let script = Arc::new(Script::of(answers));
    let sentry = with_memory(&script, Arc::new(Mutex::new(None::<String>)));
    (sentry, script)
}

fn with_memory(script: &Arc<Script>, memory: Arc<dyn QuotaMemory>) -> Sentry {
    let (environment, release) = ("staging".to_owned(), "oslira@0.1.0+abc1234".to_owned());
    Sentry::new(script.clone(), DSN.parse().unwrap(), environment, release, memory)
}

fn alarm(alarm: &str, id: &str) -> ErrorReport {
    let mut report = ErrorReport::at("oslira_app::features::alarms::check", None, None);
    for (name, value) in [("message", "an alarm begins"), ("alarm", alarm), ("subject", "LIGHT"), ("alarm_id", id)] {
        report.note(name, value);
    }
    report
}

/// Ids, and a clock by which each look takes two seconds.
struct SlowWorld(Mutex<i64>);

impl Clock for SlowWorld {
    fn now(&self) -> Timestamp {
        let mut seconds = self.0.lock().unwrap();
        *seconds += 2;
        now() + SignedDuration::from_secs(*seconds)
    }
}

impl Ids for SlowWorld {
    fn run_id(&self) -> RunId {
        unreachable!("a report is no run")
    }

    fn request_id(&self) -> String {
        "00112233-4455-6677-8899-aabbccddeeff".to_owned()
    }

    fn secret(&self) -> String {
        unreachable!("a report has no secret")
    }
}

fn fingerprint(report: &ErrorReport) -> Vec<String> {
    let bytes = envelope(report, ID, now(), now(), "staging", "oslira@0.1.0+abc1234");
    let read = Envelope::from_slice(&bytes).unwrap();
    read.event().unwrap().fingerprint.iter().map(ToString::to_string).collect()
}

#[test]
fn alarms_services_and_traps_are_told_apart_and_requests_are_not() {
    assert_eq!(fingerprint(&report()), ["oslira_app::http::error", "store unavailable"]);
    assert_eq!(
        fingerprint(&alarm("latency", "7"))[2..],
        ["alarm=latency", "subject=LIGHT", "alarm_id=7"].map(str::to_owned)
    );
    let all = [alarm("latency", "7"), alarm("latency", "8"), alarm("success", "7")].map(|report| fingerprint(&report));
    assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2], "{all:?}");
    let mut out = report();
    out.note("service", "apify");
    assert_eq!(fingerprint(&out)[2..], ["service=apify".to_owned()]);
    let mut trap = report();
    trap.note("stack", "    at oslira_app::judge::ask::h0123456789abcdef (wasm://wasm/1f:wasm-function[7]:0x1f2a)");
    assert_eq!(fingerprint(&trap)[2..], ["oslira_app::judge::ask".to_owned()]);
}

#[tokio::test]
async fn a_limit_outlives_the_module() {
    let memory = Arc::new(Mutex::new(None::<String>));
    let script = Arc::new(Script::of([Err(SendError::Timeout), answer(200, &json!({}))]));
    let send = async |after_s: i64| {
        // A module of its own each time, as after a trap.
        let sentry = with_memory(&script, memory.clone());
        sentry.report(&report(), ID, now(), now() + SignedDuration::from_secs(after_s)).await
    };
    assert_eq!(send(0).await, Delivery::Refused);
    assert_eq!(send(59).await, Delivery::HeldBack);
    assert_eq!(send(60).await, Delivery::Delivered);
    // What another version wrote holds nothing up.
    memory.write("{");
    let script = Arc::new(Script::of([answer(200, &json!({}))]));
    assert_eq!(with_memory(&script, memory).report(&report(), ID, now(), now()).await, Delivery::Delivered);
}

#[tokio::test]
async fn what_is_sent_one_after_the_other_ends_after_some_seconds_and_alarms_go_first() {
    let (sentry, script) = sentry((0..3).map(|_| answer(200, &json!({}))));
    let reports = [report(), report(), alarm("latency", "7"), report()].map(|report| (now(), report));
    // The clock is looked at once at the beginning, and once for each.
    let lost = sentry.report_all(&reports, &SlowWorld(Mutex::new(0)), &SlowWorld(Mutex::new(0))).await;
    assert_eq!(lost, 2);
    let sent = script.sent.lock().unwrap();
    assert_eq!(sent.len(), 2);
    let first = String::from_utf8_lossy(sent[0].request.body());
    assert!(first.contains("an alarm begins"), "{first}");
}

#[tokio::test]
async fn sentrys_own_library_reads_an_envelope() {
    let (sentry, script) = sentry([answer(200, &json!({ "id": ID }))]);
    assert_eq!(sentry.report(&report(), ID, now(), now()).await, Delivery::Delivered);
    let sent = script.sent.lock().unwrap();
    let request = &sent[0].request;
    let library: Dsn = DSN.parse().unwrap();
    assert_eq!(request.uri().to_string(), library.envelope_api_url().to_string());
    let auth = request.headers()["x-sentry-auth"].to_str().unwrap();
    assert!(auth.starts_with("Sentry sentry_version=7, sentry_client=oslira/"), "{auth}");
    assert!(auth.ends_with("sentry_key=0123456789abcdef0123456789abcdef"), "{auth}");

    let read = Envelope::from_slice(request.body()).unwrap();
    assert_eq!(read.uuid().unwrap().simple().to_string(), ID);
    let items: Vec<&EnvelopeItem> = read.items().collect();
    assert!(matches!(items.as_slice(), [EnvelopeItem::Event(_)]), "{items:?}");
    let event = read.event().unwrap();
    assert_eq!(event.event_id.simple().to_string(), ID);
    assert_eq!((event.level, event.platform.as_ref()), (Level::Error, "other"));
    assert_eq!(event.environment.as_deref(), Some("staging"));
    assert_eq!(event.release.as_deref(), Some("oslira@0.1.0+abc1234"));
    let [exception] = event.exception.values.as_slice() else { panic!("{event:?}") };
    assert_eq!(
        (exception.ty.as_str(), exception.value.as_deref()),
        ("oslira_app::http::error", Some("store unavailable"))
    );
    let frames = &exception.stacktrace.as_ref().unwrap().frames;
    assert_eq!((frames.len(), frames[0].lineno), (1, Some(35)));
    assert_eq!(event.tags["request_id"], "r-1");
    assert_eq!(event.tags["run_id"], "019ab2f0-0000-7000-8000-000000000001");
    let text = String::from_utf8_lossy(request.body());
    assert!(!text.contains("hunter2") && !text.contains("coffee_ann"), "{text}");
}

#[tokio::test]
async fn a_stack_has_its_innermost_call_at_the_end() {
    let mut report = report();
    report.note("stack", "Error\n    at inner (a.js:1:2)\n    at outer (b.js:3:4)");
    let (sentry, script) = sentry([answer(200, &json!({}))]);
    sentry.report(&report, ID, now(), now()).await;
    let sent = script.sent.lock().unwrap();
    let read = Envelope::from_slice(sent[0].request.body()).unwrap();
    let frames = &read.event().unwrap().exception.values[0].stacktrace.as_ref().unwrap().frames;
    let names: Vec<Option<&str>> = frames.iter().map(|frame| frame.function.as_deref()).collect();
    assert_eq!(names, [Some("outer"), Some("inner")]);
}

#[tokio::test]
async fn after_a_limit_or_a_silence_nothing_is_sent_for_a_while() {
    let limited = || {
        let mut limited = answer(429, &json!({})).unwrap();
        limited.headers_mut().insert("x-sentry-rate-limits", "30:error:organization".parse().unwrap());
        Ok(limited)
    };
    for (first, seconds) in [(limited(), 30), (Err(SendError::Timeout), 60)] {
        let (sentry, script) = sentry([first, answer(200, &json!({}))]);
        let send = async |after_s: i64| {
            let later = now() + jiff::SignedDuration::from_secs(after_s);
            sentry.report(&report(), ID, now(), later).await
        };
        assert_eq!(send(0).await, Delivery::Refused);
        assert_eq!(send(seconds - 1).await, Delivery::HeldBack);
        assert_eq!(send(seconds).await, Delivery::Delivered);
        assert_eq!(script.sent.lock().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_refusal_that_names_no_time_holds_nothing_back() {
    let (sentry, script) = sentry([answer(413, &json!({})), answer(200, &json!({}))]);
    assert_eq!(sentry.report(&report(), ID, now(), now()).await, Delivery::Refused);
    assert_eq!(sentry.report(&report(), ID, now(), now()).await, Delivery::Delivered);
    assert_eq!(script.sent.lock().unwrap()[0].request.method(), Method::POST);
}

fn read(value: &str, local: bool) -> (Option<SentryDsn>, Vec<String>) {
    SentryDsn::read(|_| value.to_owned(), local)
}

#[test]
fn an_address_is_read_as_sentrys_own_library_reads_it() {
    for text in [DSN, "https://abc:secret@sentry.example.com/some/path/42", "http://abc@127.0.0.1:4010/sentry/1"] {
        let (library, ours): (Dsn, SentryDsn) = (text.parse().unwrap(), text.parse().unwrap());
        assert_eq!(ours.envelope_url(), library.envelope_api_url().as_str());
        assert_eq!(ours.public_key(), library.public_key());
    }
    for text in [
        "",
        "https://o7.ingest.sentry.io/4501",
        "https://abc@/1",
        "https://abc@host/",
        "https://abc@host/x",
        "ftp://a@b/1",
    ] {
        assert!(text.parse::<SentryDsn>().is_err(), "{text}");
    }
}

#[test]
fn without_an_address_nothing_is_reported_and_a_deployment_reports_to_sentry_only() {
    assert_eq!(read("", false), (None, vec![]));
    assert!(read(DSN, false).0.is_some());
    assert!(read("http://abc@127.0.0.1:4010/sentry/1", true).0.is_some());
    for (value, fault) in [
        ("sentry", "takes https://KEY@HOST/PROJECT"),
        ("http://abc@sentry.io/1", "must begin with https://"),
        ("https://abc@127.0.0.1:4010/sentry/1", "names this machine"),
    ] {
        assert_eq!(read(value, false), (None, vec![format!("SENTRY_DSN {fault}")]), "{value}");
    }
}
