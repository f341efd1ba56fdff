//! What providers will bill, and what the logs know of it. No bill that a provider told us of may be missing in the end,
//! and none may be there twice.

use oslira_app::shared::ids::RunId;

use crate::World;

/// What a provider will bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// For which run.
    pub run: RunId,
    /// The provider's own id.
    pub key: String,
    /// The step that heard of it and whose attempt the engine has seen end, well or badly. A lost answer is billed too, but
    /// who does not know cannot record.
    pub known_by: Option<String>,
}

impl World {
    /// A provider works for a run. Answers its own id of that.
    pub(crate) fn bill(&mut self, run: RunId, step: &str, kind: &str) -> String {
        let key = format!("{kind}-{}-{}", run.uuid().simple(), self.bills.len());
        self.bills.push(Bill { run, key: key.clone(), known_by: None });
        if let Err(accusation) = self.invariants.billed(run, step) {
            self.accuse(accusation);
        }
        key
    }

    /// A step's attempt has ended, and with it the bills that it was told of.
    pub(crate) fn known(&mut self, keys: &[String], step: &str) {
        for bill in self.bills.iter_mut().filter(|bill| keys.contains(&bill.key)) {
            bill.known_by = Some(step.to_owned());
        }
    }

    /// Whether the step that had to record a bill was given up: then two minutes of repeating were not enough.
    fn was_given_up(&self, run: RunId, step: &str) -> bool {
        [step.to_owned(), format!("{step}-bill")].into_iter().any(|step| self.given_up.contains(&(run, step)))
    }

    /// Accuses if a bill is missing, is there twice, or was never one. To be asked when everything has come to rest.
    pub fn bills_are_known(&mut self) {
        let recorded = |key: &str| self.database.usage.iter().filter(|known| *known == key).count();
        let missing = self.bills.iter().find(|bill| {
            let excused = self.engine_gone || bill.known_by.is_none();
            let step = bill.known_by.as_deref().unwrap_or_default();
            recorded(&bill.key) == 0 && !excused && !self.was_given_up(bill.run, step)
        });
        let accusation = if let Some(bill) = missing {
            Some(format!("the bill of {} is in no database: {bill:?}", bill.key))
        } else if let Some(key) = self.snapshots.keys().find(|key| recorded(key) == 0) {
            Some(format!("a profile is kept and its bill, {key}, is in no database"))
        } else if let Some(bill) = self.bills.iter().find(|bill| recorded(&bill.key) > 1) {
            Some(format!("{} is in the database more than once", bill.key))
        } else {
            let of_nobody = self.database.usage.iter().find(|key| !self.bills.iter().any(|bill| bill.key == **key));
            of_nobody.map(|key| format!("{key} is in the database and no provider's bill"))
        };
        if let Some(accusation) = accusation {
            self.accuse(accusation);
        }
    }
}
