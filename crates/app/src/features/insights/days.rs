//! Which days are asked about: `?days=30&last_day=2026-11-27`.

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::json;

use crate::http::{ApiError, ErrorCode, Parameter, Parameters, Place, code::INVALID_QUERY};

pub const DAYS_DEFAULT: u32 = 30;
/// A quarter of a year.
pub const DAYS_MAX: u32 = 92;
/// Years that an answer can tell; nothing of ours is older.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=9999;

/// Days (UTC) that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InsightDays {
    /// How many, from 1 to [`DAYS_MAX`].
    pub days: u32,
    /// The last of them; none for today.
    pub last_day: Option<Date>,
}

/// Texts, so that a wrong value is refused with its field.
#[derive(Deserialize)]
struct RawQuery {
    days: Option<String>,
    last_day: Option<String>,
}

fn refused(field: &'static str, message: String) -> ApiError {
    ApiError::new(INVALID_QUERY, message).with_details(json!({ "field": field }))
}

impl FromRequestParts<()> for InsightDays {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &()) -> Result<Self, Self::Rejection> {
        let Query(raw) = Query::<RawQuery>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::new(INVALID_QUERY, "The query string could not be read."))?;
        let days = match raw.days.as_deref().map(str::parse::<u32>) {
            None => DAYS_DEFAULT,
            Some(Ok(days)) if (1..=DAYS_MAX).contains(&days) => days,
            Some(_) => return Err(refused("days", format!("days takes a whole number from 1 to {DAYS_MAX}."))),
        };
        let last_day = match raw.last_day.as_deref().map(str::parse::<Date>) {
            None => None,
            Some(Ok(day)) if YEARS.contains(&day.year()) => Some(day),
            Some(_) => return Err(refused("last_day", "last_day is a day such as 2026-11-27.".to_owned())),
        };
        Ok(Self { days, last_day })
    }
}

impl Parameters for InsightDays {
    fn errors() -> Vec<ErrorCode> {
        vec![INVALID_QUERY]
    }

    fn describe() -> Vec<Parameter> {
        vec![
            Parameter {
                name: "days",
                place: Place::Query,
                is_required: false,
                description: "How many days (UTC), the last one included.",
                schema: json!({ "type": "integer", "minimum": 1, "maximum": DAYS_MAX, "default": DAYS_DEFAULT }),
            },
            Parameter {
                name: "last_day",
                place: Place::Query,
                is_required: false,
                description: "The last day, from 2000-01-01 on; without it today.",
                schema: json!({ "type": "string", "format": "date" }),
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn asked(query: &str) -> Result<InsightDays, ApiError> {
        let request = http::Request::builder().uri(format!("/insights/latency?{query}")).body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        InsightDays::from_request_parts(&mut parts, &()).now_or_never().unwrap()
    }

    #[test]
    fn a_span_is_up_to_a_quarter_and_ends_today_or_on_a_day() {
        assert_eq!(asked("").unwrap(), InsightDays { days: DAYS_DEFAULT, last_day: None });
        let last_day = Some(jiff::civil::date(2026, 11, 27));
        assert_eq!(asked("days=92&last_day=2026-11-27").unwrap(), InsightDays { days: DAYS_MAX, last_day });
        for query in [
            "days=0",
            "days=93",
            "days=-1",
            "days=",
            "days=ten",
            "days=1&days=2",
            "last_day=",
            "last_day=yesterday",
            "last_day=2026-02-30",
            "last_day=1999-12-31",
            "last_day=-000001-01-01",
        ] {
            assert_eq!(asked(query).unwrap_err().code(), INVALID_QUERY, "{query}");
        }
    }
}
