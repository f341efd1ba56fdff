//! Instagram's rules for usernames and profile addresses.

/// The longest username Instagram allows.
const HANDLE_CHARS_MAX: usize = 30;

/// Whether Instagram would allow this lower-case username.
pub(crate) fn is_valid(handle: &str) -> bool {
    (1..=HANDLE_CHARS_MAX).contains(&handle.len())
        && handle.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_'))
        && !handle.starts_with('.')
        && !handle.ends_with('.')
        && !handle.contains("..")
}

/// The username in `https://www.instagram.com/name/`, and nothing for posts, reels and other addresses.
pub(crate) fn from_profile_url(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or(url);
    let path = rest.strip_prefix("www.").unwrap_or(rest).strip_prefix("instagram.com/")?;
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    (!path.is_empty() && !path.contains('/') && !matches!(path, "p" | "reel" | "explore" | "stories")).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_follow_instagrams_rules() {
        for good in ["nasa", "a", "a.b_c9", "_x_", &"a".repeat(30)] {
            assert!(is_valid(good), "{good}");
        }
        for bad in ["", ".a", "a.", "a..b", "a b", "a-b", "ä", &"a".repeat(31)] {
            assert!(!is_valid(bad), "{bad}");
        }
    }

    #[test]
    fn profile_addresses_give_their_username() {
        assert_eq!(from_profile_url("https://www.instagram.com/nasa"), Some("nasa"));
        assert_eq!(from_profile_url("http://instagram.com/a.b/?hl=en"), Some("a.b"));
        assert_eq!(from_profile_url("https://www.instagram.com/p/BwrsO1Bho2N"), None);
        assert_eq!(from_profile_url("https://example.com/nasa"), None);
    }
}
