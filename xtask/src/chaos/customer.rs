//! One customer: does what the plan says, one thing after the other, and writes down what came of it.

mod buyer;
mod retries;

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::acts::{Act, BUSINESSES, List, Order, What};
use super::book::{Book, Exchange, Outcome};
use super::stripe::Stripe;
use crate::http::Http;
use crate::postgres::{PgUrl, database};
use crate::stack::{Document, mint_token};

use buyer::Wallet;
pub use retries::{Request, Retries};

/// Longer than any answer takes, an outage of the database included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two attempts of a request with a key.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Enough for most outages. What is left open is found out at the end, when nothing is broken any more.
const ATTEMPTS_MAX: u32 = 10;

pub const ANALYZE: &str = "POST /v1/analyze";
pub const BULK: &str = "POST /v1/bulk-analyze";
pub const CONTINUE: &str = "POST /runs/{id}/continue";
pub const CANCEL: &str = "POST /runs/{id}/cancel";
pub const RUN: &str = "GET /runs/{id}";
pub const PROGRESS: &str = "GET /runs/{id}/progress";

/// A request that buys something.
#[derive(Debug, Clone)]
struct Purchase {
    operation: &'static str,
    key: Option<String>,
    body: Value,
    is_settled: bool,
}

pub struct Customer<'a> {
    pub number: usize,
    pub account_id: String,
    token: String,
    businesses: Vec<String>,
    api_url: String,
    http: Http,
    book: &'a Book,
    purchases: Vec<Purchase>,
    runs: Vec<String>,
    bulks: Vec<String>,
    stripe: Stripe,
    wallet: Wallet,
    /// For a client that sends again by itself.
    retries: Option<&'a Retries>,
}

impl<'a> Customer<'a> {
    /// A new account with its business profiles.
    pub fn mint(stack: &Document, book: &'a Book, number: usize, name: &str, credits: i32) -> Result<Self> {
        let user = database::mint_user(&PgUrl::parse(&stack.database_url)?, name, credits)?;
        let token = mint_token(&stack.sandbox_url, &stack.sandbox_token, &user)?;
        let http = Http::new(REQUEST_TIMEOUT);
        let mut businesses = vec![user.business_profile_id];
        for more in 1..BUSINESSES {
            let body = json!({
                "name": format!("Business {more}"),
                "offering": "Meal plans for endurance runners, by monthly subscription.",
                "target_audience": "Runners who train for their first marathon.",
            });
            let made = http.post(&format!("{}/business-profiles", stack.api_url), Some(&token), &body)?;
            match made.body.pointer("/data/id").and_then(Value::as_str) {
                Some(id) => businesses.push(id.to_owned()),
                None => bail!("no business profile was made: {} {}", made.status, made.body),
            }
        }
        Ok(Self {
            number,
            account_id: user.account_id,
            token,
            businesses,
            api_url: stack.api_url.clone(),
            http,
            book,
            purchases: Vec::new(),
            runs: Vec::new(),
            bulks: Vec::new(),
            stripe: Stripe::of(stack),
            wallet: Wallet::default(),
            retries: None,
        })
    }

    /// From now on sends again whatever customers are told to send again.
    pub fn patient(self, retries: &'a Retries) -> Self {
        Self { retries: Some(retries), ..self }
    }

    /// Does all of it from `began` until `end`, at which whatever is late is left out.
    pub fn play(&mut self, acts: &[Act], began: Duration, end: Duration) {
        for act in acts {
            self.book.wait_until(began + act.at);
            if self.book.now() >= end {
                break;
            }
            self.act(&act.what);
        }
    }

