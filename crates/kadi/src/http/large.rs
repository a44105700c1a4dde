//! Large bodies of the API: how many may be worked on at once is bound by the memory that they take.

use std::time::Duration;

use axum::extract::{Request, State};
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
    let length = request.body().size_hint().upper();
    let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
    (length > SMALL).then_some(length.min(limit))
}
