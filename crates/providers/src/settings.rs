//! The providers' addresses and keys. A required setting that is missing is a fault; outside a local stack, so is one
//! that belongs to the sandbox.

use std::ops::RangeInclusive;

use oslira_app::features::health::setting_fault;

use crate::{Endpoint, Gateway, ResendAccount, ScraperSettings, Secret, SentryDsn, WebhookSecrets};

/// Cloudflare's gateway caches for at least a minute and at most a month (30 days).
const GATEWAY_CACHE_S: RangeInclusive<u32> = 60..=2_592_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSettings {
    pub apify: Endpoint,
    /// Which actors scrape, and at what price.
    pub scraper: ScraperSettings,
    /// OpenAI's models, behind the gateway if there is one.
    pub openai: Endpoint,
    /// Anthropic's models, behind the gateway if there is one. `None` without a key: then only OpenAI's are used.
    pub anthropic: Option<Endpoint>,
    /// OpenAI's list of models, read from OpenAI itself because a gateway need not pass it on.
    pub openai_list: Endpoint,
    /// Anthropic's list of models: from Anthropic itself, or through the gateway if only the gateway's address is set.
    pub anthropic_list: Option<Endpoint>,
    pub gateway: Option<Gateway>,
    pub stripe: Endpoint,
    /// None if the setting has a fault, so that no event is accepted.
    pub stripe_webhook: WebhookSecrets,
    /// `None` without a key, or with a fault: then no mail is sent.
    pub resend: Option<ResendAccount>,
    /// `None` without an address, or with a fault: then errors are in the log only.
    pub sentry: Option<SentryDsn>,
    /// `POINTS_URL`, of a local stack only: where points are kept that can be asked for.
    pub points: Option<Endpoint>,
}

impl ProviderSettings {
    /// The settings and their faults. `text` gives the value of a setting, empty if it is not set.
    #[must_use]
    pub fn read(text: impl Fn(&str) -> String, local: bool) -> (Self, Vec<String>) {
        let mut faults = faults(&text, local);
        // All faults are reported at once, so reading goes on with the safe value: no cache.
        let cache_ttl_s = gateway_cache_ttl_s(&text("AI_GATEWAY_CACHE_TTL_S")).unwrap_or_else(|fault| {
            faults.push(fault);
            0
        });
        let (scraper, scraper_faults) = ScraperSettings::read(&text);
        faults.extend(scraper_faults);
        let stripe_webhook = WebhookSecrets::read(&text("STRIPE_WEBHOOK_SECRET"), local).unwrap_or_else(|fault| {
            faults.push(fault);
            WebhookSecrets::default()
        });
        let (resend, mail_faults) = ResendAccount::read(&text, local);
        faults.extend(mail_faults);
        let (sentry, sentry_faults) = SentryDsn::read(&text, local);
        faults.extend(sentry_faults);
        let points_url = Some(text("POINTS_URL")).filter(|url| local && !url.is_empty());
        let gateway_url = text("AI_GATEWAY_URL").trim_end_matches('/').to_owned();
        // The gateway serves each provider below its own address; without a gateway each provider is called directly.
        let address = |name: &str, provider: &str| match gateway_url.as_str() {
            "" => text(name),
            gateway => format!("{gateway}/{provider}"),
        };
        let secret = |name: &str| Some(text(name)).filter(|value| !value.is_empty()).map(Secret::new);
        let anthropic_at =
            |url: &str| secret("ANTHROPIC_API_KEY").map(|key| Endpoint::new(url, key).with_key_in("x-api-key"));
        let anthropic = anthropic_at(&address("ANTHROPIC_BASE_URL", "anthropic"));
        let anthropic_direct = Some(text("ANTHROPIC_BASE_URL")).filter(|url| !url.is_empty());
        let openai_at = |url: &str| Endpoint::new(url, Secret::new(text("OPENAI_API_KEY")));
        let settings = Self {
            apify: Endpoint::new(&text("APIFY_BASE_URL"), Secret::new(text("APIFY_TOKEN"))),
            scraper,
            openai: openai_at(&address("OPENAI_BASE_URL", "openai")),
            openai_list: openai_at(&text("OPENAI_BASE_URL")),
            anthropic_list: anthropic_direct.map_or_else(|| anthropic.clone(), |url| anthropic_at(&url)),
            anthropic,
            gateway: (!gateway_url.is_empty()).then(|| Gateway::new(secret("AI_GATEWAY_TOKEN"), cache_ttl_s)),
            stripe: Endpoint::new(&text("STRIPE_BASE_URL"), Secret::new(text("STRIPE_SECRET_KEY"))),
            stripe_webhook,
            resend,
            sentry,
            points: points_url.map(|url| Endpoint::new(&url, Secret::new("sandbox-analytics-token"))),
        };
        (settings, faults)
    }
}

