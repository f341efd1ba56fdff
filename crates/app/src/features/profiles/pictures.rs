//! Which picture may be fetched, and what counts as one. Its address comes from a stranger's profile: left unchecked,
//! it would let that stranger send our requests anywhere.
//!
//! Promises: a deployment fetches from Instagram's own servers alone, by https, without port, user or password; a local
//! stack from its sandbox alone; what is kept is a picture by its own bytes, whatever its sender calls it.

use std::time::Duration;

use axum::http::Uri;

/// A picture that takes longer is not worth waiting for.
pub const PICTURE_TIMEOUT: Duration = Duration::from_secs(3);

/// Instagram's profile pictures are 5 to 150 KiB.
pub const PICTURE_BYTES_MAX: usize = 512 * 1024;

/// The domains below which Instagram keeps its pictures.
const DOMAINS: [&str; 2] = ["cdninstagram.com", "fbcdn.net"];

/// Where pictures may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PictureSource {
    /// Instagram's own servers.
    Instagram,
    /// Only the sandbox of a local stack, which is at this `host:port`.
    Sandbox(String),
}

impl PictureSource {
    /// The address to fetch, if a picture may be fetched from there.
    #[must_use]
    pub fn permit(&self, url: &str) -> Option<Uri> {
        let uri = Uri::try_from(url).ok()?;
        // The whole authority is compared, not only its host: it may also hold a user, a password and a port.
        let authority = uri.authority()?.as_str();
        let permitted = match self {
            Self::Sandbox(host) => authority == host,
            Self::Instagram => uri.scheme_str() == Some("https") && is_instagrams(authority),
        };
        permitted.then_some(uri)
    }
}

/// Whether this is a host name below one of Instagram's domains and nothing else.
fn is_instagrams(authority: &str) -> bool {
    let authority = authority.to_ascii_lowercase();
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    let below = |domain| authority.strip_suffix(domain).and_then(|rest| rest.strip_suffix('.'));
    DOMAINS.into_iter().filter_map(below).any(|labels| labels.split('.').all(is_label))
}

