//! `cargo xtask deploy`: the steps of docs/deploying.md. It does those that can be done from here, and prints the others.
//!
//! Promises:
//! - A step that is done already is not done again, so a command that was interrupted is simply repeated.
//! - `--dry-run` changes nothing, and needs neither an account nor a database: what it cannot see it says.
//! - Nothing is changed, and no database opened, unless what is reached is this environment's, as far as that can be seen.
//! - Nothing of a new version is begun while a step that it needs waits for a person. Only the first deployment's migrations come before,
//!   because they make the logins that a person gives to Hyperdrive.
//! - No secret is in an argument, in the output or in an error, and none stays in a file.

mod guards;
mod host;
mod person;
mod plan;
mod rollback;
mod runner;
mod secrets;
mod smoke;
mod state;
#[cfg(test)]
mod tests;
mod wrangler;

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use self::plan::{Action, Input, Plan, Standing, Step};
use self::runner::{Machine, Runner};
use self::secrets::{Given, Wanted};
use self::smoke::{Expected, PATIENCE};
use self::state::{Account, Database, Seen};
use crate::environment::{Environment, EnvironmentArgs, Name, WranglerEnvironment};
use crate::process::run_quiet;
use crate::project::Project;
use crate::step::step;

/// Arguments of `cargo xtask deploy`.
#[derive(clap::Args)]
pub struct DeployArgs {
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// Print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Serve the newest version of an earlier release again; the database stays as it is
    #[arg(long, conflicts_with = "dry_run")]
    rollback: bool,
    /// With --rollback: serve this version (`npx wrangler versions list --env NAME`)
    #[arg(long, value_name = "VERSION", requires = "rollback")]
    to: Option<String>,
}

pub fn run(project: &Project, args: &DeployArgs) -> Result<()> {
    let name = args.environment.env;
    if name == Name::Local {
        bail!("a local stack is not deployed: `cargo xtask stack up` brings it up to date");
    }
    let environment = Environment::open_unset(project, &args.environment)?;
    let runner = Machine::new(project, &environment);
    let secrets_dir = project.state_dir().join("deploy");
    secrets::sweep(&secrets_dir);
    secrets::sweep_on_interrupt(&secrets_dir)?;
    if args.rollback {
        if environment.stack.is_some() {
            bail!("a posing stack has no versions to go back to: leave --stack out");
        }
        return rollback::roll_back(name, args.to.as_deref(), &runner);
    }
    let release = release(project)?;
    let changed_files = environment.stack.is_none().then(|| changed_files(project)).transpose()?;
    if let (Some(count @ 1..), false) = (changed_files, args.dry_run) {
        bail!(
            "{count} files differ from the commit (`git status`): commit them first, so that the release names what runs"
        );
    }
    let lifecycle =
        std::fs::read_to_string(project.root().join("r2-lifecycle.json")).context("cannot read r2-lifecycle.json")?;
    let deployment = Deployment {
        name,
        settings: &environment.settings,
        api_url: &environment.api_url,
        lifecycle: wrangler::lifecycle_file(&lifecycle)?,
        release,
        changed_files,
        is_posing: environment.stack.is_some(),
        shared: environment.shared(project)?,
        answers_as: environment.answers_as(),
        secrets_dir,
    };
    println!("{name}: {} at {}, release {}\n", environment.settings.name, environment.api_url, deployment.release);
    if args.dry_run { deployment.dry_run(&runner) } else { deployment.run(&runner) }
}

/// One deployment of one environment.
struct Deployment<'a> {
    name: Name,
    settings: &'a WranglerEnvironment,
    api_url: &'a str,
    lifecycle: Vec<wrangler::LifecycleRule>,
    /// The commit, shortened.
    release: String,
    changed_files: Option<usize>,
    /// A local stack poses as the environment: what is at Cloudflare has no part in it.
    is_posing: bool,
    /// What its section of `wrangler.jsonc` has of the other environment's.
    shared: Vec<String>,
    /// What `/health/ready` must say that it is.
    answers_as: &'a str,
    secrets_dir: std::path::PathBuf,
}

