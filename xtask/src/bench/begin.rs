//! What it costs to begin an analysis that an account's balance is made of many grants.
//!
//! Two customers take turns; each run is cancelled at once, so that its credit comes back to the grant that it came from and every
//! sample finds the same grants.

use anyhow::{Context, Result, anyhow, bail};
use oslira_app::features::analysis::{AnalysisRequest, BeginOutcome, CancelOutcome, RequiredServices, RunRepository};
use oslira_app::features::auth::Member;
use oslira_app::features::judging::ModelChoice;
use oslira_app::shared::analysis_type::AnalysisType;
use oslira_app::shared::ids::{BusinessProfileId, RunId};
use tokio_postgres::Client;
use uuid::Uuid;

use super::Bench;
use super::metric::{Metric, Report, median};
use super::timed::{Users, connect};
use crate::postgres::PgUrl;
use crate::postgres::database::User;

pub const NAME: &str = "begin.ratio_to_single_balance";

const GRANTS: i32 = 20;
const WARM_UP: usize = 100;
const SAMPLES: usize = 600;

/// Grants of every priority, each with an end of its own but for every fifth, which has none.
const GRANT: &str = "select private.add_grant(
      $1::text::uuid, s.source, 100, s.kind, null,
      case s.kind when 'adjustment' then '' else 'grant:' end || 'bench:' || $1 || ':' || n, 'A grant of the benchmark',
      case when n % 5 <> 4 then now() + n * interval '1 day' + interval '1 hour' end
    )
    from generate_series(1, $2) n
    join (values (0, 'promotion', 'adjustment'), (1, 'free', 'adjustment'), (2, 'plan', 'renewal'), (3, 'pack', 'purchase'))
      as s (number, source, kind) on s.number = n % 4";

const LIVE: &str = "select count(*) from credit_grants where account_id = $1::text::uuid and remaining > 0
    and (expires_at is null or expires_at > now())";

pub fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    eprintln!("  {SAMPLES} analyses begun with one grant and with {GRANTS}, in turn …");
    let url = PgUrl::parse(&bench.stack.database_url)?;
    let users = bench.customers.mint_many(2, 0)?;
    let [single, many] = users.as_slice() else { bail!("{} users instead of two", users.len()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (single_ms, many_ms) = runtime.block_on(take_turns(&url, single, many))?;
    eprintln!("  one grant: {single_ms:.2} ms, {GRANTS} grants: {many_ms:.2} ms");
    report.add(Metric::ratio(NAME, many_ms / single_ms));
    Ok(())
}

/// The medians of both customers.
async fn take_turns(url: &PgUrl, single: &User, many: &User) -> Result<(f64, f64)> {
    let superuser = connect(url).await?;
    let users = Users::connect(url).await?;
    let mut sides =
        [Side::with_grants(&superuser, single, 1).await?, Side::with_grants(&superuser, many, GRANTS).await?];
    for number in 0..WARM_UP + SAMPLES {
        for side in &mut sides {
            let ms = side.begin(&superuser, &users).await?;
            if number >= WARM_UP {
                side.taken_ms.push(ms);
            }
        }
        // Whoever came second comes first, so that neither always follows the other.
        sides.reverse();
    }
    sides.sort_by_key(|side| side.grants);
    let [single_ms, many_ms] = sides.map(|side| median(&side.taken_ms).context("nothing was measured"));
    Ok((single_ms?, many_ms?))
}

/// A customer and what was measured.
struct Side {
    member: Member,
    profile: BusinessProfileId,
    grants: i32,
    taken_ms: Vec<f64>,
}

impl Side {
    async fn with_grants(superuser: &Client, user: &User, grants: i32) -> Result<Self> {
        superuser.query(GRANT, &[&user.account_id, &grants]).await?;
        let live: i64 = superuser.query_one(LIVE, &[&user.account_id]).await?.try_get(0)?;
        if live != i64::from(grants) {
            bail!("{live} live grants instead of {grants}");
        }
        Ok(Self {
            member: Member::new(user.user_id.parse()?, user.account_id.parse()?),
            profile: user.business_profile_id.parse()?,
            grants,
            taken_ms: Vec::with_capacity(SAMPLES),
        })
    }

    /// How long it took to begin a run, which is cancelled afterwards.
    async fn begin(&self, superuser: &Client, users: &Users) -> Result<f64> {
        let needs = RequiredServices::of(AnalysisType::Light, &ModelChoice::default())
            .map_err(|call| anyhow!("no model for {call:?}"))?;
        let request = AnalysisRequest {
            username: "bench.grants".parse().context("a username")?,
            business_profile_id: self.profile,
            analysis_type: AnalysisType::Light,
        };
        let run = RunId::new(Uuid::now_v7());
        users.spent.take_ms();
        let outcome = users.tenant.begin(self.member, run, &request, &needs, None, "body").await?;
        let ms = users.spent.take_ms();
        if !matches!(outcome, BeginOutcome::Started(_)) {
            bail!("a run was not begun: {outcome:?}");
        }
        let cancelled = users.tenant.cancel(self.member.user(), run).await?;
        if !matches!(cancelled, CancelOutcome::Cancelled { refunded: 1, .. }) {
            bail!("a run was not refunded: {cancelled:?}");
        }
        // Out of the hour, whose limit is a hundred.
        let age = "update runs set created_at = created_at - interval '2 hours' where id = $1";
        superuser.execute(age, &[&run.uuid()]).await?;
        Ok(ms)
    }
}
