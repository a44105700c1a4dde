//! Large bodies of the API: how many may be worked on at once is bound by the memory that they take.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::Version;
use axum::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::body::Body as _;

use super::App;
use super::problem::{Code, Problem};

/// Bodies up to this length are taken as they come.
const SMALL: usize = 256 << 10;
/// How much memory a body takes while its documents are read, built, checked and sealed, in lengths of the body.
const TAKES: usize = 4;
/// How long a large body waits for its turn.
const WAIT: Duration = Duration::from_secs(30);

/// Lets a request with a large body wait until there is room for it; it is not read before. One that waited too long is
/// answered 503.
pub async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let Some(length) = large(&request, app.api_limit) else { return next.run(request).await };
    let taken = tokio::select! {
        taken = app.api_room.take(length.saturating_mul(TAKES)) => taken,
        () = app.clock.sleep(WAIT) => None,
    };
    let Some(taken) = taken else { return Problem::new(Code::Unavailable).into_response() };
    let response = next.run(request).await;
    drop(taken);
    response
}

/// How much of a large body may be read. One of unknown length may be as long as any; an import has no end, and is read
/// line by line.
fn large(request: &Request, limit: usize) -> Option<usize> {
    if request.uri().path().ends_with("/import") {
        return None;
    }
    let length = announced(request).unwrap_or(usize::MAX);
    (length > SMALL).then_some(length.min(limit))
}

/// How long the body says that it is. Without a length in HTTP/1.1 it is empty, unless it comes in chunks (RFC 9112, 6.3).
/// The headers are asked, as layers between hide the body's own knowledge.
fn announced(request: &Request) -> Option<usize> {
    let headers = request.headers();
    if let Some(length) = headers.get(CONTENT_LENGTH) {
        return length.to_str().ok()?.parse().ok();
    }
    let chunked = headers.contains_key(TRANSFER_ENCODING) || request.version() >= Version::HTTP_2;
    (!chunked || request.body().is_end_stream()).then_some(0)
}
