//! An error as it leaves this deployment. A line of the log may hold what a provider answered; a report holds the line's sentence,
//! which is a constant of ours, where it was logged, and fields that are ids or words of ours by their name and by their form.

use std::fmt;

use tracing::field::{Field, Visit};

use super::point::cut;

/// Fields of a line that a report keeps. `error`, `cause`, `report` and the like are in the log only.
const KEPT: [&str; 24] = [
    "request_id",
    "run_id",
    "bulk_id",
    "account_id",
    "scrape_id",
    "event_id",
    "erasure_id",
    "purchase",
    "purchase_id",
    "subscription",
    "job",
    "queue",
    "class",
    "service",
    "outage",
    "provider",
    "path",
    "code",
    "round",
    // What an alarm is about, and by how much.
    "alarm_id",
    "alarm",
    "subject",
    "value",
    "threshold",
];
/// Of these, in this order, the first one names what the error happened to.
const IDS: [&str; 9] =
    ["request_id", "run_id", "bulk_id", "scrape_id", "event_id", "erasure_id", "purchase_id", "alarm", "job"];
const VALUE_BYTES_MAX: usize = 100;
const MESSAGE_BYTES_MAX: usize = 200;
const FRAMES_MAX: usize = 30;
const FRAME_BYTES_MAX: usize = 200;

/// An error without anything that a customer, a profile or a provider wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorReport {
    /// The sentence of the line.
    pub message: String,
    /// The module that logged it.
    pub place: String,
    /// What called what, the innermost first. Without a stack, the place in the code that logged the line.
    pub stack: Vec<Frame>,
    /// The kept fields.
    pub tags: Vec<(&'static str, String)>,
}

/// A line of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    pub function: String,
    pub file: String,
    pub line: Option<u32>,
}

impl ErrorReport {
    #[must_use]
    pub fn at(place: &str, file: Option<&str>, line: Option<u32>) -> Self {
        let logged_at = Frame { function: place.to_owned(), file: file.unwrap_or_default().to_owned(), line };
        Self { place: place.to_owned(), stack: vec![logged_at], ..Self::default() }
    }

    /// Takes a field, if it is one that is kept. A value that has not the form of an id is left out, whatever the field is called.
    pub fn note(&mut self, name: &str, value: &str) {
        match name {
            "message" => self.message = cut(value, MESSAGE_BYTES_MAX).to_owned(),
            "stack" => {
                let frames: Vec<Frame> = value.lines().filter_map(Frame::read).take(FRAMES_MAX).collect();
                if !frames.is_empty() {
                    self.stack = frames;
                }
            }
            _ => {
                if let Some(kept) = KEPT.into_iter().find(|kept| *kept == name)
                    && is_id(value)
                {
                    // The line's own field counts, and not that of the request around it.
                    self.tags.retain(|(known, _)| *known != kept);
                    self.tags.push((kept, value.to_owned()));
                }
            }
        }
    }

    /// A kept field; empty if there is none.
    #[must_use]
    pub fn tag(&self, name: &str) -> &str {
        self.tags.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.as_str())
    }

    /// Whether it is an alarm, which somebody must hear of however many other errors there are.
    #[must_use]
    pub fn is_alarm(&self) -> bool {
        !self.tag("alarm").is_empty()
    }

    /// Of a trap's stack, the innermost function of ours, or else the innermost one that has a name; `None` without such a stack.
    #[must_use]
    pub fn culprit(&self) -> Option<&str> {
        let names = || self.stack.iter().map(Frame::name).filter(|name| !name.is_empty());
        let ours = names().find(|name| name.trim_start_matches('<').starts_with("oslira_"));
        ours.or_else(|| names().next()).filter(|name| *name != self.place)
    }

    /// What it happened to: a request, a run and so on; empty if nobody knows.
    #[must_use]
    pub fn subject(&self) -> &str {
        IDS.into_iter().map(|name| self.tag(name)).find(|id| !id.is_empty()).unwrap_or_default()
    }
}

fn is_id(value: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:/{}".contains(c);
    !value.is_empty() && value.len() <= VALUE_BYTES_MAX && value.chars().all(fits)
}

impl Visit for ErrorReport {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.note(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Formatting is work, and most fields are left out.
        let name = field.name();
        if ["message", "stack"].contains(&name) || KEPT.contains(&name) {
            self.note(name, &format!("{value:?}"));
        }
    }
}

impl Frame {
    /// The function, without the module's name, which V8 puts in front of it, and without the hash, which every build gives anew.
    fn name(&self) -> &str {
        let name = self.function.rsplit_once(".wasm.").map_or(self.function.as_str(), |(_, name)| name);
        match name.rsplit_once("::h") {
            Some((path, hash)) if hash.len() == 16 && hash.chars().all(|c| c.is_ascii_hexdigit()) => path,
            _ => name,
        }
    }

    /// Reads `    at function (file:line:column)` or `    at file:line:column`, as V8 writes them; anything else is no frame, such as
    /// the first line, which has the message.
    fn read(line: &str) -> Option<Self> {
        let line = cut(line.trim().strip_prefix("at ")?, FRAME_BYTES_MAX);
        let (function, place) = match line.rsplit_once(" (") {
            Some((function, place)) => (function, place.trim_end_matches(')')),
            None => ("", line),
        };
        let mut parts = place.rsplitn(3, ':');
        let numbers = (parts.next().and_then(number), parts.next().and_then(number), parts.next());
        Some(match numbers {
            (Some(_), Some(line), Some(file)) => {
                Self { function: function.to_owned(), file: file.to_owned(), line: Some(line) }
            }
            // WebAssembly: `wasm://…:wasm-function[7]:0x1f` has no lines.
            _ => Self { function: function.to_owned(), file: place.to_owned(), line: None },
        })
    }
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> ErrorReport {
        ErrorReport::at("oslira_app::http::error", Some("crates/app/src/http/error.rs"), Some(35))
    }

