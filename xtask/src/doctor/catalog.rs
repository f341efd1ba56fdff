//! Every check by name, in the order of the report. A name begins with its source; `docs/doctor.md` says of each what it means and
//! what to do (a test compares the two).

/// A check and the rule that it checks.
pub struct Check {
    pub name: &'static str,
    /// What holds in a healthy deployment, as a sentence.
    pub rule: &'static str,
}

const fn check(name: &'static str, rule: &'static str) -> Check {
    Check { name, rule }
}

/// Where the facts of a check come from, by the first word of its name.
pub const SOURCES: [(&str, &str); 5] = [
    ("files", "The environment's part of wrangler.jsonc"),
    ("api", "The API from outside"),
    ("database", "The database"),
    ("cloudflare", "Cloudflare's account"),
    ("models", "The providers' lists of models"),
];

pub const CHECKS: [Check; 51] = [
    check("files.placeholders", "Every id, the custom domain and every required setting have their values."),
    check("files.own", "No name, id or address is another environment's too."),
    check("files.bindings", "The environment repeats every binding, because none is inherited."),
    check(
        "files.settings",
        "Settings are valid, none is for local stacks only, and browsers may call from named origins.",
    ),
    check("files.door", "workers.dev and preview addresses are off."),
    check("files.crons", "Every scheduled job has its cron trigger."),
    check("files.queues", "Every queue has its consumer, and its dead letters have a queue."),
    check("files.retention", "Workflows forget what they held within three days."),
    check("files.observability", "Every line of the log is kept, and the platform's own line about a request is off."),
    check("api.answers", "GET /health answers."),
    check("api.https", "The API is reached over https, and plain http gives no answer of it."),
    check("api.environment", "The deployment is the environment that it is taken for."),
    check("api.release", "The deployment says which revision it is."),
    check("api.ready", "GET /health/ready answers 200."),
    check("api.warnings", "Readiness warns of nothing."),
    check("api.headers", "Answers have the security headers."),
    check("api.strangers", "Without a token every route that needs one answers 401."),
    check("api.cors", "A foreign origin is not allowed by CORS."),
    check("api.data-api", "Supabase's Data API serves none of our schemas."),
    check("database.connection", "The database lets its owner in."),
    check("database.migrations", "The applied migrations are those of this checkout."),
    check("database.owner", "The owner of our functions bypasses row-level security."),
    check("database.row-level-security", "Every table of public enables and forces row-level security."),
    check("database.policies", "Every readable table has one policy, for customers' own rows."),
    check("database.roles", "Every role exists with exactly its attributes."),
    check("database.memberships", "Each login may become exactly its one role, and inherits nothing."),
    check("database.passwords", "Each login has a password that nobody guesses."),
    check("database.login-settings", "Each login has its time limits, and compiles no statements."),
    check("database.functions", "Every function pins its search_path, and those for callers are SECURITY DEFINER."),
    check("database.grants", "No role may do more than its schema gives it."),
    check("database.temporary-objects", "No role of ours may create temporary objects."),
    check("database.extensions", "The extensions of the search are there, outside public."),
    check("database.data-api", "PostgREST exposes none of our schemas."),
    check("database.connections", "A fifth of the database's connections is free."),
    check("database.jobs", "Every scheduled job succeeded lately."),
    check("database.dead-letters", "No queue gave a message up in the last day."),
    check("database.webhooks", "No event of Stripe's has waited for an hour."),
    check("database.alarms", "No alarm is open."),
    check("cloudflare.worker", "The Worker is deployed."),
    check("cloudflare.variables", "The deployed variables and bindings are those of wrangler.jsonc."),
    check("cloudflare.secrets", "Every required secret is there."),
    check("cloudflare.workers-dev", "The Worker is reached neither at workers.dev nor at preview addresses."),
    check("cloudflare.crons", "The cron triggers are those of wrangler.jsonc."),
    check("cloudflare.queues", "Every queue is there, with this Worker as its consumer and its dead letter queue."),
    check(
        "cloudflare.hyperdrive",
        "Each Hyperdrive is one login's, and connects to this environment's database itself, not to a pooler.",
    ),
    check("cloudflare.hyperdrive-cache", "No Hyperdrive remembers answers."),
    check("cloudflare.hyperdrive-connections", "The Hyperdrives together leave connections for others."),
    check("cloudflare.storage", "The R2 buckets and the KV namespaces are there."),
    check("cloudflare.lifecycle", "Profiles in R2 end by the rules of r2-lifecycle.json."),
    check("models.offered", "Every configured model is offered."),
    check("models.ending", "No configured model ends within sixty days."),
];

/// The names of a source's checks.
pub fn of_source(source: &str) -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|check| check.name).filter(move |name| source_of(name) == source)
}

/// The first word of a check's name.
pub fn source_of(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;

    #[test]
    fn every_name_is_one_checks_and_stands_with_its_source() {
        let names: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
        let by_source: Vec<&str> = SOURCES.iter().flat_map(|(source, _)| of_source(source)).collect();
        assert_eq!(names, by_source, "the checks of a source stand together, in the order of the sources");
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), names.len());
    }

    /// The rows of the tables of `docs/doctor.md`: the check, its rule, what to do.
    fn documented() -> Vec<(String, String, String)> {
        let text = std::fs::read_to_string(Project::find().unwrap().root().join("docs/doctor.md")).unwrap();
        let rows = text.lines().filter_map(|line| {
            let cells: Vec<&str> = line.strip_prefix("| `")?.split(" | ").map(str::trim).collect();
            let [name, rule, cure] = cells[..] else { return None };
            Some((name.trim_end_matches('`').to_owned(), rule.to_owned(), cure.trim_end_matches('|').trim().to_owned()))
        });
        rows.filter(|(name, ..)| name.contains('.')).collect()
    }

    #[test]
    fn the_document_has_every_check_with_its_rule_and_a_cure() {
        let documented = documented();
        let rows: Vec<(&str, &str)> = documented.iter().map(|(name, rule, _)| (name.as_str(), rule.as_str())).collect();
        let checks: Vec<(&str, &str)> = CHECKS.iter().map(|check| (check.name, check.rule)).collect();
        assert_eq!(rows, checks);
        assert!(documented.iter().all(|(.., cure)| cure.len() > 10), "a check without a cure");
    }
}
