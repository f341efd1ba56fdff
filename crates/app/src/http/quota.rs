//! A quota, as the headers `RateLimit-Policy` and `RateLimit` tell it (draft-ietf-httpapi-ratelimit-headers-10).
//!
//! Promises: they say what is enforced and no more. What is left of a quota is told only where it is known, which is when nothing is.

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

impl Quota {
    /// Says that this quota is enforced.
    pub(super) fn declare(self, headers: &mut HeaderMap) {
        set(headers, POLICY, &format!("\"{}\";q={};w={}", self.name, self.most, self.window_s));
    }

    /// Says that it is used up, and after how many seconds at most there is room again.
    pub(super) fn declare_used_up(self, reset_s: u32, headers: &mut HeaderMap) {
        self.declare(headers);
        set(headers, STATE, &format!("\"{}\";r=0;t={reset_s}", self.name));
    }
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
    fn a_quota_is_told_as_the_draft_writes_it() {
        let quota = Quota { name: "read", most: 150, window_s: 10 };
        let mut headers = HeaderMap::new();
        quota.declare(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"read\";q=150;w=10");
        assert!(!headers.contains_key("ratelimit"), "what is left is not known");
        quota.declare_used_up(7, &mut headers);
        assert_eq!(headers["ratelimit"], "\"read\";r=0;t=7");
    }
}
