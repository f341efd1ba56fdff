//! The verifier over doubles: every signature but `forged` is good, so a refusal has another reason.

use std::{
    sync::atomic::{AtomicI64, AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::{FutureExt as _, join_all};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::features::auth::{Jwk, JwkSet};

const ISSUER: &str = "https://ref.supabase.co/auth/v1";
const START_S: i64 = 1_780_000_000;

/// An issuer, a clock and WebCrypto.
struct World {
    now_ms: AtomicI64,
    fetches: AtomicUsize,
    kids: Mutex<Vec<&'static str>>,
    is_down: Mutex<bool>,
    /// The fetch never answers, like that of a request whose client went away.
    hangs: Mutex<bool>,
}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            now_ms: AtomicI64::new(START_S * 1_000),
            fetches: AtomicUsize::new(0),
            kids: Mutex::new(vec!["known"]),
            is_down: Mutex::default(),
            hangs: Mutex::default(),
        })
    }

    fn later(&self, seconds: i64) {
        self.now_ms.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::Relaxed)
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms.load(Ordering::Relaxed)).unwrap()
    }
}

#[async_trait]
impl KeySource for World {
    async fn fetch(&self) -> Result<JwkSet, String> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        // Long enough for every other request to arrive meanwhile.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        if *self.hangs.lock().unwrap() {
            std::future::pending::<()>().await;
        }
        if *self.is_down.lock().unwrap() {
            return Err("status 503".to_owned());
        }
        let keys = self.kids.lock().unwrap().iter().map(|kid| key(kid)).collect();
        Ok(JwkSet { keys })
    }
}

#[async_trait]
impl Pause for World {
    async fn pause(&self, time: Duration) {
        // Only where a fetch hangs does time pass: elsewhere it ends before anybody has to be patient.
        if *self.hangs.lock().unwrap() {
            self.now_ms.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
        }
        tokio::task::yield_now().await;
    }
}

#[async_trait]
impl SignatureCheck for World {
    async fn verify(&self, _: &VerifyingKey, _: &[u8], signature: &[u8]) -> bool {
        signature != b"forged"
    }
}

fn key(kid: &str) -> Jwk {
    let text = |text: &str| Some(text.to_owned());
    Jwk {
        kty: "EC".to_owned(),
        kid: text(kid),
        alg: text("ES256"),
        crv: text("P-256"),
        x: text("eA"),
        y: text("eQ"),
        n: None,
        e: None,
    }
}

fn check(world: &Arc<World>) -> TokenCheck {
    check_by(world, TokenRules { issuer: ISSUER.to_owned(), legacy_secrets: vec![], awaits_secrets: false })
}

fn check_by(world: &Arc<World>, rules: TokenRules) -> TokenCheck {
    TokenCheck {
        verifier: Arc::new(TokenVerifier::new(rules)),
        keys: world.clone(),
        signatures: world.clone(),
        clock: world.clone(),
        pause: world.clone(),
    }
}

/// A token of `claims` over those of a good one.
fn token(header: &Value, claims: &Value) -> String {
    let mut all = json!({
        "iss": ISSUER, "aud": "authenticated", "role": "authenticated", "sub": Uuid::nil(), "exp": START_S + 3_600,
    });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(header), part(&all), URL_SAFE_NO_PAD.encode("good"))
}

fn of_key(kid: &str) -> String {
    token(&json!({ "alg": "ES256", "kid": kid }), &json!({}))
}

#[tokio::test]
async fn many_unknown_keys_at_once_fetch_the_key_set_once_in_an_interval() {
    let world = World::new();
    let check = check(&world);
    let flood = async |round: &str| {
        let tokens: Vec<String> = (0..150).map(|number| of_key(&format!("{round}{number}"))).collect();
        join_all(tokens.iter().map(|token| check.authenticate(token))).await
    };
    for refused in flood("a").await {
        assert_eq!(refused, Err(AuthError::Invalid));
    }
    assert_eq!(world.fetches(), 1, "at once");
    world.later(29);
    flood("b").await;
    assert_eq!(world.fetches(), 1, "in the same interval");
    world.later(1);
    flood("c").await;
    assert_eq!(world.fetches(), 2, "in the next interval");
}

