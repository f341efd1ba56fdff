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
        members::{KeyOutcome, MemberOutcome, MemberStore, RemoveOutcome},
    },
    shared::{
        idempotency::IdempotencyKey,
        ids::{AccountId, BusinessProfileId, LeadId, RunId, UserId},
        store::StoreError,
    },
};
use oslira_postgres::{AdminDb, TenantDb, native::Native};
use oslira_simulation::{Answer, Customer, GrantRow, MemberRow, Op, Plan, Recorded, ReferenceDatabase, history};
use oslira_testkit::TestDatabase;
use serde_json::{Value, json};
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use super::{
    compare::{FACTS, GRANT_KEY, in_database, in_model},
    pool::Pool,
};

/// Sets the calendar to the history's, and makes each run of the account as old as the history says. A connection on which no trigger
/// fires does this: a run stays one of the day on which it was charged. Half a second more, so that what is rounded falls into no
/// earlier day. That its runs are of one account is said for the index: the table grows with every history.
const AGE: &str = "with calendar as (
      update local.calendar set shift = make_interval(secs => $2::float8 + 0.5 - extract(epoch from statement_timestamp())::float8)
    )
    update runs r set created_at = statement_timestamp() - make_interval(secs => age.created),
        heartbeat_at = statement_timestamp() - make_interval(secs => age.beat),
        claimed_at = statement_timestamp() - make_interval(secs => age.claimed),
        woken_at = statement_timestamp() - make_interval(secs => age.woken)
    from jsonb_to_recordset($1) as age (id uuid, created float8, beat float8, claimed float8, woken float8)
    where r.id = age.id and r.account_id = $3";

/// The limits of members go by the calendar, and the history has one of its own, shifted against the real one. The product's two
/// functions tell where a day or a period begins on it, and in how long it ends.
const CALENDAR: &str = "
    create table local.calendar (shift interval not null);
    insert into local.calendar values ('0');
    alter function private.day_of(timestamptz) rename to true_day_of;
    alter function private.period_of(text, timestamptz) rename to true_period_of;
    create function private.day_of(p_at timestamptz, out starts_at timestamptz, out ends_at timestamptz)
    language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
      select d.starts_at, d.ends_at - c.shift from local.calendar c, private.true_day_of(p_at + c.shift) d
    $$;
    create function private.period_of(p_period text, p_at timestamptz, out starts_at timestamptz, out ends_at timestamptz)
    language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
      select p.starts_at, p.ends_at - c.shift from local.calendar c, private.true_period_of(p_period, p_at + c.shift) p
    $$";

/// People who belong to an account when they sign up, as these do, get none of their own.
const ADD_MEMBERS: &str = "with given as (
      select * from jsonb_to_recordset($2)
          as m (id uuid, role text, scopes text[], maker uuid, credits integer, period text)
    ), people as (
      insert into auth.users (id, aud, role) select id, 'authenticated', 'authenticated' from given where role <> 'key'
    ), programs as (
      insert into api_keys (id, account_id, name, prefix, secret_hash, created_by, secret_by)
      select id, $1, 'A program', 'oslira_0', sha256(convert_to(id::text, 'UTF8')), maker, maker from given where role = 'key'
    )
    insert into account_members (user_id, account_id, role, scopes, credit_limit, limit_period)
    select id, $1, role, scopes, credits, period from given";

/// Lets each grant end when the history says. One that ends later gets an hour more, so that a slow machine does not end it.
const AGE_GRANTS: &str = "update credit_grants g
      set expires_at = statement_timestamp() + make_interval(secs => age.rest + case when age.rest > 0 then 3600 else 0 end)
    from jsonb_to_recordset($2) as age (place integer, rest float8)
    join credit_transactions t on t.account_id = $1 and t.idempotency_key = 'given:history:' || $1::uuid || ':' || age.place
   where g.account_id = $1 and t.grants ? g.id::text";

/// Gives a grant as the product does for money, for a plan, or as an operator.
const GRANT: &str = "select private.add_grant(
    $1, $2, $3, 'adjustment', null, $4, 'A grant of a history', clock_timestamp() + make_interval(secs => $5))";

