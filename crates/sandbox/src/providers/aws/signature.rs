//! Whether a request is signed with credentials that are accepted (Signature Version 4).
//!
//! It is made from AWS's description and shares nothing with the product's own signature.

use axum::http::{HeaderMap, Method, Uri};
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{AWS_REGION, errors::AwsError, state::Credentials};

/// How far the time of a signature may be from ours.
const SKEW_S: i64 = 5 * 60;

const SERVICE: &str = "secretsmanager";

/// What is signed of a request.
pub(super) struct Signed<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// The parts of `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.
struct Claim<'a> {
    access_key_id: &'a str,
    date: &'a str,
    /// Date, region, service and `aws4_request`.
    scope: &'a str,
    names: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Claim<'a> {
    fn read(header: &'a str) -> Option<Self> {
        let parts = header.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let part = |wanted: &str| {
            parts.split(',').filter_map(|part| part.trim().split_once('=')).find(|(name, _)| *name == wanted)
        };
        let (_, credential) = part("Credential")?;
        let (_, names) = part("SignedHeaders")?;
        let (_, signature) = part("Signature")?;
        let (access_key_id, scope) = credential.split_once('/')?;
        let date = scope.split('/').next()?;
        Some(Self { access_key_id, date, scope, names: names.split(';').collect(), signature })
    }
}

