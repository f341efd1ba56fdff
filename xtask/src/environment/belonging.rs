//! What ties a thing to its environment: the database to the Supabase project, names and ids to one section of `wrangler.jsonc`, a secret
//! to the variable that it comes from, and an address to who answers there.

use super::Name;
use super::settings::WranglerEnvironment;
use crate::postgres::PgUrl;

/// Where an environment's database is, as far as `vars.SUPABASE_URL` says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// Nobody has said it yet.
    Unset,
    /// At Supabase, in the project of this reference.
    Project(String),
    /// The address is none of Supabase's own and does not tell: self-hosted, or a domain of the project's.
    Elsewhere,
}

impl Home {
    pub fn of(settings: &WranglerEnvironment) -> Self {
        let url = settings.vars.get("SUPABASE_URL").map_or("", |url| url.trim());
        if url.is_empty() {
            return Self::Unset;
        }
        let host = url.strip_prefix("https://").unwrap_or(url).trim_end_matches('/');
        match host.strip_suffix(".supabase.co") {
            Some(project) if !project.is_empty() && project.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                Self::Project(project.to_owned())
            }
            _ => Self::Elsewhere,
        }
    }

    /// Why a database is another's; `None` also where that cannot be told.
    pub fn database_fault(&self, url: &PgUrl) -> Option<String> {
        let Self::Project(project) = self else { return None };
        let is_direct = url.host == direct_host(project);
        let is_pooled = url.host.ends_with(".pooler.supabase.com") && url.user == format!("postgres.{project}");
        (!is_direct && !is_pooled).then(|| {
            format!(
                "it leads to {} as {}, and SUPABASE_URL in wrangler.jsonc says {}, or postgres.{project} at the session pooler: is it another \
                 environment's?",
                url.host,
                url.user,
                direct_host(project)
            )
        })
    }

    /// The same of the host that a Hyperdrive configuration leads to.
    pub fn origin_fault(&self, host: &str) -> Option<String> {
        let Self::Project(project) = self else { return None };
        let expected = direct_host(project);
        (host != expected).then(|| format!("it leads to {host}, and SUPABASE_URL says {expected}"))
    }
}

fn direct_host(project: &str) -> String {
    format!("db.{project}.supabase.co")
}

impl WranglerEnvironment {
    /// What is one environment's alone, because the account, the Internet or Supabase has it once.
    pub fn own(&self) -> Vec<String> {
        let mut own = vec![format!("Worker {}", self.name)];
        own.extend(
            self.vars.get("SUPABASE_URL").filter(|url| !url.is_empty()).map(|url| format!("SUPABASE_URL {url}")),
        );
        own.extend(self.routes.iter().map(|route| format!("route {}", route.pattern)));
        own.extend(self.queue_names().into_iter().map(|queue| format!("queue {queue}")));
        own.extend(self.r2_buckets.iter().map(|bucket| format!("bucket {}", bucket.bucket_name)));
        own.extend(self.workflows.iter().map(|workflow| format!("workflow {}", workflow.name)));
        own.extend(self.ratelimits.iter().map(|limit| format!("rate limit {}", limit.namespace_id)));
        own.extend(self.analytics_engine_datasets.iter().map(|of| format!("dataset {}", of.dataset)));
        own.extend(self.hyperdrive.iter().chain(&self.kv_namespaces).map(|of| format!("id {}", of.id)));
        own
    }

    /// What another environment has too.
    pub fn shared_with(&self, other: &Self) -> Vec<String> {
        let others = other.own();
        self.own().into_iter().filter(|own| others.contains(own)).collect()
    }
}

impl Name {
    /// The variable of the shell with this environment's value of a secret, such as `OSLIRA_STAGING_APIFY_TOKEN`.
    pub fn secret_variable(self, secret: &str) -> String {
        format!("OSLIRA_{}_{secret}", self.as_str().to_ascii_uppercase())
    }

    /// Why a key of Stripe's is another environment's, as the end of a sentence. Its second word is Stripe's mode.
    pub fn stripe_fault(self, key: &str) -> Option<&'static str> {
        match (self, key.split('_').nth(1)) {
            (Self::Production, Some("test")) => Some("is of Stripe's test mode, in which nobody pays"),
            (Self::Staging | Self::Local, Some("live")) => Some("is of Stripe's live mode, in which customers pay"),
            _ => None,
        }
    }
}

