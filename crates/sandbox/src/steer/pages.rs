//! Pages for a person.

use axum::Router;

use crate::core::Sandbox;

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
}
