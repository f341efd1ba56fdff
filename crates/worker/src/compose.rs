//! Puts the product together with this platform's adapters.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use oslira_app::{
    api::{OperatorPorts, ProviderPorts, UserPorts},
    features::{
        account::AccountPorts,
        analysis::{AnalysisPorts, BulkPorts, WatchedRuns, WorkflowPorts, streams_at_once},
        auth::{AuthPorts, Familiar, SignInPorts, TokenCheck, TokenVerifier},
        billing::{BillingJobPorts, BillingPorts, WebhookPorts},
        business::BusinessPorts,
        credits::CreditPorts,
        erasure::{EraseJobPorts, ErasurePorts},
        health::HealthPorts,
        insights::{InsightPorts, OperatorInsightPorts},
        leads::{LeadPorts, exports_at_once},
        members::MemberPorts,
        operators::{OperatorActionPorts, OperatorCommandPorts},
    },
    http::RequestPorts,
    shared::{ids::AccountId, in_flight::InFlight},
};
use oslira_postgres::{AdminDb, OperatorDb, TenantDb};
use oslira_providers::{
    Anthropic, Apify, FreshKeys, HttpSend, LocalPoints, Models, OpenAi, ProviderLists, Resend, SecretValues,
    SecretsManager, Sentry, SignedEvents, StripeApi, SupabaseKeys, Vault,
};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use worker::Env;

use crate::{
    adapters::{
        Accounts, BlockMemory, Board, Fetch, Gate, Inbox, Launcher, Limiter, PictureCopies, PlatformClock, PlatformIds,
        PlatformPause, PlatformReadiness, PlatformTelemetry, SentryMemory, Snapshots, WebCrypto, operator_login,
        system_login, tenant_login, turn_telemetry_off,
    },
    config::Config,
};

