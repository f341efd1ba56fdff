//! `cargo xtask operate`: what operators do, on the running stack or a deployment. Who is one, only the database's owner says: on a local
//! stack, this tool.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use oslira_app::shared::secret::Secret;
use serde_json::{Value, json};

use crate::environment::{Environment, EnvironmentArgs, Name};
use crate::http::Http;
use crate::postgres::{PgUrl, database};
use crate::project::Project;
use crate::stack::{Document, Place, mint_token};

/// Arguments of `cargo xtask operate`.
#[derive(clap::Args)]
pub struct OperateArgs {
    #[command(subcommand)]
    act: Act,
}

#[derive(clap::Subcommand)]
enum Act {
    /// Make a user an operator, as the database's owner
    Grant(Grant),
    /// End that, as the database's owner
    End(Grant),
    /// Print what operators did, newest first, as the API answers it
    Actions(Acting),
    /// Erase an Instagram profile from all accounts (docs/erasure.md)
    ///
    /// `cargo xtask cron erase-subjects` works it off at once, and with `--at` in two hours ends it.
    Erase(Erase),
    /// Give an account credits, or take some with a negative number
    Adjust(Adjust),
    /// Keep an account from buying anything; what is under way goes on
    Block(OfAccount),
    /// Let an account buy again
    Unblock(OfAccount),
    /// Have the engine go on with a run
    Wake(OfRun),
    /// End a run that is under way, and refund it
    Fail(OfRun),
    /// Give the price of a run back that has ended and was not refunded, once
    Refund(OfRun),
    /// Have an event of Stripe's applied that was not
    Replay(OfEvent),
    /// Give an event of Stripe's up that was not applied
    Drop(OfEvent),
    /// Have no analysis sold that needs a service
    Pause(Pause),
    /// End a pause
    Resume(Resume),
    /// Print what is paused
    Pauses(Acting),
}

/// What can be paused.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Service {
    /// Every analysis
    All,
    Apify,
    Openai,
    Anthropic,
}

impl Service {
    const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Apify => "apify",
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
        }
    }
}

#[derive(clap::Args)]
struct Adjust {
    /// Id of the account
    account: String,
    /// How many credits; below zero, so many are taken
    #[arg(long, allow_negative_numbers = true)]
    credits: i64,
    /// Your name for it, such as a ticket's number; a repeat with the same key moves nothing more
    #[arg(long)]
    key: String,
    #[command(flatten)]
    acting: Acting,
}

#[derive(clap::Args)]
struct OfAccount {
    /// Id of the account
    account: String,
    #[command(flatten)]
    acting: Acting,
}

#[derive(clap::Args)]
struct OfRun {
    /// Id of the run
    run: String,
    #[command(flatten)]
    acting: Acting,
}

#[derive(clap::Args)]
struct OfEvent {
    /// Stripe's id of the event
    event: String,
    #[command(flatten)]
    acting: Acting,
}

#[derive(clap::Args)]
struct Pause {
    /// What to pause
    service: Service,
    /// When the pause ends by itself, such as 2026-11-27T18:00:00Z
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    acting: Acting,
}

#[derive(clap::Args)]
struct Resume {
    /// What to resume
    service: Service,
    #[command(flatten)]
    acting: Acting,
}

#[derive(clap::Args)]
struct Grant {
    /// Name of the user; the same name is the same user again
    #[arg(long)]
    user: String,
    /// Why: 10 to 500 characters
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args)]
struct Erase {
    /// An Instagram username, @username or a profile address
    username: String,
    /// Instagram's own id of the profile, where it is known
    #[arg(long, value_name = "ID")]
    instagram_id: Option<String>,
    /// How you know that the profile's owner wants it; name nobody
    #[arg(long)]
    proof: String,
    #[command(flatten)]
    acting: Acting,
}

/// Who acts, and why.
#[derive(clap::Args)]
struct Acting {
    /// Name of the operator; `operate grant` makes one
    #[arg(long, default_value = "operator")]
    user: String,
    /// Why: 10 to 500 characters; it is kept with what was done
    #[arg(long)]
    reason: String,
    /// Act on this deployment as the operator whose token OSLIRA_OPERATOR_TOKEN is, instead of on a local stack
    #[arg(long, value_name = "NAME", conflicts_with_all = ["user", "dir"])]
    env: Option<Name>,
    #[command(flatten)]
    place: Place,
}

