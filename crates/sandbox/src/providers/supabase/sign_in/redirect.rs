//! Where a followed link leads: back to the site, with what has come of it.

use std::sync::LazyLock;

use url::{Url, form_urlencoded::Serializer};

use super::super::errors::AuthError;

/// Where links lead when a request names no address that is allowed: the default of Vite's development server.
#[expect(clippy::expect_used, reason = "a constant")]
static SITE: LazyLock<Url> = LazyLock::new(|| Url::parse("http://localhost:5173").expect("an address"));

/// The address if it is one of this machine, as the sandbox's site is; else the site.
pub(super) fn allowed(asked: Option<&str>) -> Url {
    let is_local = |url: &Url| matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let is_web = |url: &Url| matches!(url.scheme(), "http" | "https");
    asked.and_then(|asked| Url::parse(asked).ok()).filter(is_local).filter(is_web).unwrap_or_else(|| SITE.clone())
}

/// With a session in the fragment, which no server sees.
pub(super) fn with_session(mut to: Url, fields: &[(&str, String)]) -> Url {
    to.set_fragment(Some(&encoded(fields)));
    to
}

/// With the code of a PKCE flow.
pub(super) fn with_code(mut to: Url, code: &str) -> Url {
    to.query_pairs_mut().append_pair("code", code);
    to
}

/// With an error, in the fragment and for a PKCE flow in the query too.
pub(super) fn with_error(mut to: Url, error: &AuthError, is_pkce: bool) -> Url {
    let kind = match error.status {
        400 => Some("invalid_request"),
        401 => Some("unauthorized_client"),
        403 => Some("access_denied"),
        500 => Some("server_error"),
        503 => Some("temporarily_unavailable"),
        _ => None,
    };
    let kind = kind.map(|kind| ("error", kind.to_owned()));
    let mut fields: Vec<(&str, String)> = kind.into_iter().collect();
    fields.extend([("error_code", error.code.to_owned()), ("error_description", error.message.clone())]);
    if is_pkce {
        to.query_pairs_mut().extend_pairs(&fields);
    }
    fields.push(("sb", String::new()));
    to.set_fragment(Some(&encoded(&fields)));
    to
}

fn encoded(fields: &[(&str, String)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_this_machine_only() {
        for (asked, expected) in [
            (None, "http://localhost:5173/"),
            (Some("http://127.0.0.1:4000/welcome?x=1"), "http://127.0.0.1:4000/welcome?x=1"),
            (Some("http://localhost/"), "http://localhost/"),
            (Some("https://evil.example/"), "http://localhost:5173/"),
            (Some("https://localhost.evil.example/"), "http://localhost:5173/"),
            (Some("javascript://localhost/%0aalert(1)"), "http://localhost:5173/"),
            (Some("javascript:alert(1)"), "http://localhost:5173/"),
        ] {
            assert_eq!(allowed(asked).as_str(), expected, "{asked:?}");
        }
    }

    #[test]
    fn an_error_is_in_the_fragment_and_for_a_server_in_the_query() {
        let error = AuthError::new(403, "otp_expired", "Email link is invalid");
        let expected = "error=access_denied&error_code=otp_expired&error_description=Email+link+is+invalid";
        let plain = with_error(allowed(None), &error, false);
        assert_eq!((plain.query(), plain.fragment()), (None, Some(format!("{expected}&sb=").as_str())));
        assert_eq!(with_error(allowed(None), &error, true).query(), Some(expected));
    }
}
