//! Where something of a profile is kept, and how it ends: the one list. docs/erasure.md has a row for each, which a test compares.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Erasure, ErasureState};

/// So long after the newest name became known, nothing writes any more that began before: a statement takes 15 s, an actor run four
/// minutes, and a scrape keeps its answers for an hour, from which a step of a run that has ended could still store a snapshot. What
/// the job finds then was written before, and is the last.
pub const SETTLED_AFTER: SignedDuration = SignedDuration::from_mins(75);

/// A kind of store that may have something of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectStore {
    /// Leads with their analyses and all that hangs on them, runs, bulks, bills, marks of change.
    Database,
    /// Snapshots of profiles and the pointers to them.
    Snapshots,
    /// Copies of pictures.
    Pictures,
    /// What actor runs read, in the object of each.
    Scrapes,
    /// Who waits for whose profile.
    Gate,
    /// How far a run is.
    Progress,
    /// What the engine remembers of the steps of a run.
    Engine,
}

/// How what is kept in a store ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// The job erases it.
    ByTheJob,
    /// By itself, so long after the subject's newest name became known; nothing can erase it before.
    ByItself(SignedDuration),
}

impl SubjectStore {
    pub const ALL: [Self; 7] =
        [Self::Database, Self::Snapshots, Self::Pictures, Self::Scrapes, Self::Gate, Self::Progress, Self::Engine];

    /// Its name in answers and in docs/erasure.md.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Snapshots => "snapshots",
            Self::Pictures => "pictures",
            Self::Scrapes => "scrapes",
            Self::Gate => "gate",
            Self::Progress => "progress",
            Self::Engine => "engine",
        }
    }

    #[must_use]
    pub const fn ends(self) -> Ends {
        match self {
            Self::Database | Self::Snapshots | Self::Pictures | Self::Engine => Ends::ByTheJob,
            // An hour after an actor run that began before the refusal.
            Self::Scrapes | Self::Progress => Ends::ByItself(SETTLED_AFTER),
            // Ten minutes after it.
            Self::Gate => Ends::ByItself(SignedDuration::from_mins(25)),
        }
    }
}

/// How far one store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StoreView {
    /// `database`, `snapshots`, `pictures`, `scrapes`, `gate`, `progress` or `engine`.
    store: &'static str,
    /// Whether it has nothing of the subject any more.
    is_erased: bool,
    /// When what it keeps ends by itself; null where the job erases it.
    ends_at: Option<Timestamp>,
}

impl StoreView {
    /// Every store of an erasure.
    pub(super) fn all(erasure: &Erasure, now: Timestamp) -> Vec<Self> {
        let view = |store: SubjectStore| match store.ends() {
            Ends::ByTheJob => {
                Self { store: store.name(), is_erased: erasure.state == ErasureState::Done, ends_at: None }
            }
            Ends::ByItself(after) => {
                let ends_at = erasure.found_at + after;
                Self { store: store.name(), is_erased: ends_at <= now, ends_at: Some(ends_at) }
            }
        };
        SubjectStore::ALL.into_iter().map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../../../../docs/erasure.md");

    #[test]
    fn the_document_has_a_row_for_each_store_that_says_how_it_ends() {
        let rows: Vec<Vec<&str>> = DOCUMENT
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .collect();
        let names: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
        assert_eq!(names, SubjectStore::ALL.map(SubjectStore::name));
        for (row, store) in rows.iter().zip(SubjectStore::ALL) {
            let said = match store.ends() {
                Ends::ByTheJob => "by the job".to_owned(),
                Ends::ByItself(after) => format!("by itself, after {} minutes", after.as_mins()),
            };
            assert_eq!(*row.last().unwrap(), said, "{}", store.name());
        }
    }

    #[test]
    fn what_ends_by_itself_has_a_time_and_the_rest_is_erased_when_it_is_done() {
        let found_at: Timestamp = "2026-11-27T09:00:00Z".parse().unwrap();
        let erasure = Erasure {
            id: uuid::Uuid::nil(),
            state: ErasureState::Done,
            requested_at: found_at,
            found_at,
            done_at: Some(found_at + SETTLED_AFTER),
        };
        let left = |now| {
            let views = StoreView::all(&erasure, now);
            views.iter().filter(|view| !view.is_erased).map(|view| view.store).collect::<Vec<_>>()
        };
        assert_eq!(left(found_at + SignedDuration::from_mins(25)), ["scrapes", "progress"]);
        assert_eq!(left(found_at + SETTLED_AFTER), [""; 0]);
    }
}