pub fn run(project: &Project, args: &OperateArgs) -> Result<()> {
    match &args.act {
        Act::Grant(grant) => {
            let user = appoint(project, grant)?;
            println!("{user} is an operator");
            Ok(())
        }
        Act::End(grant) => {
            let user = dismiss(project, grant)?;
            println!("{user} is no operator");
            Ok(())
        }
        Act::Actions(acting) => ask(project, acting, "/operator/actions", None),
        Act::Erase(of) => {
            let body = json!({ "username": of.username, "instagram_id": of.instagram_id, "proof": of.proof });
            ask(project, &of.acting, "/operator/erasures", Some(&body))
        }
        Act::Adjust(of) => {
            let body = json!({ "credits": of.credits, "key": of.key });
            ask(project, &of.acting, &format!("/operator/accounts/{}/credits", of.account), Some(&body))
        }
        Act::Block(of) => to_account(project, of, "block"),
        Act::Unblock(of) => to_account(project, of, "unblock"),
        Act::Wake(of) => to_run(project, of, "wake"),
        Act::Fail(of) => to_run(project, of, "fail"),
        Act::Refund(of) => to_run(project, of, "refund"),
        Act::Replay(of) => to_event(project, of, "replay"),
        Act::Drop(of) => to_event(project, of, "drop"),
        Act::Pause(of) => {
            let body = json!({ "service": of.service.as_str(), "ends_at": of.until });
            ask(project, &of.acting, "/operator/pauses", Some(&body))
        }
        Act::Resume(of) => {
            let body = json!({ "service": of.service.as_str() });
            ask(project, &of.acting, "/operator/pauses/resume", Some(&body))
        }
        Act::Pauses(acting) => ask(project, acting, "/operator/pauses", None),
    }
}

fn to_account(project: &Project, of: &OfAccount, what: &str) -> Result<()> {
    ask(project, &of.acting, &format!("/operator/accounts/{}/{what}", of.account), Some(&json!({})))
}

fn to_run(project: &Project, of: &OfRun, what: &str) -> Result<()> {
    ask(project, &of.acting, &format!("/operator/runs/{}/{what}", of.run), Some(&json!({})))
}

fn to_event(project: &Project, of: &OfEvent, what: &str) -> Result<()> {
    let body = json!({ "event_id": of.event });
    ask(project, &of.acting, &format!("/operator/webhook-events/{what}"), Some(&body))
}

/// Asks the API as the operator, and prints what it answers.
fn ask(project: &Project, acting: &Acting, path: &str, body: Option<&Value>) -> Result<()> {
    print(&Desk::open(project, acting)?.ask(path, body)?)
}

fn appoint(project: &Project, grant: &Grant) -> Result<String> {
    let database = PgUrl::parse(&Document::load(&grant.place.layout(project)?)?.database_url)?;
    let user = database::mint_user(&database, &grant.user, 0)?;
    database::appoint_operator(&database, &user.user_id, &grant.reason)?;
    Ok(user.user_id)
}

fn dismiss(project: &Project, grant: &Grant) -> Result<String> {
    let database = PgUrl::parse(&Document::load(&grant.place.layout(project)?)?.database_url)?;
    let user = database::mint_user(&database, &grant.user, 0)?;
    let sql = "update operators set ended_at = clock_timestamp(), ended_because = $2
                where user_id = ($1::text)::uuid and ended_at is null";
    let ended = database::with_client(&database, async |client| {
        client
            .execute(sql, &[&user.user_id, &grant.reason])
            .await
            .context("the database refuses: is --reason 10 to 500 characters?")
    })?;
    if ended == 0 {
        bail!("{} is no operator", grant.user);
    }
    Ok(user.user_id)
}

/// The API as an operator uses it.
struct Desk {
    http: Http,
    url: String,
    token: Secret,
    reason: String,
}

impl Desk {
    fn open(project: &Project, acting: &Acting) -> Result<Self> {
        let (url, token) = match acting.env {
            Some(env) => {
                let environment = Environment::open(project, &EnvironmentArgs { env, stack: None })?;
                let token = environment.operator_token()?;
                (environment.api_url, token)
            }
            None => {
                let stack = Document::load(&acting.place.layout(project)?)?;
                let user = database::mint_user(&PgUrl::parse(&stack.database_url)?, &acting.user, 0)?;
                let token = mint_token(&stack.sandbox_url, &stack.sandbox_token, &user)?;
                (stack.api_url, Secret::new(token))
            }
        };
        Ok(Self { http: Http::new(Duration::from_secs(20)), url, token, reason: acting.reason.clone() })
    }

    /// The data of an answer: to a post of this body, or to a get without one.
    fn ask(&self, path: &str, body: Option<&Value>) -> Result<Value> {
        let answer = self.http.operate(&format!("{}{path}", self.url), self.token.expose(), &self.reason, body)?;
        if answer.status >= 400 {
            bail!("the API answers {} {}", answer.status, answer.body);
        }
        Ok(answer.body.get("data").cloned().unwrap_or(Value::Null))
    }
}

fn print(value: &Value) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
