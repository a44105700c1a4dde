//! The public listener: ABDM's callbacks and nothing else.
//!
//! A callback is authenticated, checked for its shape, routed to its facility, made durable and then answered; the
//! work happens after. A repeat of a known `REQUEST-ID` gets the same answer and has no second effect. Whatever is
//! refused here leaves no trace in the state, and its `REQUEST-ID` may come again.

use std::sync::Arc;
use std::time::Duration;

use abdm::callback::Verified;
use abdm::id::{RequestId, ServiceId};
use abdm::path::{Callback, Version};
use abdm::wire;
use abdm::wire::error::{ErrorObject, Refusal, Unauthorized, hip};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use domain::facility::{Facility, Role};
use jiff::Timestamp;
use serde::Deserialize;
use store::Stored;

use crate::bridge::Bridge;
use crate::flows::share::APP_WAITS;
use crate::flows::user_link;

/// The callbacks that have a flow.
const SERVED: [Callback; 15] = [
    Callback::OnGenerateToken,
    Callback::OnCareContext,
    Callback::OnContextNotify,
    Callback::OnSmsNotify,
    Callback::ConsentNotify,
    Callback::HealthInformationRequest,
    Callback::Discover,
    Callback::LinkInit,
    Callback::LinkConfirm,
    Callback::DiscoverV05,
    Callback::LinkInitV05,
    Callback::LinkConfirmV05,
    Callback::ProfileShare,
    Callback::PatientStatus,
    Callback::PatientStatusV05,
];
/// How soon our reply to a callback must be with ABDM (ABDM V3: 60 s for a consent).
const REPLY_WITHIN: Duration = Duration::from_mins(1);

/// The routes of the public listener.
pub fn router(bridge: &Arc<Bridge>) -> Router {
    let mut router = Router::new().route("/healthz", get(async || "ok\n"));
    for callback in SERVED {
        let mut paths = vec![callback.path(), callback.path_without_api()];
        paths.dedup();
        for path in paths {
            router = router.route(path, post(receive).layer(Extension(callback)));
        }
    }
    router.fallback(async || StatusCode::NOT_FOUND).with_state(Arc::clone(bridge))
}

/// Why a callback is not taken.
enum Refused {
    /// No valid token.
    Token,
    /// Not of its shape.
    Body(ErrorObject),
    /// For a service that is not ours.
    Service,
    /// It cannot be made durable now: ABDM is to send it again.
    Store,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let refusal = |error| Json(Refusal { error });
        match self {
            Self::Token => (StatusCode::UNAUTHORIZED, Json(Unauthorized::default())).into_response(),
            Self::Body(error) => (StatusCode::BAD_REQUEST, refusal(error)).into_response(),
            Self::Service => {
                let error = ErrorObject::new("ABDM-1035", "Invalid HIP ID");
                (StatusCode::NOT_FOUND, refusal(error)).into_response()
            }
            Self::Store => {
                let error = ErrorObject::new("ABDM-1000", "Unable to connect the database");
                (StatusCode::SERVICE_UNAVAILABLE, refusal(error)).into_response()
            }
        }
    }
}

async fn receive(
    State(bridge): State<Arc<Bridge>>,
    Extension(callback): Extension<Callback>,
    request: Request,
) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let token = authenticate(&bridge, callback, &parts.headers).await?;
    let body = read(body, bridge.callback_limit).await?;
    wire::check(callback, &body).map_err(|error| {
        tracing::warn!(callback = %callback, error = %error, "a callback is not of its shape");
        Refused::Body(ErrorObject::new("ABDM-1006", &format!("Bad Request, invalid request Body: {error}")))
    })?;
    let request_id = request_id(callback, &parts.headers, &body)?;
    let facility = route(&bridge, &parts.headers, &body).await?;
    let received = store::Callback {
        facility: facility.id,
        kind: callback.path(),
        path: callback.path(),
        request_id,
        subject: subject(callback, &body),
        message: user_link::message_key(callback, &body),
        body,
        late_by: token.late_by,
        reply_by: reply_by(callback, bridge.clock.now()),
    };
    if bridge.intake.store(received).await.map_err(|_| Refused::Store)? == Stored::Differs {
        return Err(Refused::Body(user_link::duplicate(callback)));
    }
    let acknowledged = StatusCode::from_u16(callback.acknowledged_with()).unwrap_or(StatusCode::ACCEPTED);
    Ok(acknowledged.into_response())
}

