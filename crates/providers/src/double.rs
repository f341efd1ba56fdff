//! A test double of [`HttpSend`]: gives scripted answers and records the requests.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

use crate::send::{HttpSend, SendError};

/// A recorded call of [`HttpSend::send`].
pub struct Sent {
    pub request: Request<Bytes>,
    pub timeout: Duration,
    pub body_bytes_max: usize,
}

impl Sent {
    pub fn json(&self) -> Value {
        serde_json::from_slice(self.request.body()).unwrap()
    }
}

/// Gives its answers in order, and panics when there are none left.
#[derive(Default)]
pub struct Script {
    answers: Mutex<VecDeque<Result<Response<Bytes>, SendError>>>,
    pub sent: Mutex<Vec<Sent>>,
}

impl Script {
    pub fn of(answers: impl IntoIterator<Item = Result<Response<Bytes>, SendError>>) -> Self {
        Self { answers: Mutex::new(answers.into_iter().collect()), sent: Mutex::default() }
    }
}

#[async_trait]
impl HttpSend for Script {
    async fn send(
        &self,
        request: Request<Bytes>,
        timeout: Duration,
        body_bytes_max: usize,
    ) -> Result<Response<Bytes>, SendError> {
        self.sent.lock().unwrap().push(Sent { request, timeout, body_bytes_max });
        self.answers.lock().unwrap().pop_front().expect("the script is at its end")
    }
}

pub fn json(status: u16, body: &Value) -> Result<Response<Bytes>, SendError> {
    text(status, &body.to_string())
}

pub fn text(status: u16, body: &str) -> Result<Response<Bytes>, SendError> {
    Ok(Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap())
}
