//! The same calls through the AI Gateway.

use super::*;

fn through_gateway(script: &Arc<Script>, cache_ttl_s: u32) -> OpenAi {
    let endpoint = Endpoint::new("https://gateway.ai.cloudflare.com/v1/acc/gw/openai", Secret::new("sk-secret"));
    OpenAi::new(script.clone(), endpoint, Arc::new(Ticking(Mutex::new(Timestamp::UNIX_EPOCH))))
        .through(Gateway::new(Some(Secret::new("cf-secret")), cache_ttl_s))
}

#[tokio::test]
async fn the_gateway_is_told_what_a_call_is_for_and_keeps_no_texts() {
    for (ttl_s, header, value) in [(0, "cf-aig-skip-cache", "true"), (600, "cf-aig-cache-ttl", "600")] {
        let script = Arc::new(Script::of([answer(200, &completion("stop", json!("{}"), Value::Null))]));
        through_gateway(&script, ttl_s).ask(&question("openai/gpt-4o-mini")).await;
        let sent = script.sent.lock().unwrap();
        let headers = sent[0].request.headers();
        assert_eq!(sent[0].request.uri().path(), "/v1/acc/gw/openai/chat/completions");
        assert_eq!(
            (&headers["authorization"], &headers["cf-aig-authorization"]),
            (&"Bearer sk-secret".parse().unwrap(), &"Bearer cf-secret".parse().unwrap())
        );
        assert_eq!(
            (headers[header].as_bytes(), headers["cf-aig-collect-log-payload"].as_bytes()),
            (value.as_bytes(), &b"false"[..])
        );
        assert_eq!(headers["cf-aig-max-attempts"].as_bytes(), b"1", "the workflow counts the attempts");
        let metadata: Value = serde_json::from_slice(headers["cf-aig-metadata"].as_bytes()).unwrap();
        let nobody = uuid::Uuid::nil().to_string();
        assert_eq!(metadata, json!({"run": nobody, "type": "LIGHT", "call": "light"}));
        assert!(!format!("{headers:?}").contains("secret"));
    }
}

#[tokio::test]
async fn an_answer_from_the_gateways_cache_costs_nothing_and_is_a_call_of_its_own() {
    let hit =
        |status| with_header(answer(200, &completion("stop", json!("{}"), Value::Null)), "cf-aig-cache-status", status);
    let script = Arc::new(Script::of([hit("MISS"), hit("HIT")]));
    let gateway = through_gateway(&script, 600);
    let first = gateway.ask(&question("openai/gpt-4o-mini")).await.usage.unwrap();
    let second = gateway.ask(&question("openai/gpt-4o-mini")).await.usage.unwrap();
    assert_eq!((first.gateway_hit, first.cost_microusd), (Some(false), Some(524)));
    assert_eq!((second.gateway_hit, second.cost_microusd), (Some(true), Some(0)));
    assert_ne!(first.response_id, second.response_id);
}

#[tokio::test]
async fn the_gateways_own_refusal_is_a_list_of_errors() {
    let body =
        json!({"success": false, "result": [], "messages": [], "error": [{"code": 2009, "message": "Unauthorized"}]});
    assert_eq!(ask(answer(401, &body)).await.content, Err(AiFault::KeyRefused("401 unknown".into())));
    let lost = json!({"success": false, "error": [{"code": 2005, "message": "Failed to get response from provider"}]});
    assert!(matches!(ask(answer(400, &lost)).await.content, Err(AiFault::Unavailable { .. })));
}
