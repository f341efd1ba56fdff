//! AWS's Signature Version 4, in the headers of a request.
//!
//! By hand, because it is one page: AWS's crate would add 54 KB to the Worker. Path and query are signed as they are, so they must
//! need no escaping; ours are `/` and nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use hmac::{Hmac, Mac as _};
use http::{HeaderName, HeaderValue, Request};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::AwsCredentials;
use crate::send::{SendError, header_value};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Signs all headers of the request, its body, and the host that its address names.
pub(super) fn sign(
    request: &mut Request<Bytes>,
    credentials: &AwsCredentials,
    region: &str,
    service: &str,
    now: Timestamp,
) -> Result<(), SendError> {
    let broken = |why: &str| SendError::Broken(why.to_owned());
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let date = now.strftime("%Y%m%d").to_string();
    let stamp = HeaderValue::try_from(&time).map_err(|_| broken("no time for a signature"))?;
    request.headers_mut().insert(HeaderName::from_static("x-amz-date"), stamp);
    if let Some(token) = &credentials.session_token {
        let token = header_value(token.expose())?;
        request.headers_mut().insert(HeaderName::from_static("x-amz-security-token"), token);
    }
    let (names, canonical) = canonical(request).ok_or_else(|| broken("the request cannot be signed"))?;
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let text = format!("{ALGORITHM}\n{time}\n{scope}\n{:x}", Sha256::digest(canonical));
    let signature = signing_key(credentials.secret_access_key.expose(), [&date, region, service])
        .and_then(|key| Some(format!("{:x}", mac(&key, &text)?.finalize().into_bytes())))
        .ok_or_else(|| broken("the signature cannot be computed"))?;
    let id = &credentials.access_key_id;
    let authorization = format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
    request.headers_mut().insert(http::header::AUTHORIZATION, header_value(&authorization)?);
    Ok(())
}

/// The names of the signed headers, and the request in the form in which it is signed.
fn canonical(request: &Request<Bytes>) -> Option<(String, String)> {
    let host = request.uri().authority()?.as_str();
    let mut headers = BTreeMap::from([("host", host)]);
    for (name, value) in request.headers() {
        headers.insert(name.as_str(), value.to_str().ok()?.trim());
    }
    let names = headers.keys().copied().collect::<Vec<_>>().join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let (method, path) = (request.method(), request.uri().path());
    let query = request.uri().query().unwrap_or_default();
    let body = format!("{:x}", Sha256::digest(request.body()));
    let text = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{body}");
    Some((names, text))
}

/// A key of the day, the region and the service, so that whoever learns it can use it for nothing else.
fn signing_key(secret: &str, scope: [&str; 3]) -> Option<Vec<u8>> {
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope.into_iter().chain(["aws4_request"]) {
        key = mac(&key, part)?.finalize().into_bytes().to_vec();
    }
    Some(key)
}

fn mac(key: &[u8], text: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    /// The session token of AWS's published test suite.
    const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

    fn credentials(token: Option<&str>) -> AwsCredentials {
        AwsCredentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: token.map(Secret::new),
        }
    }

    /// The value of `Authorization` for a request of AWS's published test suite.
    fn of_the_suite(method: &str, token: Option<&str>, content_type: Option<&str>, body: &'static str) -> String {
        let mut request = Request::builder().method(method).uri("https://example.amazonaws.com/");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let mut request = request.body(Bytes::from_static(body.as_bytes())).unwrap();
        let now = "2015-08-30T12:36:00Z".parse().unwrap();
        sign(&mut request, &credentials(token), "us-east-1", "service", now).unwrap();
        request.headers()["authorization"].to_str().unwrap().to_owned()
    }

    #[test]
    fn requests_of_awss_published_suite_get_its_signatures() {
        let form = Some("application/x-www-form-urlencoded");
        for (name, authorization, names, signature) in [
            (
                "get-vanilla",
                of_the_suite("GET", None, None, ""),
                "host;x-amz-date",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "post-vanilla",
                of_the_suite("POST", None, None, ""),
                "host;x-amz-date",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "post-x-www-form-urlencoded",
                of_the_suite("POST", None, form, "Param1=value1"),
                "content-type;host;x-amz-date",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "post-sts-header-before",
                of_the_suite("POST", Some(TOKEN), None, ""),
                "host;x-amz-date;x-amz-security-token",
                "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
        ] {
            let scope = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";
            let expected = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}");
            assert_eq!(authorization, expected, "{name}");
        }
    }

    #[test]
    fn a_question_for_a_secret_is_signed_as_awss_own_library_signs_it_and_no_key_is_printed() {
        for (token, signature) in [
            (None, "58626b4204c9f47bea0dc382cebe1df3d9e13c5bbde3a45337f39f9805dcd84c"),
            (Some(TOKEN), "fcdf07f519806f4eaddd42f605b894e4437673f71f8671e4dcb8f915b91238db"),
        ] {
            let mut request = Request::post("https://secretsmanager.eu-central-1.amazonaws.com/")
                .header("content-type", "application/x-amz-json-1.1")
                .header("x-amz-target", "secretsmanager.GetSecretValue")
                .body(Bytes::from_static(b"{\"SecretId\":\"oslira/production\"}"))
                .unwrap();
            let credentials = credentials(token);
            let now = "2026-11-30T12:00:00Z".parse().unwrap();
            sign(&mut request, &credentials, "eu-central-1", "secretsmanager", now).unwrap();
            let authorization = request.headers()["authorization"].to_str().unwrap();
            assert!(authorization.ends_with(&format!("Signature={signature}")), "{authorization}");
            let printed = format!("{credentials:?} {request:?}");
            assert!(
                !printed.contains("wJalr") && !printed.contains("AQoD") && !printed.contains(signature),
                "{printed}"
            );
        }
    }
}
