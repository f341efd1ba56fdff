//! Decides which branch of a task goes on next. The branches of one workflow stand at their pauses and sleeps like
//! sub-tasks of an executor; each poll lets exactly one of them go on, so that every interleaving can happen and a seed
//! repeats it.

use crate::Random;

/// In what order the branches of one workflow go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// A random one of those that are ready.
    Any,
    /// The one that has waited longest.
    InTurn,
    /// The first one as far as it goes, before the others move.
    FirstFirst,
    /// The last one as far as it goes, before the others move.
    LastFirst,
}

#[derive(Debug, Clone, Copy)]
struct Parked {
    ticket: u64,
    alarm_ms: i64,
}

/// The waiting branches of one task. The list is built anew by every poll, so that dropped branches leave nothing
/// behind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scheduler {
    parked: Vec<Parked>,
    /// How many tickets were given out.
    tickets: u64,
    /// The ticket of the branch that may go on in this poll.
    moves: Option<u64>,
}

impl Scheduler {
    /// When the first branch can go on: a paused one at once, a sleeper when it wakes.
    pub(crate) fn alarm_ms(&self) -> i64 {
        // No branch waits before the first poll: the task is ready at once.
        self.parked.iter().map(|parked| parked.alarm_ms).min().unwrap_or(0)
    }

    /// Chooses the branch that goes on in the coming poll; all others park again.
    pub(crate) fn open(&mut self, schedule: Schedule, now_ms: i64, random: &mut Random) {
        let mut ready = self.parked.iter().filter(|parked| parked.alarm_ms <= now_ms);
        let chosen = match schedule {
            Schedule::Any => {
                let count = ready.clone().count() as u64;
                let at = if count > 1 { random.below(count) } else { 0 };
                ready.nth(usize::try_from(at).unwrap_or(0))
            }
            // Tickets are given out in order, so the lowest has waited longest.
            Schedule::InTurn => ready.min_by_key(|parked| parked.ticket),
            Schedule::FirstFirst => ready.next(),
            Schedule::LastFirst => ready.next_back(),
        };
        self.moves = chosen.map(|parked| parked.ticket);
        self.parked.clear();
    }

    pub(crate) const fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    /// Whether the holder of the ticket goes on; otherwise it is parked until it may.
    pub(crate) fn passes(&mut self, ticket: u64, alarm_ms: i64) -> bool {
        if self.moves == Some(ticket) {
            // Used up: the branch stops at its next pause, which takes a new ticket.
            self.moves = None;
            return true;
        }
        self.parked.push(Parked { ticket, alarm_ms });
        false
    }
}
