//! `cargo xtask operate`: what operators do, on the running stack. Who is one, only the database's owner says: here, this tool.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

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
        Act::Actions(acting) => print(&Desk::open(project, acting)?.ask("/operator/actions", None)?),
        Act::Erase(erase) => {
            let body = json!({
                "username": erase.username, "instagram_id": erase.instagram_id, "proof": erase.proof,
            });
            print(&Desk::open(project, &erase.acting)?.ask("/operator/erasures", Some(&body))?)
        }
    }
}

fn appoint(project: &Project, grant: &Grant) -> Result<String> {
    let database = PgUrl::parse(&Document::load(&grant.place.layout(project)?)?.database_url)?;
    let user = database::mint_user(&database, &grant.user, 0)?;
    let sql = "insert into operators (user_id, added_by, reason) values (($1::text)::uuid, 'cargo xtask', $2)
               on conflict (user_id) where ended_at is null do nothing";
    database::with_client(&database, async |client| {
        client
            .execute(sql, &[&user.user_id, &grant.reason])
            .await
            .context("the database refuses: is --reason 10 to 500 characters?")
    })?;
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
    token: String,
    reason: String,
}

impl Desk {
    fn open(project: &Project, acting: &Acting) -> Result<Self> {
        let stack = Document::load(&acting.place.layout(project)?)?;
        let user = database::mint_user(&PgUrl::parse(&stack.database_url)?, &acting.user, 0)?;
        let token = mint_token(&stack.sandbox_url, &stack.sandbox_token, &user)?;
        Ok(Self { http: Http::new(Duration::from_secs(20)), url: stack.api_url, token, reason: acting.reason.clone() })
    }

    /// The data of an answer: to a post of this body, or to a get without one.
    fn ask(&self, path: &str, body: Option<&Value>) -> Result<Value> {
        let answer = self.http.operate(&format!("{}{path}", self.url), &self.token, &self.reason, body)?;
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
