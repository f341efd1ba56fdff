//! The contract: what is checked in is what the declared endpoints say, its examples fit its schemas, and nothing is a
//! route without being declared.

use std::{collections::BTreeSet, path::Path};

use oslira_app::api::{error_reference, openapi, operations, reference_page};
use serde_json::{Value, json};

fn repository(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn what_is_checked_in_is_what_is_declared() {
    let description = format!("{}\n", serde_json::to_string_pretty(&openapi()).unwrap());
    for (path, made) in [
        ("crates/app/contract/openapi.json", description),
        ("crates/app/contract/reference.html", reference_page()),
        ("docs/errors.md", error_reference()),
    ] {
        assert!(repository(path) == made, "{path} is not what the endpoints declare: run `cargo xtask contract`");
    }
}

/// A schema with the components that it refers to.
fn with_components(schema: &Value, document: &Value) -> Value {
    let mut schema = schema.clone();
    schema["components"] = document["components"].clone();
    schema
}

#[test]
fn every_example_fits_its_schema_and_every_body_and_answer_has_one() {
    let document = openapi();
    assert!(jsonschema::meta::is_valid(&document["components"]["schemas"]["Run"]), "a schema is invalid");
    let mut shown = 0;
    for operation in document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values())
    {
        let name = &operation["operationId"];
        let body = operation.pointer("/requestBody/content/application~1json");
        let answers = operation["responses"].as_object().unwrap().iter().filter(|(status, _)| status.starts_with('2'));
        let answers = answers.filter_map(|(_, answer)| answer.pointer("/content/application~1json"));
        for media in body.into_iter().chain(answers) {
            let example = media.get("example").unwrap_or_else(|| panic!("{name} has no example: {media}"));
            let validator = jsonschema::validator_for(&with_components(&media["schema"], &document)).unwrap();
            let faults: Vec<String> = validator.iter_errors(example).map(|error| format!("{error}")).collect();
            assert_eq!(faults, Vec::<String>::new(), "{name}: {example}");
            shown += 1;
        }
    }
    // A walk that found nothing would pass as well.
    assert!(shown > 20, "{shown}");
    let strange = json!({ "daily_cap": "much" });
    let body = &document["paths"]["/credits/budget"]["put"]["requestBody"]["content"]["application/json"]["schema"];
    assert!(!jsonschema::is_valid(&with_components(body, &document), &strange), "a schema accepts anything");
}

#[test]
fn names_of_operations_and_codes_are_unique() {
    let operations = operations();
    let ids: BTreeSet<String> = operations.iter().map(|operation| operation.id()).collect();
    assert_eq!(ids.len(), operations.len());
    // A code means one thing, wherever it is answered.
    let mut meanings = BTreeSet::new();
    for code in operations.iter().flat_map(|operation| &operation.errors) {
        meanings.insert((code.code, code.status.as_u16(), code.meaning));
    }
    let codes: BTreeSet<&str> = meanings.iter().map(|(code, ..)| *code).collect();
    assert_eq!(codes.len(), meanings.len(), "{meanings:#?}");
}

/// Looks only at what is deployed: the unit tests stand at the end of a file.
fn adds_a_route(text: &str) -> bool {
    text.split("#[cfg(test)]").next().is_some_and(|deployed| deployed.contains(".route("))
}

/// The router takes routes from the registry alone; a route that is added beside it would be described nowhere.
#[test]
fn no_source_file_adds_a_route_beside_the_registry() {
    let mut found = Vec::new();
    let mut folders = vec![
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../worker/src"),
    ];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read_to_string(&path).is_ok_and(|text| adds_a_route(&text)) {
                found.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    assert_eq!(found, ["router.rs"]);
}

/// Every code that the workflow or the database gives a failed run is documented.
#[test]
fn every_reason_of_a_failed_run_is_documented() {
    let documented: BTreeSet<&str> =
        oslira_app::features::analysis::FAILURES.iter().map(|failure| failure.code).collect();
    let workflow = repository("crates/app/src/features/analysis/workflow/failure.rs");
    let said: BTreeSet<&str> =
        workflow.lines().filter_map(|line| line.trim().strip_prefix("code: \"")?.strip_suffix("\",")).collect();
    assert!(said.len() >= 6, "{said:?}");
    assert_eq!(said.difference(&documented).collect::<Vec<_>>(), Vec::<&&str>::new());
    let named: Vec<&&str> = documented.iter().filter(|code| !workflow.contains(&format!("\"{code}\""))).collect();
    // These two are given in SQL: by an operator's function, and by the sweep.
    assert_eq!(named, [&"ended_by_operator", &"stalled"], "a documented reason that no code gives");
}
