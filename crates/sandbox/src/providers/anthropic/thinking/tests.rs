use serde_json::{Map, json};

use super::*;

fn think(model: &str, effort: &str, fields: Value) -> Result<Thinking, String> {
    let fields: Map<String, Value> = fields.as_object().unwrap().clone();
    thinking(&fields, Model::find(model).unwrap(), effort, 4_000).map_err(|error| error.message().to_owned())
}

fn of_type(model: &str, effort: &str, kind: &str) -> Result<Thinking, String> {
    think(model, effort, json!({"thinking": {"type": kind, "budget_tokens": 2_000}}))
}

const HIDDEN: Result<Thinking, String> = Ok(Thinking::Adaptive { shown: false });

#[test]
fn the_newest_models_think_by_themselves_and_keep_it_to_themselves() {
    for model in ["claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-sonnet-5"] {
        assert_eq!(think(model, "low", json!({})), HIDDEN, "{model}");
        assert_eq!(of_type(model, "low", "adaptive"), HIDDEN, "{model}");
        let shown = json!({"thinking": {"type": "adaptive", "display": "summarized"}});
        assert_eq!(think(model, "low", shown), Ok(Thinking::Adaptive { shown: true }), "{model}");
    }
    for model in ["claude-haiku-4-5", "claude-sonnet-4-6", "claude-opus-4-8"] {
        assert_eq!(think(model, "high", json!({})), Ok(Thinking::Off), "{model}");
    }
    assert_eq!(of_type("claude-sonnet-4-6", "high", "adaptive"), Ok(Thinking::Adaptive { shown: true }));
    let budget = of_type("claude-haiku-4-5", "high", "enabled");
    assert_eq!(budget, Ok(Thinking::Budget { tokens: 2_000, shown: true }));
}

#[test]
fn each_model_can_be_told_not_to_think_in_its_own_way_or_not_at_all() {
    for (model, word, above_high) in [
        ("claude-haiku-5-5", Some("disabled"), false),
        ("claude-sonnet-5-5", Some("between_tools"), false),
        ("claude-opus-5-5", None, false),
        ("claude-sonnet-5", Some("disabled"), true),
        ("claude-haiku-4-5", Some("disabled"), true),
    ] {
        for kind in ["disabled", "between_tools"] {
            let takes = Some(kind) == word;
            assert_eq!(of_type(model, "high", kind).is_ok(), takes, "{model} {kind}");
            for effort in EFFORTS_ABOVE_HIGH {
                assert_eq!(of_type(model, effort, kind).is_ok(), takes && above_high, "{model} {kind} {effort}");
            }
        }
        if let Some(word) = word {
            assert_eq!(of_type(model, "high", word), Ok(Thinking::Off), "{model}");
        }
    }
    let refusal = of_type("claude-sonnet-5-5", "low", "disabled").unwrap_err();
    assert_eq!(
        refusal,
        "\"thinking.type.disabled\" is not supported for this model. Use \"thinking.type.adaptive\" or \
         \"thinking.type.between_tools\" instead."
    );
}

#[test]
fn a_budget_is_for_older_models() {
    for model in ["claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"] {
        assert!(of_type(model, "high", "enabled").unwrap_err().contains("not supported for this model"), "{model}");
    }
    let budget = |tokens: u64| {
        think("claude-haiku-4-5", "high", json!({"thinking": {"type": "enabled", "budget_tokens": tokens}}))
            .unwrap_err()
    };
    assert!(budget(10).contains("1024"));
    assert!(budget(4_000).contains("`max_tokens` must be"));
    let unknown = of_type("claude-haiku-4-5", "high", "deeply").unwrap_err();
    assert!(unknown.contains("Input tag 'deeply'"), "{unknown}");
}

#[test]
fn a_forced_tool_is_used_at_once_or_refused() {
    for kind in ["tool", "any"] {
        let forced = |more: Value| {
            let mut fields = json!({"tool_choice": {"type": kind}});
            fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            fields
        };
        for model in ["claude-sonnet-5-5", "claude-opus-5-5"] {
            assert!(think(model, "low", forced(json!({}))).unwrap_err().contains("forcing tool use"), "{model}");
        }
        for model in ["claude-haiku-5-5", "claude-sonnet-5", "claude-haiku-4-5"] {
            assert_eq!(think(model, "low", forced(json!({}))), Ok(Thinking::Off), "{model}");
        }
        let asked = forced(json!({"thinking": {"type": "adaptive"}}));
        assert_eq!(
            think("claude-sonnet-5", "low", asked).unwrap_err(),
            "Thinking may not be enabled when tool_choice forces tool use."
        );
    }
    assert_eq!(think("claude-opus-5-5", "low", json!({"tool_choice": {"type": "auto"}})), HIDDEN);
}
