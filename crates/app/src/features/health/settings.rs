//! Settings, read from text and checked. They fail closed: outside a local stack a missing, plain-text or sandbox
//! setting is a fault, and a deployment with faults is not ready and charges nothing.
//!
//! A fault names its setting and never its value, because faults are shown to anybody who asks for readiness.

use std::fmt;

use crate::{
    features::{auth::TokenRules, profiles::PictureSource},
    shared::secret::Secret,
};

/// What RFC 7518 §3.2 demands of an HS256 key; Supabase's own have more.
const JWT_SECRET_BYTES_MIN: usize = 32;

/// Two while one takes the other's place.
const JWT_SECRETS_MAX: usize = 2;
/// More than any test sends.
const TRAFFIC_SCALE_MAX: u32 = 1_000;

/// Which kind of deployment this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// A developer's stack: the only one that may use the sandbox.
    Local,
    /// For trying a version with real providers before customers use it.
    Staging,
    /// Serves customers.
    Production,
    /// `OSLIRA_ENV` has another value: a fault, and the rules of production apply.
    Unknown,
}

impl Environment {
    fn read(text: &str) -> Self {
        match text {
            "local" => Self::Local,
            "staging" => Self::Staging,
            "production" => Self::Production,
            _ => Self::Unknown,
        }
    }

    #[must_use]
    pub const fn is_local(self) -> bool {
        matches!(self, Self::Local)
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Staging => "staging",
            Self::Production => "production",
            Self::Unknown => "unknown",
        })
    }
}

/// The settings except those of the providers of data and models.
#[derive(Clone, PartialEq)]
pub struct DeploymentSettings {
    /// `OSLIRA_ENV`.
    pub environment: Environment,
    /// From `SUPABASE_URL` and `SUPABASE_JWT_SECRET`: whose tokens are accepted.
    pub tokens: TokenRules,
    /// `CORS_ORIGINS`: from where browsers may call.
    pub cors_origins: Vec<String>,
    /// `APP_URL`: the address of the customers' app, to which links in mails lead; without a slash at its end, and empty if there
    /// is none.
    pub app_url: String,
    /// Where profile pictures may come from; on a local stack the host of `APIFY_BASE_URL`, which is its sandbox.
    pub pictures: PictureSource,
    /// `RETRY_TIME_SCALE`: a factor on the pauses between attempts, below 1 on a local stack only.
    pub pause_scale: f64,
    /// `RATE_LIMIT_SCALE`: a factor on how many requests a client may send, above 1 on a local stack only.
    pub traffic_scale: u32,
    /// `TELEMETRY_OFF` is `1`: nothing is told of what happens; on a local stack only.
    pub telemetry_off: bool,
}

impl DeploymentSettings {
    /// Reads the settings and finds their faults. `text` returns the value of a setting, empty if it is not set.
    #[must_use]
    pub fn read(text: impl Fn(&str) -> String) -> (Self, Vec<String>) {
        let environment = Environment::read(&text("OSLIRA_ENV"));
        let local = environment.is_local();
        let mut faults = Vec::new();
        if environment == Environment::Unknown {
            faults.push("OSLIRA_ENV must be local, staging or production".to_owned());
        }
        let supabase_url = text("SUPABASE_URL");
        faults.extend(setting_fault("SUPABASE_URL", &supabase_url, local));
        let app_url = text("APP_URL");
        // Links in mails lead there. Without it there is no link: whoever invites somebody hands the token on.
        if !app_url.is_empty() || !text("RESEND_API_KEY").is_empty() {
            faults.extend(setting_fault("APP_URL", &app_url, local));
        }
        let legacy_secrets = legacy_secrets(&text("SUPABASE_JWT_SECRET")).unwrap_or_else(|fault| {
            faults.push(fault);
            vec![]
        });
        let scale = text("RETRY_TIME_SCALE").parse().ok().filter(|scale: &f64| *scale > 0.0 && *scale <= 1.0);
        let traffic =
            text("RATE_LIMIT_SCALE").parse().ok().filter(|scale: &u32| (1..=TRAFFIC_SCALE_MAX).contains(scale));
        let settings = Self {
            environment,
            tokens: TokenRules {
                issuer: format!("{}/auth/v1", supabase_url.trim_end_matches('/')),
                legacy_secrets,
                awaits_secrets: false,
            },
            cors_origins: list(&text("CORS_ORIGINS")),
            app_url: app_url.trim_end_matches('/').to_owned(),
            pictures: match authority(&text("APIFY_BASE_URL")).filter(|_| local) {
                Some(host) => PictureSource::Sandbox(host),
                None => PictureSource::Instagram,
            },
            // A value out of range is no fault: the full pauses are always safe.
            pause_scale: scale.filter(|_| local).unwrap_or(1.0),
            // Nor here: the full limits are what a deployment enforces.
            traffic_scale: traffic.filter(|_| local).unwrap_or(1),
            telemetry_off: local && text("TELEMETRY_OFF") == "1",
        };
        (settings, faults)
    }
}

