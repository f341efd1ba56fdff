//! The sandbox's Stripe, from both sides: what customers, banks and time do there, and what it knows.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::faults::{control_client, persistently};
use crate::stack::Document;

const KEY: &str = "sandbox-stripe-key";
const PAGE: usize = 100;
/// So that a list that never ends does not keep the run from ending.
const PAGES_MAX: usize = 1_000;

pub struct Stripe {
    url: String,
    control_token: String,
}

impl Stripe {
    pub fn of(stack: &Document) -> Self {
        Self { url: stack.sandbox_url.clone(), control_token: stack.sandbox_token.clone() }
    }

    /// Does something from outside; `None` if Stripe refuses it, as the second of two equal requests.
    pub fn tell(&self, path: &str, body: &Value) -> Result<Option<Value>> {
        let url = format!("{}/control/stripe/{path}", self.url);
        let answer = persistently(|http| http.post(&url, Some(&self.control_token), body))?;
        match answer.status {
            200 => Ok(Some(answer.body)),
            400 => Ok(None),
            status => bail!("the sandbox answers {path} with {status} {}", answer.body),
        }
    }

    /// What has become of the deliveries: their states.
    pub fn deliveries(&self) -> Result<Vec<String>> {
        let url = format!("{}/control/stripe/deliveries", self.url);
        let answer = persistently(|http| http.get(&url, Some(&self.control_token)))?;
        let deliveries = answer.body.get("deliveries").and_then(Value::as_array).context("no deliveries")?;
        Ok(deliveries.iter().map(|delivery| text(delivery, "/state")).collect())
    }

    /// Reads something as a customer's browser would: once, and a fault of the sandbox strikes it as it strikes the Worker.
    pub fn read(&self, path: &str) -> Option<Value> {
        let answer = control_client().get(&format!("{}/stripe/v1/{path}", self.url), Some(KEY)).ok()?;
        (answer.status == 200).then_some(answer.body)
    }

    /// Changes something in the portal, once.
    pub fn change(&self, path: &str) {
        // It may have been done although there is no answer, and what is true stands at Stripe.
        let _ = control_client().post(&format!("{}/stripe/v1/{path}", self.url), Some(KEY), &Value::Null);
    }

    /// All objects of a list, the newest first. When nothing is broken any more.
    pub fn all(&self, list: &str) -> Result<Vec<Value>> {
        let mut all: Vec<Value> = Vec::new();
        for _ in 0..PAGES_MAX {
            let after = all.last().map_or_else(String::new, |last| format!("&starting_after={}", text(last, "/id")));
            let url = format!("{}/stripe/v1/{list}?limit={PAGE}{after}", self.url);
            let answer = persistently(|http| http.get(&url, Some(KEY)))?;
            match answer.body.get("data").and_then(Value::as_array) {
                Some(page) if answer.status == 200 => all.extend(page.iter().cloned()),
                _ => bail!("Stripe's list of {list}: {} {}", answer.status, answer.body),
            }
            if answer.body.get("has_more") != Some(&json!(true)) {
                return Ok(all);
            }
        }
        bail!("Stripe's list of {list} does not end")
    }
}

/// The text at a place of an object; empty where there is none.
pub fn text(object: &Value, at: &str) -> String {
    object.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The whole number at a place of an object; 0 where there is none.
pub fn number(object: &Value, at: &str) -> i64 {
    object.pointer(at).and_then(Value::as_i64).unwrap_or_default()
}
