//! What one isolate keeps between requests, and the secrets that its settings are made of.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use oslira_app::{
    features::{
        analysis::{WatchedRuns, streams_at_once},
        auth::{Familiar, TokenVerifier},
        leads::exports_at_once,
    },
    shared::{ids::AccountId, in_flight::InFlight},
};
use oslira_providers::{FreshKeys, HttpSend, LocalPoints, SecretValues, SecretsManager, Sentry, Vault};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use worker::Env;

use crate::{
    adapters::{Fetch, PlatformClock, PlatformPause, SentryMemory, turn_telemetry_off},
    config::Config,
};

/// What an isolate keeps between requests: settings and what it remembers or counts, never a socket.
pub struct Isolate {
    pub config: Config,
    pub verifier: Arc<TokenVerifier>,
    pub watched: Arc<WatchedRuns>,
    pub exports: Arc<InFlight<AccountId>>,
    pub familiar: Arc<Familiar>,
    /// The streams that tell events of runs.
    pub streams: Arc<InFlight<()>>,
    /// Where errors are reported; `None` without an address.
    pub sentry: Option<Rc<Sentry>>,
    /// Where a local stack's points are kept.
    pub local_points: Option<LocalPoints>,
    /// Where secrets are kept that do not come with the Worker.
    vault: Option<Arc<Vault>>,
    /// The number of the secrets that the settings were made of.
    secrets: Option<u64>,
}

thread_local! {
    static ISOLATE: RefCell<Option<Rc<Isolate>>> = const { RefCell::new(None) };
}

impl Isolate {
    /// What this isolate keeps; made at the first call, and again with whatever has to do with a secret that is another one by now.
    pub fn of(env: &Env) -> Rc<Self> {
        ISOLATE.with_borrow_mut(|slot| {
            let isolate = match slot.take() {
                Some(isolate) if isolate.is_current() => isolate,
                former => Rc::new(Self::new(env, former.as_deref())),
            };
            Rc::clone(slot.insert(isolate))
        })
    }

    fn new(env: &Env, former: Option<&Self>) -> Self {
        crate::log::start();
        let vault = former.map_or_else(|| vault(env), |former| former.vault.clone());
        let current = vault.as_ref().and_then(|vault| vault.current());
        let secrets = current.as_ref().map(|(number, _)| *number);
        let config = Config::read(env, current.as_ref().map(|(_, values)| &**values));
        turn_telemetry_off(config.deployment.telemetry_off);
        // What the isolate remembers outlives a change of secrets, but for tokens and keys whose rules are others now.
        let verifier = former.map(|former| former.verifier.clone());
        let verifier = verifier.filter(|verifier| *verifier.rules() == config.deployment.tokens);
        let same_sentry = former.filter(|former| former.config.providers.sentry == config.providers.sentry);
        let points = config.providers.points.clone();
        Self {
            verifier: verifier.unwrap_or_else(|| Arc::new(TokenVerifier::new(config.deployment.tokens.clone()))),
            watched: former.map(|former| former.watched.clone()).unwrap_or_default(),
            exports: former.map_or_else(|| Arc::new(exports_at_once()), |former| former.exports.clone()),
            familiar: former.map(|former| former.familiar.clone()).unwrap_or_default(),
            streams: former.map_or_else(|| Arc::new(streams_at_once()), |former| former.streams.clone()),
            sentry: same_sentry.map_or_else(|| sentry(&config), |former| former.sentry.clone()),
            local_points: points.map(|endpoint| LocalPoints::new(Arc::new(Fetch), endpoint)),
            vault,
            secrets,
            config,
        }
    }

    fn is_current(&self) -> bool {
        let current = self.vault.as_ref().and_then(|vault| vault.current());
        current.map(|(number, _)| number) == self.secrets
    }

    /// The way out for requests that carry a key.
    pub fn wire(&self) -> Arc<dyn HttpSend> {
        match &self.vault {
            Some(vault) => Arc::new(FreshKeys::new(Arc::new(Fetch), vault.clone())),
            None => Arc::new(Fetch),
        }
    }
}

fn vault(env: &Env) -> Option<Arc<Vault>> {
    let config = Config::read(env, None);
    let settings = config.aws?;
    let lifetime = settings.lifetime;
    let source = Arc::new(SecretsManager::new(Arc::new(Fetch), settings));
    let bindings = env.clone();
    let vault = Vault::new(source, Arc::new(PlatformClock), Arc::new(PlatformPause))
        .with_lifetime(lifetime)
        .with_spares(config.spares)
        .checked_by(Box::new(move |values: &SecretValues| Config::read(&bindings, Some(values)).faults().to_vec()));
    Some(Arc::new(vault))
}

fn sentry(config: &Config) -> Option<Rc<Sentry>> {
    let dsn = config.providers.sentry.clone()?;
    let environment = config.deployment.environment.to_string();
    let memory = Arc::new(SentryMemory);
    Some(Rc::new(Sentry::new(Arc::new(Fetch), dsn, environment, config.release.clone(), memory)))
}

/// Before a request: has the secrets read if they are old or not there. It goes on in any case, because most of what is read needs
/// none, and what costs money is refused while a setting is missing.
pub async fn prepare(env: &Env) {
    let vault = Isolate::of(env).vault.clone();
    if let Some(vault) = vault {
        vault.prepare().await;
    }
}

/// Before work that cannot do without secrets: the same, and waits for them about a minute while they cannot be read. Answers
/// whether none is missing because of that.
pub async fn prepare_work(env: &Env) -> bool {
    let vault = Isolate::of(env).vault.clone();
    match vault {
        Some(vault) => vault.prepare_work(|| !Isolate::of(env).config.lacks_secrets).await,
        None => true,
    }
}

/// Once, for work that comes again by itself.
pub async fn is_prepared(env: &Env) -> bool {
    prepare(env).await;
    !Isolate::of(env).config.lacks_secrets
}

/// Whether [`refresh_secrets`] has something to do. A call of its own, so that nothing is awaited when nothing is due.
#[wasm_bindgen]
pub fn secrets_are_due() -> bool {
    let vault = ISOLATE.with_borrow(|slot| slot.as_ref().and_then(|isolate| isolate.vault.clone()));
    vault.is_some_and(|vault| vault.is_due())
}

/// Behind an answer: has secrets read that will soon be old. It cannot fail: the last good ones serve meanwhile.
#[wasm_bindgen]
pub async fn refresh_secrets(env: JsValue) {
    let env: Env = env.unchecked_into();
    let vault = Isolate::of(&env).vault.clone();
    if let Some(vault) = vault {
        vault.refresh().await;
    }
}
