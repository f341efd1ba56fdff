//! Postgres through a Hyperdrive binding, by node-postgres (`js/database/database.js`).

use std::sync::Arc;

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
    fn new(address: &str, timeout_ms: u32, is_kept: bool) -> Database;

    #[wasm_bindgen(method, catch)]
    async fn query(this: &Database, text: &str, values: Array) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method)]
    fn end(this: &Database);
}

/// The calls of one login. A connection is never shared between invocations: the platform forbids it.
struct Login {
    binding: &'static str,
    database: Option<SendWrapper<Database>>,
}

/// The login that may only become `authenticated`, for one request: its calls share a connection, which ends with it.
pub fn tenant_login(env: &Env) -> Arc<dyn Driver> {
    Arc::new(Login::new(env, "DB", true))
}

/// The login that may only become `service_role`. A workflow lives for minutes and waits most of them for providers, so
/// its connections end with each call.
pub fn system_login(env: &Env) -> Arc<dyn Driver> {
    Arc::new(Login::new(env, "DB_ADMIN", false))
}

impl Login {
    fn new(env: &Env, binding: &'static str, is_kept: bool) -> Self {
        let timeout_ms = u32::try_from(STATEMENT_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
        let database = env
            .hyperdrive(binding)
            .ok()
            .map(|hyperdrive| SendWrapper::new(Database::new(&hyperdrive.connection_string(), timeout_ms, is_kept)));
        Self { binding, database }
    }

    async fn text(&self, sql: &str, values: Array) -> Result<String, StoreError> {
        let Some(database) = &self.database else {
            return Err(StoreError::Unavailable(format!("no binding {}", self.binding)));
        };
        let answer = database.query(sql, values).await.map_err(|error| fault(&error))?;
        answer.as_string().ok_or_else(|| StoreError::Defect("the database answered no text".to_owned()))
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        if let Some(database) = &self.database {
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
