//! What the double answers.

use super::*;

#[async_trait]
impl RunRepository for Double {
    async fn begin(
        &self,
        _: Member,
        _: RunId,
        _: &AnalysisRequest,
        needs: &RequiredServices,
        _: Option<&IdempotencyKey>,
        _: &str,
    ) -> Result<BeginOutcome, StoreError> {
        self.heard(json!(needs));
        if self.is_blocked {
            return Err(StoreError::AccountBlocked);
        }
        Ok(self.begun.clone())
    }

    async fn measure(&self, _: Member, analysis_type: AnalysisType) -> Result<Option<Measured>, StoreError> {
        self.heard(json!(analysis_type));
        Ok(self.measured.clone())
    }

    async fn note_scrapes(&self, _: UserId, _: &[RunId]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn cancel(&self, _: UserId, _: RunId) -> Result<CancelOutcome, StoreError> {
        if self.only_bulks {
            return Ok(CancelOutcome::NotFound);
        }
        // As the database would while AI work is under way.
        self.heard(json!("cancelled"));
        Ok(CancelOutcome::Cancelled { refunded: 0, kept: 5, balance: 5 })
    }

    async fn undo(&self, _: UserId, _: RunId) -> Result<UndoOutcome, StoreError> {
        self.heard(json!("undone"));
        Ok(self.undone.clone())
    }

    async fn get(&self, _: Member, _: RunId) -> Result<Option<Run>, StoreError> {
        Ok(None)
    }

    async fn list(&self, _: Member, page: PageQuery<RunId>) -> Result<Page<Run>, StoreError> {
        Ok(Page::cut(vec![], page.limit, |run: &Run| run.id))
    }

    async fn visible_state(&self, _: UserId, _: RunId) -> Result<Option<RunState>, StoreError> {
        self.heard(json!("row"));
        Ok(self.row.clone())
    }
}

impl Double {
    fn of_bulk<T: serde::de::DeserializeOwned>(&self) -> Result<T, StoreError> {
        Ok(serde_json::from_value(self.bulk.clone()).unwrap())
    }
}

#[async_trait]
impl BulkRepository for Double {
    async fn begin(
        &self,
        _: Member,
        _: BulkId,
        lines: &[BulkLine],
        _: BusinessProfileId,
        analysis_type: AnalysisType,
        options: &BulkOptions,
        _: &RequiredServices,
        key: Option<(&IdempotencyKey, &str)>,
    ) -> Result<BulkOutcome, StoreError> {
        let names: Vec<String> = lines.iter().map(|line| format!("{} {}", line.line, line.username)).collect();
        self.heard(json!([names, analysis_type, options, key.map(|(key, _)| key.as_str())]));
        self.of_bulk()
    }

    async fn type_of(&self, _: UserId, _: BulkId) -> Result<Option<AnalysisType>, StoreError> {
        Ok(Some(AnalysisType::Light))
    }

    async fn go_on(&self, _: UserId, _: BulkId, _: &RequiredServices) -> Result<BulkOutcome, StoreError> {
        self.heard(json!("continued"));
        self.of_bulk()
    }

    async fn unstarted(&self, _: UserId, _: BulkId) -> Result<Vec<RunId>, StoreError> {
        Ok(vec![])
    }

    async fn cancel(&self, _: UserId, _: BulkId, only_unstarted: bool) -> Result<BulkCancelled, StoreError> {
        self.heard(json!(if only_unstarted { "bulk undone" } else { "bulk cancelled" }));
        if only_unstarted {
            return Ok(BulkCancelled::Cancelled { runs: vec![], refunded: 2, kept: 0, balance: 9 });
        }
        self.of_bulk()
    }

    async fn get(&self, _: Member, _: BulkId) -> Result<Option<Bulk>, StoreError> {
        Ok(self.found.clone())
    }

    async fn progress(&self, _: UserId, _: BulkId) -> Result<Option<BulkProgress>, StoreError> {
        Ok(serde_json::from_value(self.bulk.clone()).ok())
    }

