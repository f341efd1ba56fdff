//! What providers will bill, compared with what the usage logs hold: in the end no bill that the product knows of may
//! be missing, and none may be logged twice.

use oslira_app::shared::ids::RunId;

use crate::{World, world::BEFORE};

/// A bill that a provider will send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// The provider's own id: of the answer, or of the actor run and the profile where it read several.
    pub key: String,
    /// The steps that received the bill, set when their attempt ends, with a result or a failure: several where a scrape
    /// was shared. Empty when the answer was lost, or the process died before that: then the product cannot know the bill.
    pub known_by: Vec<(RunId, String)>,
}

impl World {
    /// A model works for a run. Returns the id of its bill.
    pub(crate) fn bill(&mut self, run: RunId, step: &str) -> String {
        let key = format!("ai-{}-{}", run.uuid().simple(), self.bills.len());
        self.bills.push(Bill { key: key.clone(), known_by: vec![] });
        if let Err(violation) = self.invariants.billed(run, step) {
            self.report_violation(violation);
        }
        key
    }

    /// A step's attempt has ended: the product knows the bills that it received.
    pub(crate) fn known(&mut self, keys: &[String], run: RunId, step: &str) {
        for bill in self.bills.iter_mut().filter(|bill| keys.contains(&bill.key)) {
            bill.known_by.push((run, step.to_owned()));
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
            // Whoever received it must record it. Without an engine the step that would never runs again.
            let is_due = bill.known_by.iter().any(|(run, step)| !self.was_given_up(*run, step));
            recorded(&bill.key) == 0 && is_due && !self.engine_gone
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
