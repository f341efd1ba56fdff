//! Where secrets come from: Worker secrets, or AWS Secrets Manager.

use jiff::SignedDuration;
use oslira_app::features::health::setting_fault;

use crate::{Secret, vault::LIFETIME};

const SOURCE: &str = "SECRETS_SOURCE";
/// The longest name or address of a secret that AWS takes.
const SECRET_ID_CHARS_MAX: usize = 2048;

/// Whom AWS lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsCredentials {
    pub access_key_id: String,
    pub secret_access_key: Secret,
    /// Of temporary credentials.
    pub session_token: Option<Secret>,
}

/// Which secret of whose AWS account holds the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsSettings {
    /// `AWS_SECRETS_URL`, or the region's own address.
    pub(super) url: String,
    pub(super) region: String,
    pub(super) secret_id: String,
    pub(super) credentials: AwsCredentials,
    /// `SECRETS_LIFETIME_S`, of a local stack only: how long values are used. A shorter time than a deployment's, so that a test need
    /// not wait for minutes.
    pub lifetime: SignedDuration,
}

impl AwsSettings {
    /// Reads `SECRETS_SOURCE` and, if it says `aws`, the rest; `None` for Worker secrets, and with a fault. `text` gives the value
    /// of a setting, empty if it is not set.
    #[must_use]
    pub fn read(text: impl Fn(&str) -> String, local: bool) -> (Option<Self>, Vec<String>) {
        match text(SOURCE).as_str() {
            "" | "worker" => return (None, vec![]),
            "aws" => {}
            _ => return (None, vec![format!("{SOURCE} takes worker or aws")]),
        }
        let (region, secret_id) = (text("AWS_REGION"), text("AWS_SECRET_ID"));
        let key_id = text("AWS_ACCESS_KEY_ID");
        let given = |name: &'static str| Some(name).filter(|name| !text(name).is_empty());
        let optional = [given("AWS_SECRETS_URL"), given("AWS_SESSION_TOKEN")];
        let checked = ["AWS_REGION", "AWS_SECRET_ID", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        let checked = checked.into_iter().chain(optional.into_iter().flatten());
        let mut faults: Vec<String> = checked.filter_map(|name| setting_fault(name, &text(name), local)).collect();
        // They become parts of an address and of a header.
        for (name, is_sound) in [
            (
                "AWS_REGION",
                region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
            ),
            ("AWS_SECRET_ID", secret_id.len() <= SECRET_ID_CHARS_MAX && secret_id.bytes().all(is_of_a_secret_id)),
            ("AWS_ACCESS_KEY_ID", key_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')),
        ] {
            if !is_sound {
                faults.push(format!("{name} has a character that AWS does not use"));
            }
        }
        if !faults.is_empty() {
            return (None, faults);
        }
        let url = match text("AWS_SECRETS_URL") {
            url if url.is_empty() => format!("https://secretsmanager.{region}.amazonaws.com"),
            url => url.trim_end_matches('/').to_owned(),
        };
        let credentials = AwsCredentials {
            access_key_id: key_id,
            secret_access_key: Secret::new(text("AWS_SECRET_ACCESS_KEY")),
            session_token: Some(text("AWS_SESSION_TOKEN")).filter(|token| !token.is_empty()).map(Secret::new),
        };
        // A value out of range is no fault: the full time is what a deployment has.
        let lifetime = text("SECRETS_LIFETIME_S").parse().ok().map(SignedDuration::from_secs);
        let is_shorter = |lifetime: &SignedDuration| *lifetime > SignedDuration::ZERO && *lifetime < LIFETIME;
        let lifetime = lifetime.filter(|lifetime| local && is_shorter(lifetime)).unwrap_or(LIFETIME);
        (Some(Self { url, region, secret_id, credentials, lifetime }), faults)
    }
}

/// Of its name, or of its whole address (`arn:…`).
fn is_of_a_secret_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/_+=.@-:".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(local: bool, changed: &[(&str, &str)]) -> (Option<AwsSettings>, Vec<String>) {
        let sound = [
            (SOURCE, "aws"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_SECRET_ID", "oslira/production"),
            ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "wJalrX/EXAMPLE"),
        ];
        let of = |name: &str, pairs: &[(&str, &str)]| {
            pairs.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        };
        AwsSettings::read(|name| of(name, changed).or_else(|| of(name, &sound)).unwrap_or_default(), local)
    }