    async fn failed_lines(&self, _: Member, _: BulkId) -> Result<Option<Vec<ListEntry>>, StoreError> {
        let line = ListEntry { line: 7, username: "failed".parse().unwrap() };
        Ok(self.found.as_ref().map(|_| vec![line]))
    }

    async fn stale_leads(
        &self,
        _: Member,
        _: BusinessProfileId,
        limit: u32,
    ) -> Result<Vec<InstagramHandle>, StoreError> {
        assert_eq!(limit, 100);
        Ok(vec!["stale".parse().unwrap()])
    }
}

#[async_trait]
impl BulkLauncher for Double {
    async fn start(&self, _: BulkId, leg: BulkLeg) -> Result<(), String> {
        self.heard(json!({ "started": leg }));
        if self.launches_nothing { Err("the engine is gone".to_owned()) } else { Ok(()) }
    }

    async fn enqueue(&self, _: BulkId, leg: BulkLeg) -> Result<(), String> {
        self.heard(json!({ "queued": leg }));
        if self.launches_nothing { Err("the queue is full".to_owned()) } else { Ok(()) }
    }
}

#[async_trait]
impl TopUpQueue for Double {
    async fn enqueue(&self, purchase: Uuid) -> Result<(), String> {
        self.heard(json!({ "top_up": purchase }));
        if self.launches_nothing { Err("the queue is full".to_owned()) } else { Ok(()) }
    }
}

#[async_trait]
impl CreditLedger for Double {
    async fn balance(&self, _: Member) -> Result<Option<Balance>, StoreError> {
        Ok(None)
    }

    async fn transactions(&self, _: Member, page: PageQuery<i64>) -> Result<Page<Transaction>, StoreError> {
        Ok(Page::cut(vec![], page.limit, |item: &Transaction| item.id))
    }

    async fn grants(&self, _: Member, page: PageQuery<i64>) -> Result<Page<Grant>, StoreError> {
        Ok(Page::cut(vec![], page.limit, |item: &Grant| item.id))
    }

    async fn budget(&self, _: Member) -> Result<Option<Budget>, StoreError> {
        Ok(self.budget)
    }

    async fn set_daily_cap(&self, _: Member, cap: Option<DailyCap>) -> Result<CapOutcome, StoreError> {
        self.heard(json!(cap.map(DailyCap::credits)));
        Ok(self.change)
    }
}

#[async_trait]
impl Authenticator for Double {
    async fn authenticate(&self, token: &str) -> Result<UserId, AuthError> {
        match token {
            "unknowable" => Err(AuthError::KeysUnavailable("the key set does not answer".to_owned())),
            _ => Ok(UserId::new(Uuid::nil())),
        }
    }
}

#[async_trait]
impl Memberships for Double {
    async fn accounts_of(&self, _: UserId) -> Result<Vec<Membership>, StoreError> {
        let account_id = AccountId::new(Uuid::nil());
        Ok(vec![Membership {
            account_id,
            account_name: "Ann".to_owned(),
            role: Role::Owner,
            permissions: Role::Owner.permissions().to_vec(),
        }])
    }

    async fn closed_accounts_of(&self, _: UserId) -> Result<Vec<ClosedAccount>, StoreError> {
        Ok(vec![])
    }
}

#[async_trait]
impl SnapshotStore for Double {
    async fn find(&self, name: &InstagramHandle, _: Timestamp, _: u32) -> Result<Option<SnapshotKey>, StoreError> {
        match name.as_str() {
            "cached" => Ok(Some(SnapshotKey("profiles/cached".to_owned()))),
            "unknown" => Ok(None),
            _ => Err(StoreError::Unavailable("R2 is down".to_owned())),
        }
    }

    async fn save(&self, _: &Snapshot, _: &str) -> Result<SnapshotKey, StoreError> {
        Err(StoreError::Defect("a request saves nothing".to_owned()))
    }

