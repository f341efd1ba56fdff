//! Progress of long work on standard error: nothing below a second, then the step's name, then its seconds.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Work shorter than this is not worth a line.
const QUIET_FOR: Duration = Duration::from_millis(900);

/// Runs `work`, saying what is being done when it takes longer than a moment.
pub fn step<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let (done, waiting) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if let Err(RecvTimeoutError::Timeout) = waiting.recv_timeout(QUIET_FOR) {
                eprintln!("  {name} …");
            }
        });
        let result = work();
        drop(done);
        if started.elapsed() >= QUIET_FOR {
            eprintln!("  {name}: {:.1} s", started.elapsed().as_secs_f64());
        }
        result
    })
}
