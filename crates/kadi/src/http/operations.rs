//! Whether it lives, and whether it can work.

use axum::Router;
use axum::extract::State;
use axum::routing::get;

use super::App;
use super::problem::{Code, Problem};

/// `/healthz` and `/readyz`.
pub fn router() -> Router<App> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready))
}

/// Ready once store and keys work, whether or not ABDM can be reached.
async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    app.store.ping().await.map_err(|error| {
        tracing::error!(error = %error, "not ready: the store does not answer");
        Problem::new(Code::Unavailable).detail("the store does not answer")
    })?;
    Ok("ready\n")
}
