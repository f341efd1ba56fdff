//! The Worker's webhook as Stripe sees it: a body and its signature.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

use crate::bench::Bench;
use crate::http::Http;

/// As long as Stripe waits, about.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Endpoint {
    url: String,
    secret: String,
}

impl Endpoint {
    pub fn of(bench: &Bench<'_>) -> Result<Self> {
        let file = bench.layout.stripe_webhook_secret();
        let secret = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Self { url: format!("{}/webhooks/stripe", bench.stack.api_url), secret: secret.trim().to_owned() })
    }

    /// Sends an event, signed now; answers the status.
    pub fn deliver(&self, http: &Http, event: &str) -> Result<u16> {
        let signature = signature(&self.secret, Timestamp::now().as_second(), event)?;
        Ok(http.post_text(&self.url, ("stripe-signature", &signature), event)?.status)
    }
}

/// A connection that stays open.
pub fn connection() -> Http {
    Http::new(PATIENCE)
}

fn signature(secret: &str, time: i64, body: &str) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|error| anyhow!("the secret: {error}"))?;
    mac.update(format!("{time}.{body}").as_bytes());
    let digits = mac.finalize().into_bytes().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    Ok(format!("t={time},v1={digits}"))
}

/// A fixture with values of its own. Each placeholder must be there, or the fixture has become another one.
pub fn filled(fixture: &str, values: &[(&str, &str)]) -> Result<String> {
    values.iter().try_fold(fixture.to_owned(), |text, (placeholder, value)| {
        if !text.contains(placeholder) {
            bail!("the fixture does not contain {placeholder}");
        }
        Ok(text.replace(placeholder, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_signed_as_stripe_signs() {
        // By `printf '1793000010.{}' | openssl dgst -sha256 -hmac whsec_test`.
        let expected = "t=1793000010,v1=36a9ea853effe58ca6760814cd638536c930ac754386ba9e859d47bfd40b38d6";
        assert_eq!(signature("whsec_test", 1_793_000_010, "{}").unwrap(), expected);
    }

    #[test]
    fn a_fixture_is_filled_in_or_refused() {
        assert_eq!(filled("a b a", &[("a", "x"), ("b", "y")]).unwrap(), "x y x");
        assert!(filled("a", &[("b", "y")]).is_err());
    }
}
