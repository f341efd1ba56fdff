//! Instagram usernames.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a text names no Instagram profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHandle {
    #[error("not an Instagram username")]
    Name,
    /// Letters beyond a to z. Many look like them and would be another name, or nobody's.
    #[error("an Instagram username has no such letters")]
    Letters,
    #[error("a link to a post, which does not say whose")]
    Post,
    #[error("a link to a page of Instagram that is no profile")]
    Page,
    #[error("a link to another site")]
    Site,
}

/// An Instagram username by Instagram's rules: 1 to 30 letters, digits, dots and underscores, no dot at either end and
/// no two in a row; kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstagramHandle(String);

impl InstagramHandle {
    const CHARS_MAX: usize = 30;
    /// First path segments of links to posts.
    const POSTS: [&'static str; 4] = ["p", "reel", "reels", "tv"];
    /// First path segments that name a page, not a profile. By themselves, without an address, they are accepted as
    /// usernames.
    const PAGES: [&'static str; 20] = [
        "explore",
        "stories",
        "accounts",
        "direct",
        "share",
        "about",
        "developer",
        "web",
        "s",
        "_u",
        "_n",
        "channel",
        "legal",
        "directory",
        "challenge",
        "oauth",
        "graphql",
        "api",
        "emails",
        "nametag",
    ];
    /// Second path segments of links to a part of a profile.
    const TABS: [&'static str; 8] = ["p", "reel", "reels", "tv", "tagged", "channel", "guides", "feed"];

    /// The username in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in an address without its scheme.
    fn in_address(address: &str) -> Result<&str, InvalidHandle> {
        let (host, path) = address.split_once(['/', '?', '#']).unwrap_or((address, ""));
        let host = host.strip_suffix(":443").or_else(|| host.strip_suffix(":80")).unwrap_or(host);
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        match (site(host).ok_or(InvalidHandle::Site)?, segments.as_slice()) {
            (Site::Messages, ["m", name]) | (Site::Instagram, ["_u" | "_n", name]) => Ok(*name),
            (Site::Instagram, ["stories", name, ..]) if *name != "highlights" => Ok(*name),
            (Site::Instagram, [first, _, ..]) if Self::POSTS.contains(first) => Err(InvalidHandle::Post),
            (Site::Instagram, [first, ..]) if Self::POSTS.contains(first) || Self::PAGES.contains(first) => {
                Err(InvalidHandle::Page)
            }
            (Site::Instagram, [name]) => Ok(name.strip_prefix('@').unwrap_or(*name)),
            (Site::Instagram, [name, tab, ..]) if Self::TABS.contains(tab) => Ok(*name),
            (Site::Instagram | Site::Messages, _) => Err(InvalidHandle::Page),
        }
    }
}

enum Site {
    Instagram,
    /// `ig.me/m/name`, which opens a chat.
    Messages,
}

fn site(host: &str) -> Option<Site> {
    if host == "ig.me" {
        return Some(Site::Messages);
    }
    let front = host.strip_suffix("instagram.com").or_else(|| host.strip_suffix("instagr.am"))?;
    // Languages have hosts of their own: "es-la.". Others, such as "l.", lead elsewhere.
    let is_language = |front: &str| {
        let mut parts = front.split('-');
        let is_code = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_lowercase());
        parts.clone().count() <= 2 && parts.all(is_code)
    };
    let is_profile_host = matches!(front, "" | "www." | "m.") || front.strip_suffix('.').is_some_and(is_language);
    is_profile_host.then_some(Site::Instagram)
}

/// What copying adds at the ends of a text and nobody sees: blanks, zero-width characters, marks of direction.
fn is_unseen(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

impl FromStr for InstagramHandle {
    type Err = InvalidHandle;

    /// Accepts `name`, `@name` and addresses that name a profile, such as `https://www.instagram.com/name/reels/`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim_matches(is_unseen);
        // ASCII only: Unicode's lower case turns the Kelvin sign into a k, and so makes up another username.
        let lower = text.to_ascii_lowercase();
        let with_scheme = ["https://", "http://", "//"].into_iter().find_map(|scheme| lower.strip_prefix(scheme));
        let host = lower.split(['/', '?', '#', ':']).next().unwrap_or_default();
        let name = match with_scheme {
            Some(address) => Self::in_address(address)?,
            None if site(host).is_some() => Self::in_address(&lower)?,
            None => lower.strip_prefix('@').unwrap_or(&lower).trim_start_matches(is_unseen),
        };
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '_';
        if name.chars().any(|c| !c.is_ascii() && c.is_alphanumeric()) {
            return Err(InvalidHandle::Letters);
        }
        let valid = (1..=Self::CHARS_MAX).contains(&name.len())
            && name.chars().all(allowed)
            && !name.starts_with('.')
            && !name.ends_with('.')
            && !name.contains("..");
        if valid { Ok(Self(name.to_owned())) } else { Err(InvalidHandle::Name) }
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
            // These are hosts of links by themselves, and no usernames.
            prop_assume!(site(&name).is_none());
            for text in [name.clone(), format!("@{name}"), format!(" {name}\n"), name.to_ascii_uppercase()] {
                prop_assert_eq!(text.parse(), handle.clone(), "{}", text);
            }
            let address = format!("{scheme}{host}{name}{tail}");
            let is_page = [&InstagramHandle::PAGES[..], &InstagramHandle::POSTS].concat().contains(&name.as_str());
            let expected = if is_page { Err(InvalidHandle::Page) } else { handle };
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

    /// What people were seen to paste, and what each is: a name, or why it names nobody.
    #[test]
    fn what_people_paste_is_a_name_or_refused_for_its_reason() {
        use InvalidHandle::{Letters, Name, Page, Post, Site};
        let pasted: Vec<String> = serde_json::from_str(include_str!("../../../fixtures/field/handles.json")).unwrap();
        let refused = [
            (Post, vec!["https://www.instagram.com/reel/DAbc123/", "https://www.instagram.com/p/DAbc123/"]),
            (
                Page,
                vec![
                    "https://www.instagram.com/",
                    "www.instagram.com",
                    "instagram.com",
                    "https://www.instagram.com/explore",
                    "https://www.instagram.com/share",
                    "https://www.instagram.com/_u",
                    "https://www.instagram.com/_n",
                    "https://www.instagram.com/web",
                    "https://www.instagram.com/about",
                    "https://www.instagram.com/developer",
                    "https://www.instagram.com/s",
                    "https://www.instagram.com/accounts/login/?next=/cafe.field/",
                    "https://www.instagram.com/channel/AbC",
                    "https://www.instagram.com/direct/t/17",
                ],
            ),
            (
                Site,
                vec![
                    // Whoever has this name on Threads has it on Instagram, but need not be there any more.
                    "https://www.threads.net/@cafe.field",
                    "https://www.threads.com/@cafe.field",
                    "https://l.instagram.com/?u=https%3A%2F%2Fx",
                    "https://instagram.com.evil.example/cafe.field",
                ],
            ),
            (Letters, vec!["c\u{430}fe.field", "ｃafe.field"]),
            (
                Name,
                vec![
                    "＠cafe.field",
                    "\"cafe.field\"",
                    "'cafe.field",
                    "cafe.field;",
                    "cafe.field,",
                    "cafe.field😀",
                    "",
                    "   ",
                    "instagram handle",
                    "=cafe.field",
                    "@@cafe.field",
                    "cafe.field?igsh=x",
                    "cafe.field/",
                    "https://www.instagram.com/caf%C3%A9",
                    "https://www.instagram.com/cafe.field%20",
                    "instagram: @cafe.field",
                    "IG: cafe.field",
                    "._",
                    "a.",
                ],
            ),
        ];
        let mut names = 0;
        for text in &pasted {
            let why = refused.iter().find(|(_, texts)| texts.contains(&text.as_str())).map(|(why, _)| *why);
            let plain = ["username", "12345", "1.5", "_"].into_iter().find(|name| name == text);
            let expected = why.map_or_else(|| Ok(plain.unwrap_or("cafe.field").to_owned()), Err);
            assert_eq!(text.parse::<InstagramHandle>().map(String::from), expected, "{text:?}");
            names += usize::from(expected.is_ok());
        }
        let refused = refused.iter().map(|(_, texts)| texts.len()).sum::<usize>();
        assert_eq!(names + refused, pasted.len(), "every refusal is in the list");
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
