//! The API as a stranger finds it.

use std::time::Duration;

use oslira_app::api::operations;
use oslira_app::http::CallerKind;
use serde_json::Value;

use crate::doctor::catalog::of_source;
use crate::doctor::finding::{Finding, Verdict, shortened};
use crate::doctor::web::{Answer, Web, is_here};

/// An origin that is nobody's: the top-level domain is reserved.
const FOREIGN_ORIGIN: &str = "https://doctor.invalid";

/// Nobody's id, of the version that all of ours have.
const NO_ID: &str = "00000000-0000-7000-8000-000000000000";

/// Between two requests of somebody unknown, who may send ten in a second.
pub const PAUSE: Duration = Duration::from_millis(110);

/// The schemas of which Supabase's Data API must serve none.
const SCHEMAS: [&str; 5] = ["public", "api", "system", "operator", "private"];

/// How the deployment is reached, and what it should say of itself.
pub struct Door<'a> {
    /// Without a slash at its end.
    pub url: &'a str,
    /// The value of `OSLIRA_ENV`: that of a stack is always `local`.
    pub environment: &'a str,
    /// A stack may be called from any page.
    pub is_local: bool,
    /// Between two requests.
    pub pause: Duration,
    /// `SUPABASE_URL`; empty if it is not known.
    pub supabase_url: &'a str,
    /// Supabase's public key, without which its gateway passes no request on.
    pub supabase_key: Option<&'a str>,
}

pub fn examine(web: &Web, door: &Door<'_>) -> Vec<Finding> {
    let health = web.get(&format!("{}/health", door.url), &[]);
    let answers = answers(&health);
    let data_api = Finding::new("api.data-api", data_api(web, door));
    let Some(health) = health.as_ref().ok().filter(|_| answers == Verdict::Held) else {
        let mut findings = vec![Finding::new("api.answers", answers)];
        let others = of_source("api").skip(1).filter(|check| *check != "api.data-api");
        findings.extend(others.map(|check| Finding::new(check, Verdict::unknown("the API does not answer"))));
        findings.push(data_api);
        return findings;
    };
    let ready = web.get(&format!("{}/health/ready", door.url), &[]);
    vec![
        Finding::new("api.answers", answers),
        Finding::new("api.https", https(web, door)),
        Finding::new("api.environment", environment(&ready, door)),
        Finding::new("api.release", release(&ready, door)),
        Finding::new("api.ready", readiness(&ready)),
        Finding::new("api.warnings", warnings(&ready)),
        Finding::new("api.headers", headers(health)),
        Finding::new("api.strangers", strangers(web, door)),
        Finding::new("api.cors", cors(web, door)),
        data_api,
    ]
}

type Got = Result<Answer, String>;

fn answers(health: &Got) -> Verdict {
    let cure = "look at the custom domain and its DNS record, and at the Worker's log: npx wrangler tail --env NAME";
    match health {
        Ok(answer) if answer.status == 200 && answer.text("/data/status") == Some("ok") => Verdict::Held,
        Ok(answer) => Verdict::broken(format!("GET /health answers {} and not what it must", answer.status), cure),
        Err(why) => Verdict::broken(why.clone(), cure),
    }
}

/// Tokens travel in every request.
pub fn https(web: &Web, door: &Door<'_>) -> Verdict {
    if is_here(door.url) {
        return Verdict::unknown("an address of this machine has no certificate");
    }
    let Some(host) = door.url.strip_prefix("https://") else {
        return Verdict::broken("the address does not begin with https://", "set OSLIRA_API_URL to the https address");
    };
    match web.ask(&format!("http://{host}/health"), &[]) {
        Ok(answer) if answer.text("/data/status").is_some() => Verdict::broken(
            "plain http is answered as https is",
            "turn Always Use HTTPS on: Cloudflare's dashboard, the zone, SSL/TLS, Edge Certificates",
        ),
        Ok(answer) if is_turned_away(&answer) => Verdict::Held,
        Ok(answer) => Verdict::unknown(format!(
            "plain http answers {}, which is neither a redirect to https nor a refusal: look at curl -i http://{host}/health",
            answer.status
        )),
        Err(silence) if silence.is_refused => Verdict::Held,
        Err(silence) => Verdict::unknown(silence.why),
    }
}