async fn authenticate(bridge: &Bridge, callback: Callback, headers: &HeaderMap) -> Result<Verified, Refused> {
    let verifier = match callback.version() {
        Version::V3 => &bridge.verifier,
        Version::V05 => &bridge.verifier_v05,
    };
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    verifier.verify(token).await.map_err(|refused| {
        tracing::warn!(callback = %callback, reason = %refused, "a callback's token is refused");
        Refused::Token
    })
}

/// The id of a message: a header, in v0.5 a member of the body. Kept as it came: a reply must repeat it letter for letter.
fn request_id(callback: Callback, headers: &HeaderMap, body: &[u8]) -> Result<String, Refused> {
    let given = match callback.version() {
        Version::V3 => {
            let header = headers.get("request-id").and_then(|value| value.to_str().ok());
            header.map(|text| text.trim().to_owned())
        }
        Version::V05 => wire::v05::request_id(body).map(|id| id.to_string()),
    };
    let given = given.filter(|id| id.parse::<RequestId>().is_ok());
    given.ok_or_else(|| Refused::Body(hip::invalid_request_id()))
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Refused> {
    axum::body::to_bytes(body, limit).await.map_err(|_| {
        let message = "Bad Request, the request Body is too large or was cut off";
        Refused::Body(ErrorObject::new("ABDM-1006", message))
    })
}

/// The facility that a callback is for: by `X-HIP-ID`, or, for a result, by the call that it answers.
async fn route(bridge: &Bridge, headers: &HeaderMap, body: &[u8]) -> Result<Facility, Refused> {
    #[derive(Deserialize)]
    struct Result {
        response: wire::ResponseTo,
    }
    let mut tx = bridge.store.read_urgent().await.map_err(|_| Refused::Store)?;
    if let Some(id) = headers.get("x-hip-id") {
        let id = id.to_str().ok().and_then(|id| id.parse::<ServiceId>().ok()).ok_or(Refused::Service)?;
        let facility = tx.facility_by_service(Role::Hip, &id).await.map_err(|_| Refused::Store)?;
        return facility.ok_or(Refused::Service);
    }
    // News of a patient goes to an HIU too, under its own header.
    if let Some(id) = headers.get("x-hiu-id") {
        let id = id.to_str().ok().and_then(|id| id.parse::<ServiceId>().ok()).ok_or(Refused::Service)?;
        let facility = tx.facility_by_service(Role::Hiu, &id).await.map_err(|_| Refused::Store)?;
        return facility.ok_or(Refused::Service);
    }
    let unrouted = || Refused::Body(ErrorObject::new("ABDM-1032", "Invalid header: X-HIP-ID is missing"));
    let Ok(result) = serde_json::from_slice::<Result>(body) else { return Err(unrouted()) };
    let made = tx.call_by_request_id(result.response.request_id.as_str()).await;
    let made = made.map_err(|_| Refused::Store)?.ok_or_else(unrouted)?;
    tx.facility(&made.facility).await.map_err(|_| Refused::Store)?.ok_or(Refused::Service)
}

fn reply_by(callback: Callback, now: Timestamp) -> Option<Timestamp> {
    let within = if callback == Callback::ProfileShare { APP_WAITS } else { REPLY_WITHIN };
    callback.reply().map(|_| now + within)
}

/// What an exchange that ABDM begins is about: ids only.
fn subject(callback: Callback, body: &[u8]) -> Option<String> {
    match callback {
        Callback::ConsentNotify => {
            let message: wire::consent::ConsentNotify = wire::read(body).ok()?;
            Some(message.notification.consent_id.to_string())
        }
        Callback::HealthInformationRequest => {
            let message: wire::health_information::HealthInformationRequest = wire::read(body).ok()?;
            Some(message.transaction_id.to_string())
        }
        // The transaction or the link reference.
        _ => user_link::message_key(callback, body).map(|message| message.key),
    }
}
