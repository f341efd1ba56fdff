//! Instagram usernames.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The text names no Instagram profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an Instagram username")]
pub struct InvalidHandle;

/// An Instagram username by Instagram's rules: 1 to 30 letters, digits, dots and underscores, no dot at either end and
/// no two in a row; kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstagramHandle(String);

impl InstagramHandle {
    const CHARS_MAX: usize = 30;
    /// First path segments of instagram.com that name a page, not a profile. By themselves, without an address, they
    /// are accepted as usernames.
    const PAGES: [&'static str; 8] = ["p", "reel", "reels", "explore", "stories", "tv", "accounts", "direct"];

    /// The username in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InstagramHandle {
    type Err = InvalidHandle;

    /// Accepts `name`, `@name` and profile addresses such as `https://www.instagram.com/name/`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        // ASCII only: Unicode's lower case turns the Kelvin sign into a k, and so makes up another username.
        let lower = text.to_ascii_lowercase();
        let bare = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")).unwrap_or(&lower);
        let bare = bare.strip_prefix("www.").or_else(|| bare.strip_prefix("m.")).unwrap_or(bare);
        let name = match bare.strip_prefix("instagram.com/") {
            Some(path) => {
                let path = path.split(['?', '#']).next().unwrap_or_default();
                let name = path.strip_suffix('/').unwrap_or(path);
                if Self::PAGES.contains(&name) {
                    return Err(InvalidHandle);
                }
                name
            }
            None => lower.strip_prefix('@').unwrap_or(&lower),
        };
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '_';
        let valid = (1..=Self::CHARS_MAX).contains(&name.len())
            && name.chars().all(allowed)
            && !name.starts_with('.')
            && !name.ends_with('.')
            && !name.contains("..");
        if valid { Ok(Self(name.to_owned())) } else { Err(InvalidHandle) }
    }
}

impl TryFrom<String> for InstagramHandle {
    type Error = InvalidHandle;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<InstagramHandle> for String {
    fn from(handle: InstagramHandle) -> Self {
        handle.0
    }
}

impl fmt::Display for InstagramHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::property::config;

    /// Any text, texts that are nearly a handle, and texts that are nearly an address.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "\\PC{0,40}",
            "[@ ]?[A-Za-z0-9._]{0,32}[/? .]?",
            "(https?://)?(www\\.|m\\.)?(Instagram|INSTAGRAM|instagram)\\.com/[A-Za-z0-9._/?#% -]{0,34}",
        ]
    }

    /// What Instagram allows, in lower case.
    fn canonical() -> impl Strategy<Value = String> {
        "[a-z0-9_][a-z0-9_.]{0,28}[a-z0-9_]|[a-z0-9_]".prop_filter("no two dots", |name| !name.contains(".."))
    }

    fn is_canonical(name: &str) -> bool {
        let chars = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_'));
        let dots = name.split('.').all(|part| !part.is_empty());
        chars && dots && (1..=30).contains(&name.len())
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn any_text_is_refused_or_becomes_canonical(text in text()) {
            if let Ok(handle) = text.parse::<InstagramHandle>() {
                prop_assert!(is_canonical(handle.as_str()), "{handle}");
                prop_assert!(text.to_ascii_lowercase().contains(handle.as_str()), "{handle} is made up");
                prop_assert_eq!(handle.as_str().parse::<InstagramHandle>(), Ok(handle.clone()));
                let json = serde_json::to_string(&handle).unwrap();
                prop_assert_eq!(serde_json::from_str::<InstagramHandle>(&json).unwrap(), handle);
            }
        }

        #[test]
        fn every_form_of_a_name_is_the_same_handle(
            name in canonical(),
            scheme in "(https?://)?",
            host in "(www\\.|m\\.)?instagram\\.com/",
            tail in "/?(\\?[a-z=&]{0,9})?(#[a-z]{0,5})?",
        ) {
            let handle = Ok(InstagramHandle(name.clone()));
            for text in [name.clone(), format!("@{name}"), format!(" {name}\n"), name.to_ascii_uppercase()] {
                prop_assert_eq!(text.parse(), handle.clone(), "{}", text);
            }
            let address = format!("{scheme}{host}{name}{tail}");
            let is_page = InstagramHandle::PAGES.contains(&name.as_str());
            let expected = if is_page { Err(InvalidHandle) } else { handle };
            prop_assert_eq!(address.parse(), expected.clone(), "{}", address);
            prop_assert_eq!(address.to_ascii_uppercase().parse(), expected, "{} in capitals", address);
        }
    }

    #[test]
    fn handles_are_accepted_in_every_form_people_paste() {
        for text in [
            "nasa",
            "@NASA",
            " nasa ",
            "https://www.instagram.com/nasa/",
            "http://instagram.com/NASA",
            "instagram.com/nasa?igsh=x",
            "www.instagram.com/nasa#top",
        ] {
            assert_eq!(text.parse::<InstagramHandle>().map(String::from), Ok("nasa".to_owned()), "{text}");
        }
    }

    #[test]
    fn what_instagram_would_not_accept_is_refused() {
        let long = "a".repeat(31);
        for text in [
            "",
            "@",
            ".nasa",
            "nasa.",
            "na..sa",
            "na sa",
            "na-sa",
            "nasa/",
            "ñasa",
            "na\u{200b}sa",
            &long,
            "https://instagram.com/p/",
            "https://evil.com/nasa",
            "instagram.com/nasa/followers",
            "@@nasa",
            "nasa\0",
        ] {
            assert!(text.parse::<InstagramHandle>().is_err(), "{text:?}");
        }
    }
}