impl Deployment<'_> {
    /// Prints the steps; what cannot be seen is no error.
    fn dry_run(&self, runner: &impl Runner) -> Result<()> {
        let account = match self.posing() {
            Some(skipped) => Seen::Skipped(skipped),
            None if runner.variable("CLOUDFLARE_API_TOKEN").is_none() => {
                Seen::Unknown("not looked at: CLOUDFLARE_API_TOKEN is not set".to_owned())
            }
            None => seen(step("looking at the account", || Account::look(self.settings, self.name.as_str(), runner))),
        };
        let database = if self.is_posing || runner.variable("OSLIRA_DATABASE_URL").is_some() {
            seen(runner.database())
        } else {
            Seen::Unknown("not looked at: OSLIRA_DATABASE_URL is not set".to_owned())
        };
        let plan = self.plan(&account, &database, runner);
        for step in plan.guards.iter().chain(&plan.before).chain(&plan.version) {
            print(step, "would do");
        }
        println!("\nNothing was changed.");
        Ok(())
    }

    /// Does what is to be done.
    fn run(&self, runner: &impl Runner) -> Result<()> {
        let account = match self.posing() {
            Some(skipped) => Seen::Skipped(skipped),
            None => {
                Seen::Is(step("looking at the account", || Account::look(self.settings, self.name.as_str(), runner))?)
            }
        };
        let database = Seen::Is(runner.database()?);
        let plan = self.plan(&account, &database, runner);
        for guard in &plan.guards {
            print(guard, "");
        }
        stop_for(plan.guards.iter().filter(|guard| matches!(guard.standing, Standing::Blocked(_))).count())?;
        let mut blocked = 0;
        for step in &plan.before {
            blocked += usize::from(self.prepare(step, runner)?);
        }
        stop_for(blocked)?;
        // Asked for before anything of the new version is begun: nobody is there to be asked after a long build.
        let given = match &account {
            Seen::Is(account) => {
                let has = account.secrets.clone().unwrap_or_default();
                Given::collect(&Wanted::of(self.settings), &has, self.name, runner)?
            }
            Seen::Unknown(_) | Seen::Skipped(_) => Given::default(),
        };
        for step in &plan.version {
            self.advance(step, &given, runner)?;
        }
        Ok(())
    }

    fn posing(&self) -> Option<String> {
        self.is_posing.then(|| format!("a local stack poses as {}, and nothing of it is at Cloudflare", self.name))
    }

    fn plan(&self, account: &Seen<Account>, database: &Seen<Database>, runner: &impl Runner) -> Plan {
        Plan::of(&Input {
            shared: &self.shared,
            misplaced: secrets::misplaced(self.name, runner).as_deref(),
            name: self.name,
            settings: self.settings,
            api_url: self.api_url,
            lifecycle: &self.lifecycle,
            changed_files: self.changed_files,
            release: &self.release,
            account,
            database,
        })
    }

    /// Does a step before the new version; `true` if it waits for a person.
    fn prepare(&self, step: &Step, runner: &impl Runner) -> Result<bool> {
        match &step.standing {
            Standing::Todo(Action::Wrangler(args)) => {
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                runner.wrangler(&args)?.good(&step.what)?;
                done(step);
            }
            Standing::Todo(Action::MakeNamespace(title)) => {
                runner.wrangler(&["kv", "namespace", "create", title])?.good(&step.what)?;
                let listed = runner.wrangler(&["kv", "namespace", "list"])?.good("`wrangler kv namespace list`")?;
                let made = wrangler::kv_namespaces(&listed)?.into_iter().find(|namespace| namespace.title == *title);
                let made =
                    made.with_context(|| format!("the namespace {title} was made and is not listed: run this again"))?;
                let advice = plan::put_namespace(self.name, &made.id);
                print(&Step { what: step.what.clone(), standing: Standing::Blocked(advice) }, "");
                return Ok(true);
            }
            Standing::Todo(Action::Migrate) => {
                runner.migrate()?;
                done(step);
            }
            _ => print(step, ""),
        }
        Ok(matches!(step.standing, Standing::Blocked(_)))
    }

    /// Does a step of the new version.
    fn advance(&self, step: &Step, given: &Given, runner: &impl Runner) -> Result<()> {
        let Standing::Todo(action) = &step.standing else {
            print(step, "");
            return Ok(());
        };
        match action {
            Action::Wrangler(_) | Action::MakeNamespace(_) => {}
            Action::Build => runner.build()?,
            Action::Migrate => {
                runner.migrate()?;
            }
            Action::Release => {
                self.publish(given, runner)?;
                if !given.names().is_empty() {
                    eprintln!("  the version has the secrets {}", given.names().join(", "));
                }
            }
            Action::Smoke => {
                warn(&self.smoke(runner)?);
            }
        }
        done(step);
        Ok(())
    }

    /// Puts the new version in place, all of it at once: triggers, routes and migrations of objects come with no other command.
    fn publish(&self, given: &Given, runner: &impl Runner) -> Result<()> {
        let file = given.file(&self.secrets_dir)?;
        let release = format!("OSLIRA_RELEASE:{}", self.release);
        let mut args = vec!["deploy", "--env", self.name.as_str(), "--var", &release, "--tag", &self.release];
        let path = file.as_ref().map(|file| file.path().to_string_lossy().into_owned());
        if let Some(path) = &path {
            args.extend(["--secrets-file", path]);
        }
        let released = runner.wrangler(&args)?.good("`wrangler deploy`");
        drop(file);
        released.map(drop).map_err(|error| error.context(self.after_failure(runner)))
    }

    fn smoke(&self, runner: &impl Runner) -> Result<Value> {
        let expected =
            if self.is_posing { Expected::Any } else { Expected::Release(format!("oslira@{}", self.release)) };
        smoke::test(runner, self.answers_as, &expected, PATIENCE, &self.way_back())
    }

    /// What a release that failed has left: wrangler uploads the version first, and sets routes, crons and consumers after it.
    fn after_failure(&self, runner: &impl Runner) -> String {
        let again = "routes, crons or consumers may still be as they were: run this again";
        match rollback::serving(self.name, runner) {
            Ok(version) if version.release() == Some(&*self.release) => match self.smoke(runner) {
                Ok(_) => format!("release {} serves already and is ready; {again}", self.release),
                Err(error) => format!("release {} serves already and is not ready ({error:#}); {again}", self.release),
            },
            Ok(version) => {
                format!("{} goes on; what was migrated stays, which it can live with. Run this again", version.said())
            }
            Err(error) => format!(
                "which release serves could not be asked ({error:#}): `npx wrangler deployments list --env {}` says it. {}",
                self.name,
                self.way_back()
            ),
        }
    }

    fn way_back(&self) -> String {
        if self.is_posing {
            return "See `cargo xtask stack status` and the Worker's log".to_owned();
        }
        format!("To go back to the release before: `cargo xtask deploy --env {} --rollback`", self.name)
    }
}

