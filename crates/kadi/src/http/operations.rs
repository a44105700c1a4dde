//! Whether it lives, whether it can work, and how much.

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use super::App;
use super::problem::{Code, Problem};
use crate::metrics;

/// `/healthz`, `/readyz` and `/metrics`.
pub fn router() -> Router<App> {
    let router = Router::new().route("/healthz", get(async || "ok\n"));
    router.route("/readyz", get(ready)).route("/metrics", get(measured))
}

/// Prometheus' text form.
async fn measured(State(app): State<App>) -> Result<impl IntoResponse, Problem> {
    let backlog = app.store.read().await?.backlog().await?;
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    let mut text = metrics::render(&backlog);
    if let Some(tls) = &app.tls {
        text.push_str(&metrics::certificate(&tls.state()));
    }
    Ok((kind, text))
}

/// Ready once store and keys work, whether or not ABDM can be reached.
async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    app.store.ping().await.map_err(|error| {
        tracing::error!(error = %error, "not ready: the store does not answer");
        Problem::new(Code::Unavailable).detail("the store does not answer")
    })?;
    Ok("ready\n")
}
