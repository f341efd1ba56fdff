//! A charge without its customer: an automatic purchase of a pack.

use oslira_app::features::billing::{ChargeOutcome, StripeError, TopUp};
use serde_json::Value;

use super::{
    CURRENCY,
    call::{Api, checked_id},
    part::{Part, Unread},
    purchase::AUTO_TOP_UP,
    questions::first,
};

pub(super) async fn charge(api: &Api, top_up: &TopUp) -> Result<ChargeOutcome, StripeError> {
    let Some(method) = payment_method(api, &top_up.customer_id).await? else {
        return Err(StripeError::Declined("no_payment_method".to_owned()));
    };
    let (purchase, account) = (top_up.purchase_id.to_string(), top_up.account_id.to_string());
    let amount = top_up.price_cents.to_string();
    let form = [
        ("amount", amount.as_str()),
        ("currency", CURRENCY),
        ("customer", &top_up.customer_id),
        ("payment_method", &method),
        ("off_session", "true"),
        ("confirm", "true"),
        // Without it Stripe demands an address to send the customer back to, and nobody is there to be sent.
        ("automatic_payment_methods[enabled]", "true"),
        ("automatic_payment_methods[allow_redirects]", "never"),
        ("metadata[purchase_id]", &purchase),
        ("metadata[account_id]", &account),
        ("metadata[origin]", AUTO_TOP_UP),
    ];
    match api.post("/v1/payment_intents", &form, Some(&format!("top-up:{purchase}"))).await {
        Ok(answer) => outcome(&answer),
        // An earlier attempt, with the card that was the customer's default then, got no answer and may have been paid.
        Err(error) if error.is_key_of_another_form() => Ok(ChargeOutcome::Pending),
        Err(error) => Err(error.into()),
    }
}

/// The customer's default for invoices, else the newest.
async fn payment_method(api: &Api, customer_id: &str) -> Result<Option<String>, StripeError> {
    let path = format!("/v1/customers/{}", checked_id(customer_id)?);
    let customer = api.get(&path).await?;
    let customer = Part::of(&customer);
    // Of a deleted customer Stripe says no more than that.
    if customer.is("deleted") {
        return Ok(None);
    }
    let default = customer.part("invoice_settings").and_then(|part| part.nullable_text("default_payment_method"));
    if let Some(method) = default? {
        return Ok(Some(method.to_owned()));
    }
    let methods = api.page(&format!("{path}/payment_methods"), &[("limit", "1")]).await?;
    Ok(first(&Part::of(&methods), "id")?.map(str::to_owned))
}

fn outcome(answer: &Value) -> Result<ChargeOutcome, StripeError> {
    let intent = Part::of(answer);
    let paid = || -> Result<_, Unread> {
        Ok(ChargeOutcome::Paid {
            payment_intent_id: intent.text("id")?.to_owned(),
            amount_cents: intent.number("amount_received")?,
        })
    };
    match intent.text("status")? {
        "succeeded" => Ok(paid()?),
        "processing" => Ok(ChargeOutcome::Pending),
        word @ ("requires_action" | "requires_payment_method" | "canceled") => {
            Err(StripeError::Declined(word.to_owned()))
        }
        _ => Err(intent.unread("status").into()),
    }
}
