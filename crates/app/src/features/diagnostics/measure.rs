//! How long a statement takes from the Worker to the database and back.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::DiagnosticsPorts;
use crate::{features::auth::Operator, http::whole_number, shared::store::StoreError};

/// The most that are measured for one request.
pub const ROUND_TRIPS_MAX: u32 = 100;
/// After so many milliseconds no further one begins: whoever asks must not give up before.
const MEASURING_MS_MAX: u64 = 20_000;

/// How many round trips to measure: 1 to [`ROUND_TRIPS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct RoundTripCount(u32);

impl RoundTripCount {
    #[must_use]
    pub fn new(count: u32) -> Option<Self> {
        (1..=ROUND_TRIPS_MAX).contains(&count).then_some(Self(count))
    }

    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<Value> for RoundTripCount {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let count = whole_number(&value).and_then(|count| u32::try_from(count).ok());
        count.and_then(Self::new).ok_or_else(|| format!("a whole number from 1 to {ROUND_TRIPS_MAX}"))
    }
}

/// What was measured. A Worker's clock stands still while it computes and tells whole milliseconds: hence also the sum, which many
/// rounded parts would not give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoundTrips {
    /// The statement before them, which opens the connection and writes down that this is measured.
    pub first_ms: u64,
    /// All of them together, without the first.
    pub total_ms: u64,
    /// Each, in the order in which they were made. Fewer than were asked for if they took 20 seconds.
    pub milliseconds: Vec<u64>,
}

fn elapsed_ms(from: Timestamp, until: Timestamp) -> u64 {
    // Nothing if the clock was set back.
    u64::try_from(until.duration_since(from).as_millis()).unwrap_or(0)
}

/// Makes one statement after the other.
///
/// # Errors
/// [`StoreError`] when the database did not answer one of them, and `OperatorRequired`.
pub async fn measure(
    ports: &DiagnosticsPorts,
    operator: &Operator,
    count: RoundTripCount,
) -> Result<RoundTrips, StoreError> {
    let began = ports.clock.now();
    ports.store.begin_round_trips(operator, count).await?;
    let connected = ports.clock.now();
    let mut milliseconds = Vec::with_capacity(count.get() as usize);
    let mut last = connected;
    for _ in 0..count.get() {
        if elapsed_ms(connected, last) >= MEASURING_MS_MAX {
            break;
        }
        ports.store.round_trip().await?;
        let now = ports.clock.now();
        milliseconds.push(elapsed_ms(last, now));
        last = now;
    }
    Ok(RoundTrips { first_ms: elapsed_ms(began, connected), total_ms: elapsed_ms(connected, last), milliseconds })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn from_one_to_a_hundred_are_measured_however_the_number_is_written() {
        let read = |value: Value| serde_json::from_value::<RoundTripCount>(value).ok().map(RoundTripCount::get);
        assert_eq!([read(json!(1)), read(json!(100)), read(json!(7.0))], [Some(1), Some(100), Some(7)]);
        for refused in [json!(0), json!(101), json!(-1), json!(1.5), json!("7"), json!(null), json!(u64::MAX)] {
            assert_eq!(read(refused.clone()), None, "{refused}");
        }
    }
}
