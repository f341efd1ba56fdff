//! Somebody who signs up at the sandbox's Supabase Auth and reads their mail.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests; each test file uses some of them"
)]

use reqwest::{Client, Method, redirect::Policy};
use serde_json::{Value, json};

use super::Stand;

pub struct Visitor<'a> {
    pub stand: &'a Stand,
    pub email: &'a str,
}

impl Visitor<'_> {
    /// The status and the body of an answer to a POST.
    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/supabase/auth/v1{path}", self.stand.base);
        let answer = self.stand.client.post(url).header("apikey", "sb_publishable_sandbox").json(&body).send().await;
        let answer = answer.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    pub async fn sign_up(&self) -> (u16, Value) {
        self.post("/signup", json!({"email": self.email, "password": "correct horse"})).await
    }

    pub async fn sign_in(&self) -> (u16, Value) {
        self.post("/token?grant_type=password", json!({"email": self.email, "password": "correct horse"})).await
    }

    /// Follows the newest link that was mailed, and tells where it leads.
    pub async fn follow_link(&self) -> String {
        let mails = self.stand.control(Method::GET, &format!("/mail?to={}", self.email), Value::Null).await;
        let text = mails["mails"][0]["text"].as_str().unwrap().to_owned();
        let link = text.lines().find(|line| line.starts_with("http")).unwrap();
        // A sandbox that was started again has another port.
        let path = link.split_once("/supabase").unwrap().1;
        let link = format!("{}/supabase{path}", self.stand.base);
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        let answer = client.get(link).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        answer.headers()["location"].to_str().unwrap().to_owned()
    }
}
