//! Checks every request that the Worker sent to the outside services against the rules of the real services.
//!
//! The sandbox may accept what a real service refuses, so the requests are checked against OpenAI's published schema
//! and against what Apify, Anthropic and Cloudflare's AI Gateway document. Only the Worker calls the providers of this
//! stack's sandbox: a test that sends bad requests starts a sandbox of its own.

use std::collections::BTreeMap;

use jsonschema::Validator;
use reqwest::{Method, Url};
use serde_json::{Map, Value, json};

use crate::Stack;

const OPENAI: &str = include_str!("../../crates/providers/fixtures/openai-chat.schema.json");
const ANTHROPIC: &str = include_str!("../fixtures/anthropic-messages.schema.json");
const APIFY: &str = include_str!("../fixtures/apify-calls.schema.json");

impl Stack {
    /// Fails unless the real services would accept every call that the sandbox received since its start. Returns the
    /// number of calls for each target.
    pub async fn assert_requests_are_valid(&self) -> BTreeMap<String, usize> {
        let report: Value = self.control(Method::GET, "received").send().await.unwrap().json().await.unwrap();
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

const START: &str = "apify.start";
const CHAT: &str = "openai.chat";
const MESSAGES: &str = "anthropic.messages";

/// The gateway's paths and the provider whose questions go there.
const GATEWAY: [(&str, &str); 2] = [
    ("/gateway/v1/oslira/local/openai/chat/completions", CHAT),
    ("/gateway/v1/oslira/local/anthropic/v1/messages", MESSAGES),
];

/// The schema of each target's calls.
struct Rules(BTreeMap<&'static str, Validator>);

impl Rules {
    fn load() -> Self {
        let apify = [START, "apify.list", "apify.input", "apify.poll", "apify.items"];
        let mut rules: BTreeMap<_, _> = apify.map(|target| (target, validator(APIFY, target, &json!({})))).into();
        // OpenAI answers 400 to an unknown parameter, but its published schema allows additional ones.
        let known_only = json!({ "unevaluatedProperties": false });
        rules.insert(CHAT, validator(OPENAI, "CreateChatCompletionRequest", &known_only));
        rules.insert(MESSAGES, validator(ANTHROPIC, "MessagesRequest", &json!({})));
        Self(rules)
    }

    /// What is wrong with a call: one line per fault.
    fn faults_of(&self, call: &Value) -> Vec<String> {
        let target = call["target"].as_str().unwrap();
        match target {
            "jwks" | "instagram.picture" => get_without_body(call),
            CHAT | MESSAGES => self.question(target, call),
            "openai.other" | "anthropic.other" => not_the_list_of_models(call),
            // The body is checked by the sandbox, which refuses every field that it does not know.
            "resend.emails" => no_mail(call).into_iter().collect(),
            stripe if stripe.starts_with("stripe.") => unknown_to_stripe(call).into_iter().collect(),
            // The gateway gets the same body as the provider, on the provider's native path.
            "gateway" => match GATEWAY.iter().find(|(path, _)| call["path"] == *path) {
                Some((_, target)) => self.question(target, call),
                None => vec![format!("gateway: sent to {}", call["path"])],
            },
            _ => {
                let sent = as_sent_to_apify(call);
                let mut faults = self.judge(target, &sent);
                faults.extend((target == START).then(|| unbounded(&sent)).flatten());
                faults
            }
        }
    }

    fn judge(&self, target: &str, subject: &Value) -> Vec<String> {
        let Some(rules) = self.0.get(target) else {
            return vec![format!(
                "{target}: the Worker has no reason to call {} {}",
                subject["method"], subject["path"]
            )];
        };
        rules.iter_errors(subject).map(|error| format!("{target} {}: {error}", error.instance_path())).collect()
    }

    /// A question to a model, as the provider or the gateway received it.
    fn question(&self, target: &str, call: &Value) -> Vec<String> {
        let mut faults = self.judge(target, &call["body"]);
        if target == CHAT {
            faults.extend(left_to_the_default(&call["body"]));
        }
        faults.extend(misdirected(target, call));
        let place = if target == CHAT { "/response_format/json_schema/schema" } else { "/output_config/format/schema" };
        let answer = call["body"].pointer(place).unwrap_or(&Value::Null);
        faults.extend(jsonschema::meta::validate(answer).err().map(|error| format!("{target} schema: {error}")));
        faults
    }
}

/// What the Worker asks of Stripe, and what the tests do there as an owner would in the portal (`{}` is an id). The bodies are
/// checked by the sandbox, which refuses every parameter that it does not know, as Stripe does.
const STRIPE: [(&str, &str); 17] = [
    ("GET", "/customers/{}"),
    ("GET", "/customers/{}/payment_methods"),
    ("GET", "/events"),
    ("GET", "/invoice_payments"),
    ("GET", "/invoices"),
    ("GET", "/invoices/{}/lines"),
    ("GET", "/payment_intents"),
    ("GET", "/payment_intents/{}"),
    ("GET", "/prices"),
    ("GET", "/prices/{}"),
    ("GET", "/subscriptions"),
    ("GET", "/subscriptions/{}"),
    ("POST", "/billing_portal/sessions"),
    ("POST", "/checkout/sessions"),
    ("POST", "/customers"),
    ("POST", "/payment_intents"),
    ("POST", "/subscriptions/{}"),
];

fn unknown_to_stripe(call: &Value) -> Option<String> {
    let (method, path) = (call["method"].as_str().unwrap(), call["path"].as_str().unwrap());
    let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let asked = parts(path.strip_prefix("/stripe/v1").unwrap_or_default());
    let is_known = STRIPE.iter().any(|(known_method, known)| {
        let known = parts(known);
        *known_method == method
            && known.len() == asked.len()
            && known.iter().zip(&asked).all(|(known, asked)| known == asked || (known == "{}" && !asked.is_empty()))
    });
    (!is_known).then(|| format!("{}: the Worker has no reason to call {method} {path}", call["target"]))
}

fn no_mail(call: &Value) -> Option<String> {
    let place = (call["method"].as_str().unwrap(), call["path"].as_str().unwrap(), call["query"].as_str());
    let is_sent = place == ("POST", "/resend/emails", None);
    (!is_sent).then(|| format!("resend.emails: the Worker has no reason to call {place:?}"))
}

/// What OpenAI accepts but handles in a way that we do not want: without an effort, models from gpt-5.6 on think at
/// medium effort, and without the mark they cache prompts that are never asked again.
fn left_to_the_default(body: &Value) -> Option<String> {
    let model = body["model"].as_str().unwrap_or_default();
    let is_newer = model.starts_with("gpt-6") || model.starts_with("gpt-5.6");
    let system = &body["messages"][0]["content"][0];
    let explicit = json!({ "mode": "explicit" });
    let is_told = body["reasoning_effort"].is_string()
        && body["prompt_cache_options"] == explicit
        && system["prompt_cache_breakpoint"] == explicit;
    (is_newer && !is_told).then(|| format!("{CHAT}: {model} is left to its defaults"))
}

/// A validator for one definition of a schema file, with the keywords of `more` added.
fn validator(file: &str, definition: &str, more: &Value) -> Validator {
    let mut schema: Value = serde_json::from_str(file).unwrap();
    assert!(schema["$defs"][definition].is_object(), "{definition} is not defined");
    schema["$ref"] = json!(format!("#/$defs/{definition}"));
    schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    jsonschema::validator_for(&schema).unwrap()
}

/// A call in the form that the schema of Apify's calls describes.
fn as_sent_to_apify(call: &Value) -> Value {
    let path = call["path"].as_str().unwrap();
    let query = Url::parse(&format!("http://sandbox/?{}", call["query"].as_str().unwrap_or_default())).unwrap();
    let query: Map<String, Value> =
        query.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect();
    let path = path.strip_prefix("/apify").unwrap_or(path);
    json!({ "method": call["method"], "path": path, "query": query, "body": call["body"] })
}

/// A start whose `maxItems` is not what its profiles may give: more would be paid, less would be missing.
fn unbounded(start: &Value) -> Option<String> {
    let count = |list: &str| start["body"][list].as_array().map(Vec::len);
    let each = start["body"]["resultsLimit"].as_u64().unwrap_or(1);
    let due = count("usernames").or_else(|| count("directUrls")).unwrap_or(0) as u64 * each;
    let bound = &start["query"]["maxItems"];
    (*bound != json!(due.to_string())).then(|| format!("{START}: maxItems is {bound}, and {due} items are due"))
}

/// A question that was sent to a wrong path, or not through the gateway: only the gateway adds the metadata that says
/// what the call is for.
fn misdirected(target: &str, call: &Value) -> Option<String> {
    let place = (call["method"].as_str().unwrap(), call["path"].as_str().unwrap(), call["query"].as_str());
    let own = if target == CHAT { "/openai/v1/chat/completions" } else { "/anthropic/v1/messages" };
    let right = GATEWAY.contains(&(place.1, target)) || place.1 == own;
    let told = ["run", "type", "call"].iter().all(|name| call["metadata"][name].is_string());
    let fine = place.0 == "POST" && place.2.is_none() && right && told;
    (!fine).then(|| format!("{target}: sent to {place:?} with {}", call["metadata"]))
}

fn not_the_list_of_models(call: &Value) -> Vec<String> {
    let place = (call["path"].as_str().unwrap(), call["query"].as_str());
    let lists = [("/openai/v1/models", None), ("/anthropic/v1/models", Some("limit=1000"))];
    let mut faults = get_without_body(call);
    faults.extend((!lists.contains(&place)).then(|| format!("a list of models was asked for at {place:?}")));
    faults
}

fn get_without_body(call: &Value) -> Vec<String> {
    let plain = call["method"] == "GET" && call["body"].is_null();
    if plain {
        Vec::new()
    } else {
        vec![format!("{}: {} with the body {}", call["target"], call["method"], call["body"])]
    }
}

#[cfg(test)]
mod tests {
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
            (
                messages(),
                "/body/output_config/format/schema/properties/score",
                json!({"type": "integer", "maximum": 9}),
            ),
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
}
