//! The account at Resend and the address that mail comes from: settings of a deployment.

use std::str::FromStr;

use oslira_app::features::health::setting_fault;

use crate::{Endpoint, Secret};

/// Longer ones are not delivered everywhere (RFC 5321 allows an address 254); the rest is for the name.
const SENDER_BYTES_MAX: usize = 320;

/// Where mail is sent through, and whom it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResendAccount {
    /// `RESEND_BASE_URL` and `RESEND_API_KEY`.
    pub endpoint: Endpoint,
    /// `MAIL_FROM`.
    pub from: Sender,
}

impl ResendAccount {
    /// The account and its faults. None without a key, which is no fault, and none with a fault.
    #[must_use]
    pub fn read(text: impl Fn(&str) -> String, local: bool) -> (Option<Self>, Vec<String>) {
        let key = text("RESEND_API_KEY");
        let is_wanted = !key.is_empty();
        let checked = ["RESEND_BASE_URL", "RESEND_API_KEY", "MAIL_FROM"]
            .into_iter()
            .map(|name| (name, text(name)))
            .filter(|(_, value)| is_wanted || !value.is_empty());
        let mut faults: Vec<String> = checked.filter_map(|(name, value)| setting_fault(name, &value, local)).collect();
        let from = text("MAIL_FROM");
        let from = (!from.is_empty()).then(|| from.parse::<Sender>()).transpose().unwrap_or_else(|fault| {
            faults.push(format!("MAIL_FROM {fault}"));
            None
        });
        let endpoint = Endpoint::new(&text("RESEND_BASE_URL"), Secret::new(key));
        let account = from.filter(|_| is_wanted && faults.is_empty()).map(|from| Self { endpoint, from });
        (account, faults)
    }
}

/// Whom mail comes from: `mail@example.com` or `Oslira <mail@example.com>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender(String);

impl Sender {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Sender {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = match text.strip_suffix('>') {
            Some(open) => open.split_once('<').map(|(_, address)| address),
            None => Some(text),
        };
        let is_plain = text.len() <= SENDER_BYTES_MAX && !text.contains(char::is_control);
        match address.filter(|address| is_plain && is_address(address)) {
            // A second address could only stand in the name.
            Some(_) if text.matches('@').count() == 1 => Ok(Self(text.to_owned())),
            _ => Err("takes one address, such as `Oslira <mail@example.com>`"),
        }
    }
}

/// Finds slips of the pen; whether the address may send, Resend decides.
fn is_address(text: &str) -> bool {
    let sound = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "<>,;\"@".contains(c));
    let Some((mailbox, domain)) = text.split_once('@') else { return false };
    sound(mailbox) && sound(domain) && domain.contains('.') && domain.split('.').all(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (&str, &str) = ("RESEND_API_KEY", "re_x");

    fn read(local: bool, changed: &[(&str, &str)]) -> (Option<ResendAccount>, Vec<String>) {
        let sound = [("RESEND_BASE_URL", "https://api.resend.com"), ("MAIL_FROM", "Oslira <mail@example.com>")];
        let all = [changed, &sound].concat();
        let text = |name: &str| all.iter().find(|(other, _)| *other == name).map_or("", |(_, value)| *value);
        ResendAccount::read(|name| text(name).to_owned(), local)
    }

    #[test]
    fn mail_has_an_account_with_a_key_and_is_left_out_without_one() {
        let (account, faults) = read(false, &[KEY]);
        assert_eq!(faults, [""; 0]);
        let endpoint = Endpoint::new("https://api.resend.com", Secret::new("re_x"));
        assert_eq!(account, Some(ResendAccount { endpoint, from: Sender("Oslira <mail@example.com>".to_owned()) }));

        assert_eq!(read(false, &[]), (None, vec![]));
        assert_eq!(read(false, &[("MAIL_FROM", ""), ("RESEND_BASE_URL", "")]), (None, vec![]));
    }

    #[test]
    fn an_account_with_a_fault_is_none() {
        for (name, value, fault) in [
            ("RESEND_BASE_URL", "", "is not set"),
            ("RESEND_BASE_URL", "http://api.resend.com", "must begin with https://"),
            ("RESEND_BASE_URL", "https://127.0.0.1/resend", "names this machine"),
            ("RESEND_API_KEY", "sandbox-resend-key", "is a sandbox value"),
            ("MAIL_FROM", "", "is not set"),
            ("MAIL_FROM", "Oslira", "takes one address, such as `Oslira <mail@example.com>`"),
        ] {
            let changed = [(name, value), KEY];
            assert_eq!(read(false, &changed), (None, vec![format!("{name} {fault}")]), "{value}");
        }
        let without_a_key = read(false, &[("MAIL_FROM", "Oslira")]);
        assert_eq!(
            without_a_key,
            (None, vec!["MAIL_FROM takes one address, such as `Oslira <mail@example.com>`".into()])
        );

        let local = [("RESEND_BASE_URL", "http://127.0.0.1:4010/resend"), ("RESEND_API_KEY", "sandbox-resend-key")];
        let (account, faults) = read(true, &local);
        assert_eq!((account.is_some(), faults), (true, vec![]));
    }

    #[test]
    fn a_sender_is_one_address_with_a_name_or_without() {
        for text in ["mail@example.com", "Oslira <mail@example.com>", "<mail@mail.example.com>", "Ösl Ira <a+b@x.de>"]
        {
            assert_eq!(text.parse(), Ok(Sender(text.to_owned())));
        }
        let long = format!("{} <mail@example.com>", "x".repeat(SENDER_BYTES_MAX));
        for text in [
            "",
            "Oslira",
            "mail@localhost",
            "@example.com",
            "mail@",
            "mail@.example.com",
            "mail@example.com.",
            "a@example.com, b@example.com",
            "a@example.com <b@example.com>",
            "Oslira <a@example.com> <b@example.com>",
            "Oslira mail@example.com",
            "Oslira <mail@example.com",
            "Oslira mail@example.com>",
            "Oslira\n<mail@example.com>",
            "mail@exam ple.com",
            &long,
        ] {
            assert!(text.parse::<Sender>().is_err(), "{text}");
        }
    }
}