#[tokio::test]
async fn requests_that_meet_a_fetch_under_way_are_answered_by_it() {
    let world = World::new();
    let check = check(&world);
    let token = of_key("known");
    for user in join_all((0..150).map(|_| check.authenticate(&token))).await {
        assert_eq!(user, Ok(UserId::new(Uuid::nil())), "a cold isolate turns nobody away");
    }
    assert_eq!(world.fetches(), 1);

    world.kids.lock().unwrap().push("rotated");
    world.later(60);
    let token = of_key("rotated");
    for user in join_all((0..150).map(|_| check.authenticate(&token))).await {
        assert_eq!(user, Ok(UserId::new(Uuid::nil())), "nor does a rotation");
    }
    assert_eq!(world.fetches(), 2);
}

#[tokio::test]
async fn an_algorithm_or_extension_that_is_unknown_fetches_nothing() {
    let world = World::new();
    let check = check(&world);
    for header in [
        json!({ "alg": "none" }),
        json!({ "alg": "ES384", "kid": "other" }),
        json!({ "alg": "ES256" }),
        json!({ "alg": "ES256", "kid": "known", "crit": ["exp"] }),
        json!({ "alg": "ES256", "kid": "known", "crit": ["b64"], "b64": false }),
        json!({ "alg": "ES256", "kid": "known", "crit": [] }),
        json!({ "alg": "ES256", "kid": "known", "crit": null }),
    ] {
        assert_eq!(check.authenticate(&token(&header, &json!({}))).await, Err(AuthError::Invalid), "{header}");
    }
    assert_eq!(world.fetches(), 0);
}

#[tokio::test]
async fn a_revoked_key_is_refused_after_its_remembered_tokens_and_keys_have_aged() {
    let world = World::new();
    let check = check(&world);
    let token = token(&json!({ "alg": "ES256", "kid": "known" }), &json!({ "exp": START_S + 86_400 }));
    check.authenticate(&token).await.unwrap();
    world.kids.lock().unwrap().clear();
    world.later(599);
    check.authenticate(&token).await.unwrap();
    world.later(1);
    assert_eq!(check.authenticate(&token).await, Err(AuthError::Invalid), "ten minutes after it was verified");
}

#[tokio::test]
async fn an_audience_may_be_one_of_a_list() {
    let world = World::new();
    let check = check(&world);
    let of = |audience: Value| token(&json!({ "alg": "ES256", "kid": "known" }), &json!({ "aud": audience }));
    check.authenticate(&of(json!(["reporting", "authenticated"]))).await.unwrap();
    for other in [json!([]), json!(["reporting"]), json!("anon"), json!(["authenticated "])] {
        assert_eq!(check.authenticate(&of(other.clone())).await, Err(AuthError::Invalid), "{other}");
    }
}

#[tokio::test]
async fn an_expiry_that_the_issuer_would_not_write_is_refused() {
    let world = World::new();
    let check = check(&world);
    let with = |exp: Value| token(&json!({ "alg": "ES256", "kid": "known" }), &json!({ "exp": exp }));
    for exp in [
        json!(0),
        json!(-1),
        json!(-1e300),
        json!(START_S as f64 + 60.5),
        json!(START_S + 8 * 86_400 + 1),
        json!(253_402_300_800_i64),
        json!(i64::MAX),
        json!(1e300),
    ] {
        assert_eq!(check.authenticate(&with(exp.clone())).await, Err(AuthError::Invalid), "{exp}");
    }
    // A week is the longest that Supabase can be set to.
    for exp in
        [json!(START_S + 1), json!(START_S as f64 + 60.0), json!(START_S + 7 * 86_400), json!(START_S + 8 * 86_400)]
    {
        assert!(check.authenticate(&with(exp.clone())).await.is_ok(), "{exp}");
    }
    assert_eq!(check.authenticate(&with(json!(START_S - 5))).await, Err(AuthError::Expired));
}

