//! A quota, as the headers `RateLimit-Policy` and `RateLimit` tell it (draft-ietf-httpapi-ratelimit-headers-10).
//!
//! Promises: they say what is enforced and no more. What is left of a quota is told only where it is known, which is when it is too
//! little.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// So many of something in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Letters, digits, dashes: it stands between quotes in a header.
    pub name: &'static str,
    pub most: u32,
    pub window_s: u32,
}

/// A quota that has too little left for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    pub quota: Quota,
    /// What is left of it.
    pub left: u32,
    /// After how many seconds at most there is room for the request.
    pub reset_s: u32,
}

impl Exceeded {
    /// Says that the quota is enforced, and how it stands.
    pub(super) fn declare(self, headers: &mut HeaderMap) {
        declare(&[self.quota], headers);
        set(headers, STATE, &format!("\"{}\";r={};t={}", self.quota.name, self.left, self.reset_s));
    }
}

/// Says that these quotas are enforced.
pub(super) fn declare(quotas: &[Quota], headers: &mut HeaderMap) {
    if quotas.is_empty() {
        return;
    }
    let policy = |quota: &Quota| format!("\"{}\";q={};w={}", quota.name, quota.most, quota.window_s);
    set(headers, POLICY, &quotas.iter().map(policy).collect::<Vec<String>>().join(", "));
}

fn set(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    // Cannot fail: a name of letters and numbers are a valid header value.
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_told_as_the_draft_writes_them() {
        let read = Quota { name: "read", most: 120, window_s: 4 };
        let all = Quota { name: "all-routes", most: 240, window_s: 4 };
        let mut headers = HeaderMap::new();
        declare(&[], &mut headers);
        assert!(headers.is_empty(), "nothing is enforced");
        declare(&[read, all], &mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"read\";q=120;w=4, \"all-routes\";q=240;w=4");
        assert!(!headers.contains_key("ratelimit"), "what is left is not known");
        Exceeded { quota: read, left: 2, reset_s: 7 }.declare(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"read\";q=120;w=4");
        assert_eq!(headers["ratelimit"], "\"read\";r=2;t=7");
    }
}
