//! Statements that are put together from several texts, as the adapters send them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use oslira_app::{
    features::{
        analysis::{BulkRepository, RunRepository},
        auth,
        business::BusinessProfileRepository,
        credits::CreditLedger,
        leads::{LeadFilter, LeadQuery, LeadRepository, LeadSort, OutcomeRepository, SearchText, WorkRepository},
    },
    shared::{
        analysis_type::AnalysisType,
        ids::{AccountId, BulkId, BusinessProfileId, LeadId, RunId, UserId},
        pagination::PageQuery,
        store::StoreError,
    },
};
use oslira_postgres::{Call, Driver, TenantDb};
use uuid::Uuid;

use crate::releases::snapshot::{Role, Statement};

/// Answers nothing, and keeps what it was to send.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

#[async_trait]
impl Driver for Recorder {
    async fn run_as(&self, call: &Call<'_>) -> Result<String, StoreError> {
        self.0.lock().unwrap().push(call.sql.to_owned());
        Err(StoreError::Unavailable("it is only recorded".to_owned()))
    }

    async fn clock(&self) -> Result<String, StoreError> {
        Err(StoreError::Unavailable("it is only recorded".to_owned()))
    }
}

impl Recorder {
    /// The statement that `call` sent.
    fn take<T>(&self, name: &str, call: Result<T, StoreError>) -> Statement {
        assert!(call.is_err(), "{name} sent nothing");
        let mut sent = std::mem::take(&mut *self.0.lock().unwrap());
        let sql = sent.pop().filter(|_| sent.is_empty());
        Statement::of(name.to_owned(), Role::Authenticated, sql.unwrap_or_else(|| panic!("{name} is one statement")))
    }
}

fn first<T>() -> PageQuery<T> {
    PageQuery { limit: 1, after: None }
}

/// Each of them, in all its forms.
pub async fn composed() -> Vec<Statement> {
    let recorder = Arc::new(Recorder::default());
    let db = TenantDb::new(recorder.clone());
    let id = Uuid::nil();
    let (user, lead, business) = (UserId::new(id), LeadId::new(id), BusinessProfileId::new(id));
    let member = auth::Member::new(user, AccountId::new(id));
    let mut all = vec![
        recorder.take("tenant/credits.balance", db.balance(member).await),
        recorder.take("tenant/estimate.measure", RunRepository::measure(&db, member, AnalysisType::Light).await),
        recorder.take("tenant/runs.get", RunRepository::get(&db, member, RunId::new(id)).await),
        recorder.take("tenant/runs.list", RunRepository::list(&db, member, first()).await),
        recorder.take("tenant/bulks.get", BulkRepository::get(&db, member, BulkId::new(id)).await),
        recorder.take("tenant/bulks.progress", BulkRepository::progress(&db, user, BulkId::new(id)).await),
        recorder.take("tenant/business_profiles.list", BusinessProfileRepository::list(&db, member, first()).await),
        recorder.take("tenant/business_profiles.get", BusinessProfileRepository::get(&db, member, business).await),
        recorder.take("tenant/leads.get", LeadRepository::get(&db, member, lead, 1).await),
        recorder.take("tenant/outcomes.outcomes", db.outcomes(member, None, first()).await),
        recorder.take("tenant/outcomes.are_more_outcomes_than", db.are_more_outcomes_than(member, None, 1).await),
        recorder.take("tenant/work.actions", WorkRepository::actions(&db, member, lead, first()).await),
        recorder.take("tenant/work.notes", db.notes(member, lead, first()).await),
    ];
    let text = SearchText::parse("coffee");
    for sort in [LeadSort::Newest, LeadSort::Score, LeadSort::Updated] {
        for (form, text) in [("list", None), ("search", text.clone())] {
            let query = LeadQuery { filter: LeadFilter { text, ..LeadFilter::default() }, sort };
            let name = |what: &str| format!("tenant/leads.{what} {form} {}", sort.as_str());
            all.push(recorder.take(&name("list"), LeadRepository::list(&db, member, &query, first()).await));
            all.push(recorder.take(&name("are_more_than"), db.are_more_than(member, &query, 1).await));
        }
    }
    all
}
