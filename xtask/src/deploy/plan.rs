//! The steps of a deployment in the order of docs/deploying.md, and what is left of each. It is computed from what was seen, and does
//! nothing itself.

use super::secrets::Wanted;
use super::state::{Account, Database, Seen};
use super::wrangler::{HyperdriveConfig, LifecycleRule};
use super::{guards, person};
use crate::environment::settings::{CONNECTIONS_DEFAULT, CONNECTIONS_RESERVED};
use crate::environment::{Home, Name, WranglerEnvironment, is_placeholder_id};

const LIFECYCLE_FILE: &str = "r2-lifecycle.json";
/// The bucket whose objects end by rules.
const PROFILES: &str = "PROFILES";

/// A step, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub what: String,
    pub standing: Standing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Done,
    /// This command does it.
    Todo(Action),
    /// A person must do it before this command goes on.
    Blocked(String),
    /// A person does it, and this command cannot see whether.
    Person(String),
    /// It was not looked at.
    Unknown(String),
    Skipped(String),
}

/// How a step is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// With these arguments of wrangler.
    Wrangler(Vec<String>),
    /// A namespace of this title is made, whose id a person then puts into `wrangler.jsonc`.
    MakeNamespace(String),
    Build,
    Migrate,
    /// The new version, with secrets that it lacks.
    Release,
    Smoke,
}

/// What a plan is made from.
pub struct Input<'a> {
    pub name: Name,
    pub settings: &'a WranglerEnvironment,
    pub api_url: &'a str,
    /// What the section of `wrangler.jsonc` has of the other environment's.
    pub shared: &'a [String],
    /// A key of the shell that is another environment's.
    pub misplaced: Option<&'a str>,
    /// The rules that the bucket of profiles must have.
    pub lifecycle: &'a [LifecycleRule],
    /// Files that differ from the commit; `None` where a posing stack is no release.
    pub changed_files: Option<usize>,
    pub release: &'a str,
    pub account: &'a Seen<Account>,
    pub database: &'a Seen<Database>,
}

/// All steps, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What must hold before anything is changed.
    pub guards: Vec<Step>,
    /// What a new version needs.
    pub before: Vec<Step>,
    /// The new version itself, and what a person does after it.
    pub version: Vec<Step>,
}

impl Plan {
    pub fn of(input: &Input<'_>) -> Self {
        let mut before = person::supabase(input.settings);
        let is_first = matches!(input.database, Seen::Is(database) if !database.has_logins);
        if is_first {
            // Hyperdrive needs the logins that they make, and without them there is no version that they could disturb.
            before.push(migrations(input.database));
        }
        before.push(person::passwords());
        before.extend(settings(input));
        before.extend(resources(input));
        before.push(secrets(input));
        before.extend(person::around(input.settings, input.api_url));
        let mut version = release(input, !is_first);
        version.extend(person::after(input.name));
        Self { guards: guards::of(input), before, version }
    }
}

pub fn step(what: impl Into<String>, standing: Standing) -> Step {
    Step { what: what.into(), standing }
}

/// What must be in `wrangler.jsonc`. A namespace's id is the business of its own step, which may make it first, and the project's URL that of
/// a guard.
fn settings(input: &Input<'_>) -> Vec<Step> {
    if let Seen::Skipped(why) = input.account {
        return vec![step("settings in wrangler.jsonc", Standing::Skipped(why.clone()))];
    }
    let is_elsewhere = |what: &str| what.contains("kv_namespaces") || what == "SUPABASE_URL";
    let unset: Vec<_> = input.settings.unset().into_iter().filter(|unset| !is_elsewhere(&unset.what)).collect();
    if unset.is_empty() {
        return vec![step("settings in wrangler.jsonc", Standing::Done)];
    }
    let blocked = |unset: crate::environment::Unset| {
        step(format!("{} of env.{} in wrangler.jsonc", unset.what, input.name), Standing::Blocked(unset.advice))
    };
    unset.into_iter().map(blocked).collect()
}

