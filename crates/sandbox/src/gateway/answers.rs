//! Responses of the gateway.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};
use uuid::Uuid;

use super::headers;
use crate::faults::CallFault;
use crate::refusal::{Refusal, Said};
use crate::server::Hangup;

/// The response of the gateway, with the ids that NHA's support asks for.
pub(super) fn answer(status: StatusCode, said: &Said, challenge: bool) -> Response {
    let body = match said {
        Said::Nothing => Body::empty(),
        Said::Json(value) => Body::from(value.to_string()),
        Said::Text(text) => Body::from(*text),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    match said {
        Said::Json(_) => headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        Said::Text(_) => headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain")),
        Said::Nothing => None,
    };
    if challenge {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Realm\""));
    }
    for name in ["correlation-id", "activityid"] {
        if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
            headers.insert(name, id);
        }
    }
    response
}

/// The answer of a fault.
pub(super) fn struck(fault: CallFault) -> Response {
    let coded = |status, code, message| Refusal::with(status, code, message);
    let refusal = match fault {
        CallFault::Unauthorized => headers::bad_token(),
        CallFault::TooMany => coded(StatusCode::TOO_MANY_REQUESTS, "ABDM-1022", "Too many requests"),
        CallFault::Broken => {
            return answer(StatusCode::INTERNAL_SERVER_ERROR, &Said::Json(framework_error()), false);
        }
        CallFault::BadGateway => {
            return answer(
                StatusCode::BAD_GATEWAY,
                &Said::Text("<html><body>502 Bad Gateway</body></html>"),
                false,
            );
        }
        CallFault::Unavailable => Refusal::manager(
            StatusCode::SERVICE_UNAVAILABLE,
            "ABDM-1024",
            "Dependent service unavailable",
            "Please try again later",
        ),
        CallFault::Suspended => Refusal::manager(
            StatusCode::INTERNAL_SERVER_ERROR,
            "303001",
            "Currently , Address endpoint : [ Name : HIECM ] [ State : SUSPENDED ]",
            "Runtime Error",
        ),
        CallFault::Unclassified => headers::unclassified(),
        CallFault::Timeout | CallFault::Close | CallFault::Slow | CallFault::Blocked => {
            let mut response = answer(StatusCode::GATEWAY_TIMEOUT, &Said::Nothing, false);
            response.extensions_mut().insert(Hangup);
            return response;
        }
        CallFault::Empty400 => Refusal::empty(),
    };
    answer(refusal.status, &refusal.said, refusal.challenge)
}

fn framework_error() -> Value {
    json!({"timestamp": 1_789_553_568_483_u64, "path": "/", "status": 500, "error": "Internal Server Error", "requestId": "5d1c2b7a-1"})
}
