//! What holds for every answer: the envelope, CORS, security headers, request ids, health.

use oslira_e2e::{Answer, Stack, User};
use reqwest::{Method, Response};
use serde_json::json;

const OURS: &str = "http://localhost:5173";
const EXPOSED: [&str; 7] = [
    "x-request-id",
    "retry-after",
    "idempotency-replayed",
    "etag",
    "location",
    "content-disposition",
    "x-oslira-truncated",
];

fn header(response: &Response, name: &str) -> Option<String> {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_lowercase())
}

async fn preflight(stack: &Stack, origin: &str) -> Response {
    stack
        .http()
        .request(Method::OPTIONS, format!("{}/v1/analyze", stack.api_url))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,baggage,content-type,idempotency-key,if-match,traceparent,x-account-id,x-request-id",
        )
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn our_own_site_may_call_from_a_browser() {
    let stack = Stack::load();
    let response = preflight(&stack, OURS).await;
    assert!(response.status().is_success(), "{response:?}");
    assert_eq!(header(&response, "access-control-allow-origin").as_deref(), Some(OURS));
    let methods = header(&response, "access-control-allow-methods").unwrap();
    assert!(["get", "post", "put", "patch", "delete"].iter().all(|method| methods.contains(method)), "{methods}");
    let allowed = header(&response, "access-control-allow-headers").unwrap();
    for name in [
        "authorization",
        "baggage",
        "content-type",
        "idempotency-key",
        "if-match",
        "traceparent",
        "x-account-id",
        "x-request-id",
    ] {
        assert!(allowed.contains(name), "{name} in {allowed}");
    }
    assert_eq!(header(&response, "access-control-allow-credentials"), None, "no cookies are used");

    let user = User::new(&stack, 0).await;
    for path in ["/credits/balance", "/runs/7"] {
        let response = user.request(Method::GET, path).header("origin", OURS).send().await.unwrap();
        assert_eq!(header(&response, "access-control-allow-origin").as_deref(), Some(OURS), "refusals too: {path}");
        let exposed = header(&response, "access-control-expose-headers").unwrap();
        assert!(EXPOSED.iter().all(|name| exposed.contains(*name)));
    }
}

#[tokio::test]
async fn other_sites_may_not() {
    let stack = Stack::load();
    for origin in ["https://evil.example", "http://localhost:5174", "null", "http://localhost:5173.evil.example"] {
        let response = preflight(&stack, origin).await;
        assert_eq!(header(&response, "access-control-allow-origin"), None, "{origin}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    let long = format!("/leads?q={}", "x".repeat(8_192));
    for path in ["/health", "/credits/balance", "/runs/7", "/nowhere", &long] {
        let answer = user.get(path).await;
        for (name, wanted) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(answer.header(name), Some(wanted), "{name} at {path}");
        }
        assert!(answer.header("strict-transport-security").is_some_and(|text| text.contains("max-age=")), "{path}");
        assert!(
            answer.header("content-security-policy").is_some_and(|text| text.contains("default-src 'none'")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_request_id_is_echoed_if_it_is_harmless() {
    let stack = Stack::load();
    let asked = async |id: &str| {
        let request = stack.http().get(format!("{}/health", stack.api_url)).header("x-request-id", id);
        Answer::read(request.send().await.unwrap()).await.body["requestId"].as_str().unwrap().to_owned()
    };
    assert_eq!(asked("my-request_7").await, "my-request_7");
    for id in ["", "two words", "<script>", &"a".repeat(65)] {
        let ours = asked(id).await;
        assert!(ours != id && ours.len() > 8, "{id:?} became {ours:?}");
    }
    assert_ne!(asked("").await, asked("").await, "each request has its own");
}

#[tokio::test]
async fn health_says_that_it_lives_and_that_it_is_ready() {
    let stack = Stack::load();
    let get = async |path: &str| {
        Answer::read(stack.http().get(format!("{}{path}", stack.api_url)).send().await.unwrap()).await
    };
    assert_eq!(get("/health").await.data(200)["status"], "ok");
    assert_eq!(
        get("/health/ready").await.data(200),
        &json!({
            "status": "ready", "environment": "local", "release": concat!("oslira@", env!("CARGO_PKG_VERSION")), "warnings": []
        })
    );
}

#[tokio::test]
async fn an_address_that_is_too_long_is_refused_before_anything_looks_at_it() {
    let stack = Stack::load();
    let url = format!("{}/leads?q={}", stack.api_url, "x".repeat(8_192));
    Answer::read(stack.http().get(url).send().await.unwrap()).await.refused(414, "address_too_long");
}

#[tokio::test]
async fn a_document_carries_the_headers_of_every_answer() {
    let stack = Stack::load();
    for path in ["/openapi.json", "/docs", "/docs.css"] {
        let request = stack.http().get(format!("{}{path}", stack.api_url)).header("origin", OURS);
        let response = request.header("x-request-id", "find-me").send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(header(&response, "x-request-id").as_deref(), Some("find-me"), "{path}");
        assert_eq!(header(&response, "access-control-allow-origin").as_deref(), Some(OURS), "{path}");
        assert_eq!(header(&response, "x-content-type-options").as_deref(), Some("nosniff"), "{path}");
        assert_eq!(header(&response, "cache-control").as_deref(), Some("public, max-age=300"), "{path}");
        assert!(header(&response, "strict-transport-security").is_some(), "{path}");
        assert!(response.text().await.unwrap().len() > 500, "{path} has its text");
    }
}
