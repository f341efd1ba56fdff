//! What workflows and schedules do, as `service_role`. A handler of a user's request cannot name this type.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use oslira_app::{
    features::{
        analysis::{
            AnalysisRecord, Assignment, Completion, LeadFacts, Outage, Phase, RunState, SystemRuns, UsageRecord,
        },
        business::{BusinessContext, IdealCustomer},
        judging::{LifecycleStore, ModelLifecycle},
        profiles::InstagramHandle,
    },
    shared::{
        analysis_type::AnalysisType,
        ids::{AccountId, AnalysisId, BusinessProfileId, LeadId, RunId},
        store::StoreError,
    },
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio_postgres::types::Type;

use crate::{
    session::{Connect, Param, Session},
    tenant::STATE,
};

const ROLE: &str = "service_role";
const CLAIMS: &str = r#"{"role":"service_role"}"#;

/// The database as the system sees it.
pub struct AdminDb {
    session: Session,
}

impl AdminDb {
    /// Uses a login that may only become `service_role`.
    pub fn new(connector: Arc<dyn Connect>) -> Self {
        Self { session: Session::new(connector) }
    }

    async fn value<T: DeserializeOwned>(&self, sql: &str, params: &[Param<'_>]) -> Result<T, StoreError> {
        self.session.value(ROLE, CLAIMS, sql, params).await
    }

    async fn values<T: DeserializeOwned>(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<T>, StoreError> {
        self.session.values(ROLE, CLAIMS, sql, params).await
    }
}

fn json(value: &(impl Serialize + ?Sized)) -> Result<Value, StoreError> {
    serde_json::to_value(value).map_err(|error| StoreError::Defect(error.to_string()))
}

#[derive(Deserialize)]
struct Advanced {
    active: bool,
}

#[derive(Deserialize)]
struct TakenUp {
    advanced: Advanced,
    run: AssignmentRow,
}

#[derive(Deserialize)]
struct AssignmentRow {
    account_id: AccountId,
    username: InstagramHandle,
    analysis_type: AnalysisType,
    business: Option<BusinessRow>,
}

#[derive(Deserialize)]
struct BusinessRow {
    id: BusinessProfileId,
    name: String,
    offering: String,
    target_audience: String,
    context_version: i32,
    follower_min: Option<u64>,
    follower_max: Option<u64>,
    engagement_rate_min_percent: Option<f64>,
    content_themes: Vec<String>,
    geographies: Vec<String>,
}

impl From<BusinessRow> for BusinessContext {
    fn from(row: BusinessRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            offering: row.offering,
            target_audience: row.target_audience,
            ideal_customer: IdealCustomer {
                follower_min: row.follower_min,
                follower_max: row.follower_max,
                engagement_rate_min_percent: row.engagement_rate_min_percent,
                content_themes: row.content_themes,
                geographies: row.geographies,
            },
            context_version: row.context_version,
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum CompleteAnswer {
    Completed { lead_id: LeadId, is_new: bool, analysis_id: AnalysisId },
    Inactive,
}

#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Reported {
    Opened,
    Noted,
}

#[derive(Deserialize)]
struct Swept {
    run_id: RunId,
}

#[async_trait]
impl SystemRuns for AdminDb {
    async fn take_up(&self, run: RunId) -> Result<Option<Assignment>, StoreError> {
        // The business is read even when deleted meanwhile: the run was bought for it.
        const SQL: &str = "select jsonb_build_object('advanced', system.advance_run($1, 'cache'), \
              'run', jsonb_build_object('account_id', r.account_id, 'username', r.username, \
                'analysis_type', r.analysis_type, 'business', to_jsonb(bp))) \
            from public.runs r left join public.business_profiles bp on bp.id = r.business_profile_id \
            where r.id = $1";
        let id = run.uuid();
        let rows: Vec<TakenUp> = self.values(SQL, &[(&id, Type::UUID)]).await?;
        let Some(TakenUp { advanced: Advanced { active: true }, run }) = rows.into_iter().next() else {
            return Ok(None);
        };
        let business = run.business.ok_or_else(|| StoreError::Defect("an active run without a business".to_owned()))?;
        Ok(Some(Assignment {
            account_id: run.account_id,
            username: run.username,
            analysis_type: run.analysis_type,
            business: business.into(),
        }))
    }

    async fn advance(&self, run: RunId, phase: Phase) -> Result<bool, StoreError> {
        let (id, phase) = (run.uuid(), phase.as_str());
        let params: [Param<'_>; 2] = [(&id, Type::UUID), (&phase, Type::TEXT)];
        let advanced: Advanced = self.value("select system.advance_run($1, $2)", &params).await?;
        Ok(advanced.active)
    }

    async fn complete(
        &self,
        run: RunId,
        lead: &LeadFacts,
        analysis: &AnalysisRecord,
    ) -> Result<Completion, StoreError> {
        let (id, lead, analysis) = (run.uuid(), json(lead)?, json(analysis)?);
        let params: [Param<'_>; 3] = [(&id, Type::UUID), (&lead, Type::JSONB), (&analysis, Type::JSONB)];
        Ok(match self.value("select system.complete_run($1, $2, $3)", &params).await? {
            CompleteAnswer::Completed { lead_id, is_new, analysis_id } => {
                Completion::Completed { lead_id, is_new, analysis_id }
            }
            CompleteAnswer::Inactive => Completion::Inactive,
        })
    }

    async fn fail(&self, run: RunId, code: &str, message: &str) -> Result<(), StoreError> {
        let id = run.uuid();
        let params: [Param<'_>; 3] = [(&id, Type::UUID), (&code, Type::TEXT), (&message, Type::TEXT)];
        self.value::<Value>("select system.fail_run($1, $2, $3)", &params).await.map(drop)
    }

    async fn record_usage(&self, run: RunId, key: &str, usage: &UsageRecord) -> Result<(), StoreError> {
        let id = run.uuid();
        let (kind, bill) = match usage {
            UsageRecord::Ai(bill) => ("ai", json(bill)?),
            UsageRecord::Scrape(bill) => ("scrape", json(bill)?),
        };
        let params: [Param<'_>; 4] = [(&id, Type::UUID), (&kind, Type::TEXT), (&key, Type::TEXT), (&bill, Type::JSONB)];
        self.value::<bool>("select to_jsonb(system.record_usage($1, $2, $3, $4))", &params).await.map(drop)
    }

    async fn mark_stale(&self, username: &InstagramHandle, scraped_at: Timestamp) -> Result<u64, StoreError> {
        // Text, because the driver has no type for our timestamps.
        const SQL: &str = "select to_jsonb(system.mark_stale($1, $2::text::timestamptz))";
        let (username, scraped_at) = (username.as_str(), scraped_at.to_string());
        self.value(SQL, &[(&username, Type::TEXT), (&scraped_at, Type::TEXT)]).await
    }

    async fn report_outage(&self, run: RunId, service: &str, outage: Outage) -> Result<bool, StoreError> {
        let (id, kind) = (
            run.uuid(),
            match outage {
                Outage::Exhausted => "exhausted",
                Outage::Down => "down",
                Outage::Gone => "gone",
            },
        );
        let params: [Param<'_>; 3] = [(&service, Type::TEXT), (&kind, Type::TEXT), (&id, Type::UUID)];
        let reported: Reported = self.value("select system.report_outage($1, $2, $3)", &params).await?;
        Ok(matches!(reported, Reported::Opened))
    }

    async fn state(&self, run: RunId) -> Result<Option<RunState>, StoreError> {
        let id = run.uuid();
        Ok(self.values(STATE, &[(&id, Type::UUID)]).await?.into_iter().next())
    }

    async fn stale(&self, age: SignedDuration, limit: u32) -> Result<Vec<RunId>, StoreError> {
        const SQL: &str = "select to_jsonb(r.id) from public.runs r \
            where r.status in ('pending', 'processing') \
              and coalesce(r.heartbeat_at, r.created_at) <= clock_timestamp() - make_interval(secs => $1) \
            order by coalesce(r.heartbeat_at, r.created_at) limit $2";
        let (seconds, limit) = (age.as_secs_f64(), i64::from(limit));
        self.values(SQL, &[(&seconds, Type::FLOAT8), (&limit, Type::INT8)]).await
    }

    async fn sweep_one(&self, age: SignedDuration) -> Result<Option<RunId>, StoreError> {
        const SQL: &str = "select system.sweep_stale_runs(make_interval(secs => $1), 1)";
        let seconds = age.as_secs_f64();
        let swept: Vec<Swept> = self.value(SQL, &[(&seconds, Type::FLOAT8)]).await?;
        Ok(swept.into_iter().next().map(|swept| swept.run_id))
    }
}

#[async_trait]
impl LifecycleStore for AdminDb {
    async fn record(&self, models: &[ModelLifecycle]) -> Result<(), StoreError> {
        const SQL: &str = "select to_jsonb(true) from system.record_model_lifecycles($1)";
        let models = json(models)?;
        self.value::<bool>(SQL, &[(&models, Type::JSONB)]).await.map(drop)
    }
}
