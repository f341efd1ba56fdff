//! A deployment against a world that only remembers what was done to it.

mod belonging;
mod shell;
mod versions;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::runner::{Runner, Said};
use super::*;
use crate::http::Answer;

const SECRET: &str = "sk_test_never_seen";

const SHELL: [&str; 5] = [
    "OSLIRA_STAGING_APIFY_TOKEN",
    "OSLIRA_STAGING_OPENAI_API_KEY",
    "OSLIRA_STAGING_STRIPE_SECRET_KEY",
    "OSLIRA_STAGING_STRIPE_WEBHOOK_SECRET",
    "OSLIRA_STAGING_RESEND_API_KEY",
];

/// An account, a database and an API.
struct World {
    queues: RefCell<Vec<String>>,
    buckets: RefCell<Vec<String>>,
    has_rules: RefCell<bool>,
    namespaces: RefCell<Vec<(String, String)>>,
    hyperdrive: RefCell<String>,
    worker_secrets: RefCell<Option<Vec<String>>>,
    pending: RefCell<Vec<String>>,
    has_logins: RefCell<bool>,
    is_in_use: bool,
    /// What Cloudflare's API answers, by the path without its query.
    cloudflare: BTreeMap<&'static str, serde_json::Value>,
    /// Versions and the releases that they are of, in the order of their deployments; a version's name is its age.
    deployed: RefCell<Vec<(&'static str, &'static str)>>,
    /// A release is uploaded, and what comes after it fails.
    fails_after_upload: bool,
    shell: Vec<(&'static str, &'static str)>,
    answering: RefCell<Answer>,
    /// What was done, in order: commands of wrangler, `build`, `migrate`.
    done: RefCell<Vec<String>>,
    /// The secrets that came by file, read while wrangler ran.
    uploaded: RefCell<Option<serde_json::Value>>,
}

impl World {
    fn new() -> Self {
        Self {
            queues: RefCell::default(),
            buckets: RefCell::default(),
            has_rules: RefCell::new(false),
            namespaces: RefCell::new(vec![("f00d".to_owned(), "oslira-staging-blocked".to_owned())]),
            hyperdrive: RefCell::new(config("LOGIN", "db.p.supabase.co", true, 20)),
            worker_secrets: RefCell::new(None),
            pending: RefCell::new(vec!["20270101000000".to_owned()]),
            has_logins: RefCell::new(false),
            is_in_use: false,
            cloudflare: BTreeMap::new(),
            deployed: RefCell::new(vec![("v1", "older"), ("v2", "old")]),
            fails_after_upload: false,
            shell: SHELL.map(|name| (name, SECRET)).into(),
            answering: RefCell::new(ready("oslira@old")),
            done: RefCell::default(),
            uploaded: RefCell::default(),
        }
    }

    fn release_of(&self, version: &str) -> &'static str {
        self.deployed.borrow().iter().find(|(known, _)| *known == version).unwrap().1
    }

    /// With a token, and an account whose zone this host name is of.
    fn with_zone(records: serde_json::Value, domains: serde_json::Value) -> Self {
        let mut world = Self::new();
        world.shell.extend([("CLOUDFLARE_API_TOKEN", "t"), ("CLOUDFLARE_ACCOUNT_ID", "acc")]);
        world.cloudflare.insert("/accounts/acc/workers/domains", domains);
        world.cloudflare.insert("/zones", json!([{ "id": "z" }]));
        world.cloudflare.insert("/zones/z/dns_records", records);
        world
    }

    fn changes(&self) -> Vec<String> {
        let done = self.done.borrow();
        let looks = ["whoami", "info", "list", "get", "view"];
        done.iter().filter(|command| !command.split(' ').any(|word| looks.contains(&word))).cloned().collect()
    }
}

fn ready(release: &str) -> Answer {
    ready_as("staging", release)
}

fn ready_as(environment: &str, release: &str) -> Answer {
    let body = json!({ "data": { "status": "ready", "environment": environment, "release": release, "warnings": [] } });
    Answer { status: 200, body, retry_after_s: None }
}

