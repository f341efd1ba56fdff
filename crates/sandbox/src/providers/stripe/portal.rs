//! Sessions of the customer portal. There is no page behind their address.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    books::Books,
    call::{Answer, Call},
    object::{CUSTOMER, Fields, PORTAL_SESSION},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    customer: String,
    return_url: Option<String>,
    configuration: Option<String>,
    locale: Option<String>,
    flow_data: Option<Value>,
}

pub(super) fn create(books: &mut Books, call: &Call) -> Answer {
    let asked: Create = call.read()?;
    books.find(CUSTOMER, &asked.customer)?;
    let mut session = PORTAL_SESSION.with(json!({
        "created": books.now, "customer": asked.customer, "return_url": asked.return_url, "locale": asked.locale,
        "flow": asked.flow_data,
    }));
    if let Some(configuration) = asked.configuration {
        session.set("configuration", configuration);
    }
    session.set("url", format!("https://billing.stripe.com/p/session/test_{}", session.text("id")));
    books.put(session.clone());
    Ok(session)
}
