//! The product's own workflow on a real database, with providers that bill what a test tells them to.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use oslira_app::{
    features::{
        analysis::{ProgressSink, ProgressUpdate, WorkflowPorts, analyse},
        judging::{AiFault, AiUsage, Answer, CallKind, Model, ModelChoice, Question, examples},
        profiles::{
            Found, InstagramHandle, PictureStore, Post, PostKind, Profile, ScrapeFault, ScrapePart, ScrapeUsage,
            Snapshot, SnapshotKey, SnapshotStore,
        },
        scraping::{Collected, ProfileSource, ScrapeRequest, Scraped},
    },
    shared::{
        clock::Clock,
        ids::RunId,
        steps::{AttemptFailed, StepFailed, Steps},
        store::StoreError,
        telemetry::{Point, Telemetry},
    },
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::support::Stage;

/// What the providers do.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scenario {
    /// The profile is known already.
    pub is_cached: bool,
    /// The profile as it still is, from so many days ago, is in the store; too old to be judged.
    pub kept_for_days: Option<i64>,
    /// The first answer to each call is billed and cut off.
    pub truncated_first: bool,
    /// The model has no known price.
    pub unpriced: bool,
    /// The gateway answers from its cache.
    pub gateway_hit: bool,
    /// What the providers call the scrape and the answer, if it is not a new name each time.
    pub bills_key: Option<&'static str>,
}

/// Works a run to its end; answers what was counted.
pub async fn work(stage: &Stage, run: Uuid, scenario: Scenario) -> Vec<Point> {
    let double =
        Arc::new(Double { scenario, asked: Mutex::default(), kept: Mutex::default(), counted: Mutex::default() });
    if scenario.is_cached {
        let snapshot = Snapshot {
            profile: profile(),
            scraped_at: double.now(),
            depth: 50,
            posts_read_at: None,
            source: "double".to_owned(),
        };
        double.kept.lock().unwrap().push((SnapshotKey("known".to_owned()), snapshot));
    }
    if let Some(days) = scenario.kept_for_days {
        let scraped_at = double.now() - SignedDuration::from_hours(24 * days);
        let snapshot =
            Snapshot { profile: profile(), scraped_at, depth: 50, posts_read_at: None, source: "double".to_owned() };
        double.kept.lock().unwrap().push((SnapshotKey("kept".to_owned()), snapshot));
    }
    let ports = WorkflowPorts {
        runs: Arc::new(stage.admin()),
        snapshots: double.clone(),
        profiles: double.clone(),
        model: double.clone(),
        pictures: double.clone(),
        progress: double.clone(),
        clock: double.clone(),
        telemetry: double.clone(),
        models: ModelChoice::default(),
        pause_scale: 0.0,
    };
    analyse(&Straight, ports, RunId::new(run)).await.unwrap();
    double.counted.lock().unwrap().clone()
}

struct Double {
    scenario: Scenario,
    asked: Mutex<HashMap<CallKind, u32>>,
    kept: Mutex<Vec<(SnapshotKey, Snapshot)>>,
    counted: Mutex<Vec<Point>>,
}

impl Double {
    /// A provider's name for what it did.
    fn key(&self) -> String {
        self.scenario.bills_key.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
    }
}

/// Steps that never fail and so need no memory.
struct Straight;

impl Steps for Straight {
    async fn run_as<T, F, Fut>(&self, name: &str, effect: F) -> Result<T, StepFailed>
    where
        T: Serialize + DeserializeOwned + 'static,
        F: Fn() -> Fut + 'static,
        Fut: Future<Output = Result<T, AttemptFailed>> + 'static,
    {
        effect().await.map_err(|error| StepFailed {
            step: name.to_owned(),
            message: error.to_string(),
            is_unreadable: false,
        })
    }

    async fn sleep(&self, _: &str, _: Duration) -> Result<(), StepFailed> {
        Ok(())
    }
}

fn profile() -> Profile {
    Profile {
        username: "nasa".parse().unwrap(),
        display_name: "NASA".to_owned(),
        biography: examples::QUOTE.to_owned(),
        followers: 1000,
        following: 10,
        posts_count: 2,
        category: None,
        external_url: None,
        links: vec![],
        profile_pic_url: None,
        country: None,
        is_verified: false,
        is_business: false,
        posts: vec![post()],
        renamed_to: None,
        instagram_id: None,
    }
}

