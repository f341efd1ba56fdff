//! The API in OpenAPI 3.1, generated from the declared endpoints at build time and served as a file: nothing of this
//! runs in the Worker.
#![expect(clippy::indexing_slicing, reason = "assigning to an index of a JSON value adds the field")]

use std::collections::BTreeMap;

use axum::http::Method;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::register;
use crate::http::{
    Answer, Caller, CallerKind, Content, Endpoint, ErrorCode, Example, Parameter, Parameters, Place, RATE_LIMITED,
    Registry, RequestBody, declared_errors,
};

/// An endpoint as data.
#[derive(Debug, Clone)]
pub struct Operation {
    pub method: Method,
    /// With parameters as `{name}`.
    pub path: &'static str,
    pub summary: &'static str,
    pub caller: CallerKind,
    /// What it reads from path, query and headers.
    pub parameters: Vec<Parameter>,
    /// The JSON schema of the request body; `None` if it takes none.
    pub body: Option<Value>,
    /// Media types of files that it takes in place of JSON.
    pub body_files: &'static [&'static str],
    /// The status of a successful answer.
    pub status: u16,
    /// What a successful answer holds.
    pub content: Content,
    /// Other statuses of success, with their meaning.
    pub other_statuses: &'static [(u16, &'static str)],
    /// Media types of files that it may be in place of that.
    pub files: &'static [&'static str],
    /// Headers of a successful answer, with their meaning.
    pub headers: &'static [(&'static str, &'static str)],
    /// Every error code it may answer.
    pub errors: Vec<ErrorCode>,
    /// Example bodies to show.
    pub example: Example,
}

impl Operation {
    /// Its name in generated clients, from method and path: `GET /runs/{id}` becomes `getRunsId`.
    #[must_use]
    pub fn id(&self) -> String {
        let words = self.path.split(['/', '.', '-', '_']).filter(|word| !word.is_empty() && *word != "v1");
        let words = words.map(|word| word.trim_matches(['{', '}']));
        let tail: String = words.map(capitalised).collect();
        format!("{}{tail}", self.method.as_str().to_ascii_lowercase())
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// Collects endpoints with the schemas of their types. Requests and answers have a generator each, because a field may
/// be required in one and optional in the other.
struct Collector {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
    operations: Vec<Operation>,
}

impl Collector {
    fn new() -> Self {
        let settings = || {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
            settings
        };
        Self {
            requests: settings().for_deserialize().into_generator(),
            answers: settings().for_serialize().into_generator(),
            operations: Vec::new(),
        }
    }
}

impl Registry for Collector {
    fn add<E: Endpoint>(&mut self) {
        let mut errors = declared_errors::<E>();
        errors.sort_by_key(|code| (code.status, code.code));
        errors.dedup();
        self.operations.push(Operation {
            method: E::METHOD,
            path: E::PATH,
            summary: E::SUMMARY,
            caller: E::Caller::KIND,
            parameters: E::Parameters::describe(),
            body: E::Body::schema(&mut self.requests),
            body_files: E::Body::FILES,
            status: E::STATUS.as_u16(),
            content: E::Answer::content(&mut self.answers),
            other_statuses: E::Answer::OTHER_STATUSES,
            files: E::Answer::FILES,
            headers: E::Answer::HEADERS,
            errors,
            example: E::example(),
        });
    }
}

/// Every endpoint as data, in the order of the reference.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let mut collector = Collector::new();
    register(&mut collector);
    collector.operations
}

/// The description of the API.
#[must_use]
pub fn openapi() -> Value {
    let mut collector = Collector::new();
    register(&mut collector);
    let Collector { mut requests, mut answers, operations } = collector;
    let mut schemas = requests.take_definitions(true);
    // A type of both requests and answers keeps one schema under its name: that of the answers.
    schemas.extend(answers.take_definitions(true));
    schemas.insert("Failure".to_owned(), failure());
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in &operations {
        let method = operation.method.as_str().to_ascii_lowercase();
        paths.entry(operation.path).or_default().insert(method, describe(operation));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Oslira",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Turns an Instagram username into a scored sales lead. Every answer has one shape: \
                            { success, data | error, code, details, requestId, timestamp }.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "accessToken": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "A Supabase access token of a signed-in user.",
                },
            },
        },
    })
}

/// The envelope of every error.
fn failure() -> Value {
    json!({
        "type": "object",
        "required": ["success", "error", "code", "timestamp"],
        "properties": {
            "success": { "const": false },
            "error": { "type": "string", "description": "A sentence that says what to do next." },
            "code": { "type": "string", "description": "Stable: this is what programs should read." },
            "details": { "type": "object", "description": "Values to decide with, where the code has some." },
            "requestId": { "type": "string" },
            "timestamp": { "type": "string", "format": "date-time" },
        },
    })
}

