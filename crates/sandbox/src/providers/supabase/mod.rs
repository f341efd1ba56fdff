//! Supabase Auth: its key set, and sign-in by e-mail as its server (GoTrue) does it.
//!
//! With a database, its users are the rows of `auth.users`, so that the product's triggers see them come and sign in; without one
//! they are the sandbox's own. Passwords, sessions, one-time links and PKCE flows are always the sandbox's own.
//! `/control/tokens` mints tokens of any kind beside that.

mod access;
mod database;
mod errors;
mod sign_in;
mod state;
mod tokens;
mod users;

use std::{path::Path, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::header,
    middleware::from_fn,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use serde_json::{Value, json};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer, ExposeHeaders};

pub use access::SUPABASE_PUBLISHABLE_KEY;
pub(crate) use database::Database;
pub(crate) use tokens::{Keys, TokenRequest};

use crate::shared::{
    error::SandboxError,
    faults::Target,
    outbox::Outbox,
    tap::{Tap, Tapped},
};
use errors::{AuthError, error_of_fault};
use state::State as Own;

/// Supabase Auth of one project.
pub(crate) struct Supabase {
    keys: Keys,
    /// The address of the project's Auth, which its tokens name as their issuer.
    issuer: String,
    own: Own,
    database: Option<Database>,
    outbox: Arc<Outbox>,
}

impl Supabase {
    /// A project at `{public url}/supabase`, whose users are in this database if there is one.
    pub(crate) fn open(
        state_dir: &Path,
        keys: Keys,
        public_url: &str,
        database: Option<Database>,
        outbox: Arc<Outbox>,
    ) -> Result<Self, SandboxError> {
        let issuer = format!("{public_url}/supabase/auth/v1");
        Ok(Self { keys, issuer, own: Own::open(state_dir)?, database, outbox })
    }

    /// From now on this legacy secret signs tokens; without one, the first one again.
    pub(crate) fn sign_with(&self, jwt_secret: Option<String>) {
        self.keys.sign_with(jwt_secret);
    }

    /// Makes a token, or says why it can't.
    pub(crate) fn mint(&self, request: &TokenRequest) -> Result<String, String> {
        self.keys.mint(request, &self.issuer)
    }
}

impl Tapped for Supabase {
    fn error(&self, target: Target, status: u16) -> Response {
        error_of_fault(target, status).into_response()
    }

    fn recorded(&self, body: String) -> String {
        access::without_secrets(body)
    }
}

/// The routes below `/supabase`.
pub(crate) fn routes(supabase: &Arc<Supabase>, tap: &Tap) -> Router {
    let tapped = |target: Target, route: MethodRouter<Arc<Supabase>>| tap.before(supabase, target, route);
    let keyed = Router::new()
        .route("/health", tapped(Target::AuthOther, get(sign_in::health)))
        .route("/logout", tapped(Target::AuthOther, post(sign_in::log_out)))
        .route("/otp", tapped(Target::AuthMail, post(sign_in::send_magic_link)))
        .route("/recover", tapped(Target::AuthMail, post(sign_in::send_recovery)))
        .route("/resend", tapped(Target::AuthMail, post(sign_in::send_again)))
        .route("/settings", tapped(Target::AuthOther, get(sign_in::settings)))
        .route("/signup", tapped(Target::AuthSignup, post(sign_in::sign_up)))
        .route("/token", tapped(Target::AuthToken, post(sign_in::grant_token)))
        .route("/user", tapped(Target::AuthUser, get(sign_in::read_user).put(sign_in::update_user)))
        .layer(from_fn(access::check));
    // Links in mails carry no key.
    let open = Router::new()
        .route("/verify", tapped(Target::AuthVerify, get(sign_in::follow_link).post(sign_in::verify)))
        .route("/.well-known/jwks.json", tapped(Target::Jwks, get(jwks)));
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(ExposeHeaders::list([errors::API_VERSION]))
        .allow_credentials(true);
    let auth = keyed.merge(open).layer(from_fn(errors::speak)).layer(cors);
    Router::new().nest("/auth/v1", auth).with_state(Arc::clone(supabase))
}

async fn jwks(State(supabase): State<Arc<Supabase>>) -> Response {
    let headers = [(header::CACHE_CONTROL, "public, max-age=600")];
    (headers, Json(json!({"keys": [supabase.keys.public_jwk()]}))).into_response()
}

/// What most handlers answer with.
type Answer = Result<Json<Value>, AuthError>;