    fn read(changed: &[(&str, &str)]) -> (Option<AwsSettings>, Vec<String>) {
        read_as(false, changed)
    }

    #[test]
    fn worker_secrets_are_the_default_and_need_nothing() {
        for source in ["", "worker"] {
            assert_eq!(read(&[(SOURCE, source), ("AWS_REGION", "")]), (None, vec![]), "{source}");
        }
        assert_eq!(read(&[(SOURCE, "vault")]), (None, vec!["SECRETS_SOURCE takes worker or aws".to_owned()]));
    }

    #[test]
    fn aws_is_asked_at_the_regions_address_unless_another_is_given() {
        let (settings, faults) = read(&[]);
        assert_eq!(faults, [""; 0]);
        let settings = settings.unwrap();
        assert_eq!(settings.url, "https://secretsmanager.eu-central-1.amazonaws.com");
        assert_eq!(settings.credentials.session_token, None);
        assert!(!format!("{settings:?}").contains("wJalrX"));

        let url = ("AWS_SECRETS_URL", "https://secretsmanager.eu-central-1.amazonaws.com.cn/");
        let (settings, _) = read(&[url, ("AWS_SESSION_TOKEN", "IQoJb3/token")]);
        let settings = settings.unwrap();
        assert_eq!(settings.url, "https://secretsmanager.eu-central-1.amazonaws.com.cn");
        assert_eq!(settings.credentials.session_token, Some(Secret::new("IQoJb3/token")));
    }

    #[test]
    fn every_fault_is_told_at_once_and_no_value() {
        let (settings, faults) = read(&[
            ("AWS_REGION", "eu central"),
            ("AWS_SECRET_ID", ""),
            ("AWS_ACCESS_KEY_ID", "sandbox-id"),
            ("AWS_SECRET_ACCESS_KEY", ""),
            ("AWS_SECRETS_URL", "http://127.0.0.1:4010/aws"),
            ("AWS_SESSION_TOKEN", "sandbox-token"),
        ]);
        let expected = [
            "AWS_SECRET_ID is not set",
            "AWS_ACCESS_KEY_ID is a sandbox value",
            "AWS_SECRET_ACCESS_KEY is not set",
            "AWS_SECRETS_URL must begin with https://",
            "AWS_SESSION_TOKEN is a sandbox value",
            "AWS_REGION has a character that AWS does not use",
            "AWS_ACCESS_KEY_ID has a character that AWS does not use",
        ];
        assert_eq!((settings, faults), (None, expected.map(str::to_owned).to_vec()));

        let sandbox = [("AWS_SECRET_ACCESS_KEY", "sandbox-key"), ("AWS_SECRETS_URL", "http://127.0.0.1:4010/aws")];
        let (settings, faults) = read_as(true, &sandbox);
        assert_eq!((settings.is_some(), faults), (true, vec![]));
    }

    #[test]
    fn only_a_local_stack_uses_values_for_a_shorter_time() {
        let lifetime_s = |local, text| {
            let (settings, faults) = read_as(local, &[("SECRETS_LIFETIME_S", text)]);
            assert_eq!(faults, [""; 0], "{text}");
            settings.unwrap().lifetime.as_secs()
        };
        assert_eq!((lifetime_s(true, "20"), lifetime_s(false, "20"), lifetime_s(true, "")), (20, 300, 300));
        for senseless in ["0", "-1", "301", "1.5", "soon"] {
            assert_eq!(lifetime_s(true, senseless), 300, "{senseless}");
        }
    }
}
