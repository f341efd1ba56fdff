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
            // The sandbox refuses what is no envelope, which the tests of telemetry look at.
            "sentry.envelope" => Vec::new(),
            // The sandbox refuses what is not signed, or asks for more than it knows, as AWS does.
            "secrets.get" => Vec::new(),
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
mod tests;
