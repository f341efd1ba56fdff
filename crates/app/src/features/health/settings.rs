//! Settings fail closed.

/// What is wrong with a required setting, by its name and never its value. Fails closed: only a local stack may use plain
/// addresses and the sandbox's keys.
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
    if ["://localhost", "://127.", "://[", "://0."].iter().any(|host| value.to_ascii_lowercase().contains(host)) {
        return Some(format!("{name} names this machine"));
    }
    value.starts_with("sandbox-").then(|| format!("{name} is the sandbox's"))
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
}