impl Signed<'_> {
    /// Refuses the request unless one of the credentials has signed it, at about this time.
    pub(super) fn check(&self, credentials: &[Credentials], now_s: i64) -> Result<(), AwsError> {
        let missing = || AwsError::new("MissingAuthenticationTokenException", "Missing Authentication Token");
        let header = self.header("authorization").ok_or_else(missing)?;
        let incomplete =
            || AwsError::new("IncompleteSignatureException", "Authorization header lacks a part of the signature.");
        let claim = Claim::read(header).ok_or_else(incomplete)?;
        let time = self.header("x-amz-date").ok_or_else(incomplete)?;
        self.check_names(&claim)?;
        let unknown =
            || AwsError::new("UnrecognizedClientException", "The security token included in the request is invalid.");
        let known = credentials.iter().find(|known| known.access_key_id == claim.access_key_id).ok_or_else(unknown)?;
        if known.session_token.as_deref() != self.header("x-amz-security-token") {
            return Err(unknown());
        }
        if known.expires_at_s.is_some_and(|expires_at_s| expires_at_s <= now_s) {
            let message = "The security token included in the request is expired";
            return Err(AwsError::new("ExpiredTokenException", message));
        }
        check_time(&claim, time, now_s)?;
        let scope = format!("{}/{AWS_REGION}/{SERVICE}/aws4_request", claim.date);
        if claim.scope != scope {
            return Err(invalid("Credential should be scoped to a valid region and to the correct service."));
        }
        if self.signature(&claim, time, &known.secret_access_key).as_deref() != Some(claim.signature) {
            return Err(invalid(
                "The request signature we calculated does not match the signature you provided. Check your AWS \
                 Secret Access Key and signing method.",
            ));
        }
        Ok(())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The host, the type of the body and everything of AWS's own must be signed.
    fn check_names(&self, claim: &Claim<'_>) -> Result<(), AwsError> {
        let must = |name: &str| name == "host" || name == "content-type" || name.starts_with("x-amz-");
        let sent = self.headers.keys().map(|name| name.as_str());
        match sent.filter(|name| must(name)).find(|name| !claim.names.contains(name)) {
            None => Ok(()),
            Some(name) => Err(invalid(&format!("'{name}' must be a 'SignedHeader' in the AWS Authorization."))),
        }
    }

    fn signature(&self, claim: &Claim<'_>, time: &str, secret: &str) -> Option<String> {
        let mut lines = String::new();
        for name in &claim.names {
            lines.push_str(&format!("{name}:{}\n", self.header(name)?.trim()));
        }
        let request = [
            self.method.as_str(),
            self.uri.path(),
            self.uri.query().unwrap_or_default(),
            &lines,
            &claim.names.join(";"),
            &format!("{:x}", Sha256::digest(self.body)),
        ]
        .join("\n");
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{}\n{:x}", claim.scope, Sha256::digest(request));
        let mut key = format!("AWS4{secret}").into_bytes();
        for part in claim.scope.split('/') {
            key = mac(&key, part)?;
        }
        Some(mac(&key, &text)?.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

fn mac(key: &[u8], text: &str) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

fn check_time(claim: &Claim<'_>, time: &str, now_s: i64) -> Result<(), AwsError> {
    let at_s = seconds(time).ok_or_else(|| invalid("Date must be in ISO-8601 'basic format'."))?;
    if !time.starts_with(claim.date) {
        return Err(invalid(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.",
        ));
    }
    if (at_s - now_s).abs() <= SKEW_S {
        return Ok(());
    }
    let message = if at_s < now_s { "Signature expired" } else { "Signature not yet current" };
    Err(invalid(&format!("{message}: {time}")))
}

/// The seconds since 1970 of a time such as `20261130T120000Z`.
fn seconds(time: &str) -> Option<i64> {
    let (date, clock) = time.strip_suffix('Z')?.split_once('T')?;
    let part = |text: &str, from: usize, to: usize| text.get(from..to).map(str::to_owned);
    let (year, month, day) = (part(date, 0, 4)?, part(date, 4, 6)?, date.get(6..)?);
    let (hour, minute, second) = (part(clock, 0, 2)?, part(clock, 2, 4)?, clock.get(4..)?);
    let at: Timestamp = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok()?;
    Some(at.as_second())
}

fn invalid(message: &str) -> AwsError {
    AwsError::new("InvalidSignatureException", message)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    /// 2026-11-30T12:00:00Z.
    const NOW_S: i64 = 1_796_040_000;
    const BODY: &[u8] = b"{\"SecretId\":\"oslira/production\"}";

    fn credentials() -> [Credentials; 1] {
        [Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: None,
            expires_at_s: None,
        }]
    }

    /// What AWS's own library (botocore 1.43) sends at that time.
    fn headers() -> HeaderMap {
        let authorization = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261130/eu-central-1/secretsmanager/aws4_request, \
                             SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
                             Signature=58626b4204c9f47bea0dc382cebe1df3d9e13c5bbde3a45337f39f9805dcd84c";
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "secretsmanager.eu-central-1.amazonaws.com"),
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "secretsmanager.GetSecretValue"),
            ("x-amz-date", "20261130T120000Z"),
            ("authorization", authorization),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers
    }

    fn check(headers: &HeaderMap, body: &[u8], now_s: i64) -> Result<(), &'static str> {
        let (method, uri) = (Method::POST, Uri::from_static("https://secretsmanager.eu-central-1.amazonaws.com/"));
        let signed = Signed { method: &method, uri: &uri, headers, body };
        signed.check(&credentials(), now_s).map_err(|error| error.kind)
    }

    #[test]
    fn what_awss_own_library_signs_is_accepted_for_five_minutes() {
        for off_s in [-300, 0, 300] {
            assert_eq!(check(&headers(), BODY, NOW_S + off_s), Ok(()), "{off_s}");
        }
        for off_s in [-301, 301] {
            assert_eq!(check(&headers(), BODY, NOW_S + off_s), Err("InvalidSignatureException"), "{off_s}");
        }
    }

    #[test]
    fn what_was_changed_after_it_was_signed_is_refused() {
        assert_eq!(check(&headers(), b"{\"SecretId\":\"other\"}", NOW_S), Err("InvalidSignatureException"));
        for (name, value, kind) in [
            ("host", "127.0.0.1:4010", "InvalidSignatureException"),
            ("x-amz-date", "20261130T120001Z", "InvalidSignatureException"),
            ("x-amz-date", "20261201T000000Z", "InvalidSignatureException"),
            ("x-amz-date", "yesterday", "InvalidSignatureException"),
            ("x-amz-meta", "not signed", "InvalidSignatureException"),
            ("x-amz-security-token", "not ours", "InvalidSignatureException"),
            ("authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE", "IncompleteSignatureException"),
        ] {
            let mut headers = headers();
            headers.insert(name, HeaderValue::from_static(value));
            assert_eq!(check(&headers, BODY, NOW_S), Err(kind), "{name}: {value}");
        }
        let mut without = headers();
        without.remove("authorization");
        assert_eq!(check(&without, BODY, NOW_S), Err("MissingAuthenticationTokenException"));
    }
}
