//! Whether what is counted of the ends of runs is what their rows say. The sweep counts those that it ends itself.

use std::collections::BTreeSet;

use oslira_app::shared::{
    ids::RunId,
    telemetry::{Point, Telemetry},
};

use crate::{ReferenceDatabase, ports::Ports};

/// The runs that workflows have counted as failed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted(BTreeSet<RunId>);

impl Counted {
    /// A failure is counted once, and only by who caused it: a run that the sweep has ended has another code in its row.
    fn take(&mut self, point: &Point, database: &ReferenceDatabase) -> Result<(), String> {
        let [kind, run, _, _, end, code, ..] = point.blobs.as_slice() else { return Ok(()) };
        if kind != "run" || end != "failed" {
            return Ok(());
        }
        let run: RunId = run.parse().map_err(|_| format!("{run} was counted, and is no run"))?;
        let error = database.runs.get(&run).and_then(|row| row.error.as_ref());
        if error.is_none_or(|(stored, _)| stored != code) {
            return Err(format!("run {run} was counted as failed with {code}, and its row says {error:?}"));
        }
        if self.0.insert(run) { Ok(()) } else { Err(format!("run {run} was counted as failed twice")) }
    }
}

impl Telemetry for Ports {
    fn record(&self, point: Point) {
        let mut world = self.world.lock();
        let world = &mut *world;
        world.work.points += 1;
        if let Err(violation) = world.counted.take(&point, &world.database) {
            world.report_violation(violation);
        }
    }
}
