//! What customers and operators ask about many runs at once: how long they took, what they cost, how many came from the cache, how
//! many failed, what drives the cost. The database sums up and answers (docs/insights.md); here is what is asked and what an answer
//! holds.

mod days;
mod http;
mod model;
mod ports;
mod sum_up;
mod system;

pub use days::{DAYS_DEFAULT, DAYS_MAX, InsightDays};
pub use http::endpoints;
pub use model::{
    AnalysisLatency, CacheInsight, CacheOfDay, CacheOfType, CreditDrivers, CreditInsight, CreditsOfDay, CreditsOfType,
    DrivingSpender, DrivingType, ErrorInsight, FailureCode, LatencyInsight, OutcomesOfDay, OutcomesOfType, Percentiles,
};
pub use ports::{
    Insight, InsightPorts, InsightStore, InsightSums, OperatorInsightPorts, OperatorInsightStore, SummedUp,
};
pub use sum_up::{SumUpReport, sum_up};
pub use system::{
    CallKind, CallLatency, CallOutcome, CostsOfDay, CostsOfType, DrivingAccount, DrivingCall, SystemCache, SystemCosts,
    SystemDrivers, SystemErrors, SystemLatency, TokenCache,
};