fn post() -> Post {
    Post {
        short_code: "a".to_owned(),
        kind: PostKind::Image,
        caption: String::new(),
        hashtags: vec![],
        mentions: vec![],
        likes: None,
        comments: None,
        video_views: None,
        taken_at: None,
        is_pinned: false,
        is_anothers: false,
        location: None,
        newest_comments: vec![],
    }
}

#[async_trait]
impl PictureStore for Double {
    async fn copy(&self, _: &InstagramHandle, _: &str) -> Result<(), String> {
        Ok(())
    }

    async fn delete(&self, _: &[InstagramHandle]) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl ProfileSource for Double {
    async fn ask(&self, _: &[ScrapeRequest]) -> Result<(), ScrapeFault> {
        Ok(())
    }

    async fn collect(&self, request: &ScrapeRequest, _: Duration) -> Result<Collected, ScrapeFault> {
        let username = request.username.clone();
        let (found, results) = match request.key.part {
            ScrapePart::Details => (Found::Profile(Box::new(Profile { username, ..profile() })), 1),
            ScrapePart::Posts(_) => (Found::Posts(vec![post()]), 50),
        };
        let usage = ScrapeUsage {
            source: "double".to_owned(),
            actor: "actor".to_owned(),
            results,
            cost_microusd: 2_303 * u64::from(results),
            duration_ms: None,
        };
        let provider_run_id = self.key();
        Ok(Collected::Finished(Box::new(Scraped { found, usage, ended_at: None, provider_run_id })))
    }

    async fn begun(&self, _: &[RunId]) -> Vec<RunId> {
        vec![]
    }

    async fn withdraw(&self, _: &[RunId]) {}
}

#[async_trait]
impl Model for Double {
    async fn ask(&self, question: &Question) -> Answer {
        let call = question.tags.call;
        let nth = {
            let mut asked = self.asked.lock().unwrap();
            let nth = asked.entry(call).or_default();
            *nth += 1;
            *nth
        };
        let cost = if self.scenario.gateway_hit { 0 } else { 1_237 + u64::from(nth) };
        let usage = AiUsage {
            response_id: self.key(),
            provider: "openai".to_owned(),
            model: question.model.model().to_owned(),
            input_tokens: 2_000,
            cached_tokens: 1_024,
            cache_write_tokens: 0,
            output_tokens: 300,
            reasoning_tokens: 0,
            cost_microusd: Some(cost).filter(|_| !self.scenario.unpriced || nth > 1),
            gateway_hit: self.scenario.gateway_hit.then_some(true),
            duration_ms: 1,
            finish_reason: "stop".to_owned(),
        };
        let content = if self.scenario.truncated_first && nth == 1 {
            Err(AiFault::Truncated)
        } else {
            Ok(examples::text(call).to_string())
        };
        Answer { content, usage: Some(usage) }
    }
}

#[async_trait]
impl SnapshotStore for Double {
    async fn find(
        &self,
        _: &InstagramHandle,
        not_before: Timestamp,
        _: u32,
    ) -> Result<Option<SnapshotKey>, StoreError> {
        let kept = self.kept.lock().unwrap();
        Ok(kept.iter().find(|(_, snapshot)| snapshot.scraped_at >= not_before).map(|(key, _)| key.clone()))
    }

    async fn save(&self, snapshot: &Snapshot, key_hint: &str) -> Result<SnapshotKey, StoreError> {
        let key = SnapshotKey(key_hint.to_owned());
        self.kept.lock().unwrap().push((key.clone(), snapshot.clone()));
        Ok(key)
    }

    async fn load(&self, key: &SnapshotKey) -> Result<Snapshot, StoreError> {
        let kept = self.kept.lock().unwrap();
        let found = kept.iter().find(|(known, _)| known == key).map(|(_, snapshot)| snapshot.clone());
        found.ok_or_else(|| StoreError::Defect("no such snapshot".to_owned()))
    }
}

#[async_trait]
impl ProgressSink for Double {
    async fn tell(&self, _: RunId, _: ProgressUpdate) {}
}

impl Telemetry for Double {
    fn record(&self, point: Point) {
        self.counted.lock().unwrap().push(point);
    }
}

impl Clock for Double {
    fn now(&self) -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }
}
