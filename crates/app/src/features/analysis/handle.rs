//! Instagram usernames.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::InvalidRequest;

/// An Instagram username by Instagram's rules: 1 to 30 letters, digits, dots and underscores, no dot at either end and
/// no two in a row; kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstagramHandle(String);

impl InstagramHandle {
    const CHARS_MAX: usize = 30;
    /// First path segments of instagram.com that name a page, not a profile.
    const PAGES: [&'static str; 8] = ["p", "reel", "reels", "explore", "stories", "tv", "accounts", "direct"];

    /// The username in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InstagramHandle {
    type Err = InvalidRequest;

    /// Accepts `name`, `@name` and profile addresses such as `https://www.instagram.com/name/`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        let bare = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")).unwrap_or(&lower);
        let bare = bare.strip_prefix("www.").or_else(|| bare.strip_prefix("m.")).unwrap_or(bare);
        let name = match bare.strip_prefix("instagram.com/") {
            Some(path) => {
                let path = path.split(['?', '#']).next().unwrap_or_default();
                let name = path.strip_suffix('/').unwrap_or(path);
                if Self::PAGES.contains(&name) {
                    return Err(InvalidRequest::Username);
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
        if valid { Ok(Self(name.to_owned())) } else { Err(InvalidRequest::Username) }
    }
}

impl TryFrom<String> for InstagramHandle {
    type Error = InvalidRequest;

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
    use super::*;

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