    #[test]
    fn a_report_keeps_ids_and_leaves_out_what_others_wrote() {
        let mut report = report();
        report.note("message", "workflow not started; the run goes to the queue");
        report.note("request_id", "0b5f0c1e-0a5e-4b52-9d1e-5a8f4a0b9c11");
        report.note("run_id", "019ab2f0-0000-7000-8000-000000000001");
        report.note("cause", "Bearer sk-live-secret was refused for @coffee_ann");
        report.note("error", "store unavailable: password=hunter2");
        report.note("report", "{\"biography\":\"I roast beans\"}");
        report.note("job", "I roast beans in Lisbon");
        report.note("service", "openai/gpt-6-luna");
        assert_eq!(
            report.tags,
            [
                ("request_id", "0b5f0c1e-0a5e-4b52-9d1e-5a8f4a0b9c11".to_owned()),
                ("run_id", "019ab2f0-0000-7000-8000-000000000001".to_owned()),
                ("service", "openai/gpt-6-luna".to_owned()),
            ]
        );
        assert_eq!(report.subject(), "0b5f0c1e-0a5e-4b52-9d1e-5a8f4a0b9c11");
        let all = format!("{report:?}");
        for secret in ["secret", "hunter2", "roast", "coffee_ann"] {
            assert!(!all.contains(secret), "{all}");
        }
    }

    #[test]
    fn the_fields_of_a_line_are_read_as_it_is_logged() {
        struct Reader(std::sync::Mutex<Vec<ErrorReport>>);
        impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for &'static Reader {
            fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
                let mut report = ErrorReport::at(event.metadata().target(), None, None);
                event.record(&mut report);
                self.0.lock().unwrap().push(report);
            }
        }
        use tracing_subscriber::layer::SubscriberExt as _;
        static READER: Reader = Reader(std::sync::Mutex::new(Vec::new()));
        // Two subscribers, so that a test beside this one cannot switch the place off: see tests/api/logs.rs.
        let _second = tracing::Dispatch::new(tracing_subscriber::registry());
        let subscriber = tracing_subscriber::registry().with(&READER);
        tracing::subscriber::with_default(subscriber, || {
            tracing::callsite::rebuild_interest_cache();
            let run = crate::shared::ids::RunId::new(uuid::Uuid::nil());
            tracing::error!(run_id = %run, cause = "a provider's words", count = 3, "something is wrong");
        });
        let reports = READER.0.lock().unwrap();
        let report = reports.iter().find(|report| report.message == "something is wrong").unwrap();
        assert_eq!(report.tags, [("run_id", uuid::Uuid::nil().to_string())]);
    }

    #[test]
    fn a_stack_of_the_engines_becomes_frames() {
        let mut report = report();
        assert_eq!(report.stack.len(), 1, "where it was logged");
        report.note("stack", "no stack at all");
        assert_eq!(report.stack.len(), 1);
        report.note(
            "stack",
            "RuntimeError: unreachable\n    at oslira_app::judge::ask::h12 (wasm://wasm/oslira-1f:wasm-function[7]:0x1f2a)\n    \
             at handle (file:///index.js:12:34)\n    at entry.js:5:6",
        );
        let frame = |function: &str, file: &str, line| Frame { function: function.into(), file: file.into(), line };
        assert_eq!(
            report.stack,
            [
                frame("oslira_app::judge::ask::h12", "wasm://wasm/oslira-1f:wasm-function[7]:0x1f2a", None),
                frame("handle", "file:///index.js", Some(12)),
                frame("", "entry.js", Some(5)),
            ]
        );
        report.note("stack", &"    at f (a.js:1:2)\n".repeat(100));
        assert_eq!(report.stack.len(), FRAMES_MAX);
    }

    #[test]
    fn a_trap_is_known_by_the_innermost_function_of_ours_whatever_build_it_is() {
        let mut report = report();
        assert_eq!(report.culprit(), None, "the place is known already");
        let place = "(wasm://wasm/oslira-1f:wasm-function[7]:0x1f2a)";
        for (names, culprit) in [
            (
                "core::panicking::panic::h0123456789abcdef\noslira_app::judge::ask::h0123456789abcdef\nhandle",
                "oslira_app::judge::ask",
            ),
            ("oslira.wasm.oslira_app::judge::ask::hfedcba9876543210", "oslira_app::judge::ask"),
            ("<oslira_app::A as core::fmt::Debug>::fmt::h0123456789abcdef", "<oslira_app::A as core::fmt::Debug>::fmt"),
            ("core::panicking::panic::h0123456789abcdef\nhandle", "core::panicking::panic"),
        ] {
            let lines: String = names.lines().map(|name| format!("    at {name} {place}\n")).collect();
            report.note("stack", &lines);
            assert_eq!(report.culprit(), Some(culprit), "{names}");
        }
        // A build without names still has those of the JavaScript around it.
        report.note(
            "stack",
            "    at wasm://wasm/oslira-1f:wasm-function[7]:0x1f2a\n    at handle (file:///index.js:12:34)",
        );
        assert_eq!(report.culprit(), Some("handle"));
    }

    #[test]
    fn an_alarm_says_which_one_it_is() {
        let mut report = report();
        assert!(!report.is_alarm());
        for (name, value) in
            [("alarm_id", "7"), ("alarm", "latency"), ("subject", "LIGHT"), ("value", "12.5"), ("threshold", "11.0")]
        {
            report.note(name, value);
            assert_eq!(report.tag(name), value);
        }
        assert!(report.is_alarm());
        assert_eq!(report.subject(), "latency");
    }
}
