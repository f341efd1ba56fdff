//! Mistakes that are seen from outside.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use super::server::{Page, Request, serve};
use super::{assert_found, broken, unknown};
use crate::doctor::api::{Door, examine};
use crate::doctor::finding::{Finding, Verdict};
use crate::doctor::web::Web;

/// What can be wrong with the API.
#[derive(Clone)]
struct Situation {
    health: Page,
    ready: Page,
    /// Of every answer.
    headers: Vec<(String, String)>,
    /// A route that lets everybody in.
    open: Option<&'static str>,
    /// Given to every origin.
    allowed_origin: Option<&'static str>,
    /// The schemas that PostgREST serves.
    served: &'static [&'static str],
}

fn healthy() -> Situation {
    let headers = [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("cache-control", "no-store"),
    ];
    Situation {
        health: Page::new(200, json!({ "success": true, "data": { "status": "ok", "version": "0.1.0" } })),
        ready: ready("production", &[]),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        open: None,
        allowed_origin: None,
        served: &[],
    }
}

fn ready(environment: &str, warnings: &[&str]) -> Page {
    Page::new(
        200,
        json!({ "success": true, "data": { "status": "ready", "environment": environment, "release": "oslira@1a2b3c4", "warnings": warnings } }),
    )
}

impl Situation {
    fn answer(&self, request: &Request) -> Page {
        let mut page = match request.path.as_str() {
            "/health" => self.health.clone(),
            "/health/ready" => self.ready.clone(),
            path if path.starts_with("/rest/v1/") => return self.postgrest(request),
            path if self.open == Some(path) => Page::new(200, json!({ "success": true, "data": {} })),
            _ => Page::new(401, json!({ "success": false, "code": "token_missing" })),
        };
        page.headers.extend(self.headers.clone());
        if let Some(origin) = self.allowed_origin.filter(|_| request.headers.contains_key("origin")) {
            page.headers.push(("access-control-allow-origin".to_owned(), origin.to_owned()));
        }
        page
    }

    /// As Supabase's gateway without a key, and PostgREST behind it.
    fn postgrest(&self, request: &Request) -> Page {
        if !request.headers.contains_key("apikey") {
            return Page::new(401, json!({ "message": "No API key found in request" }));
        }
        let schema = request.headers.get("accept-profile").map_or("public", String::as_str);
        if self.served.contains(&schema) {
            return Page::new(401, json!({ "code": "42501", "message": "permission denied for table accounts" }));
        }
        Page::new(
            406,
            json!({ "code": "PGRST106", "message": "The schema must be one of the following: pg_pgrst_no_exposed_schemas" }),
        )
    }
}

fn found_in(situation: Situation, supabase_key: Option<&str>) -> Vec<Finding> {
    let url = serve(move |request| situation.answer(request));
    examine(
        &Web::new(),
        &Door {
            url: &url,
            environment: "production",
            is_local: false,
            pause: Duration::ZERO,
            supabase_url: &url,
            supabase_key,
        },
    )
}

#[test]
fn an_api_that_is_in_order_has_no_finding() {
    let findings = found_in(healthy(), Some("sb_publishable_x"));
    assert_eq!((broken(&findings), unknown(&findings)), (vec![], vec!["api.https"]), "{findings:#?}");
    let without_key = found_in(healthy(), None);
    assert_eq!((broken(&without_key), unknown(&without_key)), (vec![], vec!["api.https", "api.data-api"]));
}

#[test]
fn each_mistake_is_found_from_outside_by_its_check() {
    type Plant = fn(&mut Situation);
    let mistakes: [(&str, &str, Plant); 10] = [
        ("somebody else's page is at the address", "api.answers", |s| s.health = Page::new(200, Value::Null)),
        ("staging is at production's address", "api.environment", |s| s.ready = ready("staging", &[])),
        ("nobody said which revision it is", "api.release", |s| {
            s.ready.body["data"]["release"] = json!("oslira@0.1.0")
        }),
        ("a setting is missing", "api.ready", |s| {
            s.ready = Page::new(503, json!({ "success": false, "details": { "faults": ["APIFY_TOKEN is not set"] } }));
        }),
        ("a model ends soon", "api.warnings", |s| {
            s.ready = ready("production", &["openai/gpt-6-luna ends on 2026-12-24"])
        }),
        ("a transform rule takes a header away", "api.headers", |s| {
            s.headers.retain(|(name, _)| name != "strict-transport-security");
        }),
        ("a header is weaker", "api.headers", |s| s.headers[1].1 = "SAMEORIGIN".to_owned()),
        ("a route lets everybody in", "api.strangers", |s| s.open = Some("/credits/balance")),
        ("browsers may call from anywhere", "api.cors", |s| s.allowed_origin = Some("*")),
        ("the Data API is on", "api.data-api", |s| s.served = &["public"]),
    ];
    for (mistake, check, plant) in mistakes {
        let mut situation = healthy();
        plant(&mut situation);
        assert_found(mistake, check, &found_in(situation, Some("sb_publishable_x")));
    }
}

/// The verdict on plain http of this host, which is taken to be reached over https.
fn plain_http(host: &str) -> Verdict {
    let door = Door {
        url: &format!("https://{host}"),
        environment: "production",
        is_local: false,
        pause: Duration::ZERO,
        supabase_url: "",
        supabase_key: None,
    };
    crate::doctor::api::https(&Web::new(), &door)
}

#[test]
fn plain_http_is_held_to_be_closed_only_by_a_redirect_to_https_or_a_refusal() {
    let answered = |page: Page| {
        let url = serve(move |_| page.clone());
        plain_http(url.strip_prefix("http://").unwrap())
    };
    let redirect = |to: &str| {
        let headers = vec![("location".to_owned(), to.to_owned())];
        Page { headers, ..Page::new(301, Value::Null) }
    };
    assert!(matches!(answered(healthy().health), Verdict::Broken { .. }));
    for page in [redirect("https://api.oslira.test/health"), Page::new(403, Value::Null), Page::new(426, Value::Null)] {
        assert_eq!(answered(page.clone()), Verdict::Held, "{page:?}");
    }
    let others = [redirect("http://www.oslira.test/"), Page::new(200, json!("parked")), Page::new(522, Value::Null)];
    for page in others {
        assert!(matches!(answered(page.clone()), Verdict::Unknown { .. }), "{page:?}");
    }
    assert_eq!(plain_http("127.0.0.1:9"), Verdict::Held, "nobody listens there");
    // No such name, and a connection that ends without an answer.
    assert!(matches!(plain_http("api.oslira.invalid"), Verdict::Unknown { .. }));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    assert!(matches!(plain_http(&host), Verdict::Unknown { .. }));
}

#[test]
fn an_address_without_tls_is_found() {
    let door = Door {
        url: "http://api.oslira.test",
        environment: "production",
        is_local: false,
        pause: Duration::ZERO,
        supabase_url: "",
        supabase_key: None,
    };
    assert!(matches!(crate::doctor::api::https(&Web::new(), &door), Verdict::Broken { .. }));
}

#[test]
fn an_api_that_does_not_answer_is_one_finding_and_the_rest_is_unknown() {
    let url = "http://127.0.0.1:9";
    let door = Door {
        url,
        environment: "production",
        is_local: false,
        pause: Duration::ZERO,
        supabase_url: "",
        supabase_key: None,
    };
    let findings = examine(&Web::new(), &door);
    assert_eq!(broken(&findings), ["api.answers"]);
    let names: Vec<&str> = findings.iter().map(|found| found.check).collect();
    assert_eq!(names, crate::doctor::catalog::of_source("api").collect::<Vec<_>>());
}
