//! Idempotency keys of requests that go on: another request with the same key is turned away meanwhile.

use std::collections::HashSet;

use parking_lot::Mutex;

#[derive(Default)]
pub(crate) struct Claims(Mutex<HashSet<String>>);

/// A key that no other request can use until this is dropped.
pub(crate) struct Claim<'a> {
    claims: &'a Claims,
    key: String,
}

impl Claims {
    /// The key, unless another request uses it.
    pub(crate) fn claim(&self, key: &str) -> Option<Claim<'_>> {
        self.0.lock().insert(key.to_owned()).then(|| Claim { claims: self, key: key.to_owned() })
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.claims.0.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_free_again_when_its_request_has_ended() {
        let claims = Claims::default();
        let first = claims.claim("one");
        assert!(first.is_some() && claims.claim("one").is_none() && claims.claim("two").is_some());
        drop(first);
        assert!(claims.claim("one").is_some());
    }
}
