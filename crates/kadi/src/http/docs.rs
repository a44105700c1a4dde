//! The API's description: the OpenAPI document, and pages made from it. They load nothing from elsewhere.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use super::App;
use super::api;
use super::problem::{Code, Problem};

/// `/openapi.json`.
pub fn router() -> Router<App> {
    Router::new().route("/openapi.json", get(openapi))
}

async fn openapi() -> Result<impl IntoResponse, Problem> {
    let text = api::document_text().map_err(|error| {
        tracing::error!(error = %error, "the OpenAPI document could not be written");
        Problem::new(Code::Internal)
    })?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text))
}
