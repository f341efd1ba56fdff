//! A client for the part of Oslira's HTTP API that the demo and the benchmark use.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::http::{Answer, Http};
use crate::stack::Document;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// At most so many pages of the ledger are read.
const LEDGER_PAGES_MAX: usize = 50;

/// A client that acts as one user.
pub struct Api {
    url: String,
    token: String,
    business_profile_id: String,
    http: Http,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Accepted {
    pub run_id: String,
}

#[derive(Debug, Clone, Deserialize)]
struct AcceptedBulk {
    bulk_id: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Progress {
    /// `pending`, `processing`, `complete`, `failed` or `cancelled`.
    pub status: String,
    /// 0 to 100.
    pub percent: f64,
    /// What is being done, as text for people.
    pub message: Option<String>,
}

impl Progress {
    pub fn is_final(&self) -> bool {
        matches!(self.status.as_str(), "complete" | "failed" | "cancelled")
    }
}

/// A run as the API shows it. Fields that are only printed stay JSON.
#[derive(Debug, Clone, Deserialize)]
pub struct Run {
    pub id: String,
    pub username: String,
    /// `complete`, `failed` or `cancelled`, because only finished runs are read.
    pub status: String,
    /// The run's price.
    pub credits: i64,
    /// What became of the charge: `result`, `refunded` or `kept`.
    pub charge_outcome: Option<String>,
    /// Whether the profile came from the cache.
    pub cache_hit: Option<bool>,
    /// Why it failed.
    pub error: Option<Value>,
    /// The score and the judgement, when complete.
    pub result: Option<Value>,
    /// When it ended, by the database's clock.
    pub finished_at: Option<String>,
}

/// One entry of the ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Transaction {
    /// `charge`, `refund`, …
    pub kind: String,
    /// Negative for a charge.
    pub amount: i64,
    pub balance_after: i64,
    pub run_id: Option<String>,
    pub description: Option<String>,
    pub created_at: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Transaction>,
    next_cursor: Option<String>,
}

/// A page of Stripe's.
#[derive(Deserialize)]
struct HostedPage {
    url: String,
}

#[derive(Deserialize)]
struct Balance {
    balance: i64,
}

impl Api {
    /// A client that acts as the stack's first user.
    pub fn new(stack: &Document) -> Self {
        Self::of(stack, &stack.token, &stack.business_profile_id)
    }

    /// A client that acts as the user of a token, for one of that user's business profiles.
    pub fn of(stack: &Document, token: &str, business_profile_id: &str) -> Self {
        Self {
            url: stack.api_url.clone(),
            token: token.to_owned(),
            business_profile_id: business_profile_id.to_owned(),
            http: Http::new(REQUEST_TIMEOUT),
        }
    }

    /// Requests an analysis of a profile; `analysis_type` is `LIGHT`, `DEEP` or `XRAY`.
    pub fn analyze(&self, username: &str, analysis_type: &str) -> Result<Accepted> {
        let url = format!("{}/v1/analyze", self.url);
        let body = json!({
            "username": username,
            "analysis_type": analysis_type,
            "business_profile_id": self.business_profile_id,
        });
        data(self.http.post(&url, Some(&self.token), &body)?, &url)
    }

    /// Requests an analysis of each of these profiles; answers the bulk's id, which is read like a run's.
    pub fn bulk(&self, usernames: &[String], analysis_type: &str) -> Result<String> {
        let url = format!("{}/v1/bulk-analyze", self.url);
        let body = json!({
            "usernames": usernames,
            "analysis_type": analysis_type,
            "business_profile_id": self.business_profile_id,
        });
        data::<AcceptedBulk>(self.http.post(&url, Some(&self.token), &body)?, &url).map(|bulk| bulk.bulk_id)
    }

    /// Sets out to subscribe to a plan by the month; answers the page where Stripe takes the payment.
    pub fn subscribe(&self, plan: &str) -> Result<String> {
        let url = format!("{}/billing/checkout", self.url);
        let body = json!({
            "plan": plan,
            "interval": "month",
            "success_url": "https://app.test/thanks",
            "cancel_url": "https://app.test/plans",
        });
        data::<HostedPage>(self.http.post(&url, Some(&self.token), &body)?, &url).map(|page| page.url)
    }

    pub fn progress(&self, run_id: &str) -> Result<Progress> {
        self.get(&format!("/runs/{run_id}/progress"))
    }

    pub fn run(&self, run_id: &str) -> Result<Run> {
        self.get(&format!("/runs/{run_id}"))
    }

    /// The account's balance in credits.
    pub fn balance(&self) -> Result<i64> {
        self.get::<Balance>("/credits/balance").map(|answer| answer.balance)
    }

    /// All entries of the account's ledger, oldest first.
    pub fn ledger(&self) -> Result<Vec<Transaction>> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..LEDGER_PAGES_MAX {
            let query = cursor.map(|cursor| format!("?cursor={cursor}")).unwrap_or_default();
            let page: Page = self.get(&format!("/credits/transactions{query}"))?;
            all.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        // The API lists the newest first.
        all.reverse();
        Ok(all)
    }

    fn get<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T> {
        let url = format!("{}{path}", self.url);
        data(self.http.get(&url, Some(&self.token))?, &url)
    }
}

fn data<T: for<'de> Deserialize<'de>>(answer: Answer, url: &str) -> Result<T> {
    let Answer { status, mut body, .. } = answer;
    if !(200..300).contains(&status) {
        bail!("{url} answered {status}: {body}");
    }
    let data = body.get_mut("data").map(Value::take).unwrap_or_default();
    serde_json::from_value(data).with_context(|| format!("{url} gave an unexpected answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_what_is_inside_the_envelope() {
        let answer =
            Answer { status: 200, body: json!({"success": true, "data": {"balance": 7}}), retry_after_s: None };
        assert_eq!(data::<Balance>(answer, "url").unwrap().balance, 7);
    }

    #[test]
    fn an_error_shows_status_and_body() {
        let answer =
            Answer { status: 402, body: json!({"error": {"code": "insufficient_credits"}}), retry_after_s: None };
        let message = data::<Accepted>(answer, "url").unwrap_err().to_string();
        assert!(message.contains("402") && message.contains("insufficient_credits"), "{message}");
    }
}
