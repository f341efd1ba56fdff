//! Signatures by WebCrypto: ES256 in WebAssembly takes eight times as long.

use async_trait::async_trait;
use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use oslira_app::features::auth::{SignatureCheck, VerifyingKey};
use serde::Serialize as _;
use serde_json::json;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use worker::send::SendFuture;

/// `crypto.subtle`.
pub struct WebCrypto;

#[async_trait]
impl SignatureCheck for WebCrypto {
    async fn verify(&self, key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
        let checked = SendFuture::new(verify(key, message, signature)).await;
        // What throws, such as the import of a malformed key, verifies nothing.
        checked.unwrap_or(false)
    }
}

async fn verify(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> Result<bool, JsValue> {
    let subtle = Reflect::get(&Reflect::get(&js_sys::global(), &"crypto".into())?, &"subtle".into())?;
    let (format, material, import, algorithm) = match key {
        VerifyingKey::Es256(jwk) => (
            "jwk",
            to_js(&json!({ "kty": "EC", "crv": "P-256", "x": jwk.x, "y": jwk.y }))?,
            json!({ "name": "ECDSA", "namedCurve": "P-256" }),
            json!({ "name": "ECDSA", "hash": "SHA-256" }),
        ),
        VerifyingKey::Rs256(jwk) => (
            "jwk",
            to_js(&json!({ "kty": "RSA", "n": jwk.n, "e": jwk.e }))?,
            json!({ "name": "RSASSA-PKCS1-v1_5", "hash": "SHA-256" }),
            json!({ "name": "RSASSA-PKCS1-v1_5" }),
        ),
        VerifyingKey::Hs256(secret) => (
            "raw",
            Uint8Array::from(secret.expose().as_slice()).into(),
            json!({ "name": "HMAC", "hash": "SHA-256" }),
            json!({ "name": "HMAC" }),
        ),
    };
    // Signatures need no conversion: a JWS and WebCrypto both write an ECDSA signature as r and s side by side.
    let usages = Array::of1(&"verify".into());
    let arguments = [format.into(), material, to_js(&import)?, false.into(), usages.into()];
    let key = call(&subtle, "importKey", &arguments).await?;
    let arguments = [to_js(&algorithm)?, key, Uint8Array::from(signature).into(), Uint8Array::from(message).into()];
    Ok(call(&subtle, "verify", &arguments).await?.is_truthy())
}

async fn call(object: &JsValue, method: &str, arguments: &[JsValue]) -> Result<JsValue, JsValue> {
    let function: Function = Reflect::get(object, &method.into())?.dyn_into()?;
    let promise: Promise = function.apply(object, &arguments.iter().collect::<Array>())?.dyn_into()?;
    JsFuture::from(promise).await
}

fn to_js(value: &serde_json::Value) -> Result<JsValue, JsValue> {
    let object = value.serialize(&serde_wasm_bindgen::Serializer::json_compatible())?;
    // An absent key member would be `null`, which WebCrypto refuses; that is what should happen.
    Ok(object.unchecked_into::<Object>().into())
}
