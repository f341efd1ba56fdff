//! What providers will bill, compared with what the usage logs hold: in the end no bill that the product knows of may
//! be missing, and none may be logged twice.

use oslira_app::shared::ids::RunId;

use crate::{World, world::BEFORE};

/// A bill that a provider will send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    pub run: RunId,
    /// The provider's own id: of the answer, or of the actor run.
    pub key: String,
    /// The step that received the bill, set when its attempt ends, with a result or a failure. `None` when the answer
    /// was lost, or the process died before that: then the product cannot know the bill.
    pub known_by: Option<String>,
}

impl World {
    /// A provider works for a run. Returns the id of its bill.
    pub(crate) fn bill(&mut self, run: RunId, step: &str, kind: &str) -> String {
        let key = format!("{kind}-{}-{}", run.uuid().simple(), self.bills.len());
        self.bills.push(Bill { run, key: key.clone(), known_by: None });
        if let Err(violation) = self.invariants.billed(run, step) {
            self.report_violation(violation);
        }
        key
    }

    /// A step's attempt has ended: the product knows the bills that it received.
    pub(crate) fn known(&mut self, keys: &[String], step: &str) {
        for bill in self.bills.iter_mut().filter(|bill| keys.contains(&bill.key)) {
            bill.known_by = Some(step.to_owned());
        }
    }

    /// Whether the step that had to record a bill was given up, after two minutes of repeating.
    fn was_given_up(&self, run: RunId, step: &str) -> bool {
        [step.to_owned(), format!("{step}-bill")].into_iter().any(|step| self.given_up.contains(&(run, step)))
    }

    /// Reports a bill that is missing, logged twice, or logged without a provider behind it. To be called when all work
    /// has ended.
    pub fn check_bills(&mut self) {
        let recorded = |key: &str| self.database.usage.iter().filter(|known| *known == key).count();
        let missing = self.bills.iter().find(|bill| {
            // Without an engine the step that would record the bill never runs again.
            let excused = self.engine_gone || bill.known_by.is_none();
            let step = bill.known_by.as_deref().unwrap_or_default();
            recorded(&bill.key) == 0 && !excused && !self.was_given_up(bill.run, step)
        });
        let violation = if let Some(bill) = missing {
            Some(format!("the bill of {} is not in the database: {bill:?}", bill.key))
        } else if let Some(key) =
            self.snapshots.keys().find(|key| !key.starts_with(BEFORE) && recorded(bill_of(key)) == 0)
        {
            // A snapshot's key begins with its scrape's id, which is also the bill's. The step that stores it runs after the
            // bill was recorded, so here nothing is excused.
            Some(format!("a snapshot was saved and its bill, {key}, is not in the database"))
        } else if let Some(bill) = self.bills.iter().find(|bill| recorded(&bill.key) > 1) {
            Some(format!("{} is in the database more than once", bill.key))
        } else {
            let unbilled = self.database.usage.iter().find(|key| !self.bills.iter().any(|bill| bill.key == **key));
            unbilled.map(|key| format!("{key} is in the database, and no provider billed it"))
        };
        if let Some(violation) = violation {
            self.report_violation(violation);
        }
    }
}

/// The bill of a snapshot, whose key ends with the run that saved it.
fn bill_of(key: &str) -> &str {
    const RUN_CHARS: usize = 36;
    let end = key.len().saturating_sub(RUN_CHARS + 1);
    key.get(..end).unwrap_or(key)
}
