//! Runs, as workflows and schedules work on them.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use oslira_app::{
    features::{
        analysis::{
            AnalysisRecord, Assignment, Completion, LeadFacts, Outage, Phase, RunState, SystemRuns, UsageRecord,
        },
        profiles::InstagramHandle,
    },
    shared::{ids::RunId, store::StoreError},
};
use serde::Deserialize;
use serde_json::Value;
use tokio_postgres::types::Type;

use super::db::AdminDb;
use crate::{
    run_state::RUN_STATE,
    session::{Param, json},
};

#[derive(Deserialize)]
struct Advanced {
    active: bool,
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
        // The business is read even if it was deleted meanwhile: the run was bought for it. The criteria of its ideal
        // customer are columns of the same row, hence `to_jsonb(bp)` twice.
        const SQL: &str = "select case when (a.answer ->> 'active')::boolean then jsonb_build_object(\
              'account_id', r.account_id, 'username', r.username, 'analysis_type', r.analysis_type, \
              'business', to_jsonb(bp) || jsonb_build_object('ideal_customer', to_jsonb(bp))) else 'null' end \
            from system.advance_run($1, 'cache') as a (answer) \
            join public.runs r on r.id = $1 \
            left join public.business_profiles bp on bp.id = r.business_profile_id";
        let id = run.uuid();
        let assignments: Vec<Option<Assignment>> = self.values(SQL, &[(&id, Type::UUID)]).await?;
        Ok(assignments.into_iter().next().flatten())
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
        self.value("select system.complete_run($1, $2, $3)", &params).await
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
        // Sent as text: the driver is built without support for jiff's timestamps.
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
        Ok(self.values(RUN_STATE, &[(&id, Type::UUID)]).await?.into_iter().next())
    }

    async fn stale(&self, age: SignedDuration, limit: u32) -> Result<Vec<RunId>, StoreError> {
        // A run that no workflow has taken up yet has no heartbeat.
        const SQL: &str = "select to_jsonb(r.id) from public.runs r \
            where r.status in ('pending', 'processing') \
              and coalesce(r.heartbeat_at, r.created_at) <= clock_timestamp() - make_interval(secs => $1) \
            order by coalesce(r.heartbeat_at, r.created_at) limit $2";
        let (seconds, limit) = (age.as_secs_f64(), i64::from(limit));
        self.values(SQL, &[(&seconds, Type::FLOAT8), (&limit, Type::INT8)]).await
    }

    async fn sweep_one(&self, age: SignedDuration) -> Result<Option<RunId>, StoreError> {
        // One run a transaction, so that each refund is committed by itself.
        const SQL: &str = "select system.sweep_stale_runs(make_interval(secs => $1), 1)";
        let seconds = age.as_secs_f64();
        let swept: Vec<Swept> = self.value(SQL, &[(&seconds, Type::FLOAT8)]).await?;
        Ok(swept.into_iter().next().map(|swept| swept.run_id))
    }
}
