//! `cargo xtask doctor`: checks a deployment from outside, and says what to do about each thing that is not as it must be.
//!
//! Promises:
//! - It changes nothing: it reads files, gets URLs, and asks the database in read-only transactions.
//! - Each check has one finding: held, broken with what to do, or unknown with what has to be there to check it.
//! - No secret is printed; a local stack that poses as an environment is asked, and nothing else.

mod api;
mod catalog;
mod cloudflare;
mod database;
mod files;
mod finding;
mod models;
mod report;
#[cfg(test)]
mod tests;
mod web;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::environment::{Environment, EnvironmentArgs, Name, is_placeholder, settings, variable};
use crate::postgres::PgUrl;
use crate::project::Project;
use crate::step::step;
use finding::{Finding, Verdict};
use web::Web;

/// Arguments of `cargo xtask doctor`.
#[derive(clap::Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// Print one JSON object for each check
    #[arg(long)]
    json: bool,
    /// Log in with well-known passwords where the database shows none: Supabase bans this address for some time after two
    #[arg(long)]
    try_passwords: bool,
}

/// Prints every check's finding; `false` if anything is broken.
pub fn run(project: &Project, args: &DoctorArgs) -> Result<bool> {
    let environment = Environment::open_unset(project, &args.environment)?;
    let findings = examine(project, &environment, args)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report::as_json(&findings))?);
    } else {
        print!("{}", report::in_words(&findings));
    }
    Ok(!findings.iter().any(Finding::is_broken))
}

fn examine(project: &Project, environment: &Environment, args: &DoctorArgs) -> Result<Vec<Finding>> {
    let is_local = environment.stack.is_some();
    let text = read(project, "wrangler.jsonc")?;
    let (merged, top) = (settings::merged(&text, environment.name)?, settings::merged(&text, Name::Local)?);
    let shared = environment.shared(project)?;
    let mut findings = files::examine(&files::Files {
        name: environment.name,
        settings: &environment.settings,
        merged: &merged,
        top: &top,
        shared: &shared,
        is_posed: is_local,
    });
    findings.extend(step("asking the API", || api_findings(environment)));
    let subject = database::Subject {
        migrations: database::of_project(project.root())?,
        has_schedule: !is_local,
        login_attempts: environment.database_url().ok().filter(|_| args.try_passwords),
    };
    let examined = step("asking the database", || database::examine(database_of(environment), &subject));
    findings.extend(examined.findings);
    let lifecycle: Value =
        serde_json::from_str(&read(project, "r2-lifecycle.json")?).context("r2-lifecycle.json is damaged")?;
    let wanted = cloudflare::Wanted {
        settings: &environment.settings,
        keys: &merged,
        lifecycle: &lifecycle,
        env: environment.name.as_str(),
        connections_max: examined.connections_max,
    };
    let account = cloudflare::Account::of_shell(is_local);
    findings.extend(step("asking Cloudflare", || cloudflare::examine(account, &wanted)));
    findings.extend(step("asking the providers", || model_findings(environment)));
    Ok(findings)
}

/// Where the database is, or what to say of it: that nobody said where is no mistake, and that it is another environment's is one.
fn database_of(environment: &Environment) -> Result<PgUrl, Verdict> {
    let is_said = variable("OSLIRA_DATABASE_URL").is_some();
    environment.database_url().map_err(|error| {
        let what = format!("{error:#}");
        if is_said {
            return Verdict::broken(
                what,
                "set OSLIRA_DATABASE_URL to the database of the environment that is named with --env",
            );
        }
        Verdict::unknown(what)
    })
}

fn api_findings(environment: &Environment) -> Vec<Finding> {
    let Some(stack) = &environment.stack else {
        if is_placeholder(&environment.api_url) {
            let why = "the address is not set: put the custom domain into wrangler.jsonc, or set OSLIRA_API_URL";
            return catalog::of_source("api").map(|check| Finding::new(check, Verdict::unknown(why))).collect();
        }
        let key = variable("SUPABASE_PUBLISHABLE_KEY");
        let supabase_url = environment.settings.vars.get("SUPABASE_URL").map_or("", String::as_str);
        return api::examine(
            &Web::new(),
            &api::Door {
                url: &environment.api_url,
                environment: environment.name.as_str(),
                is_local: false,
                pause: api::PAUSE,
                supabase_url,
                supabase_key: key.as_deref(),
            },
        );
    };
    // The stack's Supabase is its sandbox.
    api::examine(
        &Web::new(),
        &api::Door {
            url: &environment.api_url,
            environment: &stack.env,
            is_local: true,
            pause: api::PAUSE,
            supabase_url: &stack.sandbox_url,
            supabase_key: None,
        },
    )
}

/// Models and addresses are the file's; keys, which it never has, the shell's. A stack has its sandbox.
fn model_findings(environment: &Environment) -> Vec<Finding> {
    let of_file = |name: &str| environment.settings.vars.get(name).filter(|value| !value.is_empty()).cloned();
    let setting = |name: &str| match &environment.stack {
        Some(_) if !name.starts_with("MODELS_") => String::new(),
        Some(_) => of_file(name).unwrap_or_default(),
        None => of_file(name).or_else(|| variable(name)).unwrap_or_default(),
    };
    let source = crate::models::source(setting, || {
        environment
            .stack
            .clone()
            .context("set OPENAI_API_KEY (and ANTHROPIC_API_KEY) to keys that may read the lists of models")
    });
    models::examine(source, setting)
}

fn read(project: &Project, file: &str) -> Result<String> {
    std::fs::read_to_string(project.root().join(file)).with_context(|| format!("cannot read {file}"))
}
