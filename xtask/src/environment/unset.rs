//! What of an environment in `wrangler.jsonc` is still as the repository came.

use super::is_placeholder;
use super::settings::WranglerEnvironment;

/// Ids of the repository are a few digits behind zeros; no real one begins so.
const PLACEHOLDER_ID: &str = "0000000000000000000000000000";

/// A setting that is to be made before the first deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unset {
    pub what: String,
    /// What to put there, as a sentence's end: `put …`.
    pub advice: String,
}

/// Whether an id is one that the repository came with.
pub fn is_placeholder_id(id: &str) -> bool {
    id.starts_with(PLACEHOLDER_ID)
}

impl WranglerEnvironment {
    /// What must be set and is not, in the order of docs/deploying.md.
    pub fn unset(&self) -> Vec<Unset> {
        let mut all = Vec::new();
        let mut add = |what: String, advice: &str| all.push(Unset { what, advice: advice.to_owned() });
        if self.vars.get("SUPABASE_URL").is_none_or(String::is_empty) {
            add("SUPABASE_URL".to_owned(), "put the project's URL into `vars`: https://PROJECT.supabase.co");
        }
        for pair in self.hyperdrive.iter().filter(|pair| is_placeholder_id(&pair.id)) {
            add(
                format!("the id of {} in `hyperdrive`", pair.binding),
                "put the id there that `wrangler hyperdrive create` has printed",
            );
        }
        for namespace in self.kv_namespaces.iter().filter(|namespace| is_placeholder_id(&namespace.id)) {
            add(
                format!("the id of {} in `kv_namespaces`", namespace.binding),
                "put the id of the KV namespace there, which `cargo xtask deploy` makes and prints",
            );
        }
        if self.custom_domains().next().is_none() || self.custom_domains().any(is_placeholder) {
            add(
                "the custom domain in `routes`".to_owned(),
                "put the API's own host name there, of a zone of the same account",
            );
        }
        all
    }
}
