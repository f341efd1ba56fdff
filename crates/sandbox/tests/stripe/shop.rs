//! A sandbox whose events go to a receiver, and what shops do with it.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{common::Stand, receiver::Receiver};

pub const ACCOUNT: &str = "4ab0b2f4-3f6a-4c0e-9a70-000000000001";

pub struct Shop {
    pub stand: Stand,
    pub receiver: Receiver,
}

impl Shop {
    pub async fn open() -> Self {
        let (stand, receiver) = (Stand::start(0.0).await, Receiver::start().await);
        let shop = Self { stand, receiver };
        shop.control("/endpoint", json!({"url": shop.receiver.url})).await;
        shop
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.stand
            .client
            .request(method, format!("{}/stripe/v1{path}", self.stand.base))
            .bearer_auth("sandbox-stripe-key")
    }

    pub async fn get(&self, path: &str) -> Value {
        self.request(Method::GET, path).send().await.unwrap().json().await.unwrap()
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Value {
        self.request(Method::POST, path).body(encode(form)).send().await.unwrap().json().await.unwrap()
    }

    pub async fn control(&self, path: &str, body: Value) -> Value {
        let answer = self.stand.control(Method::POST, &format!("/stripe{path}"), body).await;
        assert!(answer.get("error").is_none(), "{path}: {answer}");
        answer
    }

    pub async fn refused(&self, path: &str, body: Value) -> String {
        let answer = self.stand.control(Method::POST, &format!("/stripe{path}"), body).await;
        answer["error"].as_str().unwrap().to_owned()
    }

    /// A checkout of one of a price, not yet completed.
    pub async fn checkout(&self, mode: &str, price: &str, more: &[(&str, &str)]) -> Value {
        let mut form = vec![
            ("mode", mode),
            ("line_items[0][price]", price),
            ("line_items[0][quantity]", "1"),
            ("success_url", "https://example.com/success"),
            ("client_reference_id", ACCOUNT),
            ("metadata[account_id]", ACCOUNT),
        ];
        form.extend(more);
        self.post("/checkout/sessions", &form).await
    }

    /// A subscription to a price that was just begun.
    pub async fn subscribe(&self, price: &str) -> Value {
        let data = [("subscription_data[metadata][account_id]", ACCOUNT)];
        let session = self.checkout("subscription", price, &data).await;
        let session = self.control("/complete", json!({"session": session["id"]})).await;
        self.get(&format!("/subscriptions/{}", session["subscription"].as_str().unwrap())).await
    }

    /// A pack that was just bought; the session.
    pub async fn buy(&self, price: &str) -> Value {
        let session = self.checkout("payment", price, &[]).await;
        self.control("/complete", json!({"session": session["id"]})).await
    }

    pub async fn advance(&self, by: &str) -> i64 {
        self.control("/clock", json!({"advance": by})).await["now"].as_i64().unwrap()
    }
}

pub fn encode(form: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}