fn faults(text: impl Fn(&str) -> String, local: bool) -> Vec<String> {
    let required =
        ["APIFY_BASE_URL", "APIFY_TOKEN", "OPENAI_BASE_URL", "OPENAI_API_KEY", "STRIPE_BASE_URL", "STRIPE_SECRET_KEY"];
    // Checked only if they are set.
    let optional = ["ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "AI_GATEWAY_URL", "AI_GATEWAY_TOKEN"];
    // A key needs an address; behind a gateway that is the gateway's.
    let anthropic_needs_address = !text("ANTHROPIC_API_KEY").is_empty() && text("AI_GATEWAY_URL").is_empty();
    let is_checked = |name: &&str| !text(name).is_empty() || (*name == "ANTHROPIC_BASE_URL" && anthropic_needs_address);
    let checked = required.into_iter().chain(optional.into_iter().filter(is_checked));
    checked.filter_map(|name| setting_fault(name, &text(name), local)).collect()
}

fn gateway_cache_ttl_s(text: &str) -> Result<u32, String> {
    match text.parse() {
        _ if text.is_empty() => Ok(0),
        Ok(seconds) if seconds == 0 || GATEWAY_CACHE_S.contains(&seconds) => Ok(seconds),
        Ok(_) | Err(_) => Err("AI_GATEWAY_CACHE_TTL_S takes seconds: 0, or 60 to 2592000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tier;

    const GATEWAY: (&str, &str) = ("AI_GATEWAY_URL", "https://gateway.ai.cloudflare.com/v1/acc/gw/");

    fn read_as(local: bool, changed: &[(&str, &str)]) -> (ProviderSettings, Vec<String>) {
        let sound = [
            ("APIFY_BASE_URL", "https://api.apify.com"),
            ("APIFY_TOKEN", "apify_api_x"),
            ("OPENAI_BASE_URL", "https://api.openai.com/v1"),
            ("OPENAI_API_KEY", "sk-x"),
            ("ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
            ("STRIPE_BASE_URL", "https://api.stripe.com"),
            ("STRIPE_SECRET_KEY", "sk_live_x"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_Y29uc3RydWN0ZWQgZm9yIHRlc3Rz"),
        ];
        let of = |name: &str, pairs: &[(&str, &str)]| {
            pairs.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        };
        ProviderSettings::read(|name| of(name, changed).or_else(|| of(name, &sound)).unwrap_or_default(), local)
    }

    fn read(changed: &[(&str, &str)]) -> (ProviderSettings, Vec<String>) {
        read_as(false, changed)
    }

    fn openai(url: &str) -> Endpoint {
        Endpoint::new(url, Secret::new("sk-x"))
    }

    fn anthropic(url: &str) -> Option<Endpoint> {
        Some(Endpoint::new(url, Secret::new("sk-ant-x")).with_key_in("x-api-key"))
    }

    #[test]
    fn without_a_gateway_each_provider_is_asked_directly() {
        let (settings, faults) = read(&[("ANTHROPIC_API_KEY", "sk-ant-x")]);
        assert_eq!(faults, [""; 0]);
        assert_eq!(settings.openai, openai("https://api.openai.com/v1"));
        assert_eq!(settings.openai_list, settings.openai);
        assert_eq!(settings.anthropic, anthropic("https://api.anthropic.com"));
        assert_eq!(settings.anthropic_list, settings.anthropic);
        assert_eq!(settings.gateway, None);
    }

    #[test]
    fn behind_a_gateway_models_are_asked_below_its_address_and_lists_at_their_own() {
        let (settings, faults) = read(&[
            GATEWAY,
            ("AI_GATEWAY_TOKEN", "t"),
            ("AI_GATEWAY_CACHE_TTL_S", "60"),
            ("ANTHROPIC_API_KEY", "sk-ant-x"),
        ]);
        assert_eq!(faults, [""; 0]);
        assert_eq!(settings.openai, openai("https://gateway.ai.cloudflare.com/v1/acc/gw/openai"));
        assert_eq!(settings.openai_list, openai("https://api.openai.com/v1"));
        assert_eq!(settings.anthropic, anthropic("https://gateway.ai.cloudflare.com/v1/acc/gw/anthropic"));
        assert_eq!(settings.anthropic_list, anthropic("https://api.anthropic.com"));
        assert_eq!(settings.gateway, Some(Gateway::new(Some(Secret::new("t")), 60)));
    }

    #[test]
    fn anthropic_is_left_out_without_a_key_and_needs_an_address_with_one() {
        let (settings, faults) = read(&[("ANTHROPIC_BASE_URL", "")]);
        assert_eq!((settings.anthropic, settings.anthropic_list, faults), (None, None, vec![]));

        let key = ("ANTHROPIC_API_KEY", "sk-ant-x");
        let (_, faults) = read(&[key, ("ANTHROPIC_BASE_URL", "")]);
        assert_eq!(faults, ["ANTHROPIC_BASE_URL is not set"]);

        let (settings, faults) = read(&[key, ("ANTHROPIC_BASE_URL", ""), GATEWAY]);
        assert_eq!(faults, [""; 0]);
        assert_eq!(settings.anthropic_list, settings.anthropic);
        assert_eq!(settings.anthropic, anthropic("https://gateway.ai.cloudflare.com/v1/acc/gw/anthropic"));
    }

    #[test]
    fn outside_a_local_stack_what_is_missing_or_the_sandboxs_is_a_fault() {
        for (name, value, fault) in [
            ("APIFY_BASE_URL", "", "is not set"),
            ("APIFY_TOKEN", "", "is not set"),
            ("OPENAI_BASE_URL", "", "is not set"),
            ("OPENAI_API_KEY", "", "is not set"),
            ("STRIPE_BASE_URL", "", "is not set"),
            ("STRIPE_SECRET_KEY", "", "is not set"),
            ("STRIPE_WEBHOOK_SECRET", "", "is not set"),
            ("STRIPE_BASE_URL", "http://api.stripe.com", "must begin with https://"),
            ("STRIPE_SECRET_KEY", "sandbox-stripe-key", "is a sandbox value"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_sandbox_for_a_local_stack_only", "is a sandbox value"),
            ("APIFY_BASE_URL", "http://api.apify.com", "must begin with https://"),
            ("OPENAI_BASE_URL", "https://localhost:4010/openai", "names this machine"),
            ("OPENAI_BASE_URL", "HTTPS://LOCALHOST/v1", "names this machine"),
            ("APIFY_TOKEN", "sandbox-apify-token", "is a sandbox value"),
            ("OPENAI_API_KEY", "sandbox-openai-key", "is a sandbox value"),
            ("ANTHROPIC_API_KEY", "sandbox-anthropic-key", "is a sandbox value"),
            ("ANTHROPIC_BASE_URL", "http://api.anthropic.com", "must begin with https://"),
            ("AI_GATEWAY_URL", "http://gateway.ai.cloudflare.com/v1/a/g", "must begin with https://"),
            ("AI_GATEWAY_URL", "https://127.0.0.1/v1", "names this machine"),
            ("AI_GATEWAY_TOKEN", "sandbox-gateway-token", "is a sandbox value"),
        ] {
            let (_, faults) = read(&[(name, value)]);
            assert_eq!(faults, [format!("{name} {fault}")], "{value}");
        }
        let (_, faults) = read_as(true, &[("APIFY_TOKEN", "sandbox-x"), ("OPENAI_BASE_URL", "http://127.0.0.1:4010")]);
        assert_eq!(faults, [""; 0]);
        assert_eq!(read_as(true, &[("OPENAI_API_KEY", "")]).1, ["OPENAI_API_KEY is not set"]);
    }

    #[test]
    fn stripe_is_required_on_a_local_stack_too_and_no_event_is_accepted_without_a_sound_secret() {
        let (settings, faults) = read(&[]);
        assert_eq!(faults, [""; 0]);
        assert_eq!(settings.stripe, Endpoint::new("https://api.stripe.com", Secret::new("sk_live_x")));
        assert_ne!(settings.stripe_webhook, WebhookSecrets::default());

        for name in ["STRIPE_BASE_URL", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"] {
            assert_eq!(read_as(true, &[(name, "")]).1, [format!("{name} is not set")]);
        }
        let (settings, faults) = read_as(true, &[("STRIPE_WEBHOOK_SECRET", "whsec_short")]);
        assert_eq!((settings.stripe_webhook, faults.len()), (WebhookSecrets::default(), 1));
    }

    #[test]
    fn what_is_wrong_with_the_scraper_is_a_fault_of_the_deployment() {
        for local in [false, true] {
            let (settings, faults) = read_as(local, &[("APIFY_TIER", "GOLD"), ("APIFY_PRICE_PER_RESULT_USD", "free")]);
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].starts_with("APIFY_PRICE_PER_RESULT_USD takes dollars"), "{faults:?}");
            assert_eq!((settings.scraper.tier, settings.scraper.price_per_result_microusd), (Tier::Gold, None));
        }
    }

    #[test]
    fn a_deployment_without_mail_has_no_fault_and_one_with_half_of_it_has() {
        let (settings, faults) = read(&[]);
        assert_eq!((settings.resend, faults), (None, vec![]));

        let key = ("RESEND_API_KEY", "re_x");
        let (settings, faults) = read(&[key]);
        assert_eq!(settings.resend, None);
        assert_eq!(faults, ["RESEND_BASE_URL is not set", "MAIL_FROM is not set"]);

        let sound = [key, ("RESEND_BASE_URL", "https://api.resend.com"), ("MAIL_FROM", "mail@example.com")];
        let (settings, faults) = read(&sound);
        assert_eq!((settings.resend.is_some(), faults), (true, vec![]));
    }

    #[test]
    fn only_a_local_stack_sends_its_points_elsewhere_and_a_wrong_address_of_sentrys_is_a_fault() {
        let points = ("POINTS_URL", "http://127.0.0.1:4010/cloudflare/points");
        assert_eq!(read(&[points]).0.points, None);
        assert!(read_as(true, &[points]).0.points.is_some());

        assert_eq!(read(&[]).0.sentry, None);
        let (settings, faults) = read(&[("SENTRY_DSN", "https://sentry.io/1")]);
        assert_eq!((settings.sentry, faults), (None, vec!["SENTRY_DSN takes https://KEY@HOST/PROJECT".to_owned()]));
        assert!(read(&[("SENTRY_DSN", "https://abc@sentry.io/1")]).0.sentry.is_some());
    }

    #[test]
    fn no_secret_is_a_variable_of_the_deployment() {
        // Wrangler refuses a secret that has the name of a variable.
        let wrangler = include_str!("../../../wrangler.jsonc");
        assert!(wrangler.contains("\"STRIPE_BASE_URL\":"));
        for name in crate::vault::SECRET_SETTINGS {
            assert!(!wrangler.contains(&format!("\"{name}\":")), "{name}");
        }
    }

    #[test]
    fn the_gateway_keeps_answers_from_a_minute_to_a_month_or_not_at_all() {
        let ttl = |text| read(&[GATEWAY, ("AI_GATEWAY_CACHE_TTL_S", text)]);
        for (text, seconds) in [("", 0), ("0", 0), ("60", 60), ("2592000", 2_592_000)] {
            let (settings, faults) = ttl(text);
            assert_eq!((settings.gateway, faults), (Some(Gateway::new(None, seconds)), vec![]), "{text}");
        }
        for text in ["59", "2592001", "-1", "1.5", "1h", "99999999999"] {
            let (settings, faults) = ttl(text);
            assert_eq!(settings.gateway, Some(Gateway::new(None, 0)), "{text}");
            assert_eq!(faults, ["AI_GATEWAY_CACHE_TTL_S takes seconds: 0, or 60 to 2592000"], "{text}");
        }
    }
}
