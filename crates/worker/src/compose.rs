//! Puts the product together with this platform's adapters.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use oslira_app::{
    features::{
        analysis::WorkflowPorts,
        auth::{TokenCheck, TokenVerifier},
    },
    http::App,
};
use oslira_postgres::{AdminDb, TenantDb};
use oslira_providers::{Apify, OpenAi, SupabaseKeys};
use worker::Env;

use crate::{
    adapters::{
        Accounts, Board, Fetch, Launcher, PlatformClock, PlatformIds, PlatformReadiness, Snapshots, WebCrypto, login,
    },
    config::Config,
};

/// What an isolate keeps between requests: settings and the memory of verified tokens, never a socket.
pub struct Isolate {
    pub config: Config,
    verifier: Arc<TokenVerifier>,
}

thread_local! {
    static ISOLATE: RefCell<Option<Rc<Isolate>>> = const { RefCell::new(None) };
}

/// The isolate's keep; settings are read at the first call.
pub fn isolate(env: &Env) -> Rc<Isolate> {
    ISOLATE.with(|slot| {
        slot.borrow_mut()
            .get_or_insert_with(|| {
                crate::log::start();
                let config = Config::from_env(env);
                let verifier = Arc::new(TokenVerifier::new(config.rules.clone()));
                Rc::new(Isolate { config, verifier })
            })
            .clone()
    })
}

/// The ports of one user request. Its database is the tenant's; nothing in it can become the system's role.
pub fn app(env: &Env) -> App {
    let isolate = isolate(env);
    let tenant = Arc::new(TenantDb::new(login(env, "DB")));
    let clock = Arc::new(PlatformClock);
    App {
        authenticator: Arc::new(TokenCheck {
            verifier: isolate.verifier.clone(),
            keys: Arc::new(SupabaseKeys::new(Arc::new(Fetch), &isolate.config.issuer)),
            signatures: Arc::new(WebCrypto),
            clock: clock.clone(),
        }),
        memberships: Arc::new(Accounts::new(tenant.clone())),
        credits: tenant.clone(),
        businesses: tenant.clone(),
        leads: tenant.clone(),
        runs: tenant.clone(),
        launcher: Arc::new(Launcher::new(env)),
        progress: Arc::new(Board::new(env)),
        readiness: Arc::new(PlatformReadiness::new(tenant.clone(), &isolate.config)),
        clock,
        ids: Arc::new(PlatformIds),
    }
}

/// The database as the system: for workflows, schedules and objects.
pub fn admin(env: &Env) -> Arc<AdminDb> {
    Arc::new(AdminDb::new(login(env, "DB_ADMIN")))
}

/// The ports of one workflow.
pub fn workflow(env: &Env) -> WorkflowPorts {
    let isolate = isolate(env);
    let config = &isolate.config;
    let clock = Arc::new(PlatformClock);
    let send = Arc::new(Fetch);
    WorkflowPorts {
        runs: admin(env),
        snapshots: Arc::new(Snapshots::new(env)),
        profiles: Arc::new(Apify::new(send.clone(), config.apify.clone())),
        model: Arc::new(OpenAi::new(send, config.openai.clone(), clock.clone())),
        progress: Arc::new(Board::new(env)),
        clock,
        light_model: config.light_model.clone(),
        pause_scale: config.pause_scale,
    }
}