/// What the account must have.
fn resources(input: &Input<'_>) -> Vec<Step> {
    let settings = input.settings;
    let account = match input.account {
        Seen::Is(account) => account,
        Seen::Unknown(why) => return unseen(settings, &Standing::Unknown(why.clone())),
        Seen::Skipped(why) => return unseen(settings, &Standing::Skipped(why.clone())),
    };
    let mut all: Vec<Step> = settings.kv_namespaces.iter().map(|of| namespace(input, account, &of.id)).collect();
    for queue in settings.queue_names() {
        let exists = account.queues.iter().any(|known| known == queue);
        all.push(step(format!("queue {queue}"), made(exists, &["queues", "create", queue])));
    }
    for bucket in &settings.r2_buckets {
        let name = bucket.bucket_name.as_str();
        let rows = account.buckets.get(name);
        let mut create = vec!["r2", "bucket", "create", name];
        if let Some(location) = location(settings) {
            create.extend(["--location", location]);
        }
        all.push(step(format!("bucket {name}"), made(rows.is_some(), &create)));
        if bucket.binding == PROFILES {
            let has = |rule: &LifecycleRule| rows.is_some_and(|rows| rows.iter().any(|row| rule.is(row)));
            let set = ["r2", "bucket", "lifecycle", "set", name, "--file", LIFECYCLE_FILE, "--force"];
            let standing = made(input.lifecycle.iter().all(has), &set);
            all.push(step(format!("bucket {name} ends personal data as {LIFECYCLE_FILE} says"), standing));
        }
    }
    all.extend(hyperdrive(input, account));
    all
}

/// The same steps where nobody has looked.
fn unseen(settings: &WranglerEnvironment, standing: &Standing) -> Vec<Step> {
    let namespaces = settings.kv_namespaces.iter().map(|of| format!("KV namespace of {}", of.binding));
    let queues = settings.queue_names().into_iter().map(|queue| format!("queue {queue}"));
    let buckets = settings.r2_buckets.iter().map(|bucket| format!("bucket {} and its rules", bucket.bucket_name));
    let pairs = settings.hyperdrive.iter().map(|pair| format!("Hyperdrive configuration of {}", pair.binding));
    namespaces.chain(queues).chain(buckets).chain(pairs).map(|what| step(what, standing.clone())).collect()
}

fn made(exists: bool, create: &[&str]) -> Standing {
    if exists {
        Standing::Done
    } else {
        Standing::Todo(Action::Wrangler(create.iter().map(ToString::to_string).collect()))
    }
}

/// The title of the namespace of blocked accounts.
fn namespace_title(name: Name) -> String {
    match name {
        Name::Production | Name::Local => "oslira-blocked".to_owned(),
        Name::Staging => "oslira-staging-blocked".to_owned(),
    }
}

fn namespace(input: &Input<'_>, account: &Account, id: &str) -> Step {
    let title = namespace_title(input.name);
    let known = account.kv_namespaces.iter().find(|namespace| namespace.title == title);
    let standing = match known {
        _ if account.kv_namespaces.iter().any(|namespace| namespace.id == id) => Standing::Done,
        Some(known) => Standing::Blocked(put_namespace(input.name, &known.id)),
        None if is_placeholder_id(id) => Standing::Todo(Action::MakeNamespace(title.clone())),
        None => Standing::Blocked(format!("the account has no namespace {id}: is it the right account?")),
    };
    step(format!("KV namespace {title}"), standing)
}

/// What to do with the id of a namespace.
pub fn put_namespace(name: Name, id: &str) -> String {
    format!("put \"{id}\" as the id of BLOCKED_ACCOUNTS into env.{name} of wrangler.jsonc, commit, and run this again")
}

/// Where R2 keeps new buckets: near the database, as far as the placement's region tells.
fn location(settings: &WranglerEnvironment) -> Option<&'static str> {
    let region = settings.placement.as_ref()?.region.as_deref()?.split_once(':')?.1;
    [("eu-", "weur"), ("us-east", "enam"), ("us-west", "wnam"), ("ap-", "apac")]
        .into_iter()
        .find(|(prefix, _)| region.starts_with(prefix))
        .map(|(_, location)| location)
}

