//! Instagram's rules for usernames and profile addresses.

use url::Url;

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
pub(crate) fn from_profile_url(address: &str) -> Option<String> {
    // The scrapers take an address without its scheme too.
    let url = Url::parse(address).or_else(|_| Url::parse(&format!("https://{address}"))).ok()?;
    if !matches!(url.host_str()?, "instagram.com" | "www.instagram.com") {
        return None;
    }
    let mut segments = url.path_segments()?.filter(|segment| !segment.is_empty());
    let (username, None) = (segments.next()?, segments.next()) else { return None };
    (!matches!(username, "p" | "reel" | "explore" | "stories")).then(|| username.to_owned())
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
        assert_eq!(from_profile_url("https://www.instagram.com/nasa"), Some("nasa".into()));
        assert_eq!(from_profile_url("http://instagram.com/a.b/?hl=en"), Some("a.b".into()));
        assert_eq!(from_profile_url("www.instagram.com/nasa/"), Some("nasa".into()));
        assert_eq!(from_profile_url("nasa"), None);
        assert_eq!(from_profile_url("https://www.instagram.com/p/BwrsO1Bho2N"), None);
        assert_eq!(from_profile_url("https://example.com/nasa"), None);
    }
}