/// One secret, or two separated by a comma while the first takes the second's place. An empty or short one must count as none:
/// anybody can sign HS256 tokens with what they guess.
fn legacy_secrets(text: &str) -> Result<Vec<Secret<Vec<u8>>>, String> {
    if text.is_empty() {
        return Ok(vec![]);
    }
    let secrets: Vec<&str> = text.split(',').map(str::trim).collect();
    if secrets.len() > JWT_SECRETS_MAX {
        return Err("SUPABASE_JWT_SECRET takes one secret, or two separated by a comma".to_owned());
    }
    if secrets.iter().any(|secret| secret.len() < JWT_SECRET_BYTES_MIN) {
        return Err(format!("SUPABASE_JWT_SECRET must have at least {JWT_SECRET_BYTES_MIN} bytes"));
    }
    Ok(secrets.into_iter().map(Secret::new).collect())
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn authority(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    rest.split('/').next().filter(|authority| !authority.is_empty()).map(str::to_owned)
}

/// What is wrong with a required setting. Only a local stack may use plain-text addresses, addresses of this machine
/// and the sandbox's keys.
#[must_use]
pub fn setting_fault(name: &str, value: &str, local: bool) -> Option<String> {
    if value.is_empty() {
        return Some(format!("{name} is not set"));
    }
    if local {
        return None;
    }
    if name.ends_with("_URL") && !value.to_ascii_lowercase().starts_with("https://") {
        return Some(format!("{name} must begin with https://"));
    }
    // `://[` stands for every IPv6 literal: no provider is addressed by one.
    if ["://localhost", "://127.", "://[", "://0."].iter().any(|host| value.to_ascii_lowercase().contains(host)) {
        return Some(format!("{name} names this machine"));
    }
    value.starts_with("sandbox-").then(|| format!("{name} is a sandbox value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_local_stack_may_use_the_sandbox() {
        for (name, value) in [
            ("APIFY_TOKEN", "sandbox-apify-token"),
            ("APIFY_BASE_URL", "http://127.0.0.1:4010/apify"),
            ("APIFY_TOKEN", ""),
            ("OPENAI_BASE_URL", "https://localhost:8443/v1"),
        ] {
            let fault = setting_fault(name, value, false);
            assert!(fault.as_ref().is_some_and(|fault| fault.contains(name)), "{name}={value}");
            assert!(value.is_empty() || !fault.is_some_and(|fault| fault.contains(value)), "a value is shown");
        }
        assert_eq!(setting_fault("APIFY_TOKEN", "sandbox-apify-token", true), None);
        assert_eq!(setting_fault("APIFY_BASE_URL", "https://api.apify.com", false), None);
        assert!(setting_fault("OPENAI_API_KEY", "", true).is_some());
    }

    /// The settings of a sound deployment, but for `changed`.
    fn read(changed: &[(&str, &str)]) -> (DeploymentSettings, Vec<String>) {
        let sound = [
            ("OSLIRA_ENV", "production"),
            ("SUPABASE_URL", "https://ref.supabase.co"),
            ("APIFY_BASE_URL", "https://api.apify.com"),
        ];
        let of = |name: &str, pairs: &[(&str, &str)]| {
            pairs.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        };
        DeploymentSettings::read(|name| of(name, changed).or_else(|| of(name, &sound)).unwrap_or_default())
    }

    #[test]
    fn a_sound_deployment_has_no_faults_and_takes_pictures_from_instagram_alone() {
        let (settings, faults) = read(&[("SUPABASE_URL", "https://ref.supabase.co/")]);
        assert_eq!(faults, [""; 0]);
        assert_eq!(settings.tokens.issuer, "https://ref.supabase.co/auth/v1");
        assert!(settings.tokens.legacy_secrets.is_empty(), "an empty secret would sign HS256 tokens");
        assert_eq!((settings.pictures, settings.pause_scale), (PictureSource::Instagram, 1.0));
        assert_eq!(settings.cors_origins, [""; 0]);
    }

    #[test]
    fn an_environment_that_is_none_is_a_fault_and_held_to_the_rules_of_production() {
        for name in ["", "Local", "local,", "dev", "prod"] {
            let (settings, faults) = read(&[
                ("OSLIRA_ENV", name),
                ("SUPABASE_URL", "http://127.0.0.1:4010"),
                ("APIFY_BASE_URL", "http://127.0.0.1:4010/apify"),
                ("RETRY_TIME_SCALE", "0.1"),
                ("RATE_LIMIT_SCALE", "1000"),
                ("TELEMETRY_OFF", "1"),
            ]);
            assert_eq!((settings.traffic_scale, settings.telemetry_off), (1, false), "{name:?}");
            let expected = ["OSLIRA_ENV must be local, staging or production", "SUPABASE_URL must begin with https://"];
            assert_eq!(faults, expected, "{name:?}");
            assert_eq!((settings.pictures, settings.pause_scale), (PictureSource::Instagram, 1.0), "{name:?}");
        }
    }

    #[test]
    fn production_and_staging_want_a_real_supabase() {
        for environment in ["production", "staging"] {
            for (url, fault) in [
                ("", "SUPABASE_URL is not set"),
                ("http://ref.supabase.co", "SUPABASE_URL must begin with https://"),
                ("https://localhost:54321", "SUPABASE_URL names this machine"),
                ("https://127.0.0.1", "SUPABASE_URL names this machine"),
                ("https://[::1]", "SUPABASE_URL names this machine"),
            ] {
                let (_, faults) = read(&[("OSLIRA_ENV", environment), ("SUPABASE_URL", url)]);
                assert_eq!(faults, [fault], "{environment} {url}");
            }
        }
    }

    #[test]
    fn a_deployment_neither_hurries_nor_lets_more_through() {
        for environment in ["staging", "production"] {
            let hurried = [("OSLIRA_ENV", environment), ("RATE_LIMIT_SCALE", "1000"), ("RETRY_TIME_SCALE", "0.1")];
            let (settings, _) = read(&hurried);
            assert_eq!((settings.traffic_scale, settings.pause_scale), (1, 1.0), "{environment}");
        }
    }

    #[test]
    fn a_local_stack_may_hurry_and_takes_pictures_from_its_sandbox_alone() {
        let sandbox = ("APIFY_BASE_URL", "http://127.0.0.1:4010/apify");
        let local = [("OSLIRA_ENV", "local"), ("SUPABASE_URL", "http://127.0.0.1:4010"), sandbox];
        let (settings, faults) = read(&[&local[..], &[("RETRY_TIME_SCALE", "0.02")]].concat());
        assert_eq!(faults, [""; 0]);
        assert_eq!(settings.pictures, PictureSource::Sandbox("127.0.0.1:4010".to_owned()));
        assert_eq!(settings.pause_scale, 0.02);
        for (text, scale) in [("1000", 1_000), ("1", 1), ("0", 1), ("1001", 1), ("-1", 1), ("0.5", 1), ("", 1)] {
            let (settings, _) = read(&[&local[..], &[("RATE_LIMIT_SCALE", text)]].concat());
            assert_eq!(settings.traffic_scale, scale, "{text:?}");
        }
        for senseless in ["0", "-1", "1.5", "NaN", "inf", "fast"] {
            let (settings, _) = read(&[&local[..], &[("RETRY_TIME_SCALE", senseless)]].concat());
            assert_eq!(settings.pause_scale, 1.0, "{senseless}");
        }
    }

    #[test]
    fn only_a_local_stack_can_be_silent_and_only_where_it_is_told_so() {
        for (environment, text, is_off) in [
            ("local", "1", true),
            ("local", "", false),
            ("local", "0", false),
            ("staging", "1", false),
            ("production", "1", false),
        ] {
            let (settings, _) = read(&[("OSLIRA_ENV", environment), ("TELEMETRY_OFF", text)]);
            assert_eq!(settings.telemetry_off, is_off, "{environment} {text:?}");
        }
    }

    #[test]
    fn a_legacy_secret_that_could_be_guessed_is_a_fault_and_signs_nothing() {
        for environment in ["production", "local"] {
            for (bytes, is_fault) in [(0, false), (1, true), (31, true), (32, false)] {
                let secret = "s".repeat(bytes);
                let (settings, faults) = read(&[("OSLIRA_ENV", environment), ("SUPABASE_JWT_SECRET", &secret)]);
                let fault = is_fault.then(|| "SUPABASE_JWT_SECRET must have at least 32 bytes".to_owned());
                assert_eq!(faults, Vec::from_iter(fault), "{environment}, {bytes} bytes");
                assert_eq!(settings.tokens.legacy_secrets.len(), usize::from(bytes >= 32), "{bytes} bytes");
            }
        }
    }

    #[test]
    fn a_legacy_secret_that_is_replaced_and_its_successor_are_both_accepted_and_neither_is_printed() {
        let (new, old) = ("n".repeat(32), "o".repeat(32));
        let (settings, faults) = read(&[("SUPABASE_JWT_SECRET", &format!("{new}, {old}"))]);
        assert_eq!(faults, [""; 0]);
        let both: Vec<Secret<Vec<u8>>> = vec![Secret::new(new.clone()), Secret::new(old)];
        assert_eq!(settings.tokens.legacy_secrets, both);
        assert!(!format!("{:?}", settings.tokens).contains(&new));

        let (settings, faults) = read(&[("SUPABASE_JWT_SECRET", &format!("{new},short"))]);
        assert_eq!(faults, ["SUPABASE_JWT_SECRET must have at least 32 bytes"]);
        assert!(settings.tokens.legacy_secrets.is_empty());
        let (_, faults) = read(&[("SUPABASE_JWT_SECRET", &format!("{new},{new},{new}"))]);
        assert_eq!(faults, ["SUPABASE_JWT_SECRET takes one secret, or two separated by a comma"]);
    }

    #[test]
    fn whoever_mails_says_where_the_links_lead() {
        let key = ("RESEND_API_KEY", "re_key");
        for (given, fault) in [
            (vec![], None),
            (vec![key], Some("APP_URL is not set")),
            (vec![key, ("APP_URL", "https://app.example/")], None),
            (vec![("APP_URL", "http://app.example")], Some("APP_URL must begin with https://")),
            (vec![("APP_URL", "https://localhost:5173")], Some("APP_URL names this machine")),
        ] {
            let (settings, faults) = read(&given);
            assert_eq!(faults, Vec::from_iter(fault), "{given:?}");
            if fault.is_none() && given.len() == 2 {
                assert_eq!(settings.app_url, "https://app.example");
            }
        }
    }

    #[test]
    fn origins_are_a_list() {
        let (settings, _) = read(&[("CORS_ORIGINS", " https://app.oslira.com, ,https://oslira.com ")]);
        assert_eq!(settings.cors_origins, ["https://app.oslira.com", "https://oslira.com"]);
    }
}
