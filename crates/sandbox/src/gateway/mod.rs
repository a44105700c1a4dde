//! The gateway: every call that a bridge makes, judged in the order in which ABDM judges.

mod answers;
pub(crate) mod bridge;
mod call;
pub(crate) mod consent;
pub(crate) mod data_flow;
mod exchange;
mod headers;
pub(crate) mod link;
pub(crate) mod notices;
pub(crate) mod patient_status;
pub(crate) mod sessions;
pub(crate) mod share;
pub(crate) mod token;
pub(crate) mod user_linking;
mod user_linking_v05;

use axum::http::Method;

use crate::refusal::Refusal;
use crate::world::linkings::ApiVersion;

pub(crate) use call::{Answer, Call, bad_request};
pub(crate) use exchange::serve;

/// What a call is judged by.
pub(crate) type Judge = fn(&Call<'_>) -> Result<Answer, Refusal>;

/// One call of the gateway.
pub(crate) struct Operation {
    method: Method,
    /// A path that ends in `/` takes one more segment.
    path: &'static str,
    /// Headers that must be there.
    requires: &'static [&'static str],
    judge: Judge,
}

const STANDARD: &[&str] = &["authorization", "request-id", "timestamp", "x-cm-id"];
const UNSIGNED: &[&str] = &["request-id", "timestamp", "x-cm-id"];
const LINKING: &[&str] = &["authorization", "request-id", "timestamp", "x-cm-id", "x-link-token"];
const REGISTRY: &[&str] = &["authorization"];

const OLDER: &[&str] = &["authorization", "x-cm-id"];

/// Where v0.5 hangs.
const OLDER_BASE: &str = "/gateway/v0.5/";

const OPERATIONS: &[Operation] = &[
    Operation::post("/api/hiecm/gateway/v3/sessions", UNSIGNED, sessions::open),
    Operation::get("/api/hiecm/gateway/v3/certs", STANDARD, sessions::certs),
    Operation::get(
        "/api/hiecm/gateway/v3/.well-known/openid-configuration",
        UNSIGNED,
        sessions::configuration,
    ),
    Operation {
        method: Method::PATCH,
        path: "/api/hiecm/gateway/v3/bridge/url",
        requires: STANDARD,
        judge: bridge::set_url,
    },
    Operation::get("/api/hiecm/gateway/v3/bridge-services", STANDARD, bridge::services),
    Operation::get("/api/hiecm/gateway/v3/bridge-service/serviceId/", STANDARD, bridge::service),
    Operation::post("/v1/bridges/MutipleHRPAddUpdateServices", REGISTRY, bridge::register),
    Operation::post("/api/hiecm/v3/token/generate-token", STANDARD, token::generate),
    Operation::post("/api/hiecm/hip/v3/link/carecontext", LINKING, link::care_contexts),
    Operation::post("/api/hiecm/hip/v3/link/context/notify", STANDARD, notices::context),
    Operation::post("/api/hiecm/hip/v3/link/patient/links/sms/notify2", STANDARD, notices::sms),
    Operation::post(
        "/api/hiecm/user-initiated-linking/v3/patient/care-context/on-discover",
        STANDARD,
        user_linking::on_discover,
    ),
    Operation::post(
        "/api/hiecm/user-initiated-linking/v3/link/care-context/on-init",
        STANDARD,
        user_linking::on_init,
    ),
    Operation::post(
        "/api/hiecm/user-initiated-linking/v3/link/care-context/on-confirm",
        STANDARD,
        user_linking::on_confirm,
    ),
    Operation::post("/api/hiecm/consent/v3/request/hip/on-notify", STANDARD, consent::on_notify),
    Operation::post(
        "/api/hiecm/data-flow/v3/health-information/hip/on-request",
        STANDARD,
        data_flow::on_request,
    ),
    Operation::post("/api/hiecm/data-flow/v3/health-information/notify", STANDARD, data_flow::notify),
    Operation::get("/api/hiecm/data-flow/v3/health-information/request/status/", STANDARD, data_flow::status),
    Operation::post("/api/hiecm/patient-share/v3/on-share", STANDARD, share::on_share),
    Operation::post("/api/hiecm/patients/v3/status/on-notify", STANDARD, patient_status::on_notify),
    Operation::post("/gateway/v0.5/sessions", &[], sessions::open),
    Operation::get("/gateway/v0.5/certs", &[], sessions::certs_v05),
    Operation::post("/gateway/v0.5/care-contexts/on-discover", OLDER, user_linking_v05::on_discover),
    Operation::post("/gateway/v0.5/links/link/on-init", OLDER, user_linking_v05::on_init),
    Operation::post("/gateway/v0.5/links/link/on-confirm", OLDER, user_linking_v05::on_confirm),
    Operation::post("/gateway/v0.5/patients/status/on-notify", OLDER, patient_status::on_notify_v05),
];

/// The interface that a path belongs to.
pub(crate) fn version(path: &str) -> ApiVersion {
    if path.starts_with(OLDER_BASE) { ApiVersion::V05 } else { ApiVersion::V3 }
}

impl Operation {
    const fn post(path: &'static str, requires: &'static [&'static str], judge: Judge) -> Self {
        Self { method: Method::POST, path, requires, judge }
    }

    const fn get(path: &'static str, requires: &'static [&'static str], judge: Judge) -> Self {
        Self { method: Method::GET, path, requires, judge }
    }

    /// The operation of a path, and the segment that a path ending in `/` takes.
    fn find(method: &Method, path: &str) -> Option<(&'static Self, String)> {
        OPERATIONS.iter().filter(|operation| operation.method == *method).find_map(|operation| {
            let tail = path.strip_prefix(operation.path)?;
            let fits = if operation.path.ends_with('/') {
                !tail.is_empty() && !tail.contains('/')
            } else {
                tail.is_empty()
            };
            fits.then(|| (operation, tail.to_owned()))
        })
    }

    fn version(&self) -> ApiVersion {
        version(self.path)
    }

    fn needs_session(&self) -> bool {
        self.requires.contains(&"authorization")
    }

    /// The registry takes none of the gateway's own headers.
    fn is_gateway(&self) -> bool {
        self.requires.contains(&"x-cm-id")
    }
}
