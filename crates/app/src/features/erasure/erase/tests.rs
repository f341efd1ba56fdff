use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    super::{EngineInstances, ErasureRecords, InstagramId, Slice, SubjectFiles},
    *,
};
use crate::features::{
    analysis::ProgressSink,
    profiles::{PictureStore, ScrapeFault},
    scraping::{Collected, ProfileSource, ScrapeRequest},
};
use crate::shared::{
    clock::Clock,
    ids::RunId,
    telemetry::{Point, Telemetry},
};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
}

/// One erasure, and everything else that the job reaches; remembers what was done.
#[derive(Default)]
struct Double {
    done: Mutex<Vec<String>>,
    /// How many runs are under way.
    under_way: AtomicU32,
    /// How many more erasures are open.
    others: u128,
    /// Runs that have ended, and that the engine remembers.
    ended: Mutex<Vec<RunId>>,
    is_held: bool,
    is_bucket_out: bool,
    is_engine_out: bool,
    /// The instance that the engine cannot delete.
    stuck: Option<u128>,
    has_ended: Mutex<bool>,
    points: Mutex<Vec<Point>>,
}

impl Double {
    fn note(&self, what: impl Into<String>) {
        self.done.lock().unwrap().push(what.into());
    }

    fn bucket(&self) -> Result<(), StoreError> {
        if self.is_bucket_out { Err(StoreError::Unavailable("R2".to_owned())) } else { Ok(()) }
    }

    fn ports(self) -> (Arc<Self>, EraseJobPorts) {
        let double = Arc::new(self);
        let ports = EraseJobPorts {
            records: double.clone(),
            files: double.clone(),
            pictures: double.clone(),
            engine: double.clone(),
            profiles: double.clone(),
            progress: double.clone(),
            clock: double.clone(),
            telemetry: double.clone(),
        };
        (double, ports)
    }

    fn done(&self) -> Vec<String> {
        std::mem::take(&mut self.done.lock().unwrap())
    }
}

#[async_trait]
impl ErasureRecords for Double {
    async fn take_up(&self, _: u32) -> Result<Vec<OpenErasure>, StoreError> {
        let open = OpenErasure {
            id: Uuid::nil(),
            usernames: vec!["ann".parse().unwrap()],
            instagram_ids: vec![],
            found_at: at(0),
        };
        let others = (1..=self.others).map(|number| OpenErasure {
            id: Uuid::from_u128(number),
            usernames: vec![format!("other{number}").parse().unwrap()],
            instagram_ids: vec![InstagramId::parse("8").unwrap()],
            found_at: at(0),
        });
        Ok(if *self.has_ended.lock().unwrap() { vec![] } else { std::iter::once(open).chain(others).collect() })
    }

    async fn note_id(&self, erasure: Uuid, id: &InstagramId) -> Result<Option<OpenErasure>, StoreError> {
        self.note(format!("id {id}"));
        Ok(Some(OpenErasure {
            id: erasure,
            usernames: vec!["ann".parse().unwrap(), "ann.new".parse().unwrap()],
            instagram_ids: vec![id.clone()],
            found_at: at(0),
        }))
    }

    async fn end_runs(&self, erasure: Uuid, _: u32) -> Result<Vec<RunId>, StoreError> {
        let left = self.under_way.load(Ordering::Relaxed);
        if left == 0 || !erasure.is_nil() {
            return Ok(vec![]);
        }
        self.under_way.store(left - 1, Ordering::Relaxed);
        let run = RunId::new(Uuid::from_u128(u128::from(left)));
        self.ended.lock().unwrap().push(run);
        Ok(vec![run])
    }

    async fn erase(&self, erasure: Uuid, _: u32, deleted: &[RunId]) -> Result<Slice, StoreError> {
        for run in deleted {
            self.note(format!("forgotten {}", run.uuid().as_u128()));
        }
        if self.is_held {
            return Ok(Slice { more: true, ..Slice::default() });
        }
        let mut ended = self.ended.lock().unwrap();
        ended.retain(|run| !deleted.contains(run));
        let instances = if erasure.is_nil() { ended.clone() } else { vec![] };
        Ok(Slice { more: !instances.is_empty(), instances, taken: 0 })
    }

    async fn erase_from_bulks(&self, _: Uuid, _: u32) -> Result<bool, StoreError> {
        self.note("bulks");
        Ok(false)
    }

    async fn end(&self, _: Uuid, found_before: Timestamp) -> Result<bool, StoreError> {
        assert_eq!(found_before, at(0));
        *self.has_ended.lock().unwrap() = true;
        Ok(true)
    }
}

#[async_trait]
impl SubjectFiles for Double {
    async fn id_of(&self, username: &InstagramHandle) -> Result<Option<InstagramId>, StoreError> {
        self.bucket()?;
        Ok(InstagramId::parse("7").filter(|_| username.as_str() == "ann"))
    }

    async fn delete_all(&self, username: &InstagramHandle) -> Result<u32, StoreError> {
        self.bucket()?;
        self.note(format!("files of {username}"));
        Ok(2)
    }
}

#[async_trait]
impl PictureStore for Double {
    async fn copy(&self, _: &InstagramHandle, _: &str) -> Result<(), String> {
        Err("not asked".to_owned())
    }

    async fn delete(&self, usernames: &[InstagramHandle]) -> Result<(), StoreError> {
        self.note(format!("picture of {}", usernames[0]));
        Ok(())
    }
}

