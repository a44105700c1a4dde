//! Pages for people: the operator's view of everything said to and by ABDM.
//!
//! One signs in with an API key and sees what the key may see. The session is a cookie that scripts can't read and other
//! sites can't send; it ends after eight idle hours, at sign-out, or when its key is revoked. Every change carries a
//! CSRF token. The pages load nothing from elsewhere.

mod exchange;
mod exchanges;
mod page;
mod queue;
mod session;
mod sign_in;
mod transfer;
mod words;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderValue;
use axum::http::header::{self, HeaderName};
use axum::response::Redirect;
use axum::routing::{get, post};
use tower_http::set_header::SetResponseHeaderLayer;

use super::App;

/// The longest form.
const FORM_LIMIT: usize = 16 * 1024;
/// Nothing from elsewhere, nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// `/` and `/console/...`.
pub fn router() -> Router<App> {
    let pages = Router::new()
        .route("/", get(async || Redirect::to("/console")))
        .route("/console", get(async || Redirect::to("/console/exchanges")))
        .route("/console/sign-in", get(sign_in::page).post(sign_in::submit))
        .route("/console/sign-out", post(sign_in::sign_out))
        .route("/console/exchanges", get(exchanges::page))
        .route("/console/exchanges/live", get(exchanges::live))
        .route("/console/exchanges/{id}", get(exchange::page))
        .route("/console/exchanges/{id}/replay", post(exchange::replay))
        .route("/console/queue", get(queue::page))
        .route("/console/queue/live", get(queue::live))
        .route("/console/queue/{id}", post(queue::call))
        .layer(DefaultBodyLimit::max(FORM_LIMIT));
    with_headers(pages)
}

/// The headers that every page has.
pub fn with_headers(router: Router<App>) -> Router<App> {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    headers.into_iter().fold(router, |router, (name, value)| with_header(router, name, value))
}

fn with_header(router: Router<App>, name: HeaderName, value: &'static str) -> Router<App> {
    router.layer(SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value)))
}
