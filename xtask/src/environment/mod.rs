//! Which deployment a command is about: its address, its settings, and how to reach its operators' part and its database.
//!
//! Promises:
//! - A local stack that poses as an environment (`--stack`) is asked and nothing else: no variable of the shell leads elsewhere, so
//!   that a rehearsal cannot change a deployment.
//! - A token or a password is sent over TLS, except to this machine.
//! - A database of another Supabase project than the environment's is not opened, and an address where another environment answers gets no token.

mod belonging;
mod jsonc;
pub mod settings;
mod unset;
#[cfg(test)]
#[path = "tests.rs"]
mod wrangler_file_tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use oslira_app::shared::secret::Secret;

use crate::http::Http;
use crate::postgres::{PgUrl, database};
use crate::project::Project;
use crate::stack::{self, Layout, mint_token};
pub use belonging::{Home, answer_fault};
pub use settings::WranglerEnvironment;
pub use unset::{Unset, is_placeholder_id};

/// The name that a command uses where it acts as an operator of a posing stack.
const OPERATOR: &str = "operator";
/// How long the question may take which environment answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Which deployment a command is about.
#[derive(Args, Debug, Clone)]
pub struct EnvironmentArgs {
    /// Which deployment
    #[arg(long, value_name = "NAME")]
    pub env: Name,
    /// Let a running local stack pose as it: the directory that holds its stack.json
    #[arg(long, value_name = "DIR")]
    pub stack: Option<PathBuf>,
}

/// The deployments that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    Local,
    Staging,
    Production,
}

impl Name {
    /// The value of `OSLIRA_ENV`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }

    /// Its section in `wrangler.jsonc`. The local stack reads the top level.
    pub const fn section(self) -> Option<&'static str> {
        match self {
            Self::Local => None,
            Self::Staging | Self::Production => Some(self.as_str()),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A deployment, or a local stack that poses as one.
pub struct Environment {
    pub name: Name,
    /// Without a slash at its end.
    pub api_url: String,
    /// What wrangler would deploy.
    pub settings: WranglerEnvironment,
    /// The running local stack that poses as it. The environment `local` always has one.
    pub stack: Option<stack::Document>,
}

impl Environment {
    /// # Errors
    /// `wrangler.jsonc` cannot be used; the stack does not run; nobody has said yet under which address the deployment is reached; or another
    /// environment answers there.
    pub fn open(project: &Project, args: &EnvironmentArgs) -> Result<Self> {
        let environment = Self::open_unset(project, args)?;
        if environment.stack.is_none() && is_placeholder(&environment.api_url) {
            bail!(
                "the address of {} is not set: put its custom domain into `routes` of env.{} in wrangler.jsonc, set OSLIRA_API_URL, or name a \
                 local stack that poses as it (--stack .oslira)",
                environment.name,
                environment.name
            );
        }
        environment.hold_answer()?;
        Ok(environment)
    }

    /// The same, and the address may still be a placeholder: for who tells what is to be set.
    pub fn open_unset(project: &Project, args: &EnvironmentArgs) -> Result<Self> {
        let settings = WranglerEnvironment::read(&project.root().join("wrangler.jsonc"), args.env)?;
        let posing = match (&args.stack, args.env) {
            (Some(dir), _) => Some(dir.clone()),
            (None, Name::Local) => Some(project.state_dir()),
            (None, Name::Staging | Name::Production) => None,
        };
        let stack = posing.as_deref().map(running_stack).transpose()?;
        let api_url = match &stack {
            Some(stack) => stack.api_url.clone(),
            None => address(&settings, variable("OSLIRA_API_URL"))?,
        };
        Ok(Self { name: args.env, api_url, settings, stack })
    }

    /// Asked before a token is sent or anything is bought. One that is not ready does not say what it is, and may still be operated.
    fn hold_answer(&self) -> Result<()> {
        let answer = Http::new(ANSWER_TIMEOUT).get(&format!("{}/health/ready", self.api_url), None);
        let said = answer.as_ref().ok().and_then(|answer| answer.body.pointer("/data/environment")?.as_str());
        match said.map(|said| answer_fault(self.answers_as(), said)) {
            Some(None) => {}
            Some(Some(fault)) => bail!("{} is not {}: {fault}", self.api_url, self.name),
            None => eprintln!("warning: {} is not ready and does not say which environment it is", self.api_url),
        }
        Ok(())
    }

    /// What `/health/ready` must say that it is: a stack is always `local`.
    pub fn answers_as(&self) -> &str {
        self.stack.as_ref().map_or(self.name.as_str(), |stack| stack.env.as_str())
    }

    /// What its section of `wrangler.jsonc` has of another deployment's.
    pub fn shared(&self, project: &Project) -> Result<Vec<String>> {
        let file = project.root().join("wrangler.jsonc");
        let mut shared = Vec::new();
        for other in [Name::Staging, Name::Production].into_iter().filter(|other| *other != self.name) {
            shared.extend(self.settings.shared_with(&WranglerEnvironment::read(&file, other)?));
        }
        Ok(shared)
    }

    /// A token of an operator: minted at the stack that poses, where the user `operator` is made one; else the variable
    /// `OSLIRA_OPERATOR_TOKEN`.
    pub fn operator_token(&self) -> Result<Secret> {
        let Some(stack) = &self.stack else {
            return variable("OSLIRA_OPERATOR_TOKEN").map(Secret::new).with_context(|| {
                format!(
                    "set OSLIRA_OPERATOR_TOKEN to the access token of an operator of {} who has signed in (docs/operators.md says how one \
                     becomes one)",
                    self.name
                )
            });
        };
        let database = self.database_url()?;
        let user = database::mint_user(&database, OPERATOR, 0)?;
        database::appoint_operator(&database, &user.user_id, "acts for cargo xtask on a local stack")?;
        mint_token(&stack.sandbox_url, &stack.sandbox_token, &user).map(Secret::new)
    }

    /// How to reach the database as its owner: the posing stack's; else the variable `OSLIRA_DATABASE_URL`, if that is this environment's.
    pub fn database_url(&self) -> Result<PgUrl> {
        if let Some(stack) = &self.stack {
            return PgUrl::parse(&stack.database_url).context("stack.json has no usable database_url");
        }
        let text = variable("OSLIRA_DATABASE_URL").with_context(|| {
            format!(
                "set OSLIRA_DATABASE_URL to the direct connection of {}'s database as its owner (Supabase: Connect, Direct connection, user \
                 postgres)",
                self.name
            )
        })?;
        let url = PgUrl::parse(&text).context("OSLIRA_DATABASE_URL cannot be used")?;
        match Home::of(&self.settings).database_fault(&url) {
            None => Ok(url),
            Some(fault) => bail!("OSLIRA_DATABASE_URL is not the database of {}: {fault}", self.name),
        }
    }
}

fn running_stack(dir: &Path) -> Result<stack::Document> {
    // Asked first, because a layout makes the directory.
    if !dir.join("stack.json").is_file() {
        bail!("no stack runs in {}: start it with `cargo xtask stack up --dir {}`", dir.display(), dir.display());
    }
    stack::Document::load(&Layout::new(dir)?)
}

/// The address of a deployment: as the shell says, else its first custom domain.
fn address(settings: &WranglerEnvironment, given: Option<String>) -> Result<String> {
    let Some(given) = given else {
        let domain =
            settings.custom_domains().next().context("wrangler.jsonc gives it no route with `custom_domain`")?;
        return Ok(format!("https://{domain}"));
    };
    let url = given.trim_end_matches('/');
    let is_here = ["http://127.0.0.1:", "http://localhost:"].iter().any(|here| url.starts_with(here));
    if !is_here && !url.starts_with("https://") {
        bail!("OSLIRA_API_URL must begin with https://: tokens are sent there");
    }
    Ok(url.to_owned())
}

/// Whether a host name or an address is one that the repository came with.
pub fn is_placeholder(address: &str) -> bool {
    let host = address.split("://").last().unwrap_or(address);
    let host = host.split(['/', ':']).next().unwrap_or(host);
    host == "example.com" || host.ends_with(".example.com")
}

/// A variable of the shell; an empty one counts as not set.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(domain: &str) -> WranglerEnvironment {
        let text =
            format!("{{\"name\": \"x\", \"routes\": [{{ \"pattern\": \"{domain}\", \"custom_domain\": true }}]}}");
        WranglerEnvironment::parse(&text, Name::Local).unwrap()
    }

    #[test]
    fn the_address_is_the_custom_domain_unless_the_shell_says_another() {
        let settings = settings("api.oslira.test");
        assert_eq!(address(&settings, None).unwrap(), "https://api.oslira.test");
        assert_eq!(address(&settings, Some("https://other.test/".to_owned())).unwrap(), "https://other.test");
        assert_eq!(address(&settings, Some("http://127.0.0.1:8787".to_owned())).unwrap(), "http://127.0.0.1:8787");
    }

    #[test]
    fn no_token_is_sent_in_the_clear() {
        for unsafe_address in ["http://api.oslira.test", "http://127.0.0.1.evil.test", "api.oslira.test"] {
            let error = address(&settings("x.test"), Some(unsafe_address.to_owned())).unwrap_err().to_string();
            assert!(error.contains("https://"), "{error}");
        }
    }

    #[test]
    fn what_the_repository_came_with_is_a_placeholder() {
        assert!(is_placeholder("https://api.example.com") && is_placeholder("https://example.com/x"));
        assert!(!is_placeholder("https://api.myexample.com") && !is_placeholder("api.oslira.test"));
    }
}