/// The three pairs of login and configuration. An id that is not set is a step of the settings.
fn hyperdrive(input: &Input<'_>, account: &Account) -> Vec<Step> {
    let pairs = input.settings.hyperdrive.iter().filter(|pair| !is_placeholder_id(&pair.id));
    let mut all: Vec<Step> = Vec::new();
    let mut opened: u32 = 0;
    let home = Home::of(input.settings);
    for pair in pairs {
        let faults = match account.hyperdrive.get(&pair.binding) {
            Some(Ok(config)) => {
                opened = opened.saturating_add(config.origin_connection_limit.unwrap_or(CONNECTIONS_DEFAULT));
                hyperdrive_faults(&pair.binding, &pair.id, config, &home)
            }
            Some(Err(why)) => vec![why.clone()],
            None => vec!["it was not looked at".to_owned()],
        };
        let standing = if faults.is_empty() { Standing::Done } else { Standing::Blocked(faults.join("; ")) };
        all.push(step(format!("Hyperdrive configuration of {}", pair.binding), standing));
    }
    if let (Seen::Is(database), false) = (input.database, all.is_empty()) {
        let free = database.connections_max.saturating_sub(CONNECTIONS_RESERVED);
        let standing = if opened <= free {
            Standing::Done
        } else {
            Standing::Blocked(format!(
                "together they open up to {opened} connections, and the database has {free} for them: `npx wrangler hyperdrive update ID \
                 --origin-connection-limit N`, or a larger database"
            ))
        };
        all.push(step("Hyperdrive's connections and the database's", standing));
    }
    all
}

/// What is wrong with a configuration, each with what to do.
fn hyperdrive_faults(binding: &str, id: &str, config: &HyperdriveConfig, home: &Home) -> Vec<String> {
    let login = match binding {
        "DB" => "oslira_tenant",
        "DB_ADMIN" => "oslira_admin",
        _ => "oslira_operator",
    };
    let mut faults = Vec::new();
    if !config.caching.disabled {
        faults.push(format!("it caches answers: `npx wrangler hyperdrive update {id} --caching-disabled true`"));
    }
    // A second login has the first one's name and a letter while a password is changed (docs/secrets.md).
    if config.origin.user != login && !config.origin.user.starts_with(&format!("{login}_")) {
        faults.push(format!(
            "it logs in as {}, and {binding} is for {login}: make one for that login",
            config.origin.user
        ));
    }
    if config.origin.host.contains("pooler.supabase.") {
        faults.push("it leads to Supabase's pooler: take the direct host, db.PROJECT.supabase.co".to_owned());
    } else {
        faults.extend(home.origin_fault(&config.origin.host));
    }
    faults
}

fn secrets(input: &Input<'_>) -> Step {
    let wanted = Wanted::of(input.settings);
    let what = format!("secrets: {}", wanted.required.join(", "));
    let standing = match input.account {
        Seen::Skipped(why) => Standing::Skipped(why.clone()),
        Seen::Unknown(why) => Standing::Unknown(why.clone()),
        Seen::Is(account) => {
            let has = account.secrets.clone().unwrap_or_default();
            let lacks = |secret: &&str| !has.iter().any(|known| known == secret);
            let missing: Vec<String> =
                wanted.required.into_iter().filter(lacks).map(|secret| input.name.secret_variable(secret)).collect();
            if missing.is_empty() {
                Standing::Done
            } else {
                Standing::Person(format!(
                    "they come with the new version, from the variables {}, or you are asked for them",
                    missing.join(", ")
                ))
            }
        }
    };
    step(what, standing)
}

fn migrations(database: &Seen<Database>) -> Step {
    match database {
        Seen::Is(database) if database.pending.is_empty() => step("migrations", Standing::Done),
        Seen::Is(database) => {
            step(format!("migrations {}", database.pending.join(", ")), Standing::Todo(Action::Migrate))
        }
        Seen::Unknown(why) => step("migrations", Standing::Unknown(why.clone())),
        Seen::Skipped(why) => step("migrations", Standing::Skipped(why.clone())),
    }
}

/// The steps of the new version itself.
fn release(input: &Input<'_>, migrates: bool) -> Vec<Step> {
    let at_cloudflare = |action: Action| match input.account {
        Seen::Skipped(why) => Standing::Skipped(why.clone()),
        Seen::Is(_) | Seen::Unknown(_) => Standing::Todo(action),
    };
    let mut all = vec![step("build of the Worker, optimised", at_cloudflare(Action::Build))];
    all.extend(migrates.then(|| migrations(input.database)));
    let name = &input.settings.name;
    all.push(step(format!("release {} as {name}", input.release), at_cloudflare(Action::Release)));
    all.push(step(format!("smoke test: GET {}/health/ready", input.api_url), Standing::Todo(Action::Smoke)));
    all
}