/// The media type of a picture, told from its first bytes; `None` for anything else.
#[must_use]
pub fn picture_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::property::config;

    fn sandbox() -> PictureSource {
        PictureSource::Sandbox("127.0.0.1:4010".to_owned())
    }

    #[test]
    fn a_deployment_fetches_from_instagrams_own_servers() {
        for url in [
            "https://scontent-fra3-1.cdninstagram.com/v/t51.2885-19/1_n.jpg?stp=dst-jpg&_nc_ht=x#top",
            "https://scontent.fham1-1.fna.fbcdn.net/v/1.jpg",
            "https://scontent.cdninstagram.com",
            "HTTPS://SCONTENT.CDNINSTAGRAM.COM/1.jpg",
        ] {
            assert!(PictureSource::Instagram.permit(url).is_some(), "{url}");
        }
    }

    #[test]
    fn a_deployment_fetches_from_nowhere_else() {
        for url in [
            "",
            "no address",
            "/v/1.jpg",
            "//scontent.cdninstagram.com/1.jpg",
            "scontent.cdninstagram.com/1.jpg",
            // Another protocol, or none that hides the request.
            "http://scontent.cdninstagram.com/1.jpg",
            "ftp://scontent.cdninstagram.com/1.jpg",
            "file:///etc/passwd",
            "data:image/png;base64,AAAA",
            // Ports, also the usual one and an empty one.
            "https://scontent.cdninstagram.com:443/1.jpg",
            "https://scontent.cdninstagram.com:8443/1.jpg",
            "https://scontent.cdninstagram.com:/1.jpg",
            // User and password: before our host, and our host as one.
            "https://user@scontent.cdninstagram.com/1.jpg",
            "https://user:password@scontent.cdninstagram.com/1.jpg",
            "https://scontent.cdninstagram.com@evil.example/1.jpg",
            "https://scontent.cdninstagram.com:x@evil.example/1.jpg",
            "https://evil.example@scontent.cdninstagram.com@evil.example/",
            // Where readers of addresses disagree about the end of the host.
            "https://evil.example\\@scontent.cdninstagram.com/1.jpg",
            "https://evil.example\\.cdninstagram.com/1.jpg",
            "https://evil.example%2f.cdninstagram.com/1.jpg",
            "https://evil.example%00.cdninstagram.com/1.jpg",
            "https://evil.example\t.cdninstagram.com/1.jpg",
            "https://evil.example\n.cdninstagram.com/1.jpg",
            "https://evil.example/.cdninstagram.com/1.jpg",
            "https://evil.example?.cdninstagram.com/1.jpg",
            "https://evil.example#.cdninstagram.com/1.jpg",
            // Look-alikes, and the domains themselves, which serve no pictures.
            "https://evilcdninstagram.com/1.jpg",
            "https://evil-fbcdn.net/1.jpg",
            "https://scontent.cdninstagram.com.evil.example/1.jpg",
            "https://scontent.cdninstagram.co/1.jpg",
            "https://scontent.cdninst\u{430}gram.com/1.jpg",
            "https://cdninstagram.com/1.jpg",
            "https://instagram.com/1.jpg",
            // Dots that make another name of it, or none.
            "https://scontent.cdninstagram.com./1.jpg",
            "https://.cdninstagram.com/1.jpg",
            "https://scontent..cdninstagram.com/1.jpg",
            "https://.scontent.cdninstagram.com/1.jpg",
            // Addresses of machines, ours among them.
            "https://127.0.0.1/1.jpg",
            "https://169.254.169.254/latest/meta-data/",
            "https://[::1]/1.jpg",
            "https://[::ffff:127.0.0.1]/1.jpg",
            "https://2130706433/1.jpg",
            "https://localhost/1.jpg",
            "http://127.0.0.1:4010/pictures/1.jpg",
        ] {
            assert_eq!(PictureSource::Instagram.permit(url), None, "{url:?}");
        }
    }

    #[test]
    fn a_local_stack_fetches_from_its_sandbox_alone() {
        assert!(sandbox().permit("http://127.0.0.1:4010/pictures/nasa.png").is_some());
        for url in [
            "http://127.0.0.1/1.png",
            "http://127.0.0.1:4011/1.png",
            "http://127.0.0.1:40100/1.png",
            "http://localhost:4010/1.png",
            "http://user@127.0.0.1:4010/1.png",
            "http://127.0.0.1:4010@evil.example/1.png",
            "http://127.0.0.1:4010.evil.example/1.png",
            "https://scontent.cdninstagram.com/1.jpg",
            "/1.png",
        ] {
            assert_eq!(sandbox().permit(url), None, "{url:?}");
        }
    }

    #[test]
    fn what_a_picture_is_is_told_from_its_bytes() {
        assert_eq!(picture_type(b"\xFF\xD8\xFF\xE0 jpeg"), Some("image/jpeg"));
        assert_eq!(picture_type(b"\x89PNG\r\n\x1a\n"), Some("image/png"));
        assert_eq!(picture_type(b"RIFF\x01\x02\x03\x04WEBPVP8 "), Some("image/webp"));
        for other in [
            &b""[..],
            b"\xFF\xD8",
            b"RIFF\x01\x02\x03\x04WAVE",
            b"GIF89a",
            b"<svg onload=alert(1)>",
            b"<html>",
            b" \x89PNG",
        ] {
            assert_eq!(picture_type(other), None, "{other:?}");
        }
    }

    proptest! {
        #![proptest_config(config())]

        /// Texts that are nearly an address of Instagram's. `fetch` reads an address by its own rules, so what is
        /// permitted must leave no room for two readings: its host ends where the first slash, question mark or hash
        /// stands.
        #[test]
        fn a_permitted_address_has_one_reading(
            scheme in prop_oneof![8 => Just("https://".to_owned()), 1 => "(https?:|HTTPS:|)/{0,3}"],
            before in "[a-z.-]{0,4}([@:%/\\\\?#]|)[a-z0-9.-]{0,4}",
            domain in "(\\.|)(cdninstagram\\.com|fbcdn\\.net)",
            after in "([/?#.:@\\\\][a-z0-9.@:/]{0,8}|)",
        ) {
            let url = format!("{scheme}{before}{domain}{after}");
            if let Some(uri) = PictureSource::Instagram.permit(&url) {
                let sent = uri.to_string();
                let rest = sent.strip_prefix("https://").unwrap_or_default();
                let host = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
                let ours = host.ends_with(".cdninstagram.com") || host.ends_with(".fbcdn.net");
                prop_assert!(ours, "{}", url);
                prop_assert!(!host.contains(['@', ':', '%']) && !host.starts_with('.') && !host.contains(".."), "{}", url);
            }
        }
    }
}
