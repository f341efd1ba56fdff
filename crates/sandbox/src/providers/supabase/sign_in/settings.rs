//! What the project allows: sign-in by e-mail, with confirmation.

use axum::Json;
use serde_json::{Map, Value, json};

const PROVIDERS: [&str; 24] = [
    "anonymous_users",
    "apple",
    "azure",
    "bitbucket",
    "discord",
    "facebook",
    "figma",
    "fly",
    "github",
    "gitlab",
    "google",
    "kakao",
    "keycloak",
    "linkedin",
    "linkedin_oidc",
    "notion",
    "phone",
    "slack",
    "slack_oidc",
    "snapchat",
    "spotify",
    "twitch",
    "workos",
    "zoom",
];

pub(in super::super) async fn settings() -> Json<Value> {
    let mut external: Map<String, Value> = PROVIDERS.iter().map(|name| ((*name).to_owned(), json!(false))).collect();
    external.insert("email".to_owned(), json!(true));
    Json(json!({
        "external": external, "disable_signup": false, "mailer_autoconfirm": false, "phone_autoconfirm": false,
        "sms_provider": "", "saml_enabled": false, "passkeys_enabled": false,
    }))
}

pub(in super::super) async fn health() -> Json<Value> {
    let description = "GoTrue is a user registration and authentication API";
    Json(json!({"version": "sandbox", "name": "GoTrue", "description": description}))
}