/// A database and the product's two ways into it.
pub struct Stage {
    tenant: TenantDb,
    admin: AdminDb,
    superuser: Client,
    without_triggers: Client,
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
        superuser.batch_execute(CALENDAR).await.unwrap();
        let without_triggers = database.superuser().await.unwrap();
        without_triggers.batch_execute("set session_replication_role = replica").await.unwrap();
        superuser.execute("update plans set hourly_analyses_max = $1", &[&hourly_max]).await.unwrap();
        Self {
            tenant: TenantDb::new(Arc::new(Native(Pool::new(database.name(), "oslira_tenant")))),
            admin: AdminDb::new(Arc::new(Native(Pool::new(database.name(), "oslira_admin")))),
            facts: superuser.prepare(FACTS).await.unwrap(),
            ages: without_triggers.prepare(AGE).await.unwrap(),
            grant_ages: superuser.prepare(AGE_GRANTS).await.unwrap(),
            superuser,
            without_triggers,
            leads: BTreeMap::new(),
        }
    }

    /// Replays a history; returns how many operations it had.
    pub async fn replay(&mut self, seed: u64) -> usize {
        let plan = Plan { record: true, ..Plan::of(seed) };
        self.forget_earlier_profiles().await;
        let customer = self.create_customer(&format!("sim-{seed}"), &plan.grants(0)).await;
        let plan = Plan { customer, ..plan };
        self.add_members(customer, &plan.members()).await;
        let report = history(plan);
        assert_eq!(report.violation, None, "seed {seed}");
        let mut before: Option<&ReferenceDatabase> = None;
        for (at, Recorded { op, answer, now_s, after }) in report.log.iter().enumerate() {
            let context = format!("seed {seed}, operation {at}: {}", op.name());
            // Only these three look at the age of runs, or at the calendar. No run is there before the first operation.
            if matches!(op, Op::Begin { .. } | Op::ClaimSilent(..) | Op::Sweep(..)) {
                self.age(customer, before, *now_s).await;
            }
            // These end grants or give something back to them, and a first operation changes no end.
            if matches!(op, Op::Begin { .. } | Op::Cancel { .. } | Op::Undo { .. } | Op::Fail { .. } | Op::Sweep(..)) {
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
        self.leave_in_their_days(customer).await;
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

    /// The account's other members, as they were before the history.
    async fn add_members(&self, customer: Customer, members: &[MemberRow]) {
        let rows = members.iter().map(|row| {
            let (scopes, limit) = ((row.maker.is_some()).then_some(&row.scopes), row.limit);
            json!({
                "id": row.id, "role": row.role, "scopes": scopes, "maker": row.maker,
                "credits": limit.map(|limit| limit.credits), "period": limit.map(|limit| limit.period),
            })
        });
        self.superuser.execute(ADD_MEMBERS, &[&customer.account.uuid(), &Value::Array(rows.collect())]).await.unwrap();
    }

    /// Runs become as old as they were in virtual time, for the audit of what is kept of days.
    async fn leave_in_their_days(&self, customer: Customer) {
        let sql = "update runs r set created_at = created_at + c.shift from local.calendar c where r.account_id = $1";
        self.without_triggers.execute(sql, &[&customer.account.uuid()]).await.unwrap();
    }

    async fn age_grants(&self, customer: Customer, database: &ReferenceDatabase, now_s: i64) {
        let ages = database.grants.iter().enumerate().filter_map(|(place, grant)| {
            let rest = grant.ends_s? - now_s;
            Some(json!({ "place": place, "rest": rest }))
        });
        let ages = Value::Array(ages.collect());
        self.superuser.execute(&self.grant_ages, &[&customer.account.uuid(), &ages]).await.unwrap();
    }

    async fn age(&self, customer: Customer, database: Option<&ReferenceDatabase>, now_s: i64) {
        let runs = database.iter().flat_map(|database| &database.runs);
        let ages = runs.map(|(id, row)| {
            let age = |at: Option<i64>| at.map(|at| now_s - at);
            let (beat, claimed, woken) = (age(row.heartbeat_s), age(row.claimed_s), age(row.woken_s));
            json!({ "id": id, "created": now_s - row.created_s, "beat": beat, "claimed": claimed, "woken": woken })
        });
        let ages = Value::Array(ages.collect());
        self.without_triggers.execute(&self.ages, &[&ages, &(now_s as f64), &customer.account.uuid()]).await.unwrap();
    }

    async fn apply(&self, customer: Customer, op: &Op) -> Answer {
        match self.ask(customer, op).await {
            Ok(answer) => answer,
            Err(StoreError::PermissionMissing) => Answer::Refused,
            Err(error) => panic!("{}: {error}", op.name()),
        }
    }

    async fn ask(&self, customer: Customer, op: &Op) -> Result<Answer, StoreError> {
        let admin = &self.admin;
        Ok(match op {
            Op::Begin { by, run, username, kind, key, body_hash } => {
                let request = AnalysisRequest {
                    username: username.parse().unwrap(),
                    business_profile_id: customer.business_profile,
                    analysis_type: *kind,
                };
                let member = Member::new(*by, customer.account);
                let key = key.as_deref().and_then(IdempotencyKey::parse);
                // Requires no service, so the circuit breaker is not asked; the plans have no daily cap.
                let needs = RequiredServices::default();
                Answer::Begun(self.tenant.begin(member, *run, &request, &needs, key.as_ref(), body_hash).await?)
            }
            Op::Cancel { by, run } => Answer::Cancelled(RunRepository::cancel(&self.tenant, *by, *run).await?),
            Op::Undo { by, run } => Answer::Undone(self.tenant.undo(*by, *run).await?),
            Op::ChangeMember { by, member, role, limit } => {
                let by = Member::new(*by, customer.account);
                Answer::Members(match self.tenant.change_member(by, *member, *role, *limit).await? {
                    MemberOutcome::Changed { .. } => "ok",
                    MemberOutcome::NotFound => "not_found",
                    MemberOutcome::OwnerRequired => "owner_required",
                    MemberOutcome::LastOwner => "last_owner",
                    MemberOutcome::Forbidden => "forbidden",
                })
            }
            Op::RemoveMember { by, member } => {
                let by = Member::new(*by, customer.account);
                Answer::Members(match self.tenant.remove_member(by, *member).await? {
                    RemoveOutcome::Removed => "ok",
                    RemoveOutcome::NotFound => "not_found",
                    RemoveOutcome::OwnerRequired => "owner_required",
                    RemoveOutcome::LastOwner => "last_owner",
                    RemoveOutcome::Forbidden => "forbidden",
                })
            }
            Op::RevokeKey { by, key } => {
                let by = Member::new(*by, customer.account);
                Answer::Members(match self.tenant.revoke_key(by, key.uuid()).await? {
                    KeyOutcome::Done { .. } => "ok",
                    KeyOutcome::NotFound => "not_found",
                    KeyOutcome::OwnerRequired => "owner_required",
                    KeyOutcome::Limit { .. } => "limit",
                    KeyOutcome::Forbidden => "forbidden",
                })
            }
            Op::TakeUp(run) => {
                let assignment = admin.take_up(*run).await?;
                Answer::TakenUp(assignment.map(|assignment| assignment.username.into()))
            }
            Op::Advance(run, phase) => Answer::Active(admin.advance(*run, *phase).await?),
            Op::Complete { run, lead, analysis } => Answer::Completed(admin.complete(*run, lead, analysis).await?),
            Op::Fail { run, code, message } => Answer::Failed(admin.fail(*run, code, message).await?),
            Op::RecordUsage { run, key, usage } => Answer::Recorded(admin.record_usage(*run, key, usage).await?),
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
            Op::BeginBulk { .. } | Op::CancelBulk { .. } | Op::TendBulk(_) | Op::BeatUnstarted(..) => {
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
                Answer::Begun(BeginOutcome::RateLimited { retry_after_s: expected, .. }),
                Answer::Begun(BeginOutcome::RateLimited { retry_after_s: actual, .. }),
            ) => assert!(expected - actual <= 2, "{context}: {expected} s, {actual} s"),
            (
                Answer::Begun(BeginOutcome::MemberLimitReached {
                    limit,
                    period,
                    used,
                    required,
                    resets_in_s: expected,
                }),
                Answer::Begun(BeginOutcome::MemberLimitReached {
                    limit: actual_limit,
                    period: actual_period,
                    used: actual_used,
                    required: actual_required,
                    resets_in_s: actual,
                }),
            ) => {
                let told = (actual_limit, actual_period, actual_used, actual_required);
                assert_eq!((*limit, *period, *used, *required), told, "{context}");
                assert!(expected.abs_diff(actual) <= 2, "{context}: {expected} s, {actual} s");
            }
            (expected, actual) => assert_eq!(*expected, actual, "{context}"),
        }
    }
}
