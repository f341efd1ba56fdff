//! The steps that only a person can do, because they are clicks at somebody else's. docs/deploying.md tells each in full.

use super::plan::{Standing, Step};
use crate::environment::{Name, WranglerEnvironment};

fn person(what: &str, advice: impl Into<String>) -> Step {
    Step { what: what.to_owned(), standing: Standing::Person(advice.into()) }
}

/// Before anything else: who runs the services, and who may come in.
pub fn supabase(settings: &WranglerEnvironment) -> Vec<Step> {
    let region = settings.placement.as_ref().and_then(|placement| placement.region.as_deref()).unwrap_or("its region");
    vec![
        person(
            "plans",
            "Cloudflare Workers Paid, Supabase Pro with backups (point-in-time), Apify with room for the scrapes",
        ),
        person("region", format!("the Supabase project is in {region}, as `placement` in wrangler.jsonc says")),
        person(
            "Supabase Auth",
            "e-mail confirmation on, asymmetric signing keys (ES256), the app's redirect addresses",
        ),
        person("Supabase Data API", "off: exposed, customers would pass by every limit of the Worker"),
    ]
}

/// When the migrations have made the logins.
pub fn passwords() -> Step {
    person(
        "passwords of the three logins",
        "`\\password oslira_tenant` in psql, and so on: it leaves none in a history",
    )
}

/// What the new version meets.
pub fn around(settings: &WranglerEnvironment, api_url: &str) -> Vec<Step> {
    let mut all = vec![
        person(
            "DNS zone",
            "its managed transform \"Remove visitor IP headers\" is off, and the custom domain's zone is active",
        ),
        person(
            "Stripe",
            format!("prices, portal and the webhook endpoint {api_url}/webhooks/stripe (docs/billing.md)"),
        ),
    ];
    if settings.vars.get("AI_GATEWAY_URL").is_some_and(|url| !url.is_empty()) {
        all.push(person(
            "AI Gateway",
            "authenticated, keys of ours only (`byok_only`), no retries: the Worker makes its own",
        ));
    }
    all
}

/// When it runs.
pub fn after(name: Name) -> Vec<Step> {
    vec![
        person("alerts", "for errors, dead letters and models that end: docs/deploying.md, \"Alerts\""),
        person(
            "the checklist",
            format!(
                "`cargo xtask doctor --env {name}`, `canary --env {name}`, `watch --env {name} --hours 24` (docs/deploying.md)"
            ),
        ),
    ]
}
