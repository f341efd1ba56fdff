//! The values of a query.

use std::cmp::Ordering;

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value as Json, json};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(f64),
    Bool(bool),
    /// Seconds since 1970.
    Time(i64),
    /// Seconds.
    Interval(i64),
}

impl Value {
    pub(super) fn number(&self) -> Result<f64, String> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Bool(is_true) => Ok(f64::from(u8::from(*is_true))),
            other => Err(format!("{other:?} is no number")),
        }
    }

    pub(super) fn bool(&self) -> Result<bool, String> {
        match self {
            Self::Bool(is_true) => Ok(*is_true),
            Self::Number(number) => Ok(*number != 0.0),
            other => Err(format!("{other:?} is no condition")),
        }
    }

    /// Which of two values of one kind is greater.
    pub(super) fn compare(&self, other: &Self) -> Result<Ordering, String> {
        let order = match (self, other) {
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            (Self::Time(left), Self::Time(right)) => Some(left.cmp(right)),
            (Self::Number(_) | Self::Bool(_), Self::Number(_) | Self::Bool(_)) => {
                self.number()?.partial_cmp(&other.number()?)
            }
            _ => None,
        };
        order.ok_or_else(|| format!("{self:?} and {other:?} cannot be compared"))
    }

    /// The name of its type, as the answer's `meta` has it (assumed for numbers: the real service tells several kinds).
    pub(super) const fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "String",
            Self::Number(_) => "Float64",
            Self::Bool(_) => "UInt8",
            Self::Time(_) => "DateTime",
            Self::Interval(_) => "Interval",
        }
    }

    pub(super) fn to_json(&self) -> Json {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(number) => json!(number),
            Self::Bool(is_true) => json!(u8::from(*is_true)),
            Self::Interval(seconds) => json!(seconds),
            Self::Time(second) => {
                let at = Timestamp::from_second(*second).unwrap_or_default().to_zoned(TimeZone::UTC);
                json!(at.strftime("%Y-%m-%d %H:%M:%S").to_string())
            }
        }
    }
}
