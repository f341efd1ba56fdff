//! Mistakes in `wrangler.jsonc`.

use serde_json::{Value, json};

use super::{assert_found, broken, healthy_file, production, unknown};
use crate::doctor::files::{Files, examine};
use crate::doctor::finding::Finding;
use crate::environment::Name;
use crate::environment::settings::merged;

fn found_in(file: &Value, is_posed: bool) -> Vec<Finding> {
    found_beside(file, &[], is_posed)
}

fn found_beside(file: &Value, shared: &[String], is_posed: bool) -> Vec<Finding> {
    let text = file.to_string();
    let (merged_keys, top) = (merged(&text, Name::Production).unwrap(), merged(&text, Name::Local).unwrap());
    let settings = production(file);
    examine(&Files { name: Name::Production, settings: &settings, merged: &merged_keys, top: &top, shared, is_posed })
}

#[test]
fn a_file_that_is_ready_has_no_finding() {
    let findings = found_in(&healthy_file(), false);
    assert_eq!((broken(&findings), unknown(&findings)), (vec![], vec![]), "{findings:#?}");
}

#[test]
fn each_mistake_in_the_file_is_found_by_its_check() {
    type Plant = fn(&mut Value);
    let mistakes: [(&str, &str, Plant); 15] = [
        ("an id is the repository's", "files.placeholders", |p| {
            p["hyperdrive"][0]["id"] = json!("00000000000000000000000000000001");
        }),
        ("nobody set the address of Supabase", "files.placeholders", |p| p["vars"]["SUPABASE_URL"] = json!("")),
        ("the route is the repository's", "files.placeholders", |p| {
            p["routes"][0]["pattern"] = json!("api.example.com")
        }),
        ("a limit was not repeated", "files.bindings", |p| {
            p["ratelimits"].as_array_mut().unwrap().pop();
        }),
        ("a variable was not repeated", "files.bindings", |p| {
            p["vars"].as_object_mut().unwrap().remove("APP_URL");
        }),
        ("it is called staging", "files.settings", |p| p["vars"]["OSLIRA_ENV"] = json!("staging")),
        ("limits are loosened", "files.settings", |p| p["vars"]["RATE_LIMIT_SCALE"] = json!("1000")),
        ("any page may call", "files.settings", |p| p["vars"]["CORS_ORIGINS"] = json!("https://app.oslira.test, *")),
        ("Apify is called without TLS", "files.settings", |p| {
            p["vars"]["APIFY_BASE_URL"] = json!("http://api.apify.com")
        }),
        ("a secret is in the file", "files.settings", |p| p["vars"]["OPENAI_API_KEY"] = json!("sk-live")),
        ("workers.dev is open", "files.door", |p| p["workers_dev"] = json!(true)),
        ("a cron is not there", "files.crons", |p| {
            p["triggers"]["crons"].as_array_mut().unwrap().remove(0);
        }),
        ("dead letters are lost", "files.queues", |p| {
            p["queues"]["consumers"][0].as_object_mut().unwrap().remove("dead_letter_queue");
        }),
        ("profiles stay a month", "files.retention", |p| {
            p["workflows"][0]["default_retention"]["error_retention"] = json!("30 days");
        }),
        ("the log is off", "files.observability", |p| {
            p["observability"] = json!({ "enabled": false, "logs": { "invocation_logs": false } })
        }),
    ];
    for (mistake, check, plant) in mistakes {
        let mut file = healthy_file();
        plant(&mut file["env"]["production"]);
        assert_found(mistake, check, &found_in(&file, false));
    }
}

#[test]
fn what_only_a_deployment_needs_is_told_and_not_held_against_a_stack_that_poses() {
    let mut file = healthy_file();
    file["env"]["production"]["vars"]["SUPABASE_URL"] = json!("");
    let findings = found_in(&file, true);
    assert_eq!((broken(&findings), unknown(&findings)), (vec![], vec!["files.placeholders"]), "{findings:#?}");
}

#[test]
fn what_is_another_environments_too_is_found() {
    let shared = ["id d0".to_owned()];
    assert_found("a Hyperdrive of production", "files.own", &found_beside(&healthy_file(), &shared, false));
    assert_found("the same beside a stack that poses", "files.own", &found_beside(&healthy_file(), &shared, true));
}

#[test]
fn no_value_of_a_setting_is_told() {
    let mut file = healthy_file();
    file["env"]["production"]["vars"]["OPENAI_API_KEY"] = json!("sk-live-0123456789");
    assert!(!format!("{:?}", found_in(&file, false)).contains("0123456789"));
}
