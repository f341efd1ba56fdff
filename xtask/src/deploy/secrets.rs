//! Secrets on their way to the Worker: from the shell or a person, through a file that only its owner may read and that is gone
//! afterwards. They are in no argument, no output and no error.

use std::ffi::OsStr;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use oslira_app::shared::secret::Secret;
use oslira_providers::SECRET_SETTINGS;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::{Map, Value};

use super::runner::Runner;
use crate::environment::{Name, WranglerEnvironment};
use crate::private::write_private;

const REQUIRED: [&str; 4] = ["APIFY_TOKEN", "OPENAI_API_KEY", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"];
/// The key that tells whose it is.
const STRIPE_KEY: &str = "STRIPE_SECRET_KEY";
/// What reads the others, where they are at AWS.
const REQUIRED_WITH_AWS: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

/// Which secrets a deployment needs, and which it may have besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub required: Vec<&'static str>,
    pub optional: Vec<&'static str>,
}

impl Wanted {
    pub fn of(settings: &WranglerEnvironment) -> Self {
        let is_at_aws = settings.vars.get("SECRETS_SOURCE").is_some_and(|source| source == "aws");
        let required = if is_at_aws { REQUIRED_WITH_AWS.to_vec() } else { REQUIRED.to_vec() };
        let mut optional: Vec<&str> = SECRET_SETTINGS.into_iter().filter(|name| !required.contains(name)).collect();
        if is_at_aws {
            optional.push("AWS_SESSION_TOKEN");
        }
        Self { required, optional }
    }
}

/// A key in the shell that is another environment's, although its variable says that it is this one's.
pub fn misplaced(name: Name, runner: &impl Runner) -> Option<String> {
    let variable = name.secret_variable(STRIPE_KEY);
    let fault = name.stripe_fault(&runner.variable(&variable)?)?;
    Some(format!("{variable} {fault}: set it to a key of {name}'s"))
}

/// Secrets that come with the next version. Their values are never printed.
#[derive(Debug, Default)]
pub struct Given(Vec<(&'static str, Secret)>);

impl Given {
    /// What the Worker lacks and the shell has in a variable that names the environment; a required one that neither has is asked for.
    ///
    /// # Errors
    /// Which required ones nobody gave, or that a key is another environment's.
    pub fn collect(wanted: &Wanted, has: &[String], name: Name, runner: &impl Runner) -> Result<Self> {
        let lacks = |secret: &&&'static str| !has.iter().any(|known| known.as_str() == **secret);
        let mut given: Vec<(&'static str, Secret)> = Vec::new();
        let mut missing = Vec::new();
        for secret in wanted.required.iter().filter(lacks) {
            let variable = name.secret_variable(secret);
            match runner.variable(&variable).map_or_else(|| runner.ask(&variable), |value| Ok(Some(value)))? {
                Some(value) => given.push((*secret, Secret::new(value))),
                None => missing.push(variable),
            }
        }
        for secret in wanted.optional.iter().filter(lacks) {
            let value = runner.variable(&name.secret_variable(secret));
            given.extend(value.map(|value| (*secret, Secret::new(value))));
        }
        if !missing.is_empty() {
            bail!(
                "the Worker lacks secrets: set {} in the shell for this command. A variable without the environment in its name is not taken",
                missing.join(", ")
            );
        }
        let key = given.iter().find(|(secret, _)| *secret == STRIPE_KEY);
        if let Some(fault) = key.and_then(|(_, value)| name.stripe_fault(value.expose())) {
            bail!("the {STRIPE_KEY} given for {name} {fault}");
        }
        Ok(Self(given))
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|(name, _)| *name).collect()
    }

    /// Writes them for wrangler, unless there are none. The file is removed when the value is dropped.
    pub fn file(&self, dir: &Path) -> Result<Option<SecretsFile>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let values: Map<String, Value> =
            self.0.iter().map(|(name, value)| ((*name).to_owned(), value.expose().as_str().into())).collect();
        // JSON, because wrangler replaces `$NAME` in the values of the other form.
        let file = SecretsFile(dir.join(format!("secrets-{}.json", std::process::id())));
        write_private(&file.0, &serde_json::to_vec(&values)?)?;
        Ok(Some(file))
    }
}

/// A file of secrets, removed when dropped.
pub struct SecretsFile(PathBuf);

impl SecretsFile {
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SecretsFile {
    fn drop(&mut self) {
        if std::fs::remove_file(&self.0).is_err() {
            eprintln!("warning: {} could not be removed: it holds secrets, delete it", self.0.display());
        }
    }
}

/// Removes this process's file, and those that deployments left which were killed; another that runs keeps its own.
pub fn sweep(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let stem = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        let Some(Ok(pid)) = stem.strip_prefix("secrets-").map(str::parse::<i32>) else { continue };
        if !runs_elsewhere(pid) && std::fs::remove_file(&path).is_err() && path.exists() {
            eprintln!("warning: {} could not be removed: it holds secrets, delete it", path.display());
        }
    }
}

fn runs_elsewhere(pid: i32) -> bool {
    let is_this = u32::try_from(pid) == Ok(std::process::id());
    !is_this && Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

/// From here on an interruption leaves no file of secrets, and a terminal that shows what is typed.
pub fn sweep_on_interrupt(dir: &Path) -> Result<()> {
    let dir = dir.to_path_buf();
    ctrlc::set_handler(move || {
        sweep(&dir);
        show_typing();
        eprintln!("\ninterrupted: what Cloudflare has begun may still end there; run this again");
        // 128 + SIGINT, as shells report it.
        std::process::exit(130);
    })
    .context("cannot handle interruptions")
}

fn show_typing() {
    let input = std::io::stdin();
    if let Ok(mut modes) = tcgetattr(&input)
        && !modes.local_modes.contains(LocalModes::ECHO)
    {
        modes.local_modes.insert(LocalModes::ECHO);
        let _ = tcsetattr(&input, OptionalActions::Now, &modes);
    }
}

/// Asks at the terminal, which shows nothing of the answer; `None` without a terminal or for an empty answer.
pub fn ask(name: &str) -> Result<Option<String>> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Ok(None);
    }
    eprint!("{name} (not shown; empty to stop): ");
    std::io::stderr().flush()?;
    let shown = tcgetattr(&input).context("the terminal cannot be asked")?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&input, OptionalActions::Flush, &hidden).context("the terminal would show the secret")?;
    let mut answer = String::new();
    let read = input.lock().read_line(&mut answer);
    tcsetattr(&input, OptionalActions::Flush, &shown).context("the terminal cannot be set back: run `stty echo`")?;
    eprintln!();
    read?;
    Ok(Some(answer.trim().to_owned()).filter(|answer| !answer.is_empty()))
}
