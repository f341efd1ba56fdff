//! The list of models, with the day on which each is shut down.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{access::authorise, errors::OpenAiError, models::Model, state::OpenAi};
use crate::shared::lifecycle::{Announced, Provider, Standing};

/// A model by its alias or snapshot, and its announced end.
pub(crate) fn announced(name: &str) -> Option<Announced> {
    Model::find(name).map(Model::announced)
}

pub(super) async fn list_models(
    State(openai): State<Arc<OpenAi>>,
    headers: HeaderMap,
) -> Result<Response, OpenAiError> {
    authorise(&headers)?;
    let ids = Model::all().flat_map(|model| {
        let snapshot = Some(model.snapshot).filter(|snapshot| *snapshot != model.name);
        [Some(model.name), snapshot].into_iter().flatten().map(move |id| (id, model))
    });
    let data: Vec<Value> = ids.filter_map(|(id, model)| describe(&openai, id, model)).collect();
    Ok(Json(json!({"object": "list", "data": data})).into_response())
}

pub(super) async fn read_model(
    State(openai): State<Arc<OpenAi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, OpenAiError> {
    authorise(&headers)?;
    let model = Model::find(&id).and_then(|model| describe(&openai, &id, model)).ok_or_else(|| {
        let message = format!("The model '{id}' does not exist");
        OpenAiError::new(StatusCode::NOT_FOUND, "invalid_request_error", Some("model_not_found"), message)
    })?;
    Ok(Json(model).into_response())
}

/// The entry of a model by its alias or snapshot; `None` for a model that was shut down.
fn describe(openai: &OpenAi, id: &str, model: Model) -> Option<Value> {
    let Standing { gone: false, retires_on, .. } = openai.lifecycles.standing(Provider::OpenAi, model.announced())
    else {
        return None;
    };
    Some(json!({
        "id": id, "object": "model", "created": 1_735_689_600, "owned_by": "sandbox", "shutdown_date": retires_on,
    }))
}
