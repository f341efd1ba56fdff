//! Mistakes in Cloudflare's account, told by a server that answers as its API does.

use std::collections::BTreeMap;

use oslira_app::shared::secret::Secret;
use serde_json::{Value, json};

use super::server::{Page, serve};
use super::{assert_found, broken, healthy_file, production, unknown};
use crate::doctor::cloudflare::{Account, Wanted, examine};
use crate::doctor::finding::Finding;
use crate::environment::Name;
use crate::environment::settings::merged;
use crate::project::Project;

const ACCOUNT: &str = "023e105f4ecef8ad9ca31a8372d0c353";
const TOKEN: &str = "token-that-nobody-may-see";
const SCRIPT: &str = "workers/scripts/oslira-production";

/// The results of the account by their paths below it.
type Results = BTreeMap<String, Value>;

/// The lists of the file, what Cloudflare calls their entries, the key of their names, and which key becomes which.
type Bound<'a> = (&'a Value, &'static str, &'static str, &'static [(&'static str, &'static str)]);

fn bound(p: &Value) -> [Bound<'_>; 8] {
    [
        (&p["hyperdrive"], "hyperdrive", "binding", &[("id", "id")]),
        (&p["kv_namespaces"], "kv_namespace", "binding", &[("id", "namespace_id")]),
        (&p["r2_buckets"], "r2_bucket", "binding", &[("bucket_name", "bucket_name")]),
        (&p["queues"]["producers"], "queue", "binding", &[("queue", "queue_name")]),
        (&p["workflows"], "workflow", "binding", &[("name", "workflow_name"), ("class_name", "class_name")]),
        (&p["durable_objects"]["bindings"], "durable_object_namespace", "name", &[("class_name", "class_name")]),
        (&p["ratelimits"], "ratelimit", "name", &[("namespace_id", "namespace_id"), ("simple", "simple")]),
        (&p["analytics_engine_datasets"], "analytics_engine", "binding", &[("dataset", "dataset")]),
    ]
}

