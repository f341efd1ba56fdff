//! What the pinned wrangler prints, read into types.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// `wrangler hyperdrive get ID`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HyperdriveConfig {
    pub name: String,
    pub origin: Origin,
    #[serde(default)]
    pub caching: Caching,
    /// The most connections that it opens to the database; `None` is the platform's default of 60.
    pub origin_connection_limit: Option<u32>,
}

/// The database that a configuration leads to. The password is in no answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Origin {
    #[serde(default)]
    pub host: String,
    pub user: String,
    pub database: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Caching {
    /// The platform's default is a cache that is on.
    #[serde(default)]
    pub disabled: bool,
}

/// An entry of `wrangler kv namespace list`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KvNamespace {
    pub id: String,
    pub title: String,
}

/// An entry of `wrangler deployments list`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Deployment {
    /// In the form of RFC 3339, all in UTC.
    pub created_on: String,
    pub versions: Vec<Traffic>,
}

/// How much goes to a version.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Traffic {
    pub version_id: String,
    /// 0 to 100.
    pub percentage: f64,
}

/// `wrangler versions view ID`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Version {
    pub id: String,
    pub metadata: Metadata,
    #[serde(default)]
    annotations: BTreeMap<String, Value>,
    #[serde(default)]
    resources: Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Metadata {
    /// In the form of RFC 3339, all in UTC.
    pub created_on: String,
}

impl Version {
    /// What its `OSLIRA_RELEASE` says, else its tag: a version that only has another secret keeps the variable and has no tag.
    pub fn release(&self) -> Option<&str> {
        let bindings = self.resources.get("bindings").and_then(Value::as_array);
        let of_name = |binding: &&Value| binding.get("name").and_then(Value::as_str) == Some("OSLIRA_RELEASE");
        let variable = bindings.into_iter().flatten().find(of_name).and_then(|binding| binding.get("text")?.as_str());
        variable.or_else(|| self.annotations.get("workers/tag")?.as_str())
    }

    /// The same for people.
    pub fn said(&self) -> String {
        self.release().map_or_else(|| format!("version {}", self.id), |release| format!("release {release}"))
    }
}

/// A row of `wrangler r2 bucket lifecycle list BUCKET`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LifecycleRow {
    pub name: String,
    pub enabled: bool,
    pub prefix: String,
    /// Such as `Expire objects after 30 days`.
    pub action: String,
}

