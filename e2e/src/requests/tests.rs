use super::*;

fn start() -> Value {
    json!({
        "target": "apify.start", "method": "POST", "query": "timeout=120&maxItems=1&maxTotalChargeUsd=0.5",
        "path": "/apify/v2/acts/apify~instagram-profile-scraper/runs", "body": {"usernames": ["nasa"]},
    })
}

fn shared() -> Value {
    let mut call = start();
    call["query"] = json!("timeout=120&maxItems=2&maxTotalChargeUsd=0.5");
    call["body"] = json!({"usernames": ["nasa", "esa"]});
    call
}

fn list() -> Value {
    json!({
        "target": "apify.list", "method": "GET", "query": "desc=1&limit=300", "body": null,
        "path": "/apify/v2/acts/apify~instagram-profile-scraper/runs",
    })
}

fn input() -> Value {
    json!({
        "target": "apify.input", "method": "GET", "query": null, "body": null,
        "path": "/apify/v2/key-value-stores/0FjDCDmGrVaYodyS5/records/INPUT",
    })
}

fn posts() -> Value {
    json!({
        "target": "apify.start", "method": "POST", "query": "timeout=120&maxItems=50&maxTotalChargeUsd=0.5",
        "path": "/apify/v2/acts/apify~instagram-scraper/runs",
        "body": {
            "directUrls": ["https://www.instagram.com/nasa/"], "resultsType": "posts", "resultsLimit": 50,
        },
    })
}

fn newer_posts() -> Value {
    let mut call = posts();
    call["body"]["onlyPostsNewerThan"] = json!("2026-11-20T12:00:00Z");
    call
}

fn chat() -> Value {
    json!({
        "target": "openai.chat", "method": "POST", "query": null, "path": "/openai/v1/chat/completions",
        "metadata": {"run": "r", "type": "LIGHT", "call": "light"},
        "body": {
            "model": "gpt-6-luna", "store": false, "reasoning_effort": "none",
            "prompt_cache_options": {"mode": "explicit"},
            "messages": [
                {"role": "system", "content": [
                    {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
                ]},
                {"role": "user", "content": "b"},
            ],
            "response_format": {"type": "json_schema", "json_schema": {
                "name": "lead", "strict": true, "schema": {"type": "object"},
            }},
        },
    })
}

fn messages() -> Value {
    let schema = json!({
        "type": "object", "required": ["score"], "additionalProperties": false,
        "properties": {"score": {"type": "integer"}},
    });
    json!({
        "target": "anthropic.messages", "method": "POST", "query": null, "path": "/anthropic/v1/messages",
        "metadata": {"run": "r", "type": "LIGHT", "call": "light"},
        "body": {
            "model": "claude-sonnet-5-5", "max_tokens": 900, "thinking": {"type": "adaptive"},
            "system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}],
            "messages": [{"role": "user", "content": "b"}],
            "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": schema}},
        },
    })
}

/// The same call as the gateway receives it.
fn through_the_gateway(mut call: Value) -> Value {
    let path = GATEWAY.iter().find(|(_, target)| call["target"] == *target).unwrap().0;
    (call["target"], call["path"]) = (json!("gateway"), json!(path));
    call
}

fn picture() -> Value {
    json!({"target": "instagram.picture", "method": "GET", "path": "/instagram/v/1.jpg", "query": null, "body": null})
}

#[test]
fn good_calls_have_no_faults() {
    let questions = [chat(), messages()];
    for call in questions.clone().into_iter().chain(questions.map(through_the_gateway)) {
        assert_eq!(Rules::load().faults_of(&call), Vec::<String>::new());
    }
    for call in [start(), shared(), posts(), newer_posts(), list(), input(), picture()] {
        assert_eq!(Rules::load().faults_of(&call), Vec::<String>::new());
    }
}

