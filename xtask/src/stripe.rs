//! `cargo xtask stripe`: does in the running stack's sandbox what Stripe, its customers and time would do.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Subcommand, ValueEnum};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::http::{Answer, Http};
use crate::project::Project;
use crate::stack::{Document, Place};
use crate::table::table;

/// Moving the clock by years renews many subscriptions.
const PATIENCE: Duration = Duration::from_secs(60);

/// Arguments of `cargo xtask stripe`.
#[derive(clap::Args)]
pub struct StripeArgs {
    #[command(subcommand)]
    command: StripeCommand,
}

#[derive(Subcommand)]
enum StripeCommand {
    /// Send an event to the Worker
    Send {
        /// An event by its id, type or fixture: evt_…, invoice.paid, invoice.paid.cycle
        event: String,
        /// How often the same event arrives
        #[arg(long, default_value_t = 1)]
        times: u32,
        /// The account that a fixture is about [default: that of the stack's first user]
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Move Stripe's clock forward, or tell what it shows
    Clock {
        /// How far: +1day, +1month, +2years, +36hours
        by: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Complete a checkout as its customer would
    Complete {
        /// The id of the session: cs_test_…
        session: String,
        #[arg(long, value_enum, default_value_t)]
        outcome: Outcome,
        #[command(flatten)]
        place: Place,
    },
    /// List the newest events, and whether they have arrived
    Events {
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        #[command(flatten)]
        place: Place,
    },
}

/// How a checkout ends.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Outcome {
    #[default]
    Paid,
    /// The bank tells later whether it pays
    Unpaid,
    /// What it tells of an unpaid one
    AsyncSucceeded,
    AsyncFailed,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Unpaid => "unpaid",
            Self::AsyncSucceeded => "async_succeeded",
            Self::AsyncFailed => "async_failed",
        }
    }
}

pub fn run(project: &Project, args: &StripeArgs) -> Result<()> {
    let at = |place: &Place| Ok::<_, anyhow::Error>(Stripe(Document::load(&place.layout(project)?)?));
    match &args.command {
        StripeCommand::Send { event, times, account, place } => at(place)?.send(event, *times, account.as_deref()),
        StripeCommand::Clock { by, place } => at(place)?.clock(by.as_deref()),
        StripeCommand::Complete { session, outcome, place } => at(place)?.complete(session, *outcome),
        StripeCommand::Events { limit, place } => at(place)?.events(*limit),
    }
}

/// The Stripe of a running stack.
struct Stripe(Document);

impl Stripe {
    fn send(&self, event: &str, times: u32, account: Option<&str>) -> Result<()> {
        let account = account.unwrap_or(&self.0.account_id);
        let sent = self.tell("send", &json!({"event": event, "times": times, "account": account}))?;
        println!("{} {}", text(&sent, "id"), text(&sent, "type"));
        Ok(())
    }

    fn clock(&self, by: Option<&str>) -> Result<()> {
        let now = match by {
            Some(by) => self.tell("clock", &json!({"advance": by}))?,
            None => accepted(http().get(&self.control("clock"), Some(&self.0.sandbox_token))?)?,
        };
        println!("{}", time(&now, "now"));
        Ok(())
    }

    fn complete(&self, session: &str, outcome: Outcome) -> Result<()> {
        let done = self.tell("complete", &json!({"session": session, "outcome": outcome.name()}))?;
        println!("{} {}", text(&done, "id"), text(&done, "payment_status"));
        Ok(())
    }

    fn events(&self, limit: u32) -> Result<()> {
        let url = format!("{}/stripe/v1/events?limit={limit}", self.0.sandbox_url);
        let listed = accepted(http().get(&url, Some("sandbox-stripe-key"))?)?;
        let rows = listed.get("data").and_then(Value::as_array).into_iter().flatten().map(|event| {
            let arrived = if event.get("pending_webhooks") == Some(&json!(0)) { "yes" } else { "not yet" };
            let object = event.pointer("/data/object/id").and_then(Value::as_str).unwrap_or_default();
            [time(event, "created"), text(event, "type"), text(event, "id"), object.to_owned(), arrived.to_owned()]
                .into()
        });
        print!("{}", table(&["created", "type", "event", "object", "arrived"], rows.collect()));
        Ok(())
    }

    fn tell(&self, path: &str, body: &Value) -> Result<Value> {
        accepted(http().post(&self.control(path), Some(&self.0.sandbox_token), body)?)
    }

    fn control(&self, path: &str) -> String {
        format!("{}/control/stripe/{path}", self.0.sandbox_url)
    }
}

fn http() -> Http {
    Http::new(PATIENCE)
}

fn accepted(answer: Answer) -> Result<Value> {
    match answer.body.get("error") {
        Some(Value::String(why)) => bail!("{why}"),
        _ if answer.status == 200 => Ok(answer.body),
        _ => bail!("the sandbox answers {} {}", answer.status, answer.body),
    }
}

fn text(object: &Value, field: &str) -> String {
    object.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn time(object: &Value, field: &str) -> String {
    let at = object.get(field).and_then(Value::as_i64).and_then(|at| Timestamp::from_second(at).ok());
    at.map(|at| at.to_string()).unwrap_or_default()
}
