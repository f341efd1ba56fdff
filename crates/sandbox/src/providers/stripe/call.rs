//! One call of an endpoint, and what endpoints are: functions of the books and a call.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{books::Books, errors::StripeError, form, listing::Page};

pub(super) type Answer = Result<Value, StripeError>;
pub(super) type Operation = fn(&mut Books, &Call) -> Answer;

#[derive(Debug)]
pub(super) struct Call {
    /// The identifier in the path, where the route has one.
    pub(super) id: Option<String>,
    pub(super) path: String,
    pub(super) form: Value,
}

impl Call {
    pub(super) fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    /// The parameters, of which there may be no other than these.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, StripeError> {
        form::read(&self.form)
    }

    /// The parameters of a list.
    pub(super) fn page<T: DeserializeOwned>(&self) -> Result<(Page, T), StripeError> {
        let mut form = self.form.clone();
        let page = Page::take(&mut form, &self.path)?;
        Ok((page, form::read(&form)?))
    }

    /// Refuses any parameter.
    pub(super) fn nothing_else(&self) -> Result<(), StripeError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        self.read().map(|Nothing {}| ())
    }
}
