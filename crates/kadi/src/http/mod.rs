//! What other systems reach.
//!
//! [`callbacks`] is the public listener; everything else is the private one. Handlers parse, authorise, call one
//! operation and map the result.

use std::sync::Arc;

use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::bridge::Bridge;

pub mod api;
mod assets;
pub mod auth;
pub mod body;
pub mod callbacks;
mod console;
mod docs;
mod large;
mod operations;
pub mod paging;
pub mod problem;

/// What handlers hold: the running bridge.
pub type App = Arc<Bridge>;

/// The routes of the private listener.
pub fn private_router(app: &App) -> Router {
    let router = api::router(app).merge(operations::router()).merge(docs::router());
    router.merge(console::router()).merge(assets::router()).with_state(Arc::clone(app))
}

/// Serves until `stop` is cancelled; requests under way are finished first. Answers without an end find the token in their
/// request's extensions.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let router = router.layer(Extension(stop.clone()));
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(error = %error, "a listener ended");
    }
}
