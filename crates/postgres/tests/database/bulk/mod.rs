//! Bulks: a list that is bought whole, continued, cancelled and ended.

mod before_the_spend;
mod begin;
mod cancelling;
mod ending;
mod pilot;
mod races;
mod repository;

use oslira_testkit::{Error, Member, Session};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Stage, outcome, unexpected};

/// The arguments of `begin_bulk` but for account and business profile, which are the buyer's.
#[derive(Clone)]
pub struct Purchase {
    pub bulk: Uuid,
    pub lines: Value,
    pub analysis_type: &'static str,
    pub options: Value,
    pub idempotency_key: Option<&'static str>,
    pub body_hash: &'static str,
}

impl Purchase {
    pub fn of(usernames: &[&str]) -> Self {
        let line = |(number, username): (i32, &&str)| json!({ "line": number, "username": username, "run_id": Uuid::now_v7() });
        let lines = (1..).zip(usernames).map(line).collect();
        Self {
            bulk: Uuid::now_v7(),
            lines: Value::Array(lines),
            analysis_type: "LIGHT",
            options: json!({}),
            idempotency_key: None,
            body_hash: "body",
        }
    }

    /// A list of so many names that begin with these letters.
    pub fn many(count: usize, letters: &str) -> Self {
        let names: Vec<String> = (0..count).map(|number| format!("{letters}_{number}")).collect();
        Self::of(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    pub fn with(self, options: Value) -> Self {
        Self { options, ..self }
    }

    pub fn of_type(self, analysis_type: &'static str) -> Self {
        Self { analysis_type, ..self }
    }

    pub fn keyed(self, key: &'static str) -> Self {
        Self { idempotency_key: Some(key), ..self }
    }

    /// The same request sent again: the API gives every arrival ids of its own.
    pub fn again(&self) -> Self {
        let mut lines = self.lines.clone();
        for line in lines.as_array_mut().unwrap() {
            line["run_id"] = json!(Uuid::now_v7());
        }
        Self { bulk: Uuid::now_v7(), lines, ..self.clone() }
    }

    /// The id of the run of a line; the first is 0.
    pub fn run(&self, line: usize) -> Uuid {
        self.lines[line]["run_id"].as_str().unwrap().parse().unwrap()
    }

    pub fn runs(&self) -> Vec<Uuid> {
        (0..self.lines.as_array().unwrap().len()).map(|line| self.run(line)).collect()
    }
}

pub async fn try_buying(session: &Session, member: &Member, purchase: &Purchase) -> Result<Value, Error> {
    session
        .call(
            "select api.begin_bulk($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &[
                &member.account_id,
                &purchase.bulk,
                &purchase.lines,
                &member.business_profile_id,
                &purchase.analysis_type,
                &purchase.options,
                &purchase.idempotency_key,
                &purchase.body_hash,
                &services(),
            ],
        )
        .await
}

fn services() -> Value {
    json!([["apify"], ["openai", "anthropic"]])
}

/// Buys a list that must be accepted.
pub async fn buy_as(session: &Session, member: &Member, purchase: &Purchase) -> Result<Value, Error> {
    let answer = try_buying(session, member, purchase).await?;
    if outcome(&answer) == "ok" { Ok(answer) } else { Err(unexpected(&answer)) }
}

pub async fn buy(stage: &Stage, purchase: &Purchase) -> Result<Value, Error> {
    buy_as(&stage.customer, &stage.member, purchase).await
}

pub async fn ask(stage: &Stage, purchase: &Purchase) -> Result<Value, Error> {
    try_buying(&stage.customer, &stage.member, purchase).await
}

pub async fn carry_on(session: &Session, bulk: Uuid) -> Result<Value, Error> {
    session.call("select api.continue_bulk($1, $2)", &[&bulk, &services()]).await
}

async fn cancel_bulk(session: &Session, bulk: Uuid) -> Result<Value, Error> {
    session.call("select api.cancel_bulk($1, false)", &[&bulk]).await
}

pub async fn undo_bulk(session: &Session, bulk: Uuid) -> Result<Value, Error> {
    session.call("select api.cancel_bulk($1, true)", &[&bulk]).await
}

async fn tend(session: &Session, bulk: Uuid) -> Result<Value, Error> {
    session.call("select system.tend_bulk($1)", &[&bulk]).await
}

/// The usernames of a list of an answer.
fn usernames(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|line| line["username"].as_str().unwrap()).collect()
}
