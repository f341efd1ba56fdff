//! Replays one history's operations against the real database. The database's clock is real, so the rows are made as
//! old as they are in the history's virtual time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::SignedDuration;
use oslira_app::{
    features::{
        analysis::{
            AnalysisRequest, BeginOutcome, Completion, RequiredServices, RunRepository, SystemBulks, SystemRuns,
        },
        auth::Member,
    },
    shared::{
        idempotency::IdempotencyKey,
        ids::{AccountId, BusinessProfileId, LeadId, RunId, UserId},
        store::StoreError,
    },
};
use oslira_postgres::{AdminDb, TenantDb, native::Native};
use oslira_simulation::{Answer, Customer, GrantRow, Op, Plan, Recorded, ReferenceDatabase, history};
use oslira_testkit::TestDatabase;
use serde_json::{Value, json};
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use super::{
    compare::{FACTS, GRANT_KEY, in_database, in_model},
    pool::Pool,
};

/// Makes each run as old as the history says.
const AGE: &str = "update runs r set created_at = statement_timestamp() - make_interval(secs => age.created),
        heartbeat_at = statement_timestamp() - make_interval(secs => age.beat),
        claimed_at = statement_timestamp() - make_interval(secs => age.claimed),
        woken_at = statement_timestamp() - make_interval(secs => age.woken)
    from jsonb_to_recordset($1) as age (id uuid, created float8, beat float8, claimed float8, woken float8) where r.id = age.id";

/// Lets each grant end when the history says. One that ends later gets an hour more, so that a slow machine does not end it.
const AGE_GRANTS: &str = "update credit_grants g
      set expires_at = statement_timestamp() + make_interval(secs => age.rest + case when age.rest > 0 then 3600 else 0 end)
    from jsonb_to_recordset($2) as age (place integer, rest float8)
    join credit_transactions t on t.idempotency_key = 'given:history:' || $1::uuid || ':' || age.place
   where t.grants ? g.id::text";

/// Gives a grant as the product does for money, for a plan, or as an operator.
const GRANT: &str = "select private.add_grant(
    $1, $2, $3, 'adjustment', null, $4, 'A grant of a history', clock_timestamp() + make_interval(secs => $5))";

/// A database and the product's two ways into it.
pub struct Stage {
    tenant: TenantDb,
    admin: AdminDb,
    superuser: Client,
    facts: Statement,
    ages: Statement,
    grant_ages: Statement,
    /// By the reference database's lead, the real database's.
    leads: BTreeMap<LeadId, LeadId>,
}

impl Stage {
    /// Opens a fresh database, and gives its plans the hourly limit of the histories.
    pub async fn open(database: &TestDatabase) -> Self {
        let superuser = database.superuser().await.unwrap();
        let hourly_max = i32::try_from(Plan::hourly_max()).unwrap();
        superuser.execute("update plans set hourly_analyses_max = $1", &[&hourly_max]).await.unwrap();
        Self {
            tenant: TenantDb::new(Arc::new(Native(Pool::new(database.name(), "oslira_tenant")))),
            admin: AdminDb::new(Arc::new(Native(Pool::new(database.name(), "oslira_admin")))),
            facts: superuser.prepare(FACTS).await.unwrap(),
            ages: superuser.prepare(AGE).await.unwrap(),
            grant_ages: superuser.prepare(AGE_GRANTS).await.unwrap(),
            superuser,
            leads: BTreeMap::new(),
        }
    }

    /// Replays a history; returns how many operations it had.
    pub async fn replay(&mut self, seed: u64) -> usize {
        let plan = Plan { record: true, ..Plan::of(seed) };
        self.forget_earlier_profiles().await;
        let customer = self.create_customer(&format!("sim-{seed}"), &plan.grants(0)).await;
        let report = history(Plan { customer, ..plan });
        assert_eq!(report.violation, None, "seed {seed}");
        let mut before: Option<&ReferenceDatabase> = None;
        for (at, Recorded { op, answer, now_s, after }) in report.log.iter().enumerate() {
            let context = format!("seed {seed}, operation {at}: {}", op.name());
            // Only these three look at the age of runs.
            if let (Some(database), Op::Begin { .. } | Op::ClaimSilent(..) | Op::Sweep(..)) = (before, op) {
                self.age(database, *now_s).await;
            }
            // These end grants or give something back to them, and a first operation changes no end.
            if matches!(op, Op::Begin { .. } | Op::Cancel(_) | Op::Undo(_) | Op::Fail { .. } | Op::Sweep(..)) {
                self.age_grants(customer, before.unwrap_or(after), *now_s).await;
            }
            let actual = self.apply(customer, op).await;
            self.same(&context, answer, actual);
            if !matches!(op, Op::State(_) | Op::ClaimSilent(..)) {
                assert_eq!(
                    in_database(&self.superuser, &self.facts, customer.account).await,
                    in_model(after),
                    "{context}"
                );
            }
            before = Some(after);
        }
        report.log.len()
    }

    /// Forgets what earlier histories did to the profiles: a change makes the analyses of all accounts stale, and all
    /// histories have the same profiles.
    async fn forget_earlier_profiles(&self) {
        self.superuser
            .batch_execute("delete from profile_changes; update leads set deleted_at = now() where deleted_at is null")
            .await
            .unwrap();
    }

