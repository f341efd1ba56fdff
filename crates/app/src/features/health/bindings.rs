//! Bindings of the platform without which everything works, but nobody is kept from a flood. So that this is seen, and nothing is sold
//! meanwhile, one that is missing is a fault of the deployment.

use crate::http::TrafficClass;

/// The KV namespace of blocked accounts, as in `wrangler.jsonc`.
pub const BLOCKED_ACCOUNTS: &str = "BLOCKED_ACCOUNTS";

/// The faults of bindings; the questions are whether there is such a limiter, and such a namespace.
#[must_use]
pub fn binding_faults(is_limiter: impl Fn(&str) -> bool, is_namespace: impl Fn(&str) -> bool) -> Vec<String> {
    let limiters = TrafficClass::ALL.map(TrafficClass::binding);
    let mut missing: Vec<&str> = limiters.into_iter().filter(|name| !is_limiter(name)).collect();
    if !is_namespace(BLOCKED_ACCOUNTS) {
        missing.push(BLOCKED_ACCOUNTS);
    }
    missing.into_iter().map(|name| format!("the binding {name} is missing")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triggers::wrangler;

    #[test]
    fn each_missing_binding_is_named() {
        assert_eq!(binding_faults(|_| true, |_| true), [""; 0]);
        assert_eq!(binding_faults(|name| name != "WRITES", |_| true), ["the binding WRITES is missing"]);
        let all = binding_faults(|_| false, |_| false);
        assert_eq!(all.len(), TrafficClass::ALL.len() + 1);
        assert_eq!(all.last().unwrap(), "the binding BLOCKED_ACCOUNTS is missing");
    }

    #[test]
    fn the_namespace_is_that_of_the_deployment() {
        assert_eq!(wrangler()["kv_namespaces"][0]["binding"], BLOCKED_ACCOUNTS);
    }
}