/// Ends the command where steps wait for a person.
fn stop_for(blocked: usize) -> Result<()> {
    if blocked > 0 {
        bail!("{blocked} steps wait for you (\"do this first\" above); nothing was deployed. Then run this again");
    }
    Ok(())
}

/// What was looked at; a dry run goes on without.
fn seen<T>(looked: Result<T>) -> Seen<T> {
    looked.map_or_else(|error| Seen::Unknown(format!("could not be looked at: {error:#}")), Seen::Is)
}

fn done(step: &Step) {
    print(&Step { standing: Standing::Done, ..step.clone() }, "");
}

/// A line for a step, and what a person does below it.
fn print(step: &Step, todo: &str) {
    println!("{}", line(step, todo));
}

fn line(step: &Step, todo: &str) -> String {
    let (word, advice) = match &step.standing {
        Standing::Done => ("done", None),
        Standing::Todo(Action::Wrangler(args)) => (todo, Some(format!("npx wrangler {}", args.join(" ")))),
        Standing::Todo(_) => (todo, None),
        Standing::Blocked(advice) => ("do this first", Some(advice.clone())),
        Standing::Person(advice) => ("do this yourself", Some(advice.clone())),
        Standing::Unknown(why) => ("unknown", Some(why.clone())),
        Standing::Skipped(why) => ("skipped", Some(why.clone())),
    };
    let advice = advice.map(|advice| format!("\n{:18}{advice}", "")).unwrap_or_default();
    format!("{word:18}{}{advice}", step.what)
}

/// What the new version says needs attention soon.
fn warn(said: &Value) {
    for warning in said.get("warnings").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        eprintln!("warning: {warning}");
    }
}

/// The commit, shortened: what `OSLIRA_RELEASE` names.
fn release(project: &Project) -> Result<String> {
    git(project.root(), &["rev-parse", "--short=10", "HEAD"]).context("the release is named after the commit")
}

fn changed_files(project: &Project) -> Result<usize> {
    Ok(git(project.root(), &["status", "--porcelain"])?.lines().count())
}

fn git(root: &Path, args: &[&str]) -> Result<String> {
    let output = run_quiet(Command::new("git").args(args).current_dir(root))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