/// What an isolate keeps between requests: settings and what it remembers or counts, never a socket.
pub struct Isolate {
    pub config: Config,
    verifier: Arc<TokenVerifier>,
    watched: Arc<WatchedRuns>,
    exports: Arc<InFlight<AccountId>>,
    familiar: Arc<Familiar>,
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

/// What this isolate keeps; made at the first call, and again with whatever has to do with a secret that is another one by now.
pub fn isolate(env: &Env) -> Rc<Isolate> {
    ISOLATE.with_borrow_mut(|slot| {
        let isolate = match slot.take() {
            Some(isolate) if isolate.is_current() => isolate,
            former => Rc::new(Isolate::new(env, former.as_deref())),
        };
        Rc::clone(slot.insert(isolate))
    })
}

impl Isolate {
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
    fn wire(&self) -> Arc<dyn HttpSend> {
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
    let vault = isolate(env).vault.clone();
    if let Some(vault) = vault {
        vault.prepare().await;
    }
}

/// Before work that cannot do without secrets: the same, and waits for them about a minute while they cannot be read. Answers
/// whether none is missing because of that.
pub async fn prepare_work(env: &Env) -> bool {
    let vault = isolate(env).vault.clone();
    match vault {
        Some(vault) => vault.prepare_work(|| !isolate(env).config.lacks_secrets).await,
        None => true,
    }
}

/// Once, for work that comes again by itself.
pub async fn is_prepared(env: &Env) -> bool {
    prepare(env).await;
    !isolate(env).config.lacks_secrets
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
    let vault = isolate(&env).vault.clone();
    if let Some(vault) = vault {
        vault.refresh().await;
    }
}

/// What every answer needs. Nothing is counted.
fn request_ports() -> RequestPorts {
    RequestPorts {
        clock: Arc::new(PlatformClock),
        ids: Arc::new(PlatformIds),
        telemetry: Arc::new(PlatformTelemetry),
        traffic: None,
    }
}

/// The same for requests that are counted.
fn counted_ports(env: &Env, config: &Config) -> RequestPorts {
    let limiter = Limiter::new(env, config.deployment.traffic_scale);
    RequestPorts { traffic: Some(Arc::new(limiter)), ..request_ports() }
}

/// The ports of one user request. Its database is the tenant's; nothing in it can become the system's role.
pub fn user_ports(env: &Env) -> UserPorts {
    let isolate = isolate(env);
    let config = &isolate.config;
    let tenant = Arc::new(TenantDb::new(tenant_login(env)));
    let (clock, ids) = (Arc::new(PlatformClock), Arc::new(PlatformIds));
    let readiness = Arc::new(PlatformReadiness::new(env, tenant.clone(), config));
    UserPorts {
        request: counted_ports(env, config),
        auth: AuthPorts {
            authenticator: authenticator(&isolate),
            memberships: Arc::new(Accounts::new(tenant.clone())),
            keys: tenant.clone(),
            familiar: isolate.familiar.clone(),
            blocked: Arc::new(BlockMemory::new(env)),
        },
        credits: CreditPorts { ledger: tenant.clone() },
        billing: BillingPorts {
            billing: tenant.clone(),
            stripe: Arc::new(stripe(&isolate, &clock)),
            readiness: readiness.clone(),
            ids: ids.clone(),
        },
        business: BusinessPorts { profiles: tenant.clone() },
        leads: LeadPorts {
            leads: tenant.clone(),
            work: tenant.clone(),
            filters: tenant.clone(),
            outcomes: tenant.clone(),
            pictures: pictures(env, config),
            clock: clock.clone(),
            exports: isolate.exports.clone(),
        },
        analysis: AnalysisPorts {
            runs: tenant.clone(),
            launcher: Arc::new(Launcher::new(env)),
            snapshots: Arc::new(Snapshots::new(env)),
            profiles: Arc::new(Gate::new(env)),
            bulks: tenant.clone(),
            bulk_launcher: Arc::new(Launcher::new(env)),
            top_ups: Arc::new(Inbox::new(env)),
            progress: Arc::new(Board::new(env)),
            models: config.models.clone(),
            readiness: readiness.clone(),
            ids: ids.clone(),
            clock: clock.clone(),
            telemetry: Arc::new(PlatformTelemetry),
            watched: isolate.watched.clone(),
        },
        members: MemberPorts {
            store: tenant.clone(),
            mailer: Arc::new(Resend::new(isolate.wire(), config.providers.resend.clone())),
            ids: ids.clone(),
            clock: clock.clone(),
            app_url: config.deployment.app_url.clone(),
        },
        account: AccountPorts {
            store: tenant.clone(),
            clock: clock.clone(),
            telemetry: Arc::new(PlatformTelemetry),
            exports: isolate.exports.clone(),
            progress: Arc::new(Board::new(env)),
            profiles: Arc::new(Gate::new(env)),
        },
        insights: InsightPorts { store: tenant.clone() },
        health: HealthPorts { readiness, models: config.models.clone(), clock },
    }
}

/// What checks tokens.
fn authenticator(isolate: &Isolate) -> Arc<TokenCheck> {
    Arc::new(TokenCheck {
        verifier: isolate.verifier.clone(),
        keys: Arc::new(SupabaseKeys::new(Arc::new(Fetch), &isolate.config.deployment.tokens.issuer)),
        signatures: Arc::new(WebCrypto),
        clock: Arc::new(PlatformClock),
        pause: Arc::new(PlatformPause),
    })
}

/// The ports of an operator's request: no database of a user's or of the system's is among them.
pub fn operator_ports(env: &Env) -> OperatorPorts {
    let isolate = isolate(env);
    let clock = Arc::new(PlatformClock);
    let store = Arc::new(OperatorDb::new(operator_login(env)));
    OperatorPorts {
        request: counted_ports(env, &isolate.config),
        sign_in: SignInPorts { authenticator: authenticator(&isolate), familiar: isolate.familiar.clone() },
        actions: OperatorActionPorts { store: store.clone() },
        commands: OperatorCommandPorts {
            desk: store.clone(),
            launcher: Arc::new(Launcher::new(env)),
            progress: Arc::new(Board::new(env)),
            profiles: Arc::new(Gate::new(env)),
            events: Arc::new(Inbox::new(env)),
            blocked: Arc::new(BlockMemory::new(env)),
            telemetry: Arc::new(PlatformTelemetry),
            clock: clock.clone(),
        },
        erasure: ErasurePorts { desk: store.clone(), ids: Arc::new(PlatformIds), clock },
        insights: OperatorInsightPorts { store },
    }
}

/// The ports of a request that a provider sends: nothing of a user's is among them.
pub fn provider_ports(env: &Env) -> ProviderPorts {
    let isolate = isolate(env);
    let clock = Arc::new(PlatformClock);
    ProviderPorts {
        request: request_ports(),
        webhook: WebhookPorts {
            events: Arc::new(signed_events(&isolate)),
            inbox: Arc::new(Inbox::new(env)),
            store: admin(env),
            clock,
            telemetry: Arc::new(PlatformTelemetry),
        },
    }
}

/// The ports of the consumer of Stripe's events, and of billing's jobs.
pub fn billing_jobs(env: &Env) -> BillingJobPorts {
    let isolate = isolate(env);
    BillingJobPorts {
        events: Arc::new(signed_events(&isolate)),
        stripe: Arc::new(stripe(&isolate, &Arc::new(PlatformClock))),
        inbox: Arc::new(Inbox::new(env)),
        store: admin(env),
    }
}

fn signed_events(isolate: &Isolate) -> SignedEvents {
    SignedEvents::new(isolate.config.providers.stripe_webhook.clone()).awaiting(isolate.config.awaits_secrets)
}

fn stripe(isolate: &Isolate, clock: &Arc<PlatformClock>) -> StripeApi {
    StripeApi::new(isolate.wire(), isolate.config.providers.stripe.clone(), clock.clone())
}

/// The ports of the job that erases profiles.
pub fn erase_job(env: &Env) -> EraseJobPorts {
    EraseJobPorts {
        records: admin(env),
        files: Arc::new(Snapshots::new(env)),
        pictures: pictures(env, &isolate(env).config),
        engine: Arc::new(Launcher::new(env)),
        profiles: Arc::new(Gate::new(env)),
        progress: Arc::new(Board::new(env)),
        clock: Arc::new(PlatformClock),
        telemetry: Arc::new(PlatformTelemetry),
    }
}

/// The database as the system: for workflows, schedules and objects.
pub fn admin(env: &Env) -> Arc<AdminDb> {
    Arc::new(AdminDb::new(system_login(env)))
}

/// The copies of profile pictures.
pub fn pictures(env: &Env, config: &Config) -> Arc<PictureCopies> {
    Arc::new(PictureCopies::new(env, Arc::new(Fetch), config.deployment.pictures.clone()))
}

/// Every model that has a key, through the gateway if there is one.
fn models(isolate: &Isolate, clock: &Arc<PlatformClock>) -> Models {
    let config = &isolate.config;
    let mut openai = OpenAi::new(isolate.wire(), config.providers.openai.clone(), clock.clone());
    if let Some(gateway) = &config.providers.gateway {
        openai = openai.through(gateway.clone());
    }
    let models = Models::new().with_openai(openai);
    let Some(endpoint) = &config.providers.anthropic else {
        return models;
    };
    let mut anthropic = Anthropic::new(isolate.wire(), endpoint.clone(), clock.clone());
    if let Some(gateway) = &config.providers.gateway {
        anthropic = anthropic.through(gateway.clone());
    }
    models.with_anthropic(anthropic)
}

/// The providers' own lists of models.
pub fn model_lists(isolate: &Isolate) -> ProviderLists {
    let config = &isolate.config;
    ProviderLists::new(isolate.wire(), config.providers.openai_list.clone(), config.providers.anthropic_list.clone())
}

/// The scraper itself. Only scrapes that have a lease reach it.
pub fn actors(env: &Env) -> Apify {
    let isolate = isolate(env);
    let settings = isolate.config.providers.scraper.clone();
    Apify::new(isolate.wire(), isolate.config.providers.apify.clone()).with_settings(settings)
}

/// The ports of one workflow.
pub fn workflow(env: &Env) -> WorkflowPorts {
    let isolate = isolate(env);
    let config = &isolate.config;
    let clock = Arc::new(PlatformClock);
    WorkflowPorts {
        runs: admin(env),
        snapshots: Arc::new(Snapshots::new(env)),
        profiles: Arc::new(Gate::new(env)),
        model: Arc::new(models(&isolate, &clock)),
        progress: Arc::new(Board::new(env)),
        clock,
        telemetry: Arc::new(PlatformTelemetry),
        models: config.models.as_ref().clone(),
        pictures: pictures(env, config),
        pause_scale: config.deployment.pause_scale,
    }
}

/// The ports of the workflow of a bulk.
pub fn bulk(env: &Env) -> BulkPorts {
    BulkPorts {
        bulks: admin(env),
        launcher: Arc::new(Launcher::new(env)),
        progress: Arc::new(Board::new(env)),
        pause_scale: isolate(env).config.deployment.pause_scale,
    }
}