    async fn create_customer(&self, name: &str, grants: &[GrantRow]) -> Customer {
        // What the sign-up gives is taken away again.
        let row = self.superuser.query_one("select local.mint_user($1, 0)", &[&name]).await.unwrap();
        let minted: Value = row.get(0);
        let id = |field: &str| -> Uuid { minted[field].as_str().unwrap().parse().unwrap() };
        let account = id("account_id");
        for (place, grant) in grants.iter().enumerate() {
            let key = format!("{GRANT_KEY}{account}:{place}");
            let (source, ends_s) = (grant.source.name(), grant.ends_s.map(|ends_s| ends_s as f64));
            self.superuser.execute(GRANT, &[&account, &source, &grant.amount, &key, &ends_s]).await.unwrap();
        }
        Customer {
            user: UserId::new(id("user_id")),
            account: AccountId::new(account),
            business_profile: BusinessProfileId::new(id("business_profile_id")),
        }
    }

    async fn age_grants(&self, customer: Customer, database: &ReferenceDatabase, now_s: i64) {
        let ages = database.grants.iter().enumerate().filter_map(|(place, grant)| {
            let rest = grant.ends_s? - now_s;
            Some(json!({ "place": place, "rest": rest }))
        });
        let ages = Value::Array(ages.collect());
        self.superuser.execute(&self.grant_ages, &[&customer.account.uuid(), &ages]).await.unwrap();
    }

    async fn age(&self, database: &ReferenceDatabase, now_s: i64) {
        let ages = database.runs.iter().map(|(id, row)| {
            let age = |at: Option<i64>| at.map(|at| now_s - at);
            let (beat, claimed, woken) = (age(row.heartbeat_s), age(row.claimed_s), age(row.woken_s));
            json!({ "id": id, "created": now_s - row.created_s, "beat": beat, "claimed": claimed, "woken": woken })
        });
        let ages = Value::Array(ages.collect());
        self.superuser.execute(&self.ages, &[&ages]).await.unwrap();
    }

    async fn apply(&self, customer: Customer, op: &Op) -> Answer {
        self.ask(customer, op).await.unwrap_or_else(|error| panic!("{}: {error}", op.name()))
    }

    async fn ask(&self, customer: Customer, op: &Op) -> Result<Answer, StoreError> {
        let admin = &self.admin;
        Ok(match op {
            Op::Begin { run, username, kind, key, body_hash } => {
                let request = AnalysisRequest {
                    username: username.parse().unwrap(),
                    business_profile_id: customer.business_profile,
                    analysis_type: *kind,
                };
                let member = Member::new(customer.user, customer.account);
                let key = key.as_deref().and_then(IdempotencyKey::parse);
                // Requires no service, so the circuit breaker is not asked; the plans have no daily cap.
                let needs = RequiredServices::default();
                Answer::Begun(self.tenant.begin(member, *run, &request, &needs, key.as_ref(), body_hash).await?)
            }
            Op::Cancel(run) => Answer::Cancelled(self.tenant.cancel(customer.user, *run).await?),
            Op::Undo(run) => Answer::Undone(self.tenant.undo(customer.user, *run).await?),
            Op::TakeUp(run) => {
                let assignment = admin.take_up(*run).await?;
                Answer::TakenUp(assignment.map(|assignment| assignment.username.into()))
            }
            Op::Advance(run, phase) => Answer::Active(admin.advance(*run, *phase).await?),
            Op::Complete { run, lead, analysis } => Answer::Completed(admin.complete(*run, lead, analysis).await?),
            Op::Fail { run, code, message } => {
                admin.fail(*run, code, message).await?;
                Answer::Done
            }
            Op::RecordUsage { run, key, usage } => {
                admin.record_usage(*run, key, usage).await?;
                Answer::Done
            }
            Op::MarkStale(username, scraped_at) => Answer::Marked(admin.mark_stale(username, *scraped_at).await?),
            Op::ReportOutage { run, service, outage } => {
                admin.report_outage(*run, service, *outage).await?;
                Answer::Done
            }
            Op::State(run) => Answer::State(admin.state(*run).await?),
            Op::ClaimSilent(age_s, limit) => {
                let claimed = admin.claim_silent(SignedDuration::from_secs(*age_s), *limit).await?;
                let mut claimed: Vec<(RunId, i64)> =
                    claimed.into_iter().map(|silent| (silent.run_id, silent.silent_s as i64)).collect();
                claimed.sort_unstable();
                Answer::Claimed(claimed)
            }
            Op::NoteWoken(runs) => {
                admin.note_woken(runs).await?;
                Answer::Done
            }
            Op::Sweep(age_s, grace_s, limit) => {
                let (age, grace) =
                    (SignedDuration::from_secs(*age_s), Duration::from_secs(u64::try_from(*grace_s).unwrap()));
                Answer::Swept(admin.sweep(age, grace, *limit).await?)
            }
            Op::EndFinishedBulks(limit) => Answer::BulksEnded(admin.end_finished(*limit).await?),
            Op::BeginBulk { .. } | Op::CancelBulk(_) | Op::TendBulk(_) | Op::BeatUnstarted(..) => {
                panic!("a history that is replayed buys no bulk")
            }
        })
    }

    fn same(&mut self, context: &str, expected: &Answer, actual: Answer) {
        match (expected, actual) {
            // The database makes its own ids for leads and analyses.
            (
                Answer::Completed(Completion::Completed { lead_id, is_new, .. }),
                Answer::Completed(Completion::Completed { lead_id: actual_lead, is_new: actual_new, .. }),
            ) => {
                assert_eq!(*self.leads.entry(*lead_id).or_insert(actual_lead), actual_lead, "{context}");
                assert_eq!(*is_new, actual_new, "{context}");
            }
            // Real time passes between making the rows old and asking.
            (
                Answer::Begun(BeginOutcome::RateLimited { retry_after_s: expected }),
                Answer::Begun(BeginOutcome::RateLimited { retry_after_s: actual }),
            ) => assert!(expected - actual <= 2, "{context}: {expected} s, {actual} s"),
            (expected, actual) => assert_eq!(*expected, actual, "{context}"),
        }
    }
}