    fn act(&mut self, what: &What) {
        match what {
            What::Analyze { order, keyed, at_once } => {
                let body = self.order(order);
                self.buy(ANALYZE, *keyed, body, *at_once);
            }
            What::Bulk { list, keyed } => {
                let body = self.list(list);
                self.buy(BULK, *keyed, body, 1);
            }
            What::Repeat { back } => {
                let keyed: Vec<usize> = self.keyed().collect();
                if let Some(which) = from_newest(&keyed, *back).copied() {
                    self.attempt(which, 1);
                }
            }
            What::Again { back } => {
                let analyses: Vec<&Purchase> = self.purchases.iter().filter(|one| one.operation == ANALYZE).collect();
                if let Some(body) = from_newest(&analyses, *back).map(|one| one.body.clone()) {
                    self.buy(ANALYZE, true, body, 1);
                }
            }
            What::OtherBody { back, order } => {
                let keyed: Vec<usize> = self.keyed().collect();
                let key = from_newest(&keyed, *back).and_then(|which| self.purchases.get(*which)?.key.clone());
                let body = self.order(order);
                if let Some(key) = key {
                    let sent = self.post(ANALYZE, None, Some(&key), &body);
                    self.remember(&sent);
                }
            }
            What::CancelRun { back } => self.post_about(CANCEL, from_newest(&self.runs, *back).cloned()),
            What::CancelBulk { back } => self.post_about(CANCEL, from_newest(&self.bulks, *back).cloned()),
            What::Continue { back } => self.post_about(CONTINUE, from_newest(&self.bulks, *back).cloned()),
            What::Look { back } => self.look(from_newest(&self.runs, *back)),
            What::LookAtBulk { back } => self.look(from_newest(&self.bulks, *back)),
            What::Browse => {
                for operation in ["GET /credits/balance", "GET /credits/transactions", "GET /runs", "GET /leads"] {
                    self.get(operation, None);
                }
            }
            What::Deal(deal) => self.deal(deal),
        }
    }

    /// Who the customer is at Stripe, once they have paid there.
    pub fn at_stripe(&self) -> Option<&str> {
        self.wallet.customer.as_deref()
    }

    pub fn businesses(&self) -> &[String] {
        &self.businesses
    }

    /// Finds out what became of each request with a key that has had no answer.
    pub fn settle(&mut self) {
        let open: Vec<usize> =
            self.keyed().filter(|which| self.purchases.get(*which).is_some_and(|one| !one.is_settled)).collect();
        for which in open {
            self.attempt(which, ATTEMPTS_MAX);
        }
    }

    /// Cancels a bulk whose lines wait behind a pilot.
    pub fn give_up_if_it_waits(&self, bulk: &str) {
        if self.get(RUN, Some(bulk)).datum("status") == Some("awaiting_continue") {
            self.post(CANCEL, Some(bulk), None, &Value::Null);
        }
    }

    /// Sends a request that buys something, so many times at the same moment.
    fn buy(&mut self, operation: &'static str, keyed: bool, body: Value, at_once: u32) {
        let key = keyed.then(|| format!("chaos-{}-{}", self.number, self.purchases.len()));
        let which = self.purchases.len();
        self.purchases.push(Purchase { operation, key: key.clone(), body: body.clone(), is_settled: false });
        if at_once > 1 {
            let this = &*self;
            let (key, body) = (key.as_deref(), &body);
            let sent: Vec<Exchange> = std::thread::scope(|scope| {
                let sending: Vec<_> =
                    (0..at_once).map(|_| scope.spawn(move || this.post(operation, None, key, body))).collect();
                sending.into_iter().filter_map(|thread| thread.join().ok()).collect()
            });
            for one in &sent {
                self.remember(one);
            }
            if let Some(purchase) = self.purchases.get_mut(which) {
                purchase.is_settled = sent.iter().any(Exchange::is_settled);
            }
        }
        let is_open = self.purchases.get(which).is_some_and(|one| !one.is_settled);
        if is_open && (at_once == 1 || keyed) {
            self.attempt(which, if keyed { ATTEMPTS_MAX } else { 1 });
        }
    }

    /// Sends a purchase until its outcome is known.
    fn attempt(&mut self, which: usize, attempts_max: u32) {
        let attempts_max = if self.retries.is_some() { 1 } else { attempts_max };
        for attempt in 0..attempts_max {
            let Some(purchase) = self.purchases.get(which).cloned() else { return };
            if attempt > 0 {
                std::thread::sleep(ASK_AGAIN_AFTER);
            }
            let sent = self.post(purchase.operation, None, purchase.key.as_deref(), &purchase.body);
            self.remember(&sent);
            if sent.is_settled() {
                if let Some(purchase) = self.purchases.get_mut(which) {
                    purchase.is_settled = true;
                }
                return;
            }
        }
    }

