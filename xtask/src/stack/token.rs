//! `cargo xtask token`: a token for another user of a running stack, with an account of their own.

use anyhow::{Result, bail};
use serde_json::json;

use crate::postgres::{PgUrl, database};
use crate::project::Project;
use crate::stack::up::mint_token;
use crate::stack::{Document, Place};

/// Arguments of `cargo xtask token`.
#[derive(clap::Args)]
pub struct TokenArgs {
    /// Name of the user; the same name is the same user again
    #[arg(long)]
    user: String,
    /// Credits that a new user's account starts with
    #[arg(long, default_value_t = 100)]
    credits: i32,
    /// Print user_id, account_id, business_profile_id and token as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub fn run(project: &Project, args: &TokenArgs) -> Result<()> {
    if args.credits < 0 {
        bail!("--credits must not be negative");
    }
    let stack = Document::load(&args.place.layout(project)?)?;
    let user = database::mint_user(&PgUrl::parse(&stack.database_url)?, &args.user, args.credits)?;
    let token = mint_token(&stack.sandbox_url, &stack.sandbox_token, &user)?;
    if !args.json {
        println!("{token}");
        return Ok(());
    }
    let report = json!({
        "user_id": user.user_id,
        "email": user.email,
        "account_id": user.account_id,
        "business_profile_id": user.business_profile_id,
        "token": token,
    });
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
