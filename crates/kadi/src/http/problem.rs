//! How the API says no: problem documents (RFC 9457) with a stable `code` and, where fields are at fault, each of them by
//! JSON pointer. What a request held is never repeated in one, because it may be a patient's data.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

/// What went wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// 301: it is elsewhere now; `Location` says where.
    Moved,
    /// 400: the body is not JSON, or a field has the wrong type.
    Malformed,
    /// 401: no valid API key.
    Unauthenticated,
    /// 403: the key may see this and may not do it.
    Forbidden,
    /// 404: there is none, or it is another facility's.
    NotFound,
    /// 405: the path has other methods.
    MethodNotAllowed,
    /// 409: it does not fit with what is stored.
    Conflict,
    /// 413: the body is larger than `server.api_limit`.
    TooLarge,
    /// 422: well-formed, and not valid; `errors` says where.
    Invalid,
    /// 429: more requests than `server.rate` from one address; `Retry-After` says when again.
    RateLimited,
    /// 500: a fault of ours; the log says more.
    Internal,
    /// 503: something we need is not there now; try again.
    Unavailable,
}

impl Code {
    /// The HTTP status that goes with it.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Moved => StatusCode::MOVED_PERMANENTLY,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Moved => "It is elsewhere now",
            Self::Malformed => "The request could not be read",
            Self::Unauthenticated => "A valid API key is needed",
            Self::Forbidden => "This key may not do that",
            Self::NotFound => "There is no such thing here",
            Self::MethodNotAllowed => "The path has no such method",
            Self::Conflict => "It does not fit with what is stored",
            Self::TooLarge => "The body is too large",
            Self::Invalid => "The request is not valid",
            Self::RateLimited => "Too many requests from this address; try again later",
            Self::Internal => "Something went wrong on our side",
            Self::Unavailable => "Not available at the moment; try again",
        }
    }
}

/// One field at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where, as JSON pointer into the body (RFC 6901); a parameter of path or query by its name, as `/limit`.
    #[schema(example = "/birthDate")]
    pub pointer: String,
    /// What is wrong and how to mend it.
    #[schema(example = "must be a day such as 1985-07-23")]
    pub message: String,
}

impl FieldError {
    /// A field and what is wrong with it.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

/// A problem document, `application/problem+json`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem, for people.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What kind of problem, for programs. Stable.
    pub code: Code,
    /// This problem, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Every field at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Where it is now, as the header `Location`.
    #[serde(skip)]
    pub location: Option<String>,
}

impl Problem {
    /// A problem of this kind, with nothing more to say.
    pub fn new(code: Code) -> Self {
        Self {
            title: code.title(),
            status: code.status().as_u16(),
            code,
            detail: None,
            errors: Vec::new(),
            location: None,
        }
    }

    /// With words for this one. They hold nothing of the request.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With one more field at fault.
    #[must_use]
    pub fn field(mut self, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        self.errors.push(FieldError::new(pointer, message));
        self
    }

    /// 404.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound)
    }

    /// 301: it is at this address now.
    pub fn moved(location: String) -> Self {
        Self { location: Some(location), ..Self::new(Code::Moved) }
    }

    /// 422, with all fields at fault.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(Code::Invalid) }
    }

    /// 409, in words.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(Code::Conflict).detail(detail)
    }
}

/// What the store can't do is told to the log; the caller only learns whether trying again may help.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Contended => Self::new(Code::Unavailable),
            StoreError::Database(source) => {
                tracing::error!(error = %source, "the store could not answer a request");
                Self::new(Code::Unavailable)
            }
            StoreError::Objects(source) => {
                tracing::error!(error = %source, "the object store could not take a document");
                Self::new(Code::Unavailable)
            }
            _ => {
                tracing::error!(error = %error, "the store could not answer a request");
                Self::new(Code::Internal)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = self.code;
        let location = self.location.as_deref().and_then(|location| HeaderValue::from_str(location).ok());
        let mut response = (code.status(), Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(location) = location {
            headers.insert(header::LOCATION, location);
        }
        match code {
            Code::Unauthenticated => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"kadi\""));
            }
            Code::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

/// For [`tower_http::catch_panic::CatchPanicLayer`]: a panic is told as 500, and the panic's text, which may hold anything, to
/// nobody.
pub fn after_panic(_panic: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    Problem::new(Code::Internal).into_response()
}
