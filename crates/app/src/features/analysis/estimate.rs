//! What analyses will cost and how long one will take, before anything is charged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AnalysisPorts;
use crate::{
    features::auth::Member,
    shared::{analysis_type::AnalysisType, store::StoreError},
};

pub const COUNT_MAX: u32 = 100;

/// An account's credits, and how long its last runs of a type took.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Measured {
    /// What one analysis is charged, in credits.
    pub credits_each: i64,
    /// What so many credits are worth, in US dollars.
    pub price_usd_each: f64,
    pub balance: i64,
    /// `None` without a cap.
    pub daily_cap: Option<i64>,
    /// What the runs of this UTC day cost, refunded ones left out.
    pub used_today: i64,
    /// Over the last fifty complete runs, from request to result.
    pub all: Option<Spread>,
    /// Those of them that scraped the profile.
    pub cold: Option<Spread>,
    /// Those of them that found it in the cache.
    pub cached: Option<Spread>,
}

/// How long runs took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// Half of them took no longer, in seconds.
    pub p50: f64,
    /// Nine of ten took no longer, in seconds.
    pub p90: f64,
    /// How many were measured.
    pub based_on_runs: u32,
}

/// The answer to an estimate.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Estimate {
    analysis_type: AnalysisType,
    count: u32,
    credits_each: i64,
    credits_total: i64,
    /// What one analysis is worth, in US dollars.
    price_usd_each: f64,
    /// What all of them are worth, in US dollars.
    price_usd_total: f64,
    balance: i64,
    /// Whether balance and daily cap allow all of them now.
    affordable: bool,
    /// What the daily cap leaves; null without a cap.
    daily_cap_left: Option<i64>,
    /// How long one analysis takes; several run at the same time.
    usual_seconds: UsualSeconds,
    based_on_runs: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct UsualSeconds {
    p50: f64,
    p90: f64,
    /// Of runs that read the profile anew (`cold`) or found it in the cache (`cached`); null without such runs.
    cold: Option<Spread>,
    cached: Option<Spread>,
}

impl Estimate {
    fn of(analysis_type: AnalysisType, count: u32, measured: &Measured) -> Self {
        let credits_total = measured.credits_each.saturating_mul(i64::from(count));
        // An owner may set the cap below what is already used.
        let daily_cap_left = measured.daily_cap.map(|cap| cap.saturating_sub(measured.used_today).max(0));
        let all = measured.all.map_or_else(|| unmeasured(analysis_type), rounded);
        Self {
            analysis_type,
            count,
            credits_each: measured.credits_each,
            credits_total,
            price_usd_each: measured.price_usd_each,
            price_usd_total: (measured.price_usd_each * f64::from(count) * 100.0).round() / 100.0,
            balance: measured.balance,
            affordable: measured.balance >= credits_total && daily_cap_left.is_none_or(|left| left >= credits_total),
            daily_cap_left,
            usual_seconds: UsualSeconds {
                p50: all.p50,
                p90: all.p90,
                cold: measured.cold.map(rounded),
                cached: measured.cached.map(rounded),
            },
            based_on_runs: all.based_on_runs,
        }
    }
}

/// Until there are runs: the configured time, and for the slow ones twice that, which leaves room for one more attempt.
fn unmeasured(analysis_type: AnalysisType) -> Spread {
    let usual = f64::from(analysis_type.config().usual_s);
    Spread { p50: usual, p90: usual * 2.0, based_on_runs: 0 }
}

/// To tenths of a second: more digits would look more certain than the estimate is.
fn rounded(spread: Spread) -> Spread {
    let tenths = |seconds: f64| (seconds * 10.0).round() / 10.0;
    Spread { p50: tenths(spread.p50), p90: tenths(spread.p90), ..spread }
}

/// Estimates `count` analyses of a type; `None` when the caller has just stopped being a member.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn estimate(
    ports: &AnalysisPorts,
    member: Member,
    analysis_type: AnalysisType,
    count: u32,
) -> Result<Option<Estimate>, StoreError> {
    let measured = ports.runs.measure(member, analysis_type).await?;
    Ok(measured.map(|measured| Estimate::of(analysis_type, count, &measured)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured() -> Measured {
        let balance = 20;
        Measured {
            credits_each: 5,
            price_usd_each: 4.85,
            balance,
            daily_cap: None,
            used_today: 7,
            all: None,
            cold: None,
            cached: None,
        }
    }

    #[test]
    fn dollars_are_whole_cents() {
        let estimate = Estimate::of(AnalysisType::Deep, 3, &measured());
        assert_eq!((estimate.price_usd_each, estimate.price_usd_total), (4.85, 14.55));
    }

    #[test]
    fn without_runs_the_configured_time_is_the_estimate() {
        let estimate = Estimate::of(AnalysisType::Deep, 1, &measured());
        assert_eq!((estimate.usual_seconds.p50, estimate.usual_seconds.p90), (25.0, 50.0));
        assert_eq!((estimate.based_on_runs, estimate.usual_seconds.cold), (0, None));
    }

    #[test]
    fn measured_runs_are_the_estimate_to_a_tenth_of_a_second() {
        let spread = Spread { p50: 9.149, p90: 21.26, based_on_runs: 50 };
        let cached = Spread { based_on_runs: 3, ..spread };
        let measured = Measured { all: Some(spread), cached: Some(cached), ..measured() };
        let estimate = Estimate::of(AnalysisType::Deep, 1, &measured);
        assert_eq!((estimate.usual_seconds.p50, estimate.usual_seconds.p90), (9.1, 21.3));
        assert_eq!(estimate.usual_seconds.cached, Some(Spread { p50: 9.1, p90: 21.3, based_on_runs: 3 }));
        assert_eq!((estimate.based_on_runs, estimate.usual_seconds.cold), (50, None));
    }

    #[test]
    fn all_of_them_must_be_paid_and_allowed() {
        let affordable = |count, daily_cap| {
            let estimate = Estimate::of(AnalysisType::Deep, count, &Measured { daily_cap, ..measured() });
            (estimate.credits_total, estimate.daily_cap_left, estimate.affordable)
        };
        assert_eq!(affordable(4, None), (20, None, true));
        assert_eq!(affordable(5, None), (25, None, false));
        assert_eq!(affordable(4, Some(27)), (20, Some(20), true));
        assert_eq!(affordable(4, Some(26)), (20, Some(19), false));
        assert_eq!(affordable(1, Some(3)), (5, Some(0), false));
    }
}
