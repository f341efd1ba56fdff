//! `cargo xtask canary`: a few real analyses and many round trips to the database through a deployment, with the time of each step. It
//! tells in the first hour what no local run can.
//!
//! Promises:
//! - It buys as an ordinary account, like a customer; only what it looks at afterwards is for operators.
//! - A repeat with the same `--key` buys nothing twice, and neither does an answer that was lost.
//! - Analyses run one after the other, so that none waits for another.

mod customer;
mod report;
mod round_trips;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use oslira_app::features::diagnostics::RunTimings;
use oslira_app::shared::analysis_type::AnalysisType;
use oslira_app::shared::secret::Secret;

use self::customer::{Customer, PhaseTime, Wanted};
use crate::deployed::{Deployed, Fault};
use crate::environment::{Environment, EnvironmentArgs, variable};
use crate::postgres::database;
use crate::project::Project;
use crate::stack::mint_token;
use crate::step::step;

/// Kept with what the command does as an operator.
const REASON: &str = "cargo xtask canary: how the deployment does";
/// Name and credits of the account that a posing stack gets.
const LOCAL_USER: &str = "canary";
const LOCAL_CREDITS: i32 = 1_000;
/// The database's key of an analysis has no more.
const KEY_CHARS_MAX: usize = 100;
/// More of a type would be a load, and no canary.
const ANALYSES_MAX: usize = 10;

/// Arguments of `cargo xtask canary`.
#[derive(clap::Args)]
pub struct CanaryArgs {
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// Instagram usernames of the LIGHT analyses
    #[arg(long, value_name = "USERNAMES", value_delimiter = ',', default_value = "nasa,natgeo")]
    light: Vec<String>,
    /// Instagram usernames of the XRAY analyses
    #[arg(long, value_name = "USERNAMES", value_delimiter = ',', default_value = "redbull,gopro")]
    xray: Vec<String>,
    /// Id of the account's business profile to judge with [default: one named Canary, which is made once]
    #[arg(long, value_name = "ID")]
    business_profile: Option<String>,
    /// Name of this canary: with that of an earlier one of the last 24 hours, nothing is bought again [default: the time]
    #[arg(long, value_parser = read_key)]
    key: Option<String>,
    /// How many round trips to the database to measure
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    round_trips: u32,
    /// How long an analysis may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    patience: u64,
}

fn read_key(text: &str) -> Result<String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if !is_plain || !(1..=KEY_CHARS_MAX).contains(&text.len()) {
        bail!("1 to {KEY_CHARS_MAX} letters, digits, dots, dashes and underscores");
    }
    Ok(text.to_owned())
}

/// One analysis, and what became of it.
struct Analysed {
    wanted: Wanted,
    run: Option<String>,
    phases: Vec<PhaseTime>,
    timings: Option<RunTimings>,
    /// Why it counts as failed.
    failure: Option<String>,
}

/// Prints what was measured; `false` if an analysis failed.
pub fn run(project: &Project, args: &CanaryArgs) -> Result<bool> {
    let wanted = wanted(args)?;
    let environment = Environment::open(project, &args.environment)?;
    let operator = Deployed::operator(&environment.api_url, environment.operator_token()?, REASON);
    let customer = Customer::new(Deployed::customer(&environment.api_url, canary_token(&environment)?));
    let key = args.key.clone().unwrap_or_else(|| Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string());
    // First, because it tells whether the operator's token is good before anything is bought.
    let round_trips =
        step("measuring round trips to the database", || round_trips::measure(&operator, args.round_trips))
            .map_err(|fault| explained(&fault, "OSLIRA_OPERATOR_TOKEN"))?;
    let explained_as_customer = |fault: Fault| explained(&fault, "OSLIRA_CANARY_TOKEN");
    let business_profile = match &args.business_profile {
        Some(id) => id.clone(),
        None => customer.business_profile().map_err(explained_as_customer)?,
    };
    if args.key.is_none() {
        customer.check_credits(&wanted).map_err(explained_as_customer)?;
    }
    eprintln!("  --key {key} repeats this canary and buys nothing again");
    let patience = Duration::from_secs(args.patience);
    let mut analysed = Vec::new();
    for wanted in wanted {
        let name = format!("{} of @{}", wanted.analysis_type.as_str(), wanted.username);
        analysed.push(step(&name, || analyse(&customer, &operator, wanted, &business_profile, &key, patience))?);
    }
    println!("{} at {}\n", environment.name, environment.api_url);
    print!("{}", report::page(&analysed, &round_trips));
    Ok(analysed.iter().all(|one| one.failure.is_none()) && round_trips.is_whole())
}

fn wanted(args: &CanaryArgs) -> Result<Vec<Wanted>> {
    let of = |analysis_type: AnalysisType, usernames: &[String]| -> Result<Vec<Wanted>> {
        if usernames.len() > ANALYSES_MAX {
            bail!("at most {ANALYSES_MAX} analyses of a type: a canary is no load (`cargo xtask bench` is)");
        }
        let names = usernames.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).enumerate();
        Ok(names.map(|(place, name)| Wanted { analysis_type, username: name.to_owned(), place }).collect())
    };
    let all = [of(AnalysisType::Light, &args.light)?, of(AnalysisType::Xray, &args.xray)?].concat();
    if all.is_empty() {
        bail!("name a profile to analyse: --light USERNAME or --xray USERNAME");
    }
    Ok(all)
}