/// Why an answer of `/health/ready` is another environment's.
pub fn answer_fault(expected: &str, said: &str) -> Option<String> {
    (said != expected).then(|| {
        format!(
            "it says that it is {said}, not {expected}: look at OSLIRA_API_URL, and at `routes` and OSLIRA_ENV in wrangler.jsonc"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(url: &str) -> Home {
        let text = format!("{{\"name\": \"x\", \"vars\": {{ \"SUPABASE_URL\": \"{url}\" }} }}");
        Home::of(&WranglerEnvironment::parse(&text, Name::Local).unwrap())
    }

    #[test]
    fn a_database_is_that_of_the_project_or_another_environments() {
        let home = home("https://abc.supabase.co/");
        assert_eq!(home, Home::Project("abc".to_owned()));
        let fault = |url: &str| home.database_fault(&PgUrl::parse(url).unwrap());
        assert_eq!(fault("postgres://postgres:s3cret@db.abc.supabase.co:5432/postgres"), None);
        assert_eq!(fault("postgres://postgres.abc:s3cret@aws-0-eu-central-1.pooler.supabase.com:5432/postgres"), None);
        for other in [
            "postgres://postgres:s3cret@db.xyz.supabase.co:5432/postgres",
            "postgres://postgres.xyz:s3cret@aws-0-eu-central-1.pooler.supabase.com:5432/postgres",
            "postgres://postgres.abc:s3cret@db.xyz.supabase.co:5432/postgres",
            "postgres://postgres:s3cret@127.0.0.1:5432/postgres",
        ] {
            let fault = fault(other).unwrap();
            assert!(fault.contains("db.abc.supabase.co") && !fault.contains("s3cret"), "{fault}");
        }
        assert_eq!(home.origin_fault("db.abc.supabase.co"), None);
        assert!(home.origin_fault("db.xyz.supabase.co").unwrap().contains("db.xyz.supabase.co"));
    }

    #[test]
    fn an_address_that_is_not_supabases_does_not_tell_where_the_database_is() {
        assert_eq!(home(""), Home::Unset);
        let url = PgUrl::parse("postgres://postgres@db.own.test").unwrap();
        for elsewhere in ["https://auth.own.test", "http://127.0.0.1:54321", "https://a.b.supabase.co"] {
            let home = home(elsewhere);
            assert_eq!(
                (&home, home.database_fault(&url), home.origin_fault("db.own.test")),
                (&Home::Elsewhere, None, None)
            );
        }
    }

    #[test]
    fn what_two_sections_have_both_is_told() {
        let section = |queue: &str, id: &str| {
            let text = format!(
                "{{\"name\": \"{queue}\", \"kv_namespaces\": [{{ \"binding\": \"B\", \"id\": \"{id}\" }}],
                  \"queues\": {{ \"producers\": [{{ \"binding\": \"Q\", \"queue\": \"{queue}\" }}] }} }}"
            );
            WranglerEnvironment::parse(&text, Name::Local).unwrap()
        };
        assert_eq!(section("a", "f00d").shared_with(&section("b", "cafe")), [""; 0]);
        assert_eq!(section("a", "f00d").shared_with(&section("b", "f00d")), ["id f00d"]);
        assert_eq!(section("a", "f00d").shared_with(&section("a", "cafe")), ["Worker a", "queue a"]);
    }

    #[test]
    fn keys_of_stripes_other_mode_and_answers_of_another_environment_are_faults() {
        assert_eq!(Name::Staging.secret_variable("STRIPE_SECRET_KEY"), "OSLIRA_STAGING_STRIPE_SECRET_KEY");
        for (test, live) in [("sk_test_1", "sk_live_1"), ("rk_test_1", "rk_live_1")] {
            assert!(Name::Production.stripe_fault(test).is_some() && Name::Staging.stripe_fault(live).is_some());
            assert!(Name::Production.stripe_fault(live).is_none() && Name::Staging.stripe_fault(test).is_none());
        }
        assert_eq!(answer_fault("staging", "staging"), None);
        assert!(answer_fault("production", "staging").unwrap().contains("it says that it is staging"));
    }
}