#[test]
fn each_kind_of_bad_call_has_faults() {
    let gateway = through_the_gateway(messages());
    let bad = [
        (start(), "/body/usernames", json!([])),
        (start(), "/body/usernames", json!(["NASA"])),
        (start(), "/body/usernames", json!(["a..b"])),
        (start(), "/body", json!({"usernames": ["nasa"], "resultsLimit": 1})),
        (start(), "/query", json!("timeout=120&maxTotalChargeUsd=0.5")),
        (start(), "/query", json!("timeout=120&maxItems=1")),
        (start(), "/query", json!("timeout=120&maxItems=50&maxTotalChargeUsd=0.5")),
        (start(), "/query", json!("timeout=soon&maxItems=1&maxTotalChargeUsd=0.5")),
        (start(), "/query", json!("timeout=120&maxItems=1&maxTotalChargeUsd=0.1")),
        (start(), "/query", json!("timeout=120&maxItems=1&maxTotalChargeUsd=1000")),
        (shared(), "/query", json!("timeout=120&maxItems=1&maxTotalChargeUsd=0.5")),
        (shared(), "/query", json!("timeout=120&maxItems=3&maxTotalChargeUsd=0.5")),
        (shared(), "/body/usernames/1", json!("nasa")),
        (list(), "/query", json!("desc=1")),
        (input(), "/path", json!("/apify/v2/key-value-stores/0FjDCDmGrVaYodyS5/records/OUTPUT")),
        (start(), "/method", json!("PUT")),
        (start(), "/path", json!("/apify/v2/acts/apify~instagram-scraper/runs")),
        (start(), "/target", json!("apify.abort")),
        (posts(), "/path", json!("/apify/v2/acts/apify~instagram-profile-scraper/runs")),
        (posts(), "/query", json!("timeout=120&maxItems=1&maxTotalChargeUsd=0.5")),
        (posts(), "/body/directUrls/0", json!("https://evil.example/nasa/")),
        (posts(), "/body/directUrls/0", json!("https://www.instagram.com/p/nasa/")),
        (posts(), "/body/resultsType", json!("comments")),
        (posts(), "/body/resultsLimit", json!(51)),
        (newer_posts(), "/body/onlyPostsNewerThan", json!("2 days")),
        (newer_posts(), "/body/onlyPostsNewerThan", json!("2026-11-20T12:00:00.5Z")),
        (picture(), "/method", json!("POST")),
        (picture(), "/body", json!("x")),
        (chat(), "/body/messages", json!([])),
        (chat(), "/body/messages/0/content", json!("a")),
        (chat(), "/body/prompt_cache_options/mode", json!("implicit")),
        (chat(), "/body/reasoning_effort", json!(null)),
        (chat(), "/body/messages/0/role", json!("judge")),
        (chat(), "/body/store", json!("no")),
        (chat(), "/body", json!("no JSON")),
        (chat(), "/body/response_format/type", json!("json")),
        (chat(), "/body/response_format/json_schema/schema/type", json!("thing")),
        (chat(), "/path", json!("/openai/v1/responses")),
        (chat(), "/metadata", json!(null)),
        (messages(), "/path", json!("/anthropic/v1/complete")),
        (messages(), "/query", json!("beta=true")),
        (messages(), "/metadata/run", json!(7)),
        (messages(), "/body/model", json!("gpt-5")),
        (messages(), "/body/model", json!("claude-haiku-4-5-20251001")),
        (messages(), "/body/max_tokens", json!(0)),
        (messages(), "/body/thinking/type", json!("disabled")),
        (messages(), "/body/thinking/type", json!("enabled")),
        (messages(), "/body/system/0/cache_control", json!({"type": "forever"})),
        (messages(), "/body/messages/0/role", json!("assistant")),
        (messages(), "/body/output_config/effort", json!("minimal")),
        (messages(), "/body/output_config/format/schema/additionalProperties", json!(true)),
        (messages(), "/body/output_config/format/schema/properties/score", json!({"type": "integer", "maximum": 9})),
        (gateway.clone(), "/path", json!("/gateway/v1/oslira/local/openai/chat/completions")),
        (gateway.clone(), "/path", json!("/gateway/v1/oslira/local/compat/chat/completions")),
        (gateway, "/metadata/call", json!(null)),
    ];
    for (mut call, place, value) in bad {
        *call.pointer_mut(place).unwrap() = value.clone();
        assert!(!Rules::load().faults_of(&call).is_empty(), "{place} {value}");
    }
    for mut unknown in [chat(), messages()] {
        unknown["body"]["temprature"] = json!(0);
        assert!(!Rules::load().faults_of(&unknown).is_empty(), "nobody knows such a parameter");
    }
}
