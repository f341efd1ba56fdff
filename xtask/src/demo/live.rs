//! Shows the progress of several runs on standard error: redrawn in place on a terminal, one line per change elsewhere.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::api::Progress;

const BAR_CELLS: usize = 20;

pub struct Live {
    lines: Mutex<Vec<Line>>,
    is_terminal: bool,
}

struct Line {
    name: String,
    text: String,
}

impl Live {
    /// Reserves one line for each name.
    pub fn new(names: &[&str]) -> Self {
        let lines = names.iter().map(|name| Line { name: (*name).to_owned(), text: String::new() }).collect();
        let live = Self { lines: Mutex::new(lines), is_terminal: std::io::stderr().is_terminal() };
        if live.is_terminal {
            names.iter().for_each(|_| eprintln!());
        }
        live
    }

    /// Shows the progress of one run, unless it is already shown.
    pub fn show(&self, index: usize, progress: &Progress) {
        let message = progress.message.as_deref().unwrap_or_default();
        let text = format!("{} {:>3.0} %  {:<10} {message}", bar(progress.percent), progress.percent, progress.status);
        let mut lines = self.lock();
        let Some(line) = lines.get_mut(index).filter(|line| line.text != text) else {
            return;
        };
        line.text = text;
        if self.is_terminal {
            redraw(&lines);
        } else if let Some(line) = lines.get(index) {
            eprintln!("  {:<20} {:>3.0} %  {:<10} {message}", line.name, progress.percent, progress.status);
        }
    }

    /// A panic of another thread cannot leave the lines inconsistent, so a poisoned lock is used all the same.
    fn lock(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lines are cut at the terminal's width: if one wrapped, moving up by their number would not reach the first.
fn redraw(lines: &[Line]) {
    let columns = rustix::termios::tcgetwinsize(std::io::stderr()).map_or(80, |size| usize::from(size.ws_col.max(20)));
    let mut frame = format!("\x1b[{}A", lines.len());
    for line in lines {
        let text = format!("  {:<20} {}", line.name, line.text);
        let text: String = text.chars().take(columns - 1).collect();
        frame.push_str(&format!("\r\x1b[2K{text}\n"));
    }
    // The demo goes on even if progress cannot be written.
    let _ = std::io::stderr().write_all(frame.as_bytes());
}

fn bar(percent: f64) -> String {
    let cells = f64::from(u8::try_from(BAR_CELLS).unwrap_or(u8::MAX));
    let full = (percent.clamp(0.0, 100.0) / 100.0 * cells).round();
    (0_u8..).take(BAR_CELLS).map(|cell| if f64::from(cell) < full { '█' } else { '·' }).collect()
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn the_bar_is_as_full_as_the_work() {
        assert_eq!(bar(0.0), "·".repeat(20));
        assert_eq!(bar(50.0), "█".repeat(10) + &"·".repeat(10));
        assert_eq!(bar(250.0), "█".repeat(20));
    }
}
