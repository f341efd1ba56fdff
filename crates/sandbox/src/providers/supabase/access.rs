//! The key of the project, and which fields of a request nobody may read later.

use axum::{
    Json,
    extract::Request,
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use url::form_urlencoded;

/// The only publishable key of Supabase that the sandbox accepts.
pub const SUPABASE_PUBLISHABLE_KEY: &str = "sb_publishable_sandbox";

/// What the record of received calls must not show.
const SECRETS: [&str; 7] =
    ["password", "current_password", "refresh_token", "auth_code", "code_verifier", "token", "token_hash"];

/// Turns away who has no key, in the words of the gateway that stands before Auth.
pub(super) async fn check(request: Request, next: Next) -> Response {
    let header = request.headers().get("apikey").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let query = request.uri().query().unwrap_or_default();
    let in_query = || form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "apikey");
    let (message, hint) = match header.or_else(|| in_query().map(|(_, key)| key.into_owned())).as_deref() {
        Some(SUPABASE_PUBLISHABLE_KEY) => return next.run(request).await,
        None | Some("") => ("No API key found in request", "No `apikey` request header or url param was found."),
        Some(_) => ("Invalid API key", "Double check your Supabase `anon` or `service_role` API key."),
    };
    (StatusCode::UNAUTHORIZED, Json(json!({"message": message, "hint": hint}))).into_response()
}

/// The body of a call as it may be recorded.
pub(super) fn without_secrets(body: String) -> String {
    match serde_json::from_str(&body) {
        Ok(Value::Object(mut fields)) => {
            for (name, value) in &mut fields {
                if SECRETS.contains(&name.as_str()) {
                    *value = json!("hidden");
                }
            }
            Value::Object(fields).to_string()
        }
        _ => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_the_rest_stays() {
        let body = json!({"email": "ann@example.com", "password": "secret1", "token": "123456"}).to_string();
        let recorded = without_secrets(body);
        assert_eq!(recorded, r#"{"email":"ann@example.com","password":"hidden","token":"hidden"}"#);
        assert_eq!(without_secrets("[1]".to_owned()), "[1]");
    }
}