/// By a redirect to https, or a refusal.
fn is_turned_away(answer: &Answer) -> bool {
    let is_https = |to: &str| to.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"));
    match answer.status {
        300..=399 => answer.header("location").is_some_and(is_https),
        400..=499 => true,
        _ => false,
    }
}

fn environment(ready: &Got, door: &Door<'_>) -> Verdict {
    match ready.as_ref().ok().and_then(|answer| answer.text("/data/environment")) {
        None => Verdict::unknown("the deployment is not ready, so it does not say which environment it is"),
        Some(name) if name == door.environment => Verdict::Held,
        Some(name) => Verdict::broken(
            format!("it says that it is {name}, not {}", door.environment),
            "look at OSLIRA_ENV of this environment in wrangler.jsonc, at its route, and at OSLIRA_API_URL; then deploy",
        ),
    }
}

/// Without a revision of its own, a deployment names the version that all have.
fn release(ready: &Got, door: &Door<'_>) -> Verdict {
    let Some(release) = ready.as_ref().ok().and_then(|answer| answer.text("/data/release")) else {
        return Verdict::unknown("the deployment is not ready, so it does not say which revision it is");
    };
    let revision = release.strip_prefix("oslira@").unwrap_or_default();
    let is_version =
        revision.split('.').count() == 3 && revision.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match (revision.is_empty() || is_version, door.is_local) {
        (false, _) => Verdict::Held,
        (true, true) => Verdict::unknown("a local stack has no revision"),
        (true, false) => Verdict::broken(
            format!("it says that it is {}, so errors do not tell which revision made them", shortened(release)),
            "deploy with `cargo xtask deploy`, which sets OSLIRA_RELEASE",
        ),
    }
}

fn readiness(ready: &Got) -> Verdict {
    let cure = "set what is named (docs/deploying.md has the table of settings) and deploy; secrets: npx wrangler secret put NAME --env NAME";
    match ready {
        Ok(answer) if answer.status == 200 => Verdict::Held,
        Ok(answer) => match answer.texts("/details/faults") {
            faults if faults.is_empty() => {
                Verdict::broken(format!("GET /health/ready answers {}", answer.status), cure)
            }
            faults => Verdict::of(faults, cure),
        },
        Err(why) => Verdict::broken(why.clone(), cure),
    }
}

fn warnings(ready: &Got) -> Verdict {
    match ready {
        Ok(answer) if answer.status == 200 => Verdict::of(
            answer.texts("/data/warnings"),
            "name another model in the setting (`cargo xtask models` lists those that are offered, `cargo xtask eval` judges one), and deploy",
        ),
        _ => Verdict::unknown("the deployment is not ready, so it warns of nothing"),
    }
}

fn headers(health: &Answer) -> Verdict {
    let is_one = |name: &str, held: fn(&str) -> bool| health.header(name).is_some_and(held);
    let checks: [(&str, bool); 6] = [
        ("x-content-type-options", is_one("x-content-type-options", |value| value == "nosniff")),
        ("x-frame-options", is_one("x-frame-options", |value| value == "DENY")),
        ("referrer-policy", is_one("referrer-policy", |value| value == "no-referrer")),
        ("strict-transport-security", is_one("strict-transport-security", |value| max_age_s(value) >= 31_536_000)),
        (
            "content-security-policy",
            is_one("content-security-policy", |value| value.contains("frame-ancestors 'none'")),
        ),
        ("cache-control", is_one("cache-control", |value| value.contains("no-store"))),
    ];
    let lost = checks.iter().filter(|(_, is_held)| !is_held);
    Verdict::of(
        lost.map(|(name, _)| format!("{name} is missing or weaker than the Worker sends it")).collect(),
        "something between takes it away: look at the zone's Transform Rules and managed transforms; the Worker sends it always",
    )
}