    async fn load(&self, _: &SnapshotKey) -> Result<Snapshot, StoreError> {
        Err(StoreError::Unavailable("R2 is down".to_owned()))
    }
}

#[async_trait]
impl ProfileSource for Double {
    async fn ask(&self, requests: &[ScrapeRequest]) -> Result<(), ScrapeFault> {
        let asked = requests.iter().map(|request| json!([request.username, request.key.part, request.key.attempt]));
        self.lined_up.lock().unwrap().extend(asked);
        Err(ScrapeFault::Unanswered("the gate is down".to_owned()))
    }

    async fn collect(&self, _: &ScrapeRequest, _: std::time::Duration) -> Result<Collected, ScrapeFault> {
        Err(ScrapeFault::Unanswered("a request waits for nothing".to_owned()))
    }

    async fn begun(&self, _: &[RunId]) -> Vec<RunId> {
        vec![]
    }

    async fn withdraw(&self, _: &[RunId]) {
        self.lined_up.lock().unwrap().push(json!("left"));
    }
}

#[async_trait]
impl RunLauncher for Double {
    async fn start(&self, _: RunId) -> Result<(), String> {
        if self.launches_nothing { Err("the engine is gone".to_owned()) } else { Ok(()) }
    }

    async fn enqueue(&self, _: RunId) -> Result<(), String> {
        if self.launches_nothing { Err("the queue is full".to_owned()) } else { Ok(()) }
    }

    async fn wake(&self, _: RunId) -> Result<Woken, String> {
        if self.launches_nothing { Err("the engine is gone".to_owned()) } else { Ok(self.woken) }
    }

    async fn enqueue_recovery(&self) -> Result<(), String> {
        Ok(())
    }
}

#[async_trait]
impl ProgressSink for Double {
    async fn tell(&self, run: RunId, update: ProgressUpdate) {
        if self.only_bulks {
            self.heard(json!([run, update]));
        }
    }
}

#[async_trait]
impl ProgressBoard for Double {
    async fn create(&self, _: RunId, _: AccountId) {}

    async fn look(&self, _: RunId, _: UserId) -> Result<ProgressLookup, String> {
        self.heard(json!("object"));
        Ok(ProgressLookup::ProofNeeded)
    }

    async fn look_with_proof(&self, run: RunId, _: UserId, state: &RunState) -> Result<ProgressLookup, String> {
        self.heard(json!("object with proof"));
        Ok(ProgressLookup::Seen(Progress::from_row(run, state).view))
    }

    fn object_of(&self, run: RunId) -> Result<String, String> {
        Ok(format!("object of {run}"))
    }

    async fn keep_ticket(&self, _: RunId, _: &RunState, _: &NewTicket) -> Result<bool, String> {
        self.heard(json!("ticket kept"));
        Ok(true)
    }

    async fn watch(&self, question: &WatchQuestion, transport: Transport) -> Result<Watched, String> {
        self.heard(json!({ "watched": transport, "seen": question.seen }));
        self.watched.clone()
    }
}

#[async_trait]
impl Readiness for Double {
    fn config_faults(&self) -> Vec<String> {
        vec![]
    }

    async fn database(&self) -> DatabaseState {
        DatabaseState::Answers { models: vec![] }
    }

    fn models_announced(&self) -> Vec<ModelLifecycle> {
        vec![]
    }

    fn environment(&self) -> &str {
        "local"
    }

    fn release(&self) -> &str {
        "oslira@test"
    }
}

impl Clock for Double {
    fn now(&self) -> Timestamp {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }
}

impl Telemetry for Double {
    fn record(&self, point: Point) {
        self.points.lock().unwrap().push(point);
    }
}

impl Ids for Double {
    fn run_id(&self) -> RunId {
        RunId::new(Uuid::nil())
    }

    fn request_id(&self) -> String {
        "request".to_owned()
    }

    fn secret(&self) -> String {
        "5".repeat(64)
    }
}