fn describe(operation: &Operation) -> Value {
    let mut described = json!({
        "operationId": operation.id(),
        "summary": operation.summary,
        "x-caller": caller_word(operation.caller),
        "parameters": parameters(operation),
        "responses": responses(operation),
    });
    // Public operations declare no security: schemathesis tests whatever declares it with missing and broken tokens.
    if operation.caller != CallerKind::Public {
        described["security"] = json!([{ "accessToken": [] }]);
    }
    if let Some(schema) = &operation.body {
        let mut media = json!({ "schema": schema });
        if let Some(example) = &operation.example.body {
            media["example"] = example.clone();
        }
        let mut content = json!({ "application/json": media });
        add_files(&mut content, operation.body_files);
        described["requestBody"] = json!({ "required": true, "content": content });
    }
    described
}

fn add_files(content: &mut Value, files: &[&str]) {
    for media in files {
        content[*media] = json!({ "schema": { "type": "string", "format": "binary" } });
    }
}

/// The word for a kind of caller in the OpenAPI description and on the reference page.
pub(super) fn caller_word(caller: CallerKind) -> String {
    match caller {
        CallerKind::Public => "public".to_owned(),
        CallerKind::SignedIn => "signed-in".to_owned(),
        CallerKind::Member => "member".to_owned(),
        CallerKind::Permitted(permission) => format!("member who may {permission}"),
        CallerKind::Operator => "operator".to_owned(),
    }
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let place = |place| match place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
    };
    let mut described: Vec<Value> = operation
        .parameters
        .iter()
        .map(|parameter| {
            json!({
                "name": parameter.name, "in": place(parameter.place), "required": parameter.is_required,
                "description": parameter.description, "schema": parameter.schema,
            })
        })
        .collect();
    if matches!(operation.caller, CallerKind::Member | CallerKind::Permitted(_)) {
        described.push(json!({
            "name": "X-Account-Id", "in": "header", "required": false,
            "description": "Which of your accounts to act for; without it the one you have belonged to longest.",
            "schema": { "type": "string", "format": "uuid" },
        }));
    }
    if operation.caller == CallerKind::Operator {
        described.push(json!({
            "name": "X-Operator-Reason", "in": "header", "required": true,
            "description": "Why you do this; it is kept with what you did. Name nobody in it.",
            "schema": { "type": "string", "minLength": 10, "maxLength": 500, "pattern": "^[ -~]+$" },
        }));
    }
    described
}

fn responses(operation: &Operation) -> Map<String, Value> {
    let mut responses = Map::new();
    responses.insert(operation.status.to_string(), success(operation));
    for (status, meaning) in operation.other_statuses {
        responses.insert(status.to_string(), json!({ "description": meaning }));
    }
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in &operation.errors {
        by_status.entry(code.status.as_u16()).or_default().push(*code);
    }
    for (status, codes) in by_status {
        responses.insert(status.to_string(), refusal(&codes));
    }
    responses
}

fn success(operation: &Operation) -> Value {
    let mut content = match &operation.content {
        Content::Bytes(media) => json!({ (*media): { "schema": { "type": "string", "format": "binary" } } }),
        Content::Document(schema) => {
            json!({ "application/json": { "schema": schema, "example": operation.example.data } })
        }
        // OpenAPI 3.1 has no word for the data of one event.
        Content::Events(schema) => json!({ "text/event-stream": {
            "schema": { "type": "string" }, "x-event-data": schema,
        } }),
        Content::Data(schema) => {
            let mut media = json!({ "schema": {
                "type": "object",
                "required": ["success", "data", "requestId", "timestamp"],
                "properties": {
                    "success": { "const": true },
                    "data": schema,
                    "requestId": { "type": "string" },
                    "timestamp": { "type": "string", "format": "date-time" },
                },
            }});
            if let Some(data) = &operation.example.data {
                media["example"] = json!({
                    "success": true, "data": data, "requestId": "5703cf5d-0ea6-423b-805b-f006092fbc59",
                    "timestamp": "2026-11-25T09:30:00Z",
                });
            }
            json!({ "application/json": media })
        }
    };
    add_files(&mut content, operation.files);
    let mut answer = json!({ "description": operation.summary, "content": content });
    for (name, meaning) in operation.headers {
        answer["headers"][*name] = json!({ "description": meaning, "schema": { "type": "string" } });
    }
    answer
}

fn refusal(codes: &[ErrorCode]) -> Value {
    let words: Vec<&str> = codes.iter().map(|code| code.code).collect();
    let meanings = codes.iter().map(|code| format!("`{}`: {}", code.code, code.meaning));
    let schema = json!({
        "allOf": [
            { "$ref": "#/components/schemas/Failure" },
            { "properties": { "code": { "enum": words } } },
        ],
    });
    let mut refusal = json!({
        "description": meanings.collect::<Vec<_>>().join("; "),
        "content": { "application/json": { "schema": schema } },
    });
    if codes.contains(&RATE_LIMITED) {
        for (name, meaning) in [
            (
                "RateLimit",
                "The quota that refuses: what is left of it (`r`), and in how many seconds at most there is room (`t`).",
            ),
            ("RateLimit-Policy", "The quotas that are enforced: so many (`q`) in so many seconds (`w`)."),
            ("Retry-After", "When to try again, in seconds."),
        ] {
            refusal["headers"][name] = json!({ "description": meaning, "schema": { "type": "string" } });
        }
    }
    refusal
}
