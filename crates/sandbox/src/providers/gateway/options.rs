//! The caller's options, in the `cf-aig-…` headers. All limits are those of Cloudflare's documentation.

use std::{fmt, time::Duration};

use axum::http::HeaderMap;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::errors::GatewayError;

/// More entries than these are dropped without an error.
const METADATA_ENTRIES_MAX: usize = 5;
const TTL_S_MIN: u64 = 60;
const TTL_S_MAX: u64 = 31 * 24 * 3_600;
/// How long an answer is kept when only `cf-aig-cache-key` was given.
const TTL_S_DEFAULT: u64 = 300;
const ATTEMPTS_MAX: u64 = 5;
const RETRY_DELAY_MS_MAX: u64 = 5_000;
const REQUEST_TIMEOUT_MS_MAX: u64 = 600_000;

/// Everything the headers say.
#[derive(Debug)]
pub(super) struct Options {
    /// How long the answer may be kept; `None` turns the cache off.
    pub(super) ttl: Option<Duration>,
    /// The caller's own cache key, in place of one made of the request.
    pub(super) key: Option<String>,
    pub(super) metadata: Option<Value>,
    pub(super) attempts: u64,
    pub(super) retry_delay: Duration,
    pub(super) backoff: Backoff,
    /// How long each attempt may take.
    pub(super) timeout: Option<Duration>,
}

/// How the delay grows from one attempt to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backoff {
    Constant,
    Linear,
    Exponential,
}

impl Options {
    /// Reads the headers. An impossible value is refused, so that a mistake is not taken for a setting.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, GatewayError> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let number = |name: &str, least: u64, most: u64| match header(name) {
            None => Ok(None),
            Some(text) => {
                let number = text.parse().ok().filter(|number| (least..=most).contains(number));
                let why = || GatewayError::bad_header(&format!("{name} must be a number from {least} to {most}"));
                number.map(Some).ok_or_else(why)
            }
        };
        let ttl_s = number("cf-aig-cache-ttl", TTL_S_MIN, TTL_S_MAX)?;
        let key = header("cf-aig-cache-key").filter(|key| !key.is_empty()).map(str::to_owned);
        let skipped = header("cf-aig-skip-cache") == Some("true");
        // A key alone turns the cache on too; `cf-aig-skip-cache` wins over both.
        let ttl_s = ttl_s.or(key.as_ref().map(|_| TTL_S_DEFAULT)).filter(|_| !skipped);
        let backoff = match header("cf-aig-backoff") {
            None | Some("exponential") => Backoff::Exponential,
            Some("linear") => Backoff::Linear,
            Some("constant") => Backoff::Constant,
            Some(_) => return Err(GatewayError::bad_header("cf-aig-backoff must be constant, linear or exponential")),
        };
        Ok(Self {
            ttl: ttl_s.map(Duration::from_secs),
            key,
            metadata: match header("cf-aig-metadata") {
                None => None,
                Some(text) => Some(parse_metadata(text).map_err(|why| GatewayError::bad_header(&why))?),
            },
            attempts: number("cf-aig-max-attempts", 1, ATTEMPTS_MAX)?.unwrap_or(1),
            retry_delay: Duration::from_millis(
                number("cf-aig-retry-delay", 0, RETRY_DELAY_MS_MAX)?.unwrap_or_default(),
            ),
            backoff,
            timeout: number("cf-aig-request-timeout", 1, REQUEST_TIMEOUT_MS_MAX)?.map(Duration::from_millis),
        })
    }

    /// How long to wait after this attempt, the first being 0.
    pub(super) fn delay_after(&self, attempt: u64) -> Duration {
        let times = match self.backoff {
            Backoff::Constant => 1,
            Backoff::Linear => attempt + 1,
            // Limited only to keep the shift in range: there are never more attempts.
            Backoff::Exponential => 1 << attempt.min(ATTEMPTS_MAX),
        };
        self.retry_delay * u32::try_from(times).unwrap_or(u32::MAX)
    }
}

/// The metadata for the record of calls; `None` if it cannot be read.
pub(super) fn metadata(headers: &HeaderMap) -> Option<Value> {
    parse_metadata(headers.get("cf-aig-metadata")?.to_str().ok()?).ok()
}

fn parse_metadata(text: &str) -> Result<Value, String> {
    let Entries(entries) =
        serde_json::from_str(text).map_err(|_| "cf-aig-metadata must be a JSON object".to_owned())?;
    let kept: Map<String, Value> = entries.into_iter().take(METADATA_ENTRIES_MAX).collect();
    match kept.iter().find(|(_, value)| value.is_object() || value.is_array()) {
        Some((name, _)) => Err(format!("'{name}' in cf-aig-metadata must be a string, a number, a boolean or null")),
        None => Ok(Value::Object(kept)),
    }
}

/// The entries of an object in the order in which they were written, because the last ones are dropped. `serde_json`'s
/// map would sort them.
struct Entries(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = vec![];
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;

    fn options(pairs: &[(&'static str, &'static str)]) -> Result<Options, GatewayError> {
        let header = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        Options::read(&pairs.iter().map(header).collect())
    }

    #[test]
    fn a_ttl_or_a_key_turns_the_cache_on_and_skipping_off() {
        let ttl = |pairs| options(pairs).unwrap().ttl.map(|ttl| ttl.as_secs());
        assert_eq!(ttl(&[]), None);
        assert_eq!(ttl(&[("cf-aig-cache-ttl", "3600")]), Some(3_600));
        assert_eq!(ttl(&[("cf-aig-cache-key", "k")]), Some(300));
        assert_eq!(ttl(&[("cf-aig-cache-ttl", "3600"), ("cf-aig-skip-cache", "true")]), None);
        for bad in ["59", "x", "99999999"] {
            assert!(options(&[("cf-aig-cache-ttl", bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn metadata_is_flat_and_the_sixth_entry_is_dropped_as_written() {
        let read = |text| parse_metadata(text);
        assert_eq!(
            read(r#"{"z":1,"y":"a","x":true,"w":null,"b":2.5,"a":6}"#),
            Ok(json!({"z":1,"y":"a","x":true,"w":null,"b":2.5}))
        );
        for bad in ["[1]", "x", r#"{"a":{}}"#, r#"{"a":[1]}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn delays_grow_by_their_backoff() {
        let after = |backoff: &'static str| {
            let options = options(&[("cf-aig-retry-delay", "100"), ("cf-aig-backoff", backoff)]).unwrap();
            [0, 1, 2].map(|attempt| options.delay_after(attempt).as_millis())
        };
        assert_eq!(after("constant"), [100, 100, 100]);
        assert_eq!(after("linear"), [100, 200, 300]);
        assert_eq!(after("exponential"), [100, 200, 400]);
    }
}