/// The token of the account that buys.
fn canary_token(environment: &Environment) -> Result<Secret> {
    if let Some(stack) = &environment.stack {
        let user = database::mint_user(&environment.database_url()?, LOCAL_USER, LOCAL_CREDITS)?;
        return mint_token(&stack.sandbox_url, &stack.sandbox_token, &user).map(Secret::new);
    }
    variable("OSLIRA_CANARY_TOKEN").map(Secret::new).with_context(|| {
        format!(
            "set OSLIRA_CANARY_TOKEN to the access token of an ordinary user of {}, whose account the analyses are bought for (docs/deploying.md)",
            environment.name
        )
    })
}

/// A fault with what to do about it.
fn explained(fault: &Fault, variable: &str) -> anyhow::Error {
    let advice = match fault.code() {
        "insufficient_credits" => {
            "give the canary's account credits: `cargo xtask operate adjust ACCOUNT --credits 50 --key canary --reason … --env NAME`"
        }
        "budget_exceeded" | "member_limit_reached" => "raise the limit of the canary's account, or wait for tomorrow",
        "operator_required" => {
            "the user of OSLIRA_OPERATOR_TOKEN is no operator: docs/operators.md says how one becomes one"
        }
        "route_not_found" => "the deployed version does not have this yet: deploy this checkout first",
        "idempotency_key_reused" => "an earlier canary with this --key had other profiles: leave --key out",
        _ if fault.is_unauthenticated() => {
            return anyhow::anyhow!("{fault}. Sign in again and set {variable} to the new access token");
        }
        _ => return anyhow::anyhow!("{fault}"),
    };
    anyhow::anyhow!("{fault}. {advice}")
}

/// Buys one analysis, waits for its end and looks at where its time went.
///
/// # Errors
/// Where none of the others can succeed either.
fn analyse(
    customer: &Customer,
    operator: &Deployed,
    wanted: Wanted,
    business_profile: &str,
    key: &str,
    patience: Duration,
) -> Result<Analysed> {
    let mut analysed = Analysed { wanted, run: None, phases: vec![], timings: None, failure: None };
    let run = match customer.begin(&analysed.wanted, business_profile, key) {
        Ok(run) => run,
        Err(fault) if is_everybodys(&fault) => return Err(explained(&fault, "OSLIRA_CANARY_TOKEN")),
        Err(fault) => {
            analysed.failure = Some(format!("not begun: {fault}"));
            return Ok(analysed);
        }
    };
    analysed.failure = match customer.end_of(&run, patience) {
        Ok(status) if status == "complete" => None,
        Ok(status) => Some(status),
        Err(why) => Some(why),
    };
    analysed.phases = customer.phases(&run);
    match operator.get::<RunTimings>(&format!("/operator/runs/{run}/timings")) {
        Ok(timings) => {
            if let (Some(failure), Some(code)) = (&mut analysed.failure, &timings.error_code) {
                *failure = format!("{failure}: {code}");
            }
            analysed.timings = Some(timings);
        }
        Err(fault) => {
            analysed.failure.get_or_insert_with(|| format!("its timings could not be read: {fault}"));
        }
    }
    analysed.run = Some(run);
    Ok(analysed)
}

/// Whether it is about whoever asks, and not about what was asked for.
fn is_everybodys(fault: &Fault) -> bool {
    matches!(fault, Fault::Refused(refusal) if matches!(refusal.status, 401..=403))
        || matches!(fault.code(), "idempotency_key_reused" | "business_profile_not_found" | "route_not_found")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: CanaryArgs,
    }

    fn asked(more: &[&str]) -> Result<Vec<String>> {
        let words = [&["canary", "--env", "staging"], more].concat();
        let args = Command::try_parse_from(words)?.args;
        Ok(wanted(&args)?.iter().map(|one| format!("{} {}", one.analysis_type.as_str(), one.username)).collect())
    }

    #[test]
    fn by_default_two_light_and_two_xray_are_analysed() {
        let kinds: Vec<String> =
            asked(&[]).unwrap().iter().map(|one| one.split(' ').next().unwrap().to_owned()).collect();
        assert_eq!(kinds, ["LIGHT", "LIGHT", "XRAY", "XRAY"]);
        assert_eq!(asked(&["--light", "a, b,", "--xray", ""]).unwrap(), ["LIGHT a", "LIGHT b"]);
    }

    #[test]
    fn what_is_no_canary_is_refused() {
        assert!(asked(&["--light", "", "--xray", ""]).is_err());
        assert!(asked(&["--light", "a,b,c,d,e,f,g,h,i,j,k"]).is_err());
        for more in [["--key", "two words"], ["--key", ""], ["--round-trips", "0"], ["--patience", "0"]] {
            assert!(asked(&more).is_err(), "{more:?}");
        }
    }
}