/// A configuration; its user is `LOGIN` until the id that was asked for tells which.
fn config(user: &str, host: &str, uncached: bool, limit: u32) -> String {
    json!({
        "name": "x", "origin": { "host": host, "user": user, "database": "postgres" },
        "caching": { "disabled": uncached }, "origin_connection_limit": limit,
    })
    .to_string()
}

impl Runner for World {
    fn wrangler(&self, args: &[&str]) -> Result<Said> {
        self.done.borrow_mut().push(args.join(" "));
        let said = |succeeded, stdout: &str| Said { succeeded, stdout: stdout.to_owned(), stderr: String::new() };
        let exists = |list: &RefCell<Vec<String>>, name: &str| list.borrow().iter().any(|known| known == name);
        Ok(match args {
            ["queues", "info", name] => said(exists(&self.queues, name), "Queue \"x\" does not exist."),
            ["queues", "create", name] => {
                self.queues.borrow_mut().push((*name).to_owned());
                said(true, "")
            }
            ["r2", "bucket", "lifecycle", "list", name] if !exists(&self.buckets, name) => {
                said(false, "The specified bucket does not exist.")
            }
            ["r2", "bucket", "lifecycle", "list", _] if *self.has_rules.borrow() => said(
                true,
                "name: snapshots end after 30 days\nenabled: Yes\nprefix: snapshots/\naction: Expire objects after 30 days\n\n\
                 name: pointers end 30 days after the newest scrape\nenabled: Yes\nprefix: pointers/\naction: Expire objects after 30 days",
            ),
            ["r2", "bucket", "create", name, ..] => {
                self.buckets.borrow_mut().push((*name).to_owned());
                said(true, "")
            }
            ["r2", "bucket", "lifecycle", "set", ..] => {
                *self.has_rules.borrow_mut() = true;
                said(true, "")
            }
            ["kv", "namespace", "list"] => {
                let all: Vec<_> =
                    self.namespaces.borrow().iter().map(|(id, title)| json!({ "id": id, "title": title })).collect();
                said(true, &json!(all).to_string())
            }
            ["kv", "namespace", "create", title] => {
                self.namespaces.borrow_mut().push(("cafe".to_owned(), (*title).to_owned()));
                said(true, "")
            }
            ["hyperdrive", "get", id] => {
                let login = match *id {
                    "a1" => "oslira_tenant",
                    "a2" => "oslira_admin",
                    _ => "oslira_operator",
                };
                said(true, &self.hyperdrive.borrow().replace("LOGIN", login))
            }
            ["secret", "list", ..] => match &*self.worker_secrets.borrow() {
                Some(names) => {
                    let all: Vec<_> = names.iter().map(|name| json!({ "name": name, "type": "secret_text" })).collect();
                    said(true, &json!(all).to_string())
                }
                None => said(false, "Worker \"oslira-staging\" (env: staging) not found."),
            },
            ["deploy", ..] => {
                if let Some(at) = args.iter().position(|arg| *arg == "--secrets-file") {
                    use std::os::unix::fs::PermissionsExt;
                    let file = Path::new(args[at + 1]);
                    assert_eq!(file.metadata()?.permissions().mode() & 0o777, 0o600);
                    *self.uploaded.borrow_mut() = Some(serde_json::from_slice(&std::fs::read(file)?)?);
                }
                self.deployed.borrow_mut().push(("v9", "1a2b3c4"));
                *self.answering.borrow_mut() = ready("oslira@1a2b3c4");
                said(!self.fails_after_upload, "")
            }
            ["deployments", "list", ..] => {
                let deployed = self.deployed.borrow();
                let row = |(at, (version, _)): (usize, &(&str, &str))| {
                    let versions = json!([{ "version_id": version, "percentage": 100 }]);
                    json!({ "created_on": format!("2027-01-{:02}T00:00:00Z", at + 1), "versions": versions })
                };
                said(true, &json!(deployed.iter().enumerate().map(row).collect::<Vec<_>>()).to_string())
            }
            ["versions", "view", id, ..] => {
                let release = self.release_of(id);
                let bindings = json!([{ "type": "plain_text", "name": "OSLIRA_RELEASE", "text": release }]);
                let version =
                    json!({ "id": id, "metadata": { "created_on": id }, "resources": { "bindings": bindings } });
                said(true, &version.to_string())
            }
            ["rollback", id, ..] => {
                let release = format!("oslira@{}", self.release_of(id));
                *self.answering.borrow_mut() = ready(&release);
                said(true, "")
            }
            _ => said(true, ""),
        })
    }