/// `r2-lifecycle.json`, what it says of one prefix.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LifecycleRule {
    pub id: String,
    pub enabled: bool,
    pub conditions: Conditions,
    pub delete_objects_transition: Transition,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Conditions {
    pub prefix: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Transition {
    pub condition: Condition,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Seconds.
    pub max_age: u64,
}

#[derive(Deserialize)]
struct LifecycleFile {
    rules: Vec<LifecycleRule>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

pub fn hyperdrive(text: &str) -> Result<HyperdriveConfig> {
    json(text, "wrangler hyperdrive get")
}

pub fn kv_namespaces(text: &str) -> Result<Vec<KvNamespace>> {
    json(text, "wrangler kv namespace list")
}

pub fn deployments(text: &str) -> Result<Vec<Deployment>> {
    json(text, "wrangler deployments list")
}

pub fn version(text: &str) -> Result<Version> {
    json(text, "wrangler versions view")
}

/// The names of `wrangler secret list`.
pub fn secret_names(text: &str) -> Result<Vec<String>> {
    Ok(json::<Vec<Named>>(text, "wrangler secret list")?.into_iter().map(|secret| secret.name).collect())
}

/// The rows of a listing of labelled values, one block for each rule.
pub fn lifecycle_rows(text: &str) -> Vec<LifecycleRow> {
    let mut rows: Vec<LifecycleRow> = Vec::new();
    for line in text.lines() {
        let Some((label, value)) = line.split_once(':') else { continue };
        let value = value.trim().to_owned();
        if label.trim() == "name" {
            rows.push(LifecycleRow { name: value, ..LifecycleRow::default() });
            continue;
        }
        let Some(row) = rows.last_mut() else { continue };
        match label.trim() {
            "enabled" => row.enabled = value == "Yes",
            "prefix" => row.prefix = value,
            "action" => row.action = value,
            _ => {}
        }
    }
    rows
}

pub fn lifecycle_file(text: &str) -> Result<Vec<LifecycleRule>> {
    Ok(serde_json::from_str::<LifecycleFile>(text).context("r2-lifecycle.json has another form than expected")?.rules)
}

impl LifecycleRule {
    /// Whether the bucket has the rule as it is here.
    pub fn is(&self, row: &LifecycleRow) -> bool {
        let days = self.delete_objects_transition.condition.max_age / (24 * 60 * 60);
        row.name == self.id
            && row.enabled == self.enabled
            && row.prefix == self.conditions.prefix
            && row.action == format!("Expire objects after {days} days")
    }
}

/// The JSON of an answer, which lines of wrangler's own may be around.
fn json<'a, T: Deserialize<'a>>(text: &'a str, command: &str) -> Result<T> {
    let begins = text.find(['{', '[']).unwrap_or_default();
    let ends = text.rfind(['}', ']']).map_or(text.len(), |at| at + 1);
    serde_json::from_str(text.get(begins..ends).unwrap_or_default())
        .with_context(|| format!("`{command}` printed another form than the pinned wrangler does"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hyperdrive_configuration_without_a_word_on_caching_caches() {
        let text = r#"{ "id": "a1", "name": "tenant", "origin": { "host": "db.p.supabase.co", "port": 5432, "database": "postgres",
            "scheme": "postgresql", "user": "oslira_tenant" }, "caching": { "disabled": true }, "origin_connection_limit": 20 }"#;
        let config = hyperdrive(&format!("\n ⛅️ wrangler 4.156.0\n{text}\n")).unwrap();
        assert!(config.caching.disabled && config.origin_connection_limit == Some(20));
        let text = r#"{ "name": "t", "origin": { "user": "u", "database": "d" } }"#;
        assert!(!hyperdrive(text).unwrap().caching.disabled);
        assert!(hyperdrive("Authentication error").is_err());
    }

    #[test]
    fn lists_are_read() {
        let namespaces = kv_namespaces(r#"[{ "id": "9", "title": "oslira-blocked", "supports_url_encoding": true }]"#);
        assert_eq!(namespaces.unwrap(), [KvNamespace { id: "9".to_owned(), title: "oslira-blocked".to_owned() }]);
        assert_eq!(secret_names(r#"[{ "name": "APIFY_TOKEN", "type": "secret_text" }]"#).unwrap(), ["APIFY_TOKEN"]);
        assert_eq!(secret_names("[]").unwrap(), [""; 0]);
    }

    #[test]
    fn a_versions_release_is_its_variables_or_its_tags() {
        let read = |more: &str| {
            version(&format!(r#"{{ "id": "v", "metadata": {{ "created_on": "2027-01-01T00:00:00Z" }}{more} }}"#))
                .unwrap()
        };
        let bindings =
            r#", "resources": { "bindings": [{ "type": "plain_text", "name": "OSLIRA_RELEASE", "text": "1a" }] }"#;
        assert_eq!(read(bindings).release(), Some("1a"));
        assert_eq!(read(r#", "annotations": { "workers/tag": "2b" }"#).release(), Some("2b"));
        assert_eq!(read("").release(), None);
        let deployed =
            r#"[{ "created_on": "2027-01-01T00:00:00Z", "versions": [{ "version_id": "v", "percentage": 100 }] }]"#;
        assert_eq!(deployments(deployed).unwrap().len(), 1);
    }

    #[test]
    fn a_rule_is_there_if_all_of_it_is() {
        let rules = lifecycle_file(include_str!("../../../r2-lifecycle.json")).unwrap();
        let listing = "Listing lifecycle rules for bucket 'oslira-profiles'...\n\
            name:     snapshots end after 30 days\nenabled:  Yes\nprefix:   snapshots/\naction:   Expire objects after 30 days\n\n\
            name:     pointers end 30 days after the newest scrape\nenabled:  No\nprefix:   pointers/\n\
            action:   Expire objects after 30 days\n";
        let rows = lifecycle_rows(listing);
        assert_eq!(rows.len(), 2);
        let found: Vec<bool> = rules.iter().map(|rule| rows.iter().any(|row| rule.is(row))).collect();
        assert_eq!(found, [true, false], "a rule that is off does not end anything");
        assert_eq!(lifecycle_rows("There are no lifecycle rules for bucket 'x'."), []);
    }
}
