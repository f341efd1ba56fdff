//! How the rest of the Worker talks to its Durable Objects.

use serde::{Serialize, de::DeserializeOwned};
use worker::{Env, Method, Request, RequestInit, Result};

/// Sends a command to the object of this name and reads its answer, both as JSON.
pub async fn call_object<T: DeserializeOwned>(
    env: &Env,
    objects: &str,
    name: &str,
    path: &str,
    command: &impl Serialize,
) -> Result<T> {
    let stub = env.durable_object(objects)?.get_by_name(name)?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_body(Some(serde_json::to_string(command)?.into()));
    // The host is never looked up: the stub leads straight to the object.
    let request = Request::new_with_init(&format!("https://object{path}"), &init)?;
    let mut answer = stub.fetch_with_request(request).await?;
    if answer.status_code() != 200 {
        return Err(worker::Error::RustError(format!("the object answered {}", answer.status_code())));
    }
    answer.json().await
}