    fn build(&self) -> Result<()> {
        self.done.borrow_mut().push("build".to_owned());
        Ok(())
    }

    fn database(&self) -> Result<Database> {
        Ok(Database {
            pending: self.pending.borrow().clone(),
            has_logins: *self.has_logins.borrow(),
            is_in_use: self.is_in_use,
            connections_max: 100,
        })
    }

    fn migrate(&self) -> Result<Vec<String>> {
        self.done.borrow_mut().push("migrate".to_owned());
        *self.has_logins.borrow_mut() = true;
        Ok(self.pending.take())
    }

    fn cloudflare(&self, path: &str) -> Result<Answer> {
        let known = self.cloudflare.get(path.split('?').next().unwrap());
        Ok(Answer {
            status: if known.is_some() { 200 } else { 403 },
            body: json!({ "success": known.is_some(), "result": known }),
            retry_after_s: None,
        })
    }

    fn ready(&self) -> Result<Answer> {
        let answer = self.answering.borrow();
        Ok(Answer { status: answer.status, body: answer.body.clone(), retry_after_s: None })
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.shell.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    fn ask(&self, _: &str) -> Result<Option<String>> {
        Ok(None)
    }

    fn wait(&self, _: Duration) {}
}

/// The file of the repository with everything set.
fn settings(namespace: &str) -> WranglerEnvironment {
    let text = include_str!("../../../wrangler.jsonc")
        .replace("api.staging.example.com", "api.staging.oslira.test")
        .replace("\"SUPABASE_URL\": \"\"", "\"SUPABASE_URL\": \"https://p.supabase.co\"")
        .replace("00000000000000000000000000000011", "a1")
        .replace("00000000000000000000000000000012", "a2")
        .replace("00000000000000000000000000000013", "a3")
        .replace("00000000000000000000000000000014", namespace);
    WranglerEnvironment::parse(&text, Name::Staging).unwrap()
}

fn deployment<'a>(settings: &'a WranglerEnvironment, test: &str) -> Deployment<'a> {
    Deployment {
        name: Name::Staging,
        settings,
        api_url: "https://api.staging.oslira.test",
        lifecycle: wrangler::lifecycle_file(include_str!("../../../r2-lifecycle.json")).unwrap(),
        release: "1a2b3c4".to_owned(),
        changed_files: Some(0),
        is_posing: false,
        shared: vec![],
        answers_as: "staging",
        secrets_dir: std::env::temp_dir().join(format!("oslira-deploy-{test}-{}", std::process::id())),
    }
}

#[test]
fn the_first_deployment_makes_what_is_missing_and_a_repeat_only_the_version() {
    let (world, settings) = (World::new(), settings("f00d"));
    let deployment = deployment(&settings, "first");
    deployment.run(&world).unwrap();
    let changes = world.changes();
    let deploy = changes.pop_deploy();
    assert_eq!(
        changes,
        [
            "migrate",
            "queues create staging-analysis",
            "queues create staging-recovery",
            "queues create staging-billing",
            "queues create staging-analysis-dead",
            "queues create staging-billing-dead",
            "r2 bucket create oslira-staging-profiles --location weur",
            "r2 bucket lifecycle set oslira-staging-profiles --file r2-lifecycle.json --force",
            "r2 bucket create oslira-staging-billing-events --location weur",
            "build",
            &deploy,
        ]
    );
    assert!(
        deploy.starts_with("deploy --env staging --var OSLIRA_RELEASE:1a2b3c4 --tag 1a2b3c4 --secrets-file "),
        "{deploy}"
    );

    world.done.take();
    *world.pending.borrow_mut() = vec!["20270202000000".to_owned()];
    let secrets = SHELL.map(|name| name.replace("OSLIRA_STAGING_", ""));
    *world.worker_secrets.borrow_mut() = Some(secrets.into());
    deployment.run(&world).unwrap();
    assert_eq!(
        world.changes(),
        ["build", "migrate", "deploy --env staging --var OSLIRA_RELEASE:1a2b3c4 --tag 1a2b3c4"]
    );
    std::fs::remove_dir_all(deployment.secrets_dir).unwrap();
}