#[async_trait]
impl EngineInstances for Double {
    async fn delete(&self, runs: &[RunId]) -> Result<Vec<RunId>, StoreError> {
        if self.is_engine_out {
            return Err(StoreError::Unavailable("the engine".to_owned()));
        }
        let is_gone = |run: &&RunId| self.stuck != Some(run.uuid().as_u128());
        let gone: Vec<RunId> = runs.iter().filter(is_gone).copied().collect();
        for run in &gone {
            self.note(format!("instance {}", run.uuid().as_u128()));
        }
        Ok(gone)
    }
}

#[async_trait]
impl ProfileSource for Double {
    async fn ask(&self, _: &[ScrapeRequest]) -> Result<(), ScrapeFault> {
        Ok(())
    }

    async fn collect(&self, _: &ScrapeRequest, _: Duration) -> Result<Collected, ScrapeFault> {
        Ok(Collected::Waiting)
    }

    async fn begun(&self, _: &[RunId]) -> Vec<RunId> {
        vec![]
    }

    async fn withdraw(&self, _: &[RunId]) {
        self.note("withdrawn");
    }
}

#[async_trait]
impl ProgressSink for Double {
    async fn tell(&self, _: RunId, _: ProgressUpdate) {
        self.note("told");
    }
}

impl Clock for Double {
    fn now(&self) -> Timestamp {
        at(0)
    }
}

impl Telemetry for Double {
    fn record(&self, point: Point) {
        self.points.lock().unwrap().push(point);
    }
}

const FILES: [&str; 4] = ["files of ann", "picture of ann", "files of ann.new", "picture of ann.new"];

#[tokio::test]
async fn a_pass_erases_everywhere_and_only_one_after_all_has_settled_ends_it() {
    let (double, ports) = Double { under_way: AtomicU32::new(2), ..Double::default() }.ports();
    // Purchases may be under way: bulks are searched later.
    let report = erase_subjects(&ports, at(0)).await.unwrap();
    let ended = ["withdrawn", "told", "withdrawn", "told", "id 7"];
    let engine = ["instance 2", "instance 1", "forgotten 2", "forgotten 1"];
    assert_eq!(double.done(), [&ended[..], &engine[..], &FILES[..]].concat());
    assert_eq!((report.erasures, report.done, report.runs_ended, report.objects), (1, 0, 2, 4));
    {
        let points = double.points.lock().unwrap();
        let ends: Vec<(&str, &str, &str)> = points
            .iter()
            .map(|point| (point.blobs[0].as_str(), point.blobs[4].as_str(), point.blobs[5].as_str()))
            .collect();
        assert_eq!(ends, [("run", "failed", "subject_erased"); 2], "each run that it ends is counted");
    }

    let settled = SETTLED_AFTER.as_mins();
    assert_eq!(erase_subjects(&ports, at(settled - 1)).await.unwrap().done, 0);
    assert_eq!(double.done(), [&["id 7", "bulks"][..], &FILES[..]].concat());
    let last = erase_subjects(&ports, at(settled)).await.unwrap();
    assert_eq!((last.done, last.is_cut_short), (1, false));
    assert_eq!(double.done(), [&["id 7", "bulks"][..], &FILES[..]].concat(), "what was written meanwhile goes too");
    assert_eq!(erase_subjects(&ports, at(settled)).await.unwrap(), EraseReport::default());
}

#[tokio::test]
async fn what_somebody_holds_or_a_store_that_is_out_keeps_it_open_and_the_next_job_goes_on() {
    let settled = at(SETTLED_AFTER.as_mins());
    let (double, ports) = Double { is_held: true, ..Double::default() }.ports();
    assert_eq!(erase_subjects(&ports, settled).await.unwrap().done, 0);
    assert!(!*double.has_ended.lock().unwrap());

    // The id is in a snapshot: without it nothing is erased, but what is under way is refunded, and others are worked off.
    let (double, ports) =
        Double { is_bucket_out: true, under_way: AtomicU32::new(1), others: 1, ..Double::default() }.ports();
    erase_subjects(&ports, settled).await.unwrap_err();
    assert!(!*double.has_ended.lock().unwrap());
    assert_eq!(double.done(), ["withdrawn", "told", "bulks"]);

    // A run keeps its name until the engine has forgotten it: otherwise nobody could find what the engine has.
    let (double, ports) = Double { is_engine_out: true, under_way: AtomicU32::new(1), ..Double::default() }.ports();
    erase_subjects(&ports, settled).await.unwrap_err();
    assert!(!*double.has_ended.lock().unwrap());
    assert_eq!(double.done(), [&["withdrawn", "told", "id 7", "bulks"][..], &FILES[..]].concat());

    // One that stays keeps the erasure open, and nothing else of it.
    let (double, ports) = Double { stuck: Some(1), under_way: AtomicU32::new(2), ..Double::default() }.ports();
    assert_eq!(erase_subjects(&ports, settled).await.unwrap().done, 0);
    let engine = ["instance 2", "forgotten 2", "bulks"];
    assert_eq!(double.done()[5..], [&engine[..], &FILES[..]].concat());
}

#[tokio::test]
async fn a_job_makes_no_more_calls_than_the_platform_allows_and_a_large_erasure_leaves_the_others_their_share() {
    let (double, ports) = Double { under_way: AtomicU32::new(10_000), others: 19, ..Double::default() }.ports();
    let report = erase_subjects(&ports, at(SETTLED_AFTER.as_mins() - 1)).await.unwrap();
    assert!(report.is_cut_short && report.erasures == 20);
    let done = double.done();
    assert!(done.len() < 1_000);
    for number in 1..=19 {
        assert!(done.contains(&format!("files of other{number}")), "{number}");
    }
}
