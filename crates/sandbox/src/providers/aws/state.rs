//! The versions of the secret, and the credentials that are accepted. In memory only: a restart brings the first ones back.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AWS_ACCESS_KEY_ID, AWS_REGION, AWS_SECRET_ACCESS_KEY, AWS_SECRET_ID, errors::AwsError};
use crate::shared::{
    clock::now_ms,
    faults::{FaultSpec, Kind, Target},
    tap::Tapped,
};

/// Older versions are forgotten; AWS keeps about a hundred.
const VERSIONS_MAX: usize = 100;

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// Whom the sandbox lets in.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    /// Of temporary ones.
    pub(super) session_token: Option<String>,
    pub(super) expires_at_s: Option<i64>,
}

/// The values of a secret by their names.
pub(crate) type Values = BTreeMap<String, String>;

#[derive(Clone)]
struct Version {
    id: String,
    values: Values,
    created_ms: u64,
}

pub(crate) struct SecretsManager {
    first: Values,
    inner: Mutex<Inner>,
}

struct Inner {
    /// The oldest first; never empty.
    versions: Vec<Version>,
    credentials: Vec<Credentials>,
}

impl Version {
    fn of(values: Values) -> Self {
        Self { id: Uuid::new_v4().to_string(), values, created_ms: now_ms() }
    }
}

impl SecretsManager {
    /// With these values in the first version.
    pub(crate) fn new(first: Values) -> Self {
        let inner = Inner { versions: vec![Version::of(first.clone())], credentials: first_credentials() };
        Self { first, inner: Mutex::new(inner) }
    }

    pub(super) fn credentials(&self) -> Vec<Credentials> {
        self.inner.lock().credentials.clone()
    }

    /// A version by its id or its stage, as `GetSecretValue` answers it. `is_behind` shows the one before it where it exists.
    pub(super) fn answer(&self, id: Option<&str>, stage: Option<&str>, is_behind: bool) -> Option<Value> {
        let inner = self.inner.lock();
        let count = inner.versions.len();
        let found = match (id, stage) {
            (Some(id), _) => inner.versions.iter().position(|version| version.id == id)?,
            (None, None | Some(CURRENT)) => count.checked_sub(if is_behind && count > 1 { 2 } else { 1 })?,
            (None, Some(PREVIOUS)) => count.checked_sub(2)?,
            (None, Some(_)) => return None,
        };
        let stages = stages(found, count);
        if stage.is_some_and(|stage| !stages.contains(&stage)) && !is_behind {
            return None;
        }
        let version = inner.versions.get(found)?;
        Some(json!({
            "ARN": arn(), "Name": AWS_SECRET_ID, "VersionId": version.id, "VersionStages": stages,
            "SecretString": json!(version.values).to_string(), "CreatedDate": version.created_ms as f64 / 1_000.0,
        }))
    }

    /// A new version, which differs in these values; null takes one away. Answers its id.
    pub(super) fn rotate(&self, changed: BTreeMap<String, Option<String>>) -> String {
        let mut inner = self.inner.lock();
        let mut values = inner.versions.last().map(|version| version.values.clone()).unwrap_or_default();
        for (name, value) in changed {
            match value {
                Some(value) => values.insert(name, value),
                None => values.remove(&name),
            };
        }
        inner.add(values)
    }

    /// The first values again, as a new version, and the first credentials.
    pub(super) fn restore(&self) -> String {
        let mut inner = self.inner.lock();
        inner.credentials = first_credentials();
        inner.add(self.first.clone())
    }

    /// Accepts these credentials, in place of others with the same id.
    pub(super) fn accept(&self, credentials: Credentials) {
        let mut inner = self.inner.lock();
        inner.credentials.retain(|known| known.access_key_id != credentials.access_key_id);
        inner.credentials.push(credentials);
    }

    /// Accepts the credentials with this id no longer; false if they were not accepted.
    pub(super) fn revoke(&self, access_key_id: &str) -> bool {
        let mut inner = self.inner.lock();
        let before = inner.credentials.len();
        inner.credentials.retain(|known| known.access_key_id != access_key_id);
        inner.credentials.len() < before
    }

    /// The versions without their values, the oldest first.
    pub(super) fn list(&self) -> Vec<Value> {
        let inner = self.inner.lock();
        let count = inner.versions.len();
        let shown = inner.versions.iter().enumerate();
        shown.map(|(at, version)| json!({ "id": version.id, "stages": stages(at, count) })).collect()
    }
}

impl Inner {
    fn add(&mut self, values: Values) -> String {
        let version = Version::of(values);
        let id = version.id.clone();
        self.versions.push(version);
        let surplus = self.versions.len().saturating_sub(VERSIONS_MAX);
        drop(self.versions.drain(..surplus));
        id
    }
}

fn first_credentials() -> Vec<Credentials> {
    vec![Credentials {
        access_key_id: AWS_ACCESS_KEY_ID.to_owned(),
        secret_access_key: AWS_SECRET_ACCESS_KEY.to_owned(),
        session_token: None,
        expires_at_s: None,
    }]
}

fn stages(at: usize, count: usize) -> Vec<&'static str> {
    match count - at {
        1 => vec![CURRENT],
        2 => vec![PREVIOUS],
        _ => vec![],
    }
}

pub(super) fn arn() -> String {
    format!("arn:aws:secretsmanager:{AWS_REGION}:123456789012:secret:{AWS_SECRET_ID}-SaNdBx")
}

impl Tapped for SecretsManager {
    fn error(&self, _: Target, status: u16) -> Response {
        AwsError::of_status(status).into_response()
    }

    fn own_answer(&self, fault: &FaultSpec) -> Option<Response> {
        // AWS throttles with a 400.
        (fault.kind == Kind::RateLimit).then(|| AwsError::throttled().into_response())
    }
}