#[tokio::test]
async fn while_the_issuer_is_down_it_is_asked_once_in_an_interval_and_known_keys_stay() {
    let world = World::new();
    *world.is_down.lock().unwrap() = true;
    let check = check(&world);
    let tokens = [of_key("known"), of_key("other")];
    for token in &tokens {
        assert!(matches!(check.authenticate(token).await, Err(AuthError::KeysUnavailable(_))), "no keys yet");
    }
    assert_eq!(world.fetches(), 1);
    *world.is_down.lock().unwrap() = false;
    world.later(30);
    check.authenticate(&tokens[0]).await.unwrap();
    *world.is_down.lock().unwrap() = true;
    world.later(1_200);
    check.authenticate(&tokens[0]).await.unwrap();
    assert_eq!(world.fetches(), 3, "old keys are better than none");
}

#[tokio::test]
async fn a_first_fetch_that_fails_keeps_nobody_out_for_longer_than_the_refusal_says() {
    let world = World::new();
    *world.is_down.lock().unwrap() = true;
    let check = check(&world);
    let token = of_key("known");
    assert!(check.authenticate(&token).await.is_err());
    *world.is_down.lock().unwrap() = false;
    world.later(4);
    assert!(check.authenticate(&token).await.is_err(), "the issuer is not asked for every request");
    world.later(1);
    check.authenticate(&token).await.unwrap();
    assert_eq!(world.fetches(), 2);
    // With keys, those that nobody knows are looked for every thirty seconds only.
    world.later(29);
    assert_eq!(check.authenticate(&of_key("unknown")).await, Err(AuthError::Invalid));
    assert_eq!(world.fetches(), 2);
}

#[tokio::test]
async fn a_fetch_whose_request_died_is_taken_over() {
    let world = World::new();
    let check = check(&world);
    let token = of_key("known");
    *world.hangs.lock().unwrap() = true;
    let died = check.authenticate(&token);
    let mut died = std::pin::pin!(died);
    for _ in 0..5 {
        assert!((&mut died).now_or_never().is_none());
    }
    // Its client went away: nothing polls it any more, but nothing drops it either.
    let waits = check.authenticate(&token);
    let mut waits = std::pin::pin!(waits);
    assert!((&mut waits).now_or_never().is_none());
    world.later(6);
    *world.hangs.lock().unwrap() = false;
    assert_eq!(waits.await, Ok(UserId::new(Uuid::nil())));
    assert_eq!(world.fetches(), 2);
}

#[tokio::test]
async fn a_legacy_token_cannot_be_judged_before_its_secret_is_known() {
    let world = World::new();
    let spare: Secret<Vec<u8>> = Secret::new("a secret that the Worker has as its spare");
    let legacy = json!({ "alg": "HS256" });
    let signed = |signature: &str| {
        let good = token(&legacy, &json!({}));
        let (head, _) = good.rsplit_once('.').unwrap();
        format!("{head}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    for (secrets, awaits_secrets, signature, expected) in [
        (vec![], true, "good", None),
        (vec![], false, "good", Some(Err(AuthError::Invalid))),
        (vec![spare.clone()], true, "good", Some(Ok(UserId::new(Uuid::nil())))),
        // It may be of the secret that has taken the spare's place.
        (vec![spare.clone()], true, "forged", None),
        (vec![spare], false, "forged", Some(Err(AuthError::Invalid))),
    ] {
        let rules = TokenRules { issuer: ISSUER.to_owned(), legacy_secrets: secrets, awaits_secrets };
        let answer = check_by(&world, rules).authenticate(&signed(signature)).await;
        match expected {
            Some(expected) => assert_eq!(answer, expected, "{signature}"),
            None => assert!(matches!(answer, Err(AuthError::KeysUnavailable(_))), "{signature}: {answer:?}"),
        }
    }
    // What has a key of the issuer's does not depend on it.
    let rules = TokenRules { issuer: ISSUER.to_owned(), legacy_secrets: vec![], awaits_secrets: true };
    let check = check_by(&world, rules);
    assert_eq!(check.authenticate(&of_key("known")).await, Ok(UserId::new(Uuid::nil())));
    let none = token(&json!({ "alg": "none" }), &json!({}));
    assert_eq!(check.authenticate(&none).await, Err(AuthError::Invalid));
}
