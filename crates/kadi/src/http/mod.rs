//! What other systems reach.
//!
//! [`callbacks`] is the public listener; everything else is the private one. Handlers parse, authorise, call one
//! operation and map the result.

use std::sync::Arc;

use axum::Router;

use crate::bridge::Bridge;

pub mod api;
mod assets;
pub mod auth;
pub mod body;
pub mod callbacks;
mod console;
mod docs;
mod large;
pub mod limits;
pub mod listener;
pub mod operations;
pub mod paging;
pub mod problem;

/// What handlers hold: the running bridge.
pub type App = Arc<Bridge>;

/// The routes of the private listener.
pub fn private_router(app: &App) -> Router {
    let router = api::router(app).merge(operations::router()).merge(docs::router());
    router.merge(console::router()).merge(assets::router()).with_state(Arc::clone(app))
}
