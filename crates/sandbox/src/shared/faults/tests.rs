use super::*;

fn spec(json: Value) -> FaultSpec {
    serde_json::from_value(json).unwrap()
}

#[test]
fn strikes_the_next_n_matching_calls_and_no_other() {
    let faults = Faults::default();
    faults
        .plant(spec(json!({"target": "apify.start", "kind": "status", "status": 503, "times": 2, "match": "alice"})))
        .unwrap();
    assert!(faults.strike(Target::ApifyStart, "bob").is_none());
    assert!(faults.strike(Target::ApifyPoll, "alice").is_none());
    assert!(faults.strike(Target::ApifyStart, "alice").is_some());
    assert!(faults.strike(Target::ApifyStart, "x alice y").is_some());
    assert!(faults.strike(Target::ApifyStart, "alice").is_none());
}

#[test]
fn of_several_texts_all_must_be_there() {
    let faults = Faults::default();
    let both = json!(["alice", "\"call\":\"outreach\""]);
    faults.plant(spec(json!({"target": "openai.chat", "kind": "drop", "match": both}))).unwrap();
    assert!(faults.strike(Target::OpenAiChat, "alice").is_none());
    assert!(faults.strike(Target::OpenAiChat, "bob {\"call\":\"outreach\"}").is_none());
    assert!(faults.strike(Target::OpenAiChat, "alice {\"call\":\"outreach\"}").is_some());
}

#[test]
fn a_rate_strikes_about_that_share() {
    let faults = Faults::default();
    faults.plant(spec(json!({"target": "openai.chat", "kind": "refusal", "rate": 0.25}))).unwrap();
    let struck = (0..4_000).filter(|_| faults.strike(Target::OpenAiChat, "").is_some()).count();
    assert!((900..1_100).contains(&struck), "{struck}");
}

#[test]
fn a_slip_in_a_fault_is_refused_at_once() {
    let faults = Faults::default();
    for bad in [
        json!({"target": "apify.items", "kind": "refusal"}),
        json!({"target": "apify.run", "kind": "status", "status_text": "BROKEN"}),
        json!({"target": "openai.chat", "kind": "status"}),
        json!({"target": "openai.chat", "kind": "delay"}),
        json!({"target": "anthropic.other", "kind": "overloaded"}),
        json!({"target": "anthropic.messages", "kind": "insufficient_quota", "status": 500}),
        json!({"target": "anthropic.messages", "kind": "overloaded", "code": "contract_spend_limit_reached"}),
        json!({"target": "openai.chat", "kind": "insufficient_quota", "code": "contract_spend_limit_reached"}),
        json!({"target": "anthropic.messages", "kind": "insufficient_quota", "status": 400,
            "code": "contract_spend_limit_reached"}),
        json!({"target": "anthropic.messages", "kind": "slow_down"}),
        json!({"target": "openai.other", "kind": "model_gone"}),
        json!({"target": "gateway", "kind": "model_gone"}),
        json!({"target": "openai.chat", "kind": "refusal", "rate": 2}),
    ] {
        assert!(faults.plant(spec(bad.clone())).is_err(), "{bad}");
    }
    assert!(serde_json::from_value::<FaultSpec>(json!({"target": "jwks", "kind": "drop", "tmies": 1})).is_err());
    let code = json!({"target": "anthropic.messages", "kind": "insufficient_quota", "code": "out_of_luck"});
    assert!(serde_json::from_value::<FaultSpec>(code).is_err());
}

#[tokio::test]
async fn a_held_call_goes_on_when_its_fault_is_deleted() {
    let faults = Faults::default();
    let id = faults.plant(spec(json!({"target": "openai.chat", "kind": "hold"}))).unwrap();
    let struck = faults.strike(Target::OpenAiChat, "").unwrap();
    let held = tokio::spawn(async move { struck.wait().await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!held.is_finished());
    assert!(faults.remove(id));
    tokio::time::timeout(Duration::from_secs(5), held).await.unwrap().unwrap();
}
