//! Talks to the runs' progress objects.

use std::time::Duration;

use async_trait::async_trait;
use oslira_app::{
    features::analysis::{
        NewTicket, ProgressBoard, ProgressCommand, ProgressLookup, ProgressQuestion, ProgressSink, ProgressUpdate,
        RunState, Transport, WatchQuestion, Watched,
    },
    http::Live,
    shared::ids::{AccountId, RunId, UserId},
};
use worker::{
    Env, Method, Request, Result, Stub, Url,
    send::{SendFuture, SendWrapper},
};

use super::{call_object, in_time};
use crate::objects::REFUSED;

const OBJECTS: &str = "RUN_PROGRESS";
/// The parameter that a watcher's question travels in: a request that opens a WebSocket has no body.
pub const QUESTION: &str = "question";

/// What an object has opened, for the boundary to hand on.
pub type Opened = SendWrapper<worker::web_sys::Response>;

pub struct Board {
    env: Env,
}

impl Board {
    pub fn new(env: &Env) -> Self {
        Self { env: env.clone() }
    }

    fn stub(&self, run: RunId) -> Result<Stub> {
        self.env.durable_object(OBJECTS)?.get_by_name(&run.to_string())
    }

    async fn open(&self, question: &WatchQuestion, transport: Transport) -> Result<Watched> {
        let text = serde_json::to_string(question)?;
        let url = Url::parse_with_params("https://run-progress/watch", [(QUESTION, text)])?;
        let mut request = Request::new(url.as_str(), Method::Get)?;
        if transport == Transport::Socket {
            request.headers_mut()?.set("upgrade", "websocket")?;
        }
        let mut answer = self.stub(question.run)?.fetch_with_request(request).await?;
        match answer.status_code() {
            200 | 101 => Ok(Watched::Live(Live::new::<Opened>(SendWrapper::new(answer.into())))),
            204 => Ok(Watched::Over),
            REFUSED => answer.json().await.map(Watched::Refused),
            other => Err(worker::Error::RustError(format!("the object answered {other}"))),
        }
    }

    async fn command(&self, run: RunId, command: &ProgressCommand) {
        let name = run.to_string();
        let told = in_time(call_object::<bool>(&self.env, OBJECTS, &name, "/command", command), Duration::ZERO);
        if let Err(error) = SendFuture::new(told).await {
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
        SendFuture::new(call_object(&self.env, OBJECTS, &run.to_string(), "/look", &question))
            .await
            .map_err(|error| error.to_string())
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

    fn object_of(&self, run: RunId) -> std::result::Result<String, String> {
        let objects = self.env.durable_object(OBJECTS).map_err(|error| error.to_string())?;
        let id = objects.id_from_name(&run.to_string()).map_err(|error| error.to_string())?;
        Ok(id.to_string())
    }

    async fn keep_ticket(&self, run: RunId, state: &RunState, ticket: &NewTicket) -> std::result::Result<bool, String> {
        SendFuture::new(call_object(&self.env, OBJECTS, &run.to_string(), "/ticket", &(run, state, ticket)))
            .await
            .map_err(|error| error.to_string())
    }

    async fn watch(&self, question: &WatchQuestion, transport: Transport) -> std::result::Result<Watched, String> {
        SendFuture::new(self.open(question, transport)).await.map_err(|error| error.to_string())
    }
}
