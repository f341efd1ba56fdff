//! Talks to the runs' progress objects.

use async_trait::async_trait;
use oslira_app::{
    features::analysis::{
        ProgressBoard, ProgressCommand, ProgressLookup, ProgressQuestion, ProgressSink, ProgressUpdate, RunState,
    },
    shared::ids::{AccountId, RunId, UserId},
};
use serde::{Serialize, de::DeserializeOwned};
use worker::{Env, Method, Request, RequestInit, Result, send::SendFuture};

const OBJECTS: &str = "RUN_PROGRESS";

pub struct Board {
    env: Env,
}

impl Board {
    pub fn new(env: &Env) -> Self {
        Self { env: env.clone() }
    }

    async fn post<T: DeserializeOwned>(&self, run: RunId, path: &str, body: &impl Serialize) -> Result<T> {
        let stub = self.env.durable_object(OBJECTS)?.get_by_name(&run.to_string())?;
        let mut init = RequestInit::new();
        init.with_method(Method::Post).with_body(Some(serde_json::to_string(body)?.into()));
        // The host is never looked up: the stub leads straight to the object.
        let request = Request::new_with_init(&format!("https://run-progress{path}"), &init)?;
        let mut answer = stub.fetch_with_request(request).await?;
        if answer.status_code() != 200 {
            return Err(worker::Error::RustError(format!("the object answered {}", answer.status_code())));
        }
        answer.json().await
    }

    async fn command(&self, run: RunId, command: &ProgressCommand) {
        let done: Result<bool> = SendFuture::new(self.post(run, "/command", command)).await;
        if let Err(error) = done {
            tracing::warn!(run_id = %run, %error, "progress not sent; the object will reconcile with the database");
        }
    }

    async fn ask(
        &self,
        run: RunId,
        user: UserId,
        proof: Option<RunState>,
    ) -> std::result::Result<ProgressLookup, String> {
        let question = ProgressQuestion { user, proof };
        SendFuture::new(self.post(run, "/look", &question)).await.map_err(|error| error.to_string())
    }
}

#[async_trait]
impl ProgressSink for Board {
    async fn tell(&self, run: RunId, update: ProgressUpdate) {
        self.command(run, &ProgressCommand::Tell(update)).await;
    }
}

#[async_trait]
impl ProgressBoard for Board {
    async fn create(&self, run: RunId, account: AccountId) {
        self.command(run, &ProgressCommand::Create { run_id: run, account_id: account }).await;
    }

    async fn look(&self, run: RunId, user: UserId) -> std::result::Result<ProgressLookup, String> {
        self.ask(run, user, None).await
    }

    async fn look_with_proof(
        &self,
        run: RunId,
        user: UserId,
        state: &RunState,
    ) -> std::result::Result<ProgressLookup, String> {
        self.ask(run, user, Some(state.clone())).await
    }
}
