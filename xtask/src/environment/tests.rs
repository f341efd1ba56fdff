//! That both environments of `wrangler.jsonc` are what the local stack runs, under other names.

use oslira_app::triggers::{Queue, STAGING_PREFIX};
use serde_json::{Map, Value, json};

use super::settings::{WranglerEnvironment, merged};
use super::{Name, is_placeholder};

const FILE: &str = include_str!("../../../wrangler.jsonc");
const DEPLOYED: [Name; 2] = [Name::Staging, Name::Production];

/// What an operator sets, or what cannot be the same twice in one account: each is compared by the other tests, or is a value of its
/// environment alone.
const OWN: [&str; 3] = ["name", "routes", "placement"];

fn keys(name: Name) -> Map<String, Value> {
    merged(FILE, name).unwrap()
}

/// The same configuration with every name and id of an environment as the top level has it.
fn with_names_of_the_top_level(mut keys: Map<String, Value>, name: Name) -> Map<String, Value> {
    let top = self::keys(Name::Local);
    for own in OWN {
        keys.remove(own);
    }
    for (list, id) in [("hyperdrive", "id"), ("kv_namespaces", "id"), ("ratelimits", "namespace_id")] {
        for (at, item) in keys[list].as_array_mut().unwrap().iter_mut().enumerate() {
            item[id] = top[list][at][id].clone();
        }
    }
    keys["vars"]["OSLIRA_ENV"] = top["vars"]["OSLIRA_ENV"].clone();
    let plain = match name {
        Name::Staging => serde_json::to_string(&keys)
            .unwrap()
            .replace(&format!("\"{STAGING_PREFIX}"), "\"")
            .replace("\"oslira-staging-", "\"oslira-")
            .replace("\"oslira_staging\"", "\"oslira\""),
        Name::Production | Name::Local => serde_json::to_string(&keys).unwrap(),
    };
    serde_json::from_str(&plain).unwrap()
}

#[test]
fn each_environment_repeats_the_top_level_but_for_names_and_ids() {
    let mut top = keys(Name::Local);
    top.remove("name");
    for name in DEPLOYED {
        let mut environment = with_names_of_the_top_level(keys(name), name);
        // The values are the operator's; which there are is not.
        let (vars, expected) = (environment.remove("vars").unwrap(), top["vars"].clone());
        let names = |vars: &Value| vars.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&vars), names(&expected), "{name}");
        for (key, value) in &top {
            if key != "vars" {
                assert_eq!(environment.remove(key).as_ref(), Some(value), "{key} of {name}");
            }
        }
        assert!(environment.is_empty(), "{name} has what the top level has not: {:?}", environment.keys());
    }
}

#[test]
fn two_environments_share_nothing_that_is_the_accounts() {
    let owned = |name| WranglerEnvironment::parse(FILE, name).unwrap().own();
    let mut all: Vec<String> = DEPLOYED.into_iter().flat_map(owned).collect();
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "{all:?}");
}

#[test]
fn an_environment_is_reached_through_its_domain_only_and_says_which_it_is() {
    for name in DEPLOYED {
        let settings = WranglerEnvironment::parse(FILE, name).unwrap();
        assert_eq!((settings.workers_dev, settings.preview_urls), (Some(false), Some(false)));
        assert_eq!(settings.custom_domains().count(), 1);
        assert_eq!(settings.vars["OSLIRA_ENV"], name.as_str());
        assert_eq!(settings.name, format!("oslira-{name}"));
        assert!(settings.observability.enabled);
        assert_eq!(settings.observability.logs.invocation_logs, Some(false), "addresses may hold tickets");
        assert!(settings.placement.is_some_and(|placement| placement.region.is_some()), "far from the database");
    }
}

#[test]
fn the_worker_knows_each_queue_of_an_environment() {
    for name in DEPLOYED {
        let settings = WranglerEnvironment::parse(FILE, name).unwrap();
        let read = settings.queues.consumers.iter().map(|consumer| Queue::named(&consumer.queue));
        assert_eq!(read.collect::<Vec<_>>(), Queue::ALL.map(Some), "{name}");
    }
}

#[test]
fn the_repository_comes_with_placeholders_that_are_told_as_such() {
    for name in DEPLOYED {
        let settings = WranglerEnvironment::parse(FILE, name).unwrap();
        // An operator's own checkout has them set, and then there is nothing to hold.
        if settings.custom_domains().any(is_placeholder) {
            let unset: Vec<String> = settings.unset().into_iter().map(|unset| unset.what).collect();
            for expected in ["the custom domain", "SUPABASE_URL", "DB", "DB_ADMIN", "DB_OPERATOR", "BLOCKED_ACCOUNTS"] {
                assert!(unset.iter().any(|what| what.contains(expected)), "{expected} of {name}: {unset:?}");
            }
        }
    }
}

#[test]
fn wrangler_itself_accepts_the_form_of_the_file() {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../node_modules/wrangler/config-schema.json");
    let schema = std::fs::read_to_string(schema).expect("`cargo xtask setup` installs the pinned wrangler");
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let checker = jsonschema::validator_for(&schema).unwrap();
    let file = super::jsonc::parse(FILE).unwrap();
    let faults: Vec<String> =
        checker.iter_errors(&file).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert_eq!(faults, [""; 0]);
    let mut wrong = file;
    wrong["env"]["staging"]["queues"]["consumers"][0]["max_retries"] = json!("often");
    assert!(!checker.is_valid(&wrong));
}