trait Last {
    fn pop_deploy(&self) -> String;
}

impl Last for Vec<String> {
    fn pop_deploy(&self) -> String {
        self.last().cloned().unwrap()
    }
}

#[test]
fn a_namespace_is_made_and_its_id_waits_for_a_person() {
    let (world, settings) = (World::new(), settings("00000000000000000000000000000014"));
    world.namespaces.take();
    let error = deployment(&settings, "namespace").run(&world).unwrap_err().to_string();
    assert!(error.contains("1 steps wait for you"), "{error}");
    assert!(world.changes().contains(&"kv namespace create oslira-staging-blocked".to_owned()));
    assert!(!world.changes().contains(&"build".to_owned()));
    // Once it is there, it is not made again, and the plan says which id to put where.
    let plan = look(&world, &settings);
    let advice = standing(&plan, "KV namespace");
    assert!(matches!(&advice, Standing::Blocked(advice) if advice.contains("\"cafe\"")), "{advice:?}");
}

fn look(world: &World, settings: &WranglerEnvironment) -> Plan {
    let account = Seen::Is(Account::look(settings, "staging", world).unwrap());
    let database = Seen::Is(world.database().unwrap());
    deployment(settings, "look").plan(&account, &database, world)
}

fn standing(plan: &Plan, what: &str) -> Standing {
    let step =
        plan.guards.iter().chain(&plan.before).chain(&plan.version).find(|step| step.what.contains(what)).unwrap();
    step.standing.clone()
}

#[test]
fn a_dry_run_changes_nothing_and_needs_no_account() {
    let (world, settings) = (World::new(), settings("f00d"));
    deployment(&settings, "dry").dry_run(&world).unwrap();
    assert!(world.done.borrow().is_empty(), "{:?}", world.done);

    let mut with_account = World::new();
    with_account.shell.push(("CLOUDFLARE_API_TOKEN", "t"));
    deployment(&settings, "dry").dry_run(&with_account).unwrap();
    assert!(!with_account.done.borrow().is_empty());
    assert_eq!(with_account.changes(), [""; 0]);
}

#[test]
fn what_the_repository_came_with_is_not_deployed() {
    let (world, placeholders) = (World::new(), include_str!("../../../wrangler.jsonc"));
    let settings = WranglerEnvironment::parse(placeholders, Name::Staging).unwrap();
    if settings.unset().is_empty() {
        return;
    }
    assert!(deployment(&settings, "unset").run(&world).is_err());
    assert!(!world.changes().iter().any(|command| command == "build" || command.starts_with("deploy")));
}

#[test]
fn a_posing_stack_is_migrated_and_asked_and_nothing_at_cloudflare_is() {
    let (world, settings) = (World::new(), settings("f00d"));
    let deployment =
        Deployment { is_posing: true, changed_files: None, answers_as: "local", ..deployment(&settings, "posing") };
    *world.answering.borrow_mut() = ready_as("local", "oslira@0.1.0");
    deployment.run(&world).unwrap();
    assert_eq!(*world.done.borrow(), ["migrate"]);
    let database = Seen::Is(world.database().unwrap());
    let plan = deployment.plan(&Seen::Skipped(deployment.posing().unwrap()), &database, &world);
    assert!(matches!(standing(&plan, "queue staging-analysis"), Standing::Skipped(_)));
    assert!(matches!(standing(&plan, "release 1a2b3c4"), Standing::Skipped(_)));
}

#[test]
fn a_line_says_where_a_step_stands_and_what_is_to_be_done() {
    let step = Step { what: "queue x".to_owned(), standing: made(&["queues", "create", "x"]) };
    assert_eq!(line(&step, "would do"), "would do          queue x\n                  npx wrangler queues create x");
}

fn made(args: &[&str]) -> Standing {
    Standing::Todo(Action::Wrangler(args.iter().map(ToString::to_string).collect()))
}
