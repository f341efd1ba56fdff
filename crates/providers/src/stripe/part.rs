//! An object within Stripe's JSON, and how its fields are read. What cannot be read is named by its path, never by its
//! value.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::CURRENCY;
use crate::send::error_word;

/// Stripe's ids, statuses and lookup keys are shorter.
const TEXT_BYTES_MAX: usize = 255;

/// The address of a checkout carries its state.
const URL_BYTES_MAX: usize = 4096;

/// Why something cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unread(pub(super) String);

/// A JSON object and its path.
#[derive(Clone)]
pub(super) struct Part<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Part<'a> {
    /// The whole document.
    pub(super) const fn of(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    pub(super) fn text(&self, name: &str) -> Result<&'a str, Unread> {
        self.read(name, text)
    }

    pub(super) fn nullable_text(&self, name: &str) -> Result<Option<&'a str>, Unread> {
        self.nullable(name, text)
    }

    pub(super) fn url(&self, name: &str) -> Result<&'a str, Unread> {
        self.read(name, |value| within(value, URL_BYTES_MAX))
    }

    pub(super) fn time(&self, name: &str) -> Result<Timestamp, Unread> {
        self.read(name, time)
    }

    pub(super) fn nullable_time(&self, name: &str) -> Result<Option<Timestamp>, Unread> {
        self.nullable(name, time)
    }

    /// A whole number, such as cents.
    pub(super) fn number(&self, name: &str) -> Result<i64, Unread> {
        self.read(name, Value::as_i64)
    }

    pub(super) fn nullable_number(&self, name: &str) -> Result<Option<i64>, Unread> {
        self.nullable(name, Value::as_i64)
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Unread> {
        self.read(name, Value::as_bool)
    }

    /// Whether the flag is there and set: for flags that Stripe otherwise leaves out.
    pub(super) fn is(&self, name: &str) -> bool {
        self.value.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn part(&self, name: &str) -> Result<Self, Unread> {
        let value = self.read(name, object)?;
        Ok(Self { value, path: self.path_of(name) })
    }

    /// Null is an answer, and a field that is not there is none: before version 2025-03-31 many of today's were missing.
    pub(super) fn nullable_part(&self, name: &str) -> Result<Option<Self>, Unread> {
        let value = self.nullable(name, object)?;
        Ok(value.map(|value| Self { value, path: self.path_of(name) }))
    }

    /// The objects of a list.
    pub(super) fn list(&self, name: &str) -> Result<Vec<Self>, Unread> {
        let entries = self.read(name, Value::as_array)?;
        let part = |(at, value): (usize, &'a Value)| {
            let name = format!("{name}.{at}");
            match value.is_object() {
                true => Ok(Self { value, path: self.path_of(&name) }),
                false => Err(self.unread(&name)),
            }
        };
        entries.iter().enumerate().map(part).collect()
    }

    /// A word of the metadata. We write it, but anybody with the dashboard may change it, so what is odd is absent.
    pub(super) fn metadata(&self, name: &str) -> Option<&'a str> {
        self.value.get("metadata")?.get(name).and_then(text)
    }

    /// A UUID of the metadata.
    pub(super) fn metadata_uuid(&self, name: &str) -> Option<Uuid> {
        Uuid::try_parse(self.metadata(name)?).ok()
    }

    /// Fails unless the amounts of this object are in the currency that we sell in.
    pub(super) fn check_currency(&self) -> Result<(), Unread> {
        match self.text("currency")? {
            CURRENCY => Ok(()),
            other => Err(Unread(format!("currency {}", error_word(Some(other))))),
        }
    }

    /// That this field is missing, or is not what it must be.
    pub(super) fn unread(&self, name: &str) -> Unread {
        Unread(format!("{} is missing or not what it must be", self.path_of(name)))
    }

    fn path_of(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }

    fn read<T>(&self, name: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<T, Unread> {
        self.value.get(name).and_then(read).ok_or_else(|| self.unread(name))
    }

    fn nullable<T>(&self, name: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<Option<T>, Unread> {
        match self.value.get(name) {
            Some(Value::Null) => Ok(None),
            _ => self.read(name, read).map(Some),
        }
    }
}

fn object(value: &Value) -> Option<&Value> {
    value.is_object().then_some(value)
}

fn text(value: &Value) -> Option<&str> {
    within(value, TEXT_BYTES_MAX)
}

/// PostgreSQL stores no NUL, and no text of Stripe's that is read here has another control character.
fn within(value: &Value, bytes_max: usize) -> Option<&str> {
    let is_plain = |text: &&str| (1..=bytes_max).contains(&text.len()) && !text.chars().any(char::is_control);
    value.as_str().filter(is_plain)
}

/// Whole seconds since 1970.
fn time(value: &Value) -> Option<Timestamp> {
    value.as_i64().filter(|seconds| *seconds >= 0).and_then(|seconds| Timestamp::from_second(seconds).ok())
}
