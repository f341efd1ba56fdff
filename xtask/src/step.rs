//! Shows long work on standard error: nothing during the first second, then the step's name, at the end its seconds.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Shorter work prints nothing.
const QUIET_FOR: Duration = Duration::from_millis(900);

/// Runs `work` and prints `name` if it takes longer than [`QUIET_FOR`].
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
        // Wakes the printing thread, for which the scope waits.
        drop(done);
        if started.elapsed() >= QUIET_FOR {
            eprintln!("  {name}: {:.1} s", started.elapsed().as_secs_f64());
        }
        result
    })
}
