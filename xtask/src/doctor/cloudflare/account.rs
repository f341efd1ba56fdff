//! Reading Cloudflare's API: its envelope, its pages, and what its refusals mean.

use oslira_app::shared::secret::Secret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::doctor::finding::shortened;
use crate::doctor::web::{Answer, Web, is_here};
use crate::environment::variable;

pub const BASE_URL: &str = "https://api.cloudflare.com/client/v4";

/// More pages of one list are not read.
const PAGES_MAX: u32 = 20;

/// The codes by which Cloudflare says that there is no such Worker.
const NO_SUCH_WORKER: [i64; 2] = [10_007, 10_090];

/// An account, and a token that may read it.
pub struct Account {
    web: Web,
    /// With the account's id, without a slash at its end.
    base: String,
    token: Secret,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// What was asked for is not there.
    Missing,
    /// The account could not be asked: a sentence without the token.
    Unasked(String),
}

/// Every answer of Cloudflare's.
#[derive(Deserialize)]
struct Envelope {
    success: bool,
    #[serde(default)]
    result: Value,
    #[serde(default)]
    errors: Vec<Fault>,
    result_info: Option<ResultInfo>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct ResultInfo {
    total_pages: Option<u32>,
}

impl Account {
    /// The account that the shell names. A local stack has none, unless the shell also names the API's address.
    ///
    /// # Errors
    /// What has to be set, as a sentence.
    pub fn of_shell(is_local: bool) -> Result<Self, String> {
        let base = variable("CLOUDFLARE_API_URL");
        if is_local && base.is_none() {
            return Err("a local stack has no account at Cloudflare; with CLOUDFLARE_API_URL another server is asked in its place".to_owned());
        }
        let (Some(token), Some(id)) = (variable("CLOUDFLARE_API_TOKEN"), variable("CLOUDFLARE_ACCOUNT_ID")) else {
            return Err("set CLOUDFLARE_API_TOKEN (a token that may read Workers Scripts, Workers KV Storage, Workers R2 Storage, Queues and \
                        Hyperdrive) and CLOUDFLARE_ACCOUNT_ID"
                .to_owned());
        };
        Self::new(base.as_deref().unwrap_or(BASE_URL), &id, Secret::new(token))
    }

    /// # Errors
    /// The address or the id cannot be one, as a sentence.
    pub fn new(base: &str, id: &str, token: Secret) -> Result<Self, String> {
        if !is_here(base) && !base.starts_with("https://") {
            return Err("CLOUDFLARE_API_URL must begin with https://: the token is sent there".to_owned());
        }
        if !is_plain(id) {
            return Err("CLOUDFLARE_ACCOUNT_ID is no account's id".to_owned());
        }
        Ok(Self { web: Web::new(), base: format!("{}/accounts/{id}", base.trim_end_matches('/')), token })
    }

    /// What is at a path below the account: `part` is one of ours, `name` may be anything that the file says.
    pub fn get<T: DeserializeOwned>(&self, part: &str, name: &str, rest: &str) -> Result<T, Refusal> {
        if !is_plain(name) {
            return Err(Refusal::Unasked(format!("{name} is no name at Cloudflare")));
        }
        self.read(&format!("{part}/{name}{rest}")).and_then(|envelope| parsed(envelope.result, part))
    }

    /// Every entry of a list with pages.
    pub fn list<T: DeserializeOwned>(&self, part: &str) -> Result<Vec<T>, Refusal> {
        let mut all = Vec::new();
        for page in 1..=PAGES_MAX {
            let envelope = self.read(&format!("{part}?page={page}"))?;
            let of_page: Vec<T> = parsed(envelope.result, part)?;
            all.extend(of_page);
            if envelope.result_info.and_then(|info| info.total_pages).unwrap_or(1) <= page {
                return Ok(all);
            }
        }
        Err(Refusal::Unasked(format!("the list of {part} has more than {PAGES_MAX} pages")))
    }

    fn read(&self, path: &str) -> Result<Envelope, Refusal> {
        let bearer = format!("Bearer {}", self.token.expose());
        let headers = [("authorization", bearer.as_str())];
        let answer = self.web.get(&format!("{}/{path}", self.base), &headers).map_err(Refusal::Unasked)?;
        opened(answer, path)
    }
}

fn opened(answer: Answer, path: &str) -> Result<Envelope, Refusal> {
    let status = answer.status;
    let envelope: Option<Envelope> = serde_json::from_value(answer.body).ok();
    let faults = envelope.as_ref().map_or(&[][..], |envelope| &envelope.errors);
    if status == 404 || faults.iter().any(|fault| NO_SUCH_WORKER.contains(&fault.code)) {
        return Err(Refusal::Missing);
    }
    if status == 401 || status == 403 {
        return Err(Refusal::Unasked(format!(
            "CLOUDFLARE_API_TOKEN may not read {path} ({status}): give it the permission"
        )));
    }
    let said = faults.first().map_or(String::new(), |fault| format!(": {}", shortened(&fault.message)));
    match envelope {
        Some(envelope) if envelope.success && (200..300).contains(&status) => Ok(envelope),
        _ => Err(Refusal::Unasked(format!("Cloudflare answers {status} to {path}{said}: ask again in a minute"))),
    }
}

fn parsed<T: DeserializeOwned>(result: Value, part: &str) -> Result<T, Refusal> {
    serde_json::from_value(result)
        .map_err(|_| Refusal::Unasked(format!("Cloudflare's answer about {part} has another form than expected")))
}

/// Names and ids at Cloudflare; nothing else becomes a part of a path.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && !name.starts_with('.')
}
