//! The API key that every request must carry.

use axum::http::{HeaderMap, StatusCode};

use super::errors::OpenAiError;
use crate::shared::headers;

/// The only OpenAI key that the sandbox accepts.
pub const OPENAI_API_KEY: &str = "sandbox-openai-key";

pub(super) fn authorise(headers: &HeaderMap) -> Result<(), OpenAiError> {
    match headers::bearer(headers, "authorization") {
        Some(OPENAI_API_KEY) => Ok(()),
        None | Some("") => Err(OpenAiError::new(
            StatusCode::UNAUTHORIZED,
            "invalid_request_error",
            None,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer \
             auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're \
             accessing the API from your browser and are prompted for a username and password. You can obtain an API \
             key from https://platform.openai.com/account/api-keys.",
        )),
        Some(key) => {
            let message = format!(
                "Incorrect API key provided: {}. You can find your API key at \
                 https://platform.openai.com/account/api-keys.",
                masked(key)
            );
            Err(OpenAiError::new(StatusCode::UNAUTHORIZED, "invalid_request_error", Some("invalid_api_key"), message))
        }
    }
}

/// `sk-ab***yz`, as OpenAI shows a wrong key.
fn masked(key: &str) -> String {
    let characters: Vec<char> = key.chars().collect();
    // A short key would be shown almost whole.
    let shown = if characters.len() > 12 { 4 } else { 0 };
    let ends = |part: &mut dyn Iterator<Item = &char>| part.take(shown).collect::<String>();
    let tail: String = ends(&mut characters.iter().rev()).chars().rev().collect();
    format!("{}***{tail}", ends(&mut characters.iter()))
}
