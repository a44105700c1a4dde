//! The fault plan, and callbacks of the tester's own making.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{Given, SteerError};
use crate::callbacks::send_raw;
use crate::core::Sandbox;
use crate::faults::Plan;
use crate::judge::patterns::written;
use crate::keys::Forgery;
use crate::world::linkings::ApiVersion;

pub(crate) fn routes() -> OpenApiRouter<Sandbox> {
    OpenApiRouter::new().routes(routes!(get_plan, put_plan, delete_plan)).routes(routes!(callback))
}

impl Sandbox {
    /// The fault plan, with the uses that are left.
    #[must_use]
    pub fn fault_plan(&self) -> Plan {
        self.faults().plan().clone()
    }

    /// Puts a fault plan in place of the one before.
    pub fn set_faults(&self, plan: Plan) {
        self.faults().set(plan);
    }
}

/// The fault plan, with the uses that are left.
#[utoipa::path(get, path = "/faults", responses((status = 200, body = Plan)))]
async fn get_plan(State(sandbox): State<Sandbox>) -> Json<Plan> {
    Json(sandbox.fault_plan())
}

/// Puts a fault plan in place.
#[utoipa::path(put, path = "/faults", request_body = Plan, responses((status = 200, body = Plan)))]
async fn put_plan(State(sandbox): State<Sandbox>, Given(plan): Given<Plan>) -> Json<Plan> {
    sandbox.set_faults(plan);
    Json(sandbox.fault_plan())
}

/// No faults any more.
#[utoipa::path(delete, path = "/faults", responses((status = 200, body = Plan)))]
async fn delete_plan(State(sandbox): State<Sandbox>) -> Json<Plan> {
    sandbox.set_faults(Plan::default());
    Json(sandbox.fault_plan())
}

/// A callback of the tester's own making.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawCallback {
    /// Path on the bridge.
    pub path: String,
    /// `X-HIP-ID`, which also chooses the bridge; the first bridge if it is no service.
    pub hip_id: String,
    /// Body, sent as given.
    #[schema(value_type = Object)]
    pub body: Value,
    /// `REQUEST-ID`; fresh if absent.
    #[serde(default)]
    pub request_id: Option<String>,
    /// `TIMESTAMP`; now if absent.
    #[serde(default)]
    pub timestamp: Option<String>,
    /// Kind of token, as the documentation lists them; `genuine` if absent.
    #[serde(default)]
    pub token: Option<String>,
    /// Further headers, or others in place of those above; an empty value removes one.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

impl RawCallback {
    /// A genuine one.
    #[must_use]
    pub fn new(path: &str, hip_id: &str, body: Value) -> Self {
        Self {
            path: path.to_owned(),
            hip_id: hip_id.to_owned(),
            body,
            request_id: None,
            timestamp: None,
            token: None,
            headers: BTreeMap::new(),
        }
    }

    /// With this kind of token.
    #[must_use]
    pub fn token(mut self, kind: &str) -> Self {
        self.token = Some(kind.to_owned());
        self
    }
}

/// What the bridge answered.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RawAnswer {
    /// `REQUEST-ID` that was sent.
    pub request_id: String,
    /// HTTP status; absent if nobody answered.
    pub status: Option<u16>,
    /// Body of the answer.
    pub answer: String,
}

impl Sandbox {
    /// Sends a callback of the caller's own making, once, and gives its answer.
    ///
    /// # Errors
    ///
    /// 400 for an unknown kind of token or a header that HTTP does not allow.
    pub async fn send_callback(&self, callback: RawCallback) -> Result<RawAnswer, SteerError> {
        let request_id = callback.request_id.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
        let headers = self.raw_headers(&callback, &request_id)?;
        let (status, answer) =
            send_raw(self, &callback.hip_id, &callback.path, headers, &callback.body).await;
        Ok(RawAnswer { request_id, status, answer })
    }

    fn raw_headers(&self, callback: &RawCallback, request_id: &str) -> Result<HeaderMap, SteerError> {
        let now = self.now();
        let kind: Forgery =
            callback.token.as_deref().unwrap_or("genuine").parse().map_err(SteerError::bad)?;
        let mut wanted = BTreeMap::from([
            ("request-id".to_owned(), request_id.to_owned()),
            ("timestamp".to_owned(), callback.timestamp.clone().unwrap_or_else(|| written(now))),
            ("x-hip-id".to_owned(), callback.hip_id.clone()),
            ("content-type".to_owned(), "application/json".to_owned()),
        ]);
        let version = if callback.path.starts_with("/v0.5/") { ApiVersion::V05 } else { ApiVersion::V3 };
        if version == ApiVersion::V05 {
            // There id and time stand in the body.
            wanted.retain(|name, _| !matches!(name.as_str(), "request-id" | "timestamp"));
        }
        if let Some(token) = self.keys().forged(version, &kind, now) {
            wanted.insert("authorization".to_owned(), format!("Bearer {token}"));
        }
        wanted.extend(callback.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())));
        let mut headers = HeaderMap::new();
        for (name, value) in wanted.into_iter().filter(|(_, value)| !value.is_empty()) {
            let name: HeaderName =
                name.parse().map_err(|_| SteerError::bad("no header may have that name"))?;
            let value = HeaderValue::from_str(&value)
                .map_err(|_| SteerError::bad("no header may have that value"))?;
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

/// Sends a callback of the tester's own making.
#[utoipa::path(post, path = "/callbacks", request_body = RawCallback, responses((status = 200, body = RawAnswer), (status = 400)))]
async fn callback(
    State(sandbox): State<Sandbox>,
    Given(callback): Given<RawCallback>,
) -> Result<Json<RawAnswer>, SteerError> {
    sandbox.send_callback(callback).await.map(Json)
}
