//! Every request that the Worker sent to the outside services, held to their own rules.
//!
//! A stand-in forgives what the real service may not, so the requests are checked against OpenAI's published schema and
//! against what Apify documents. Nobody but the Worker calls the services of this stack: a test that wants to send
//! something bad has a sandbox of its own.

use std::collections::BTreeMap;

use jsonschema::Validator;
use reqwest::Url;
use serde_json::{Map, Value, json};

use crate::Stack;

const OPENAI: &str = include_str!("../../crates/providers/fixtures/openai-chat.schema.json");
const APIFY: &str = include_str!("../fixtures/apify-calls.schema.json");

impl Stack {
    /// Fails unless every call that the sandbox received since it was started is one that the real service would take;
    /// answers how many there were for each target.
    pub async fn assert_requests_are_valid(&self) -> BTreeMap<String, usize> {
        let url = format!("{}/control/received", self.sandbox_url);
        let report: Value = self.http().get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(report["forgotten"], 0, "the sandbox received more calls than it keeps: check them earlier");
        let rules = Rules::load();
        let mut counts = BTreeMap::new();
        let mut faults = Vec::new();
        for call in report["calls"].as_array().unwrap() {
            *counts.entry(call["target"].as_str().unwrap().to_owned()).or_default() += 1;
            faults.extend(rules.faults_of(call));
        }
        faults.sort_unstable();
        faults.dedup();
        assert!(faults.is_empty(), "the Worker sent what the real service would refuse:\n{}", faults.join("\n"));
        counts
    }
}

/// What each target takes.
struct Rules(BTreeMap<&'static str, Validator>);

impl Rules {
    fn load() -> Self {
        let apify = ["apify.start", "apify.poll", "apify.items"];
        let mut rules: BTreeMap<_, _> = apify.map(|target| (target, validator(APIFY, target, &json!({})))).into();
        // OpenAI answers 400 to a parameter it does not know; its schema does not say so by itself.
        let known_only = json!({ "unevaluatedProperties": false });
        rules.insert("openai.chat", validator(OPENAI, "CreateChatCompletionRequest", &known_only));
        Self(rules)
    }

    /// What is wrong with a call, a line each.
    fn faults_of(&self, call: &Value) -> Vec<String> {
        let target = call["target"].as_str().unwrap();
        let subject = match target {
            "jwks" => return get_without_body(call),
            "openai.chat" => call["body"].clone(),
            _ => as_sent_to_apify(call),
        };
        let Some(rules) = self.0.get(target) else {
            return vec![format!("{target}: the Worker has no reason to call {} {}", call["method"], call["path"])];
        };
        let mut faults: Vec<String> =
            rules.iter_errors(&subject).map(|error| format!("{target} {}: {error}", error.instance_path())).collect();
        if target == "openai.chat" {
            faults.extend(misdirected(call));
            let answer = &subject["response_format"]["json_schema"]["schema"];
            faults.extend(jsonschema::meta::validate(answer).err().map(|error| format!("{target} schema: {error}")));
        }
        faults
    }
}

/// A definition of a schema file as a schema of its own, with `more` beside it.
fn validator(file: &str, definition: &str, more: &Value) -> Validator {
    let mut schema: Value = serde_json::from_str(file).unwrap();
    assert!(schema["$defs"][definition].is_object(), "{definition} is not defined");
    schema["$ref"] = json!(format!("#/$defs/{definition}"));
    schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    jsonschema::validator_for(&schema).unwrap()
}

/// A call as the schema of Apify's calls sees it.
fn as_sent_to_apify(call: &Value) -> Value {
    let path = call["path"].as_str().unwrap();
    let query = Url::parse(&format!("http://sandbox/?{}", call["query"].as_str().unwrap_or_default())).unwrap();
    let query: Map<String, Value> =
        query.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect();
    let path = path.strip_prefix("/apify").unwrap_or(path);
    json!({ "method": call["method"], "path": path, "query": query, "body": call["body"] })
}

fn misdirected(call: &Value) -> Option<String> {
    let place = (call["method"].as_str().unwrap(), call["path"].as_str().unwrap(), call["query"].as_str());
    (place != ("POST", "/openai/v1/chat/completions", None)).then(|| format!("openai.chat: sent to {place:?}"))
}

fn get_without_body(call: &Value) -> Vec<String> {
    let plain = call["method"] == "GET" && call["body"].is_null();
    if plain { Vec::new() } else { vec![format!("jwks: {} with the body {}", call["method"], call["body"])] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(call: Value) -> usize {
        Rules::load().faults_of(&call).len()
    }

    fn start() -> Value {
        json!({
            "target": "apify.start", "method": "POST", "query": "timeout=120&maxItems=1",
            "path": "/apify/v2/acts/apify~instagram-profile-scraper/runs", "body": {"usernames": ["nasa"]},
        })
    }

    fn chat() -> Value {
        json!({
            "target": "openai.chat", "method": "POST", "query": null, "path": "/openai/v1/chat/completions",
            "body": {
                "model": "gpt-5-mini", "store": false,
                "messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}],
                "response_format": {"type": "json_schema", "json_schema": {
                    "name": "lead", "strict": true, "schema": {"type": "object"},
                }},
            },
        })
    }

    #[test]
    fn good_calls_have_no_faults_and_each_kind_of_bad_one_has() {
        let (start, chat) = (start(), chat());
        assert_eq!((faults(start.clone()), faults(chat.clone())), (0, 0));
        let bad = [
            (&start, "/body/usernames", json!([])),
            (&start, "/body/usernames", json!(["NASA"])),
            (&start, "/body/usernames", json!(["a..b"])),
            (&start, "/body", json!({"usernames": ["nasa"], "resultsLimit": 1})),
            (&start, "/query", json!("timeout=120")),
            (&start, "/query", json!("timeout=soon&maxItems=1")),
            (&start, "/method", json!("PUT")),
            (&start, "/path", json!("/apify/v2/acts/apify~instagram-scraper/runs")),
            (&start, "/target", json!("apify.abort")),
            (&chat, "/body/messages", json!([])),
            (&chat, "/body/messages/0/role", json!("judge")),
            (&chat, "/body/store", json!("no")),
            (&chat, "/body", json!("no JSON")),
            (&chat, "/body/response_format/type", json!("json")),
            (&chat, "/body/response_format/json_schema/schema/type", json!("thing")),
            (&chat, "/path", json!("/openai/v1/responses")),
        ];
        for (good, place, value) in bad {
            let mut call = good.clone();
            *call.pointer_mut(place).unwrap() = value.clone();
            assert!(faults(call) > 0, "{place} {value}");
        }
        let mut unknown = chat;
        unknown["body"]["temprature"] = json!(0);
        assert!(faults(unknown) > 0, "OpenAI knows no such parameter");
    }
}