/// What the account has after a deployment of the healthy file.
fn healthy() -> Results {
    let file = healthy_file();
    let p = &file["env"]["production"];
    let mut bindings = vec![json!({ "type": "plain_text", "name": "OSLIRA_RELEASE", "text": "91659ff9" })];
    for (name, value) in p["vars"].as_object().unwrap() {
        bindings.push(json!({ "type": "plain_text", "name": name, "text": value }));
    }
    for (list, kind, key, fields) in bound(p) {
        for one in list.as_array().unwrap() {
            let mut binding = json!({ "type": kind, "name": one[key] });
            for (file, cloudflare) in fields {
                binding[*cloudflare] = one[*file].clone();
            }
            bindings.push(binding);
        }
    }
    bindings.push(json!({ "type": "secret_text", "name": "OPENAI_API_KEY" }));
    let secrets = ["APIFY_TOKEN", "OPENAI_API_KEY", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"];
    let secrets = secrets.map(|name| json!({ "name": name, "type": "secret_text" }));
    let crons = p["triggers"]["crons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cron| json!({ "cron": cron, "created_on": "2026-11-27T00:00:00Z" }));
    let queues = p["queues"]["consumers"].as_array().unwrap().iter().map(|wanted| {
        let dead = wanted.get("dead_letter_queue").cloned().unwrap_or(json!(""));
        json!({
            "queue_id": "q", "queue_name": wanted["queue"], "settings": { "delivery_paused": false },
            "consumers": [{
                "type": "worker", "script_name": "oslira-production", "dead_letter_queue": dead,
                "settings": { "max_retries": wanted["max_retries"] }
            }]
        })
    });
    let lifecycle = std::fs::read_to_string(Project::find().unwrap().root().join("r2-lifecycle.json")).unwrap();
    let mut results = Results::from([
        (format!("{SCRIPT}/settings"), json!({ "bindings": bindings })),
        (format!("{SCRIPT}/secrets"), json!(secrets)),
        (format!("{SCRIPT}/subdomain"), json!({ "enabled": false, "previews_enabled": false })),
        (format!("{SCRIPT}/schedules"), json!({ "schedules": crons.collect::<Vec<_>>() })),
        ("queues?page=1".to_owned(), queues.collect()),
        ("storage/kv/namespaces/ad0".to_owned(), json!({ "id": "ad0", "title": "oslira-blocked" })),
        ("r2/buckets/oslira-profiles/lifecycle".to_owned(), serde_json::from_str(&lifecycle).unwrap()),
    ]);
    for bucket in ["oslira-profiles", "oslira-billing-events"] {
        results.insert(format!("r2/buckets/{bucket}"), json!({ "name": bucket, "location": "weur" }));
    }
    for (id, login) in [("d0", "oslira_tenant"), ("d1", "oslira_admin"), ("d2", "oslira_operator")] {
        let origin = json!({ "host": "db.ref.supabase.co", "port": 5432, "database": "postgres", "scheme": "postgres", "user": login });
        let config = json!({ "id": id, "name": login, "origin": origin, "caching": { "disabled": true }, "origin_connection_limit": 10 });
        results.insert(format!("hyperdrive/configs/{id}"), config);
    }
    results
}

/// Cloudflare with this account, as a URL.
fn cloudflare(results: Results) -> String {
    let prefix = format!("/accounts/{ACCOUNT}/");
    serve(move |request| {
        if request.headers.get("authorization").map(String::as_str) != Some(&format!("Bearer {TOKEN}")) {
            return failure(403, 10_000, "Authentication error");
        }
        let path = request.path.strip_prefix(&prefix).unwrap_or_default();
        match results.get(path) {
            Some(result) => Page::new(
                200,
                json!({ "success": true, "errors": [], "messages": [], "result": result, "result_info": { "page": 1, "total_pages": 1 } }),
            ),
            // Of a Worker that is not there it says so with a code.
            None => failure(404, 10_007, "This does not exist on your account."),
        }
    })
}

fn failure(status: u16, code: u32, message: &str) -> Page {
    Page::new(
        status,
        json!({ "success": false, "errors": [{ "code": code, "message": message }], "messages": [], "result": null }),
    )
}

fn found_at(url: &str, token: &str, connections_max: Option<u32>) -> Vec<Finding> {
    let file = healthy_file();
    let (settings, keys) = (production(&file), merged(&file.to_string(), Name::Production).unwrap());
    let lifecycle = std::fs::read_to_string(Project::find().unwrap().root().join("r2-lifecycle.json")).unwrap();
    let lifecycle = serde_json::from_str(&lifecycle).unwrap();
    let wanted = Wanted { settings: &settings, keys: &keys, lifecycle: &lifecycle, env: "production", connections_max };
    examine(Account::new(url, ACCOUNT, Secret::new(token.to_owned())), &wanted)
}

fn found_in(results: Results) -> Vec<Finding> {
    found_at(&cloudflare(results), TOKEN, Some(60))
}

#[test]
fn an_account_that_is_in_order_has_no_finding() {
    let findings = found_in(healthy());
    assert_eq!((broken(&findings), unknown(&findings)), (vec![], vec![]), "{findings:#?}");
}

#[test]
fn what_cloudflare_tells_besides_is_no_difference() {
    let mut results = healthy();
    binding(&mut results, "ANALYSIS_WORKFLOW")["script_name"] = json!("oslira-production");
    binding(&mut results, "SCRAPE")["namespace_id"] = json!("0f3c");
    binding(&mut results, "READS")["namespace_id"] = json!(1701);
    binding(&mut results, "READS")["simple"]["mitigation_timeout"] = json!(0);
    let findings = found_in(results);
    assert_eq!((broken(&findings), unknown(&findings)), (vec![], vec![]), "{findings:#?}");
}

#[test]
fn each_mistake_in_the_account_is_found_by_its_check() {
    type Plant = fn(&mut Results);
    let mistakes: [(&str, &str, Plant); 30] = [
        ("a variable was changed in the dashboard", "cloudflare.variables", |r| {
            binding(r, "CORS_ORIGINS")["text"] = json!("https://evil.test");
        }),
        ("a variable was added in the dashboard", "cloudflare.variables", |r| {
            let added = json!({ "type": "plain_text", "name": "MODELS_LIGHT", "text": "openai/gpt-6-sol" });
            bindings(r).push(added);
        }),
        ("another database is bound", "cloudflare.variables", |r| binding(r, "DB")["id"] = json!("d1")),
        ("a workflow of another environment is bound", "cloudflare.variables", |r| {
            binding(r, "ANALYSIS_WORKFLOW")["workflow_name"] = json!("staging-analysis");
        }),
        ("a workflow runs in another Worker", "cloudflare.variables", |r| {
            binding(r, "BULK_WORKFLOW")["script_name"] = json!("oslira-staging");
        }),
        ("the Durable Objects of another environment are bound", "cloudflare.variables", |r| {
            binding(r, "SCRAPE_GATE")["script_name"] = json!("oslira-staging");
        }),
        ("a Durable Object is of another class", "cloudflare.variables", |r| {
            binding(r, "RUN_PROGRESS")["class_name"] = json!("Scrape");
        }),
        ("a rate limit was loosened", "cloudflare.variables", |r| {
            binding(r, "UNKNOWN_CLIENTS")["simple"]["limit"] = json!(1_000_000);
        }),
        ("a rate limit counts with another environment's", "cloudflare.variables", |r| {
            binding(r, "READS")["namespace_id"] = json!("1721");
        }),
        ("points go to another environment's dataset", "cloudflare.variables", |r| {
            binding(r, "TELEMETRY")["dataset"] = json!("oslira_staging");
        }),
        ("a rate limit is not there", "cloudflare.variables", |r| {
            bindings(r).retain(|binding| binding["name"] != "WRITES");
        }),
        ("another Worker was bound in the dashboard", "cloudflare.variables", |r| {
            bindings(r).push(json!({ "type": "service", "name": "SPY", "service": "spy" }));
        }),
        ("a secret is missing", "cloudflare.secrets", |r| {
            at(r, "workers/scripts/oslira-production/secrets").as_array_mut().unwrap().pop();
        }),
        ("workers.dev is open", "cloudflare.workers-dev", |r| {
            at(r, "workers/scripts/oslira-production/subdomain")["enabled"] = json!(true);
        }),
        ("preview addresses are open", "cloudflare.workers-dev", |r| {
            at(r, "workers/scripts/oslira-production/subdomain")["previews_enabled"] = json!(true);
        }),
        ("a cron is not there", "cloudflare.crons", |r| {
            at(r, "workers/scripts/oslira-production/schedules")["schedules"].as_array_mut().unwrap().pop();
        }),
        ("a queue is missing", "cloudflare.queues", |r| {
            at(r, "queues?page=1").as_array_mut().unwrap().remove(0);
        }),
        ("a queue is paused", "cloudflare.queues", |r| {
            at(r, "queues?page=1")[0]["settings"]["delivery_paused"] = json!(true)
        }),
        ("another Worker reads a queue", "cloudflare.queues", |r| {
            at(r, "queues?page=1")[0]["consumers"][0]["script_name"] = json!("oslira-staging");
        }),
        ("dead letters are lost", "cloudflare.queues", |r| {
            at(r, "queues?page=1")[0]["consumers"][0]["dead_letter_queue"] = json!("");
        }),
        ("a Hyperdrive is not there", "cloudflare.hyperdrive", |r| {
            r.remove("hyperdrive/configs/d2");
        }),
        ("a Hyperdrive connects to a pooler", "cloudflare.hyperdrive", |r| {
            at(r, "hyperdrive/configs/d0")["origin"]["host"] = json!("aws-0-eu-central-1.pooler.supabase.com");
        }),
        ("a Hyperdrive leads to another environment's database", "cloudflare.hyperdrive", |r| {
            at(r, "hyperdrive/configs/d0")["origin"]["host"] = json!("db.other.supabase.co");
        }),
        ("customers' requests come as the backend", "cloudflare.hyperdrive", |r| {
            at(r, "hyperdrive/configs/d0")["origin"]["user"] = json!("oslira_admin");
        }),
        ("a Hyperdrive caches", "cloudflare.hyperdrive-cache", |r| {
            at(r, "hyperdrive/configs/d1").as_object_mut().unwrap().remove("caching");
        }),
        ("the Hyperdrives take every connection", "cloudflare.hyperdrive-connections", |r| {
            at(r, "hyperdrive/configs/d0").as_object_mut().unwrap().remove("origin_connection_limit");
        }),
        ("a bucket is missing", "cloudflare.storage", |r| {
            r.remove("r2/buckets/oslira-billing-events");
        }),
        ("the KV namespace is missing", "cloudflare.storage", |r| {
            r.remove("storage/kv/namespaces/ad0");
        }),
        ("profiles are kept for ever", "cloudflare.lifecycle", |r| {
            at(r, "r2/buckets/oslira-profiles/lifecycle")["rules"][0]["enabled"] = json!(false);
        }),
        ("profiles are kept for a year", "cloudflare.lifecycle", |r| {
            at(r, "r2/buckets/oslira-profiles/lifecycle")["rules"][0]["deleteObjectsTransition"]["condition"]["maxAge"] =
                json!(31_536_000);
        }),
    ];
    for (mistake, check, plant) in mistakes {
        let mut results = healthy();
        plant(&mut results);
        assert_found(mistake, check, &found_in(results));
    }
}

fn at<'a>(results: &'a mut Results, path: &str) -> &'a mut Value {
    results.get_mut(path).unwrap()
}