fn max_age_s(value: &str) -> u64 {
    let age = value.split(';').find_map(|part| part.trim().strip_prefix("max-age="));
    age.and_then(|age| age.parse().ok()).unwrap_or(0)
}

/// Only routes that change nothing are tried: a hole must not be fallen into.
fn strangers(web: &Web, door: &Door<'_>) -> Verdict {
    let mut open = Vec::new();
    let closed = operations().into_iter().filter(|route| route.method == "GET" && route.caller != CallerKind::Public);
    for route in closed {
        let path = filled(route.path);
        match web.get(&format!("{}{path}", door.url), &[]) {
            Ok(answer) if answer.status == 401 => {}
            Ok(answer) => open.push(format!("GET {} answers {}", route.path, answer.status)),
            Err(why) => return Verdict::unknown(why),
        }
        std::thread::sleep(door.pause);
    }
    Verdict::of(
        open,
        "if it answers 2xx, roll back at once (docs/deploying.md) and read what was deployed; if 404, this address is not that of this \
         version; if 429, ask again in a minute",
    )
}

/// The path with nobody's id for each parameter.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { NO_ID } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn cors(web: &Web, door: &Door<'_>) -> Verdict {
    let answer = web.get(&format!("{}/health", door.url), &[("origin", FOREIGN_ORIGIN)]);
    match answer {
        Err(why) => Verdict::unknown(why),
        Ok(answer) => match answer.header("access-control-allow-origin") {
            None => Verdict::Held,
            Some(origin) if origin != "*" && origin != FOREIGN_ORIGIN => Verdict::Held,
            Some(_) if door.is_local => Verdict::unknown("a local stack may be called from any page"),
            Some(_) => Verdict::broken(
                "browsers may call from any origin",
                "set CORS_ORIGINS of this environment in wrangler.jsonc to the customers' app, such as https://app.example.com, and deploy",
            ),
        },
    }
}

/// PostgREST refuses a schema that it does not serve with PGRST106. If the Data API is off, it serves none, or does not come up.
fn data_api(web: &Web, door: &Door<'_>) -> Verdict {
    if door.supabase_url.is_empty() {
        return Verdict::unknown("SUPABASE_URL is not set");
    }
    let url = format!("{}/rest/v1/accounts?select=id&limit=0", door.supabase_url.trim_end_matches('/'));
    let mut served = Vec::new();
    for schema in SCHEMAS {
        let key = door.supabase_key.map(|key| ("apikey", key));
        let headers: Vec<(&str, &str)> = [("accept-profile", schema)].into_iter().chain(key).collect();
        let answer = match web.get(&url, &headers) {
            Ok(answer) => answer,
            Err(why) => return Verdict::unknown(why),
        };
        match (answer.status, answer.body.get("code").and_then(Value::as_str)) {
            (_, Some("PGRST106" | "PGRST002")) => {}
            // Whatever else PostgREST says, it looked into the schema.
            (_, Some(_)) | (200..=299, _) => served.push(format!("it serves the schema {schema}")),
            (404, None) => {}
            _ if door.supabase_key.is_none() => {
                return Verdict::unknown(
                    "set SUPABASE_PUBLISHABLE_KEY (Supabase: Project Settings, API Keys) to have the Data API asked",
                );
            }
            (status, None) => {
                return Verdict::unknown(format!(
                    "the Data API answers {status} without a code: is the key this project's?"
                ));
            }
        }
    }
    Verdict::of(
        served,
        "turn the Data API off: Supabase's dashboard, Integrations, Data API; customers pass by every limit of the Worker there",
    )
}
