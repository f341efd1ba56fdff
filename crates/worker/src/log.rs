//! Log lines: one JSON object each, to the Worker's console. A line of an error becomes an error report as well.

use std::{
    io::{self, Write},
    sync::Once,
};

use oslira_app::shared::telemetry::ErrorReport;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{
    Layer,
    fmt::MakeWriter,
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::adapters::report_error;

/// Starts logging; later calls do nothing.
pub fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            // The default timer asks the system's clock, which panics in a Worker; the platform adds the time.
            .without_time()
            .with_max_level(tracing::Level::INFO)
            .with_writer(Console)
            .finish()
            .with(Reports);
        // A second subscriber can only mean that logging works already.
        drop(tracing::subscriber::set_global_default(subscriber));
    });
}

/// Logs a trap that ended something else than a request. The module that trapped was replaced by the one that is called.
#[wasm_bindgen]
pub fn note_trap(place: String, cause: String, stack: String) {
    start();
    tracing::error!(class = place, cause, stack, "a trap");
}

/// Reports errors, with the fields of the line and of the request around it.
struct Reports;

/// The fields of a span, which are gone when a line is logged in it.
#[derive(Default)]
struct SpanFields(Vec<(&'static str, String)>);

impl Visit for SpanFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

impl<S: Subscriber + for<'lookup> LookupSpan<'lookup>> Layer<S> for Reports {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = SpanFields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() != Level::ERROR {
            return;
        }
        let mut report = ErrorReport::at(metadata.target(), metadata.file(), metadata.line());
        if let Some(span) = context.event_span(event) {
            let extensions = span.extensions();
            if let Some(SpanFields(fields)) = extensions.get::<SpanFields>() {
                for (name, value) in fields {
                    report.note(name, value);
                }
            }
        }
        event.record(&mut report);
        report_error(report);
    }
}

struct Console;

struct Line(Vec<u8>);

impl<'a> MakeWriter<'a> for Console {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Vec::with_capacity(256))
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        worker::console_log!("{}", String::from_utf8_lossy(&self.0).trim_end());
    }
}
