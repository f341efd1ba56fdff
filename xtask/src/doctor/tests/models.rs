//! Mistakes in the choice of models, by the providers' lists.

use oslira_providers::{Endpoint, Secret};
use serde_json::{Value, json};

use super::server::{Page, serve};
use super::{assert_found, broken, unknown};
use crate::doctor::finding::Finding;
use crate::doctor::models::examine;
use crate::models::Source;

/// What the settings choose.
fn setting(name: &str) -> String {
    if name.starts_with("MODELS_") { "openai/gpt-6-luna".to_owned() } else { String::new() }
}

fn found_with(list: Value) -> Vec<Finding> {
    let url = serve(move |request| match request.path.as_str() {
        "/v1/models" => Page::new(200, json!({ "object": "list", "data": list })),
        _ => Page::new(404, Value::Null),
    });
    let openai = Endpoint::new(&format!("{url}/v1"), Secret::new("sk-x"));
    examine(Ok(Source { name: url, openai, anthropic: None }), setting)
}

#[test]
fn models_that_are_offered_have_no_finding() {
    let findings = found_with(json!([{ "id": "gpt-6-luna", "object": "model" }]));
    assert_eq!((broken(&findings), unknown(&findings)), (vec![], vec![]), "{findings:#?}");
}

#[test]
fn a_dead_model_and_one_that_ends_soon_are_found_by_their_checks() {
    assert_found("it is dead", "models.offered", &found_with(json!([{ "id": "gpt-6-sol", "object": "model" }])));
    let soon = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().tomorrow().unwrap();
    let list = json!([{ "id": "gpt-6-luna", "object": "model", "shutdown_date": soon.to_string() }]);
    assert_found("it ends tomorrow", "models.ending", &found_with(list));
}

#[test]
fn without_a_list_nothing_is_known() {
    let openai = Endpoint::new("http://127.0.0.1:9/v1", Secret::new("sk-x"));
    let findings = examine(Ok(Source { name: String::new(), openai, anthropic: None }), setting);
    assert_eq!((broken(&findings), unknown(&findings)), (vec![], vec!["models.offered", "models.ending"]));
}
