//! Puts the product together with this platform's adapters.

use std::sync::Arc;

use oslira_app::{
    api::{OperatorPorts, ProviderPorts, UserPorts},
    features::{
        account::AccountPorts,
        analysis::{AnalysisPorts, BulkPorts, WorkflowPorts},
        auth::{AuthPorts, SignInPorts, TokenCheck},
        billing::{BillingJobPorts, BillingPorts, WebhookPorts},
        business::BusinessPorts,
        credits::CreditPorts,
        diagnostics::DiagnosticsPorts,
        erasure::{EraseJobPorts, ErasurePorts},
        health::HealthPorts,
        insights::{InsightPorts, OperatorInsightPorts},
        leads::LeadPorts,
        members::MemberPorts,
        operators::{OperatorActionPorts, OperatorCommandPorts},
    },
    http::RequestPorts,
};
use oslira_postgres::{AdminDb, OperatorDb, TenantDb};
use oslira_providers::{
    Anthropic, Apify, Models, OpenAi, ProviderLists, Resend, SignedEvents, StripeApi, SupabaseKeys,
};
use worker::Env;

use crate::{
    adapters::{
        Accounts, BlockMemory, Board, Fetch, Gate, Inbox, Launcher, Limiter, PictureCopies, PlatformClock, PlatformIds,
        PlatformPause, PlatformReadiness, PlatformTelemetry, Snapshots, WebCrypto, operator_login, system_login,
        tenant_login,
    },
    config::Config,
    isolate::Isolate,
};

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
    let isolate = Isolate::of(env);
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
    let isolate = Isolate::of(env);
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
        erasure: ErasurePorts { desk: store.clone(), ids: Arc::new(PlatformIds), clock: clock.clone() },
        insights: OperatorInsightPorts { store: store.clone() },
        diagnostics: DiagnosticsPorts { store, clock, limits: Arc::new(isolate.config.alarms.clone()) },
    }
}

/// The ports of a request that a provider sends: nothing of a user's is among them.
pub fn provider_ports(env: &Env) -> ProviderPorts {
    let isolate = Isolate::of(env);
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
    let isolate = Isolate::of(env);
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
        pictures: pictures(env, &Isolate::of(env).config),
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
    let isolate = Isolate::of(env);
    let settings = isolate.config.providers.scraper.clone();
    Apify::new(isolate.wire(), isolate.config.providers.apify.clone()).with_settings(settings)
}

/// The ports of one workflow.
pub fn workflow(env: &Env) -> WorkflowPorts {
    let isolate = Isolate::of(env);
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
        pause_scale: Isolate::of(env).config.deployment.pause_scale,
    }
}
