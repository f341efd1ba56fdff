//! A project's address at Sentry: `https://KEY@HOST/PROJECT`.

use std::str::FromStr;

use oslira_app::features::health::setting_fault;

/// Where envelopes go. The key is public: it lets nobody read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentryDsn {
    public_key: String,
    envelope_url: String,
}

impl SentryDsn {
    /// The setting `SENTRY_DSN` and its faults. None if it is empty, which is no fault, and none with a fault.
    #[must_use]
    pub fn read(text: impl Fn(&str) -> String, local: bool) -> (Option<Self>, Vec<String>) {
        let value = text("SENTRY_DSN");
        if value.is_empty() {
            return (None, Vec::new());
        }
        let Ok(dsn) = value.parse::<Self>() else {
            return (None, vec!["SENTRY_DSN takes https://KEY@HOST/PROJECT".to_owned()]);
        };
        // What is checked is the address that is called, without the key before the host.
        let fault = setting_fault("SENTRY_URL", &dsn.envelope_url, local);
        match fault.map(|fault| fault.replacen("SENTRY_URL", "SENTRY_DSN", 1)) {
            Some(fault) => (None, vec![fault]),
            None => (Some(dsn), Vec::new()),
        }
    }

    #[must_use]
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    #[must_use]
    pub fn envelope_url(&self) -> &str {
        &self.envelope_url
    }
}

impl FromStr for SentryDsn {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (scheme, rest) = text.split_once("://").ok_or(())?;
        let (keys, address) = rest.split_once('@').ok_or(())?;
        // Old addresses have a secret behind the key, which nobody asks for any more.
        let public_key = keys.split(':').next().unwrap_or_default();
        let (place, project) = address.rsplit_once('/').ok_or(())?;
        let host = place.split('/').next().unwrap_or_default();
        let is_plain = |c: char| c.is_ascii_graphic() && !"\"<>\\^`{|}@?#".contains(c);
        let is_sound = ["http", "https"].contains(&scheme)
            && !public_key.is_empty()
            && public_key.chars().all(|c| c.is_ascii_alphanumeric())
            && !host.is_empty()
            && place.chars().all(is_plain)
            && !project.is_empty()
            && project.chars().all(|c| c.is_ascii_digit());
        if !is_sound {
            return Err(());
        }
        let envelope_url = format!("{scheme}://{place}/api/{project}/envelope/");
        Ok(Self { public_key: public_key.to_owned(), envelope_url })
    }
}
