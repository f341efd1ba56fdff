//! Log lines: one JSON object each, to the Worker's console.

use std::{
    io::{self, Write},
    sync::Once,
};

use tracing_subscriber::fmt::MakeWriter;

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
            .finish();
        // A second subscriber can only mean that logging works already.
        drop(tracing::subscriber::set_global_default(subscriber));
    });
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
