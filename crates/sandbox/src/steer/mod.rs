//! Steering over HTTP, under `/sandbox/`: the same as the methods of [`Sandbox`], as JSON. Nothing here is part of
//! ABDM.

mod app_pages;
mod hiu;
pub(crate) mod pages;
pub(crate) mod people;
mod phr;
mod plan;
mod proof;

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use utoipa::openapi::OpenApi;
use utoipa::{OpenApi as _, ToSchema};
use utoipa_axum::router::OpenApiRouter;

pub use plan::{RawAnswer, RawCallback};
pub use proof::{Figures, Idle};

use crate::core::Sandbox;

/// Why a step of steering could not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct SteerError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl SteerError {
    pub(crate) fn not_found(message: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "not-found", message: message.to_owned() }
    }

    pub(crate) fn conflict(code: &'static str, message: &str) -> Self {
        Self { status: StatusCode::CONFLICT, code, message: message.to_owned() }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "bad-request", message: message.into() }
    }

    /// A short word for the reason.
    #[must_use]
    pub fn code(&self) -> &str {
        self.code
    }
}

impl IntoResponse for SteerError {
    fn into_response(self) -> Response {
        let body = json!({"error": {"code": self.code, "message": self.message}});
        (self.status, Json(body)).into_response()
    }
}

/// A JSON body; what is wrong with it is answered in steering's own form.
pub(crate) struct Given<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Given<T> {
    type Rejection = SteerError;

    async fn from_request(request: Request, state: &S) -> Result<Self, SteerError> {
        let parsed = Json::<T>::from_request(request, state).await;
        parsed
            .map(|Json(value)| Self(value))
            .map_err(|wrong: JsonRejection| SteerError::bad(wrong.body_text()))
    }
}

/// A list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Items<T> {
    items: Vec<T>,
}

impl<T> Items<T> {
    pub(crate) fn json(items: Vec<T>) -> Json<Self> {
        Json(Self { items })
    }
}

/// A list that may have been waited for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Awaited<T> {
    items: Vec<T>,
    /// Whether the condition of the query holds.
    satisfied: bool,
}

/// How long a reader waits: text such as `5s`; not at all if absent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wait(pub(crate) Duration);

impl<'de> Deserialize<'de> for Wait {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        let wait: SignedDuration = text.parse().map_err(serde::de::Error::custom)?;
        Duration::try_from(wait).map(Self).map_err(serde::de::Error::custom)
    }
}

#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "Steering of the local ABDM",
    description = "People, consents, faults and proof of the sandbox. Not part of ABDM, and without authentication: \
                   keep it on a private address."
))]
struct Description;

fn documented() -> OpenApiRouter<Sandbox> {
    OpenApiRouter::with_openapi(Description::openapi())
        .merge(people::routes())
        .merge(phr::routes())
        .merge(hiu::routes())
        .merge(plan::routes())
        .merge(proof::routes())
}

/// The OpenAPI document of the steering.
#[must_use]
pub fn openapi() -> OpenApi {
    OpenApiRouter::<Sandbox>::new().nest("/sandbox", documented()).into_openapi()
}

pub(crate) fn router() -> Router<Sandbox> {
    let (router, _) = documented().split_for_parts();
    router
        .merge(pages::routes())
        .merge(app_pages::routes())
        .route("/openapi.json", get(async || Json(openapi())))
}