    /// The ids of what was bought.
    fn remember(&mut self, sent: &Exchange) {
        let new =
            |known: &[String], id: Option<&str>| id.filter(|id| !known.iter().any(|one| one == id)).map(str::to_owned);
        self.runs.extend(new(&self.runs, sent.datum("run_id")));
        self.bulks.extend(new(&self.bulks, sent.datum("bulk_id")));
    }

    fn keyed(&self) -> impl Iterator<Item = usize> + '_ {
        self.purchases.iter().enumerate().filter(|(_, one)| one.key.is_some()).map(|(which, _)| which)
    }

    fn order(&self, order: &Order) -> Value {
        json!({
            "username": order.username,
            "analysis_type": order.analysis_type,
            "business_profile_id": self.businesses.get(order.business),
        })
    }

    fn list(&self, list: &List) -> Value {
        let mut body = json!({
            "usernames": list.usernames,
            "analysis_type": list.analysis_type,
            "business_profile_id": self.businesses.get(list.business),
        });
        if let (Some(fields), Some(pilot)) = (body.as_object_mut(), list.pilot) {
            fields.insert("pilot".to_owned(), pilot.into());
        }
        body
    }

    fn look(&self, id: Option<&String>) {
        if let Some(id) = id {
            self.get(PROGRESS, Some(id));
            self.get(RUN, Some(id));
        }
    }

    fn post_about(&self, operation: &'static str, id: Option<String>) {
        if let Some(id) = id {
            self.post(operation, Some(&id), None, &Value::Null);
        }
    }

    pub fn get(&self, operation: &'static str, id: Option<&str>) -> Exchange {
        self.exchange(operation, id, None, &Value::Null, |http, url, token| http.get(url, token))
    }

    pub fn post(&self, operation: &'static str, id: Option<&str>, key: Option<&str>, body: &Value) -> Exchange {
        self.exchange(operation, id, key, body, |http, url, token| http.post_once(url, token, key, body))
    }

    fn put(&self, operation: &'static str, body: &Value) -> Exchange {
        self.exchange(operation, None, None, body, |http, url, token| http.put(url, token, body))
    }

    fn exchange(
        &self,
        operation: &'static str,
        id: Option<&str>,
        key: Option<&str>,
        body: &Value,
        send: impl Fn(&Http, &str, Option<&str>) -> Result<crate::http::Answer>,
    ) -> Exchange {
        let attempt = || self.exchange_once(operation, id, key, body, &send);
        match self.retries {
            Some(retries) => retries.until_answered(attempt),
            None => attempt(),
        }
    }

    fn exchange_once(
        &self,
        operation: &'static str,
        id: Option<&str>,
        key: Option<&str>,
        body: &Value,
        send: &impl Fn(&Http, &str, Option<&str>) -> Result<crate::http::Answer>,
    ) -> Exchange {
        let path = operation.split_once(' ').map_or("", |(_, path)| path).replace("{id}", id.unwrap_or_default());
        let sent_at = self.book.now();
        let outcome = match send(&self.http, &format!("{}{path}", self.api_url), Some(&self.token)) {
            Ok(crate::http::Answer { status, body, retry_after_s }) => Outcome::Answer { status, body, retry_after_s },
            Err(error) => Outcome::Nothing(format!("{error:#}")),
        };
        let exchange = Exchange {
            customer: self.number,
            operation,
            about: id.map(str::to_owned),
            key: key.map(str::to_owned),
            body: body.clone(),
            sent_at,
            ended_at: self.book.now(),
            outcome,
        };
        self.book.note(exchange.clone());
        exchange
    }
}

/// The one that lies so far behind the newest; beyond the oldest it begins anew.
fn from_newest<T>(things: &[T], back: usize) -> Option<&T> {
    let from_newest = back.checked_rem(things.len())?;
    things.iter().rev().nth(from_newest)
}

#[cfg(test)]
mod tests {
    use super::from_newest;

    #[test]
    fn counting_back_begins_anew_behind_the_oldest() {
        let things = [1, 2, 3];
        assert_eq!([0, 1, 2, 3].map(|back| from_newest(&things, back).copied()), [Some(3), Some(2), Some(1), Some(3)]);
        assert_eq!(from_newest(&[0; 0], 5), None);
    }
}
