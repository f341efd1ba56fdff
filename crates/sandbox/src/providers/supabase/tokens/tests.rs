use p256::ecdsa::signature::Verifier;

use super::*;

fn keys(directory: &str) -> Keys {
    let directory = std::env::temp_dir().join(format!("oslira-sandbox-{directory}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    Keys::open(&directory, Some("legacy-secret".into())).unwrap()
}

fn mint(keys: &Keys, request: Value) -> (Value, Value, bool) {
    let token = keys.mint(&serde_json::from_value(request).unwrap(), "http://sandbox/supabase/auth/v1").unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let decode = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    let signed = format!("{}.{}", parts[0], parts[1]);
    let verifies = Signature::from_slice(&signature)
        .is_ok_and(|signature| keys.signing.verifying_key().verify(signed.as_bytes(), &signature).is_ok());
    (decode(parts[0]), decode(parts[1]), verifies)
}

#[test]
fn a_good_token_verifies_and_carries_supabases_claims() {
    let keys = keys("good");
    let (header, claims, verifies) = mint(&keys, json!({"sub": "u1", "email": "a@b.c", "claims": {"phone": null}}));
    assert!(verifies);
    assert_eq!(header["kid"], keys.public_jwk()["kid"]);
    assert_eq!(claims["iss"], "http://sandbox/supabase/auth/v1");
    assert_eq!((&claims["aud"], &claims["role"]), (&json!("authenticated"), &json!("authenticated")));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 86_400);
    assert!(claims.get("phone").is_none());
}

#[test]
fn only_good_tokens_of_the_project_are_read() {
    let keys = keys("read");
    let issuer = "http://sandbox/supabase/auth/v1";
    let read = |request: Value, issuer: &str| {
        let token = keys.mint(&serde_json::from_value(request).unwrap(), "http://sandbox/supabase/auth/v1").unwrap();
        keys.read(&token, issuer)
    };
    assert_eq!(read(json!({"sub": "u1"}), issuer).unwrap()["sub"], "u1");
    assert!(read(json!({"sub": "u1"}), "http://elsewhere").is_none());
    for variant in
        ["expired", "forged", "hs256", "alg_none", "algorithm_confusion", "swapped_payload", "wrong_issuer", "no_exp"]
    {
        assert!(read(json!({"sub": "u1", "variant": variant}), issuer).is_none(), "{variant}");
    }
    assert!(keys.read("", issuer).is_none() && keys.read("a.b.c", issuer).is_none());
}

#[test]
fn forgeries_do_not_verify_and_the_others_do() {
    let keys = keys("forged");
    for variant in
        ["forged", "alg_none", "hs256", "hs256_forged", "algorithm_confusion", "swapped_payload", "unknown_kid"]
    {
        assert!(!mint(&keys, json!({"sub": "u1", "variant": variant})).2, "{variant}");
    }
    for variant in ["expired", "not_yet_valid", "wrong_issuer", "wrong_audience", "anonymous", "no_sub", "no_exp"] {
        assert!(mint(&keys, json!({"sub": "u1", "variant": variant})).2, "{variant}");
    }
    assert_eq!(mint(&keys, json!({"variant": "service_role_key"})).1["role"], "service_role");
}

#[test]
fn the_key_survives_a_restart_and_only_its_owner_can_read_it() {
    let (first, second) = (keys("kept").public_jwk(), keys("kept").public_jwk());
    assert_eq!(first, second);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let path =
            std::env::temp_dir().join(format!("oslira-sandbox-kept-{}", std::process::id())).join("signing-key.json");
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
