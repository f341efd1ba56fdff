//! Runs, as workflows and schedules work on them.

use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use oslira_app::{
    features::{
        analysis::{
            AnalysisRecord, Assignment, Completion, LeadFacts, Outage, Phase, RunState, SilentRun, SystemRuns,
            UsageRecord,
        },
        profiles::{InstagramHandle, Profile},
    },
    shared::{ids::RunId, store::StoreError},
};
use serde::Deserialize;

use super::db::AdminDb;
use crate::{run_state::RUN_STATE, session::Param};

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
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Failed {
    Failed,
    /// It had ended before.
    Unchanged,
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
        const SQL: &str = "/* system.advance_run */ select case when (a.answer ->> 'active')::boolean then jsonb_build_object(\
              'account_id', r.account_id, 'username', r.username, 'analysis_type', r.analysis_type, \
              'business', to_jsonb(bp) || jsonb_build_object('ideal_customer', to_jsonb(bp)), \
              'paused', system.paused_services()) else 'null' end \
            from system.advance_run($1::uuid, 'cache') as a (answer) \
            join public.runs r on r.id = $1::uuid \
            left join public.business_profiles bp on bp.id = r.business_profile_id";
        let assignments: Vec<Option<Assignment>> = self.values(SQL, &[Param::of(run)]).await?;
        Ok(assignments.into_iter().next().flatten())
    }

    async fn advance(&self, run: RunId, phase: Phase) -> Result<bool, StoreError> {
        let params = [Param::of(run), Param::of(phase.as_str())];
        let advanced: Advanced = self.value("select system.advance_run($1::uuid, $2)", &params).await?;
        Ok(advanced.active)
    }

    async fn complete(
        &self,
        run: RunId,
        lead: &LeadFacts,
        analysis: &AnalysisRecord,
    ) -> Result<Completion, StoreError> {
        let params = [Param::of(run), Param::json(lead)?, Param::json(analysis)?];
        self.value("select system.complete_run($1::uuid, $2::jsonb, $3::jsonb)", &params).await
    }

    async fn refuse_erased(&self, profile: &Profile) -> Result<bool, StoreError> {
        const SQL: &str = "select to_jsonb(system.refuse_erased($1, $2, $3))";
        let id = profile.instagram_id.as_ref();
        self.value(SQL, &[Param::of(&profile.username), Param::maybe(profile.renamed_to.as_ref()), Param::maybe(id)])
            .await
    }

    async fn fail(&self, run: RunId, code: &str, message: &str) -> Result<bool, StoreError> {
        let params = [Param::of(run), Param::of(code), Param::of(message)];
        let failed: Failed = self.value("select system.fail_run($1::uuid, $2, $3)", &params).await?;
        Ok(matches!(failed, Failed::Failed))
    }

    async fn record_usage(&self, run: RunId, key: &str, usage: &UsageRecord) -> Result<bool, StoreError> {
        let (kind, bill) = match usage {
            UsageRecord::Ai(bill) => ("ai", Param::json(bill)?),
            UsageRecord::Scrape(bill) => ("scrape", Param::json(bill)?),
        };
        let params = [Param::of(run), Param::of(kind), Param::of(key), bill];
        self.value("select to_jsonb(system.record_usage($1::uuid, $2, $3, $4::jsonb))", &params).await
    }

    async fn mark_stale(&self, username: &InstagramHandle, scraped_at: Timestamp) -> Result<u64, StoreError> {
        const SQL: &str = "select to_jsonb(system.mark_stale($1, $2::timestamptz))";
        self.value(SQL, &[Param::of(username), Param::of(scraped_at)]).await
    }

    async fn report_outage(&self, run: RunId, service: &str, outage: Outage) -> Result<bool, StoreError> {
        let kind = match outage {
            Outage::Exhausted => "exhausted",
            Outage::Down => "down",
            Outage::Gone => "gone",
        };
        let params = [Param::of(service), Param::of(kind), Param::of(run)];
        let reported: Reported = self.value("select system.report_outage($1, $2, $3::uuid)", &params).await?;
        Ok(matches!(reported, Reported::Opened))
    }

    async fn state(&self, run: RunId) -> Result<Option<RunState>, StoreError> {
        Ok(self.values(RUN_STATE, &[Param::of(run)]).await?.into_iter().next())
    }

    async fn claim_silent(&self, age: SignedDuration, limit: u32) -> Result<Vec<SilentRun>, StoreError> {
        const SQL: &str = "select system.claim_silent_runs(make_interval(secs => $1::float8), $2::integer)";
        self.value(SQL, &[Param::of(age.as_secs_f64()), Param::of(limit)]).await
    }

    async fn note_woken(&self, runs: &[RunId]) -> Result<(), StoreError> {
        const SQL: &str =
            "select to_jsonb(system.note_woken(array(select jsonb_array_elements_text($1::jsonb)::uuid)))";
        self.value::<u64>(SQL, &[Param::json(runs)?]).await.map(drop)
    }

    async fn sweep(&self, age: SignedDuration, grace: Duration, limit: u32) -> Result<Vec<RunId>, StoreError> {
        const SQL: &str = "select system.sweep_stale_runs(\
            make_interval(secs => $1::float8), make_interval(secs => $2::float8), $3::integer)";
        let params = [Param::of(age.as_secs_f64()), Param::of(grace.as_secs_f64()), Param::of(limit)];
        let swept: Vec<Swept> = self.value(SQL, &params).await?;
        Ok(swept.into_iter().map(|swept| swept.run_id).collect())
    }
}