fn bindings(results: &mut Results) -> &mut Vec<Value> {
    at(results, "workers/scripts/oslira-production/settings")["bindings"].as_array_mut().unwrap()
}

fn binding<'a>(results: &'a mut Results, name: &str) -> &'a mut Value {
    bindings(results).iter_mut().find(|binding| binding["name"] == name).unwrap()
}

#[test]
fn a_worker_that_was_never_deployed_is_one_finding() {
    let mut results = healthy();
    results.retain(|path, _| !path.starts_with("workers/"));
    assert_found("it is not there", "cloudflare.worker", &found_in(results));
}

#[test]
fn a_token_that_may_not_read_leaves_everything_unknown_and_is_not_told() {
    let findings = found_at(&cloudflare(healthy()), "another-token", Some(60));
    assert_eq!((broken(&findings), unknown(&findings).len()), (vec![], findings.len()), "{findings:#?}");
    assert!(!format!("{findings:?}").contains("another-token"));
}

#[test]
fn a_cloudflare_that_is_away_or_answers_garbage_leaves_everything_unknown() {
    let garbage = serve(|_| Page::new(200, json!(["garbage"])));
    for url in ["http://127.0.0.1:9".to_owned(), garbage] {
        let findings = found_at(&url, TOKEN, Some(60));
        assert_eq!((broken(&findings), unknown(&findings).len()), (vec![], findings.len()), "{findings:#?}");
    }
}

#[test]
fn no_token_is_sent_in_the_clear_and_no_path_is_built_from_an_id_that_is_none() {
    assert!(Account::new("http://api.cloudflare.com/client/v4", ACCOUNT, Secret::new(TOKEN)).is_err());
    assert!(Account::new("https://api.cloudflare.com/client/v4", "../../zones", Secret::new(TOKEN)).is_err());
}

#[test]
fn what_the_database_gives_decides_how_many_connections_are_too_many() {
    let url = cloudflare(healthy());
    assert_eq!(broken(&found_at(&url, TOKEN, Some(49))), ["cloudflare.hyperdrive-connections"]);
    assert_eq!(broken(&found_at(&url, TOKEN, Some(50))), Vec::<&str>::new());
    assert_eq!(unknown(&found_at(&url, TOKEN, None)), ["cloudflare.hyperdrive-connections"]);
}
