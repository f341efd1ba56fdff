//! A customer who pays, and whose bank takes payments back.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ASK_AGAIN_AFTER, ATTEMPTS_MAX, Customer, from_newest};
use crate::chaos::deals::{Deal, Payment, TopUp};
use crate::chaos::stripe::{number, text};

const CHECKOUT: &str = "POST /billing/checkout";
const ALERTS: &str = "PUT /credits/alerts";
/// Until a bank says whether it pays.
const BANK_THINKS: Duration = Duration::from_millis(400);

/// What a customer knows of their dealings with Stripe.
#[derive(Debug, Default)]
pub struct Wallet {
    /// Who they are there.
    pub customer: Option<String>,
    subscription: Option<String>,
    open_disputes: Vec<String>,
    /// So many pages were asked for.
    pages: u32,
}

impl Customer<'_> {
    pub(super) fn deal(&mut self, deal: &Deal) {
        match deal {
            Deal::Pack { pack, clicks, payment } => self.buy_pack(pack, *clicks, *payment),
            Deal::Plan { plan } => {
                let session = self.page(&json!({ "plan": plan, "interval": "month" }), 1);
                if let Some(session) = session {
                    self.complete(&session, "paid");
                }
            }
            Deal::ChangePlan { plan } => self.change_plan(plan),
            Deal::Refund { back, percent } => {
                self.take_back("refunds", *back, *percent);
            }
            Deal::Dispute { back, percent } => {
                let dispute = self.take_back("disputes", *back, *percent);
                self.wallet.open_disputes.extend(dispute.map(|dispute| text(&dispute, "/id")));
            }
            Deal::CloseDispute { verdict } => {
                if !self.wallet.open_disputes.is_empty() {
                    let dispute = self.wallet.open_disputes.remove(0);
                    self.tell_stripe(&format!("disputes/{dispute}/close"), &json!({ "verdict": verdict }));
                }
            }
            Deal::TopUp(top_up) => self.top_up(*top_up),
        }
    }

    fn buy_pack(&mut self, pack: &str, clicks: u32, payment: Payment) {
        let Some(session) = self.page(&json!({ "pack": pack }), clicks) else { return };
        let in_the_end = match payment {
            Payment::AtOnce => return self.complete(&session, "paid"),
            Payment::Never => return,
            Payment::Later => "async_succeeded",
            Payment::Refused => "async_failed",
        };
        self.complete(&session, "unpaid");
        std::thread::sleep(BANK_THINKS);
        self.complete(&session, in_the_end);
    }

    /// The session of Stripe's where this is paid. A page that is refused, or that never comes, is none.
    fn page(&mut self, what: &Value, clicks: u32) -> Option<String> {
        self.wallet.pages += 1;
        let key = format!("chaos-pays-{}-{}", self.number, self.wallet.pages);
        let mut body = json!({ "success_url": "https://app.test/thanks", "cancel_url": "https://app.test/credits" });
        body.as_object_mut()?.extend(what.as_object()?.clone());
        let mut session = None;
        for _ in 0..clicks {
            for attempt in 0..ATTEMPTS_MAX {
                if attempt > 0 {
                    std::thread::sleep(ASK_AGAIN_AFTER);
                }
                let sent = self.post(CHECKOUT, None, Some(&key), &body);
                if sent.is_settled() {
                    session = sent.datum("url").and_then(session_of).or(session);
                    break;
                }
            }
        }
        session
    }

    fn complete(&mut self, session: &str, outcome: &str) {
        let paid = self.tell_stripe("complete", &json!({ "session": session, "outcome": outcome }));
        let known = |at| paid.as_ref().map(|session| text(session, at)).filter(|id| !id.is_empty());
        self.wallet.customer = known("/customer").or(self.wallet.customer.take());
        self.wallet.subscription = known("/subscription").or(self.wallet.subscription.take());
    }

    fn change_plan(&self, plan: &str) {
        let Some(id) = &self.wallet.subscription else { return };
        let Some(subscription) = self.stripe.read(&format!("subscriptions/{id}")) else { return };
        let item = text(&subscription, "/items/data/0/id");
        self.stripe.change(&format!(
            "subscriptions/{id}?items%5B0%5D%5Bid%5D={item}&items%5B0%5D%5Bprice%5D=price_sandbox_{plan}_month\
             &proration_behavior=none"
        ));
    }

    /// Takes a part of a payment back; what Stripe makes of that, if it is possible.
    fn take_back(&self, how: &str, back: usize, percent: u32) -> Option<Value> {
        let customer = self.wallet.customer.as_ref()?;
        let payments = self.stripe.read(&format!("payment_intents?limit=100&customer={customer}"))?;
        let mut paid: Vec<&Value> = payments.get("data")?.as_array()?.iter().collect();
        paid.retain(|payment| text(payment, "/status") == "succeeded");
        // Stripe lists the newest first.
        paid.reverse();
        let payment = from_newest(&paid, back)?;
        let cents = (number(payment, "/amount") * i64::from(percent) / 100).max(1);
        self.tell_stripe(how, &json!({ "payment_intent": text(payment, "/id"), "amount": cents }))
    }

    fn top_up(&self, top_up: TopUp) {
        let body = json!({ "low_balance_at": top_up.threshold, "auto_top_up": {
            "is_on": true, "threshold": top_up.threshold, "pack": top_up.pack,
            "monthly_max_cents": top_up.monthly_max_cents,
        } });
        for _ in 0..ATTEMPTS_MAX {
            if self.put(ALERTS, &body).is_settled() {
                return;
            }
            std::thread::sleep(ASK_AGAIN_AFTER);
        }
    }

    /// What the sandbox refuses, or cannot do while it is being restarted, does not happen.
    fn tell_stripe(&self, path: &str, body: &Value) -> Option<Value> {
        self.stripe.tell(path, body).ok().flatten()
    }
}

/// The session in the address of a page.
fn session_of(url: &str) -> Option<String> {
    url.split(['/', '?', '#']).find(|part| part.starts_with("cs_")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::session_of;

    #[test]
    fn a_page_names_its_session() {
        let url = "http://127.0.0.1:1/c/pay/cs_test_a1b2#fid";
        assert_eq!(session_of(url).as_deref(), Some("cs_test_a1b2"));
        assert_eq!(session_of("https://example.com"), None);
    }
}
