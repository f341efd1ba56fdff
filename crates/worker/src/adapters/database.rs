//! Postgres through a Hyperdrive binding, by node-postgres (`js/database/database.js`).

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use js_sys::{Array, Reflect};
use oslira_app::shared::store::StoreError;
use oslira_postgres::{CLOCK, Call, Driver, Param, RUN_AS, STATEMENT_TIMEOUT, store_error};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use worker::{
    Env,
    send::{SendFuture, SendWrapper},
};

#[wasm_bindgen(raw_module = "./database.js")]
extern "C" {
    type Database;

    #[wasm_bindgen(constructor)]
    fn new(hyperdrive: &JsValue, timeout_ms: u32) -> Database;

    #[wasm_bindgen(method, catch)]
    async fn query(this: &Database, text: &str, values: Array) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method)]
    fn end(this: &Database);
}

/// The calls of one login in one invocation: those that follow each other share a connection, which ends with the invocation
/// or after a second without a call. Between invocations none is shared: the platform forbids it.
struct Login {
    env: Env,
    binding: &'static str,
    /// Made at the first call, because many requests make none; `None` without a binding.
    database: OnceLock<Option<SendWrapper<Database>>>,
}

/// The login that may only become `authenticated`, for one request.
pub fn tenant_login(env: &Env) -> Arc<dyn Driver> {
    Arc::new(Login::new(env, "DB"))
}

/// The login that may only become `service_role`, for one request, workflow, message or job.
pub fn system_login(env: &Env) -> Arc<dyn Driver> {
    Arc::new(Login::new(env, "DB_ADMIN"))
}

/// The login that may only become `operator`, for one request.
pub fn operator_login(env: &Env) -> Arc<dyn Driver> {
    Arc::new(Login::new(env, "DB_OPERATOR"))
}

impl Login {
    fn new(env: &Env, binding: &'static str) -> Self {
        Self { env: env.clone(), binding, database: OnceLock::new() }
    }

    fn database(&self) -> Option<&SendWrapper<Database>> {
        let made = self.database.get_or_init(|| {
            let timeout_ms = u32::try_from(STATEMENT_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
            let hyperdrive = self.env.hyperdrive(self.binding).ok()?;
            Some(SendWrapper::new(Database::new(hyperdrive.as_ref(), timeout_ms)))
        });
        made.as_ref()
    }

    async fn text(&self, sql: &str, values: Array) -> Result<String, StoreError> {
        let Some(database) = self.database() else {
            return Err(StoreError::Unavailable(format!("no binding {}", self.binding)));
        };
        let answer = database.query(sql, values).await.map_err(|error| fault(&error))?;
        answer.as_string().ok_or_else(|| StoreError::Defect("the database answered no text".to_owned()))
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        if let Some(Some(database)) = self.database.get() {
            database.end();
        }
    }
}

fn fault(error: &JsValue) -> StoreError {
    let field = |name| Reflect::get(error, &JsValue::from_str(name)).ok().and_then(|value| value.as_string());
    let is_fatal = Reflect::get(error, &JsValue::from_str("isFatal")).is_ok_and(|value| value.is_truthy());
    match field("sqlstate") {
        Some(code) if !code.is_empty() => store_error(&code, is_fatal, &field("names").unwrap_or_default()),
        _ => StoreError::Unavailable("the connection failed, or there was no answer in time".to_owned()),
    }
}

fn values(call: &Call<'_>) -> Array {
    let text = |text: Option<&str>| text.map_or(JsValue::NULL, JsValue::from_str);
    let params: Array = call.params.iter().map(|param| text(Param::as_text(param))).collect();
    [call.role, call.claims, call.sql].into_iter().map(JsValue::from_str).chain([params.into()]).collect()
}

#[async_trait]
impl Driver for Login {
    async fn run_as(&self, call: &Call<'_>) -> Result<String, StoreError> {
        SendFuture::new(self.text(RUN_AS, values(call))).await
    }

    async fn clock(&self) -> Result<String, StoreError> {
        SendFuture::new(self.text(CLOCK, Array::new())).await
    }
}
