//! The doctor finds deliberate mistakes. Each is planted alone into a healthy situation, and must be found by exactly the check that is
//! meant for it; the healthy situation itself has no finding.

mod against_postgres;
mod api;
mod cloudflare;
mod files;
mod models;
mod server;

use serde_json::{Value, json};

use crate::doctor::finding::{Finding, Verdict};
use crate::environment::settings::merged;
use crate::environment::{Name, WranglerEnvironment};
use crate::project::Project;

/// The names of the checks that found something.
fn broken(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().filter(|found| found.is_broken()).map(|found| found.check).collect()
}

/// The names of the checks that could not be made.
fn unknown(findings: &[Finding]) -> Vec<&'static str> {
    let unknown = findings.iter().filter(|found| matches!(found.verdict, Verdict::Unknown { .. }));
    unknown.map(|found| found.check).collect()
}

/// That a mistake was found by this check alone, and that it says what to do.
#[track_caller]
fn assert_found(mistake: &str, check: &str, findings: &[Finding]) {
    assert_eq!(broken(findings), [check], "{mistake}: {findings:#?}");
    let found = findings.iter().find(|found| found.check == check).unwrap();
    let Verdict::Broken { what, do_this } = &found.verdict else { panic!("{found:?}") };
    assert!(!what.is_empty() && do_this.len() > 10, "{mistake}: {found:?}");
}

/// `wrangler.jsonc` with a production that is ready to be deployed: the top level's bindings with ids and addresses of their own.
fn healthy_file() -> Value {
    let text = std::fs::read_to_string(Project::find().unwrap().root().join("wrangler.jsonc")).unwrap();
    let mut top = Value::Object(merged(&text, Name::Local).unwrap());
    let mut production = top.clone();
    production["name"] = json!("oslira-production");
    production["workers_dev"] = json!(false);
    production["preview_urls"] = json!(false);
    production["routes"] = json!([{ "pattern": "api.oslira.test", "custom_domain": true }]);
    for (name, value) in [
        ("OSLIRA_ENV", "production"),
        ("SUPABASE_URL", "https://ref.supabase.co"),
        ("CORS_ORIGINS", "https://app.oslira.test"),
    ] {
        production["vars"][name] = json!(value);
    }
    for (at, drive) in production["hyperdrive"].as_array_mut().unwrap().iter_mut().enumerate() {
        drive["id"] = json!(format!("d{at}"));
    }
    production["kv_namespaces"][0]["id"] = json!("ad0");
    top["env"] = json!({ "production": production });
    top
}

fn production(file: &Value) -> WranglerEnvironment {
    WranglerEnvironment::parse(&file.to_string(), Name::Production).unwrap()
}
