//! The API of the hospital's systems, `/v1`, and its description. The OpenAPI document is made from the routes
//! themselves, so what is served is what is described.

mod bundle;
mod care_context_views;
mod care_contexts;
mod check;
mod consents;
mod events;
pub mod exchanges;
mod facilities;
mod hl7;
mod import;
mod lines;
mod merge;
mod path;
mod patient_body;
mod patients;
mod qr;
mod shares;
mod sms;
mod terminology;
mod transfers;
mod webhooks;

pub use events::EventView;

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use shares::profile as shared_profile;

use super::problem::{Code, Problem, after_panic};
use super::{App, auth, large};

/// How often a long answer looks for news that no bell announced.
const POLL: Duration = Duration::from_secs(2);

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Kadi",
        description = "The hospital's side of Kadi: put patients and visits in, and be told in plain words what became of each \
            at ABDM.\n\nEvery call needs `Authorization: Bearer KEY` with a key of `kadi key create`. What is another \
            facility's is 404. Errors are problem documents (RFC 9457) with a stable `code`; `errors[]` names each field at \
            fault by JSON pointer. `PUT` is idempotent: an absent field is kept, `null` removes it. Lists are newest first \
            and page by `next`. Times are RFC 3339.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    security(("key" = [])),
    modifiers(&Security),
    tags(
        (name = "Facilities", description = "The hospitals, clinics and labs that Kadi speaks for."),
        (name = "Patients", description = "Patients as the facility knows them."),
        (name = "Care contexts", description = "Visits with their records, and where each stands with ABDM."),
        (name = "Consents and transfers", description = "What patients allowed to be shared, and what was shared."),
        (name = "Documents", description = "FHIR documents from clinical JSON, without storing anything."),
        (name = "Scan and share", description = "The queues at counters whose QR codes patients scan."),
        (name = "Terminology", description = "Codes: searched, and a facility's own ones with what they stand for."),
        (name = "Exchanges and events", description = "Everything said to and by ABDM, and what came of it."),
    )
)]
struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("key", scheme);
    }
}

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(facilities::list))
        .routes(routes!(facilities::put, facilities::get))
        .routes(routes!(patients::list))
        .routes(routes!(import::import))
        .routes(routes!(patients::put, patients::get))
        .routes(routes!(merge::merge))
        .routes(routes!(care_contexts::list_of_facility))
        .routes(routes!(care_contexts::list_of_patient))
        .routes(routes!(care_contexts::put, care_contexts::get, care_contexts::delete))
        .routes(routes!(care_contexts::link))
        .routes(routes!(hl7::take))
        .routes(routes!(bundle::build))
        .routes(routes!(bundle::schema))
        .routes(routes!(consents::list))
        .routes(routes!(consents::get))
        .routes(routes!(transfers::list))
        .routes(routes!(transfers::get))
        .routes(routes!(shares::list))
        .routes(routes!(qr::get))
        .routes(routes!(sms::ask))
        .routes(routes!(exchanges::list))
        .routes(routes!(exchanges::get))
        .routes(routes!(exchanges::replay))
        .routes(routes!(events::events))
        .routes(routes!(webhooks::list))
        .routes(routes!(webhooks::put, webhooks::get, webhooks::delete))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(webhooks::retry))
        .routes(routes!(terminology::search))
        .routes(routes!(terminology::unmapped))
        .routes(routes!(terminology::list, terminology::import))
        .routes(routes!(terminology::put, terminology::delete))
}

/// The OpenAPI document of the API.
pub fn document() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}

/// The OpenAPI document as text, as `docs/openapi.json` keeps it.
pub fn document_text() -> serde_json::Result<String> {
    document().to_pretty_json()
}

/// The routes under `/v1`. A request without a valid key is answered 401 before its path is looked at.
pub fn router(app: &App) -> Router<App> {
    let (router, _) = routes().split_for_parts();
    router
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(App::clone(app), large::guard))
        .layer(middleware::from_fn_with_state(App::clone(app), auth::guard))
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(DefaultBodyLimit::max(app.api_limit))
}

async fn method_not_allowed() -> Problem {
    Problem::new(Code::MethodNotAllowed)
}

/// What a `PUT` answers with.
fn created_or_ok(created: bool) -> axum::http::StatusCode {
    if created { axum::http::StatusCode::CREATED } else { axum::http::StatusCode::OK }
}
