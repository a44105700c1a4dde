//! A counter's QR code.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::App;
use super::super::auth::InFacility;
use super::super::paging::Params;
use super::super::problem::{Code, FieldError, Problem};
use crate::qr::{self, Format, QrError};

/// Which code, and how.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// The counter, 1 to 20 letters and digits. Without it the facility's first, and a poster has a page for each.
    counter: Option<String>,
    /// `png` (usual), `svg`, or `pdf`: a poster for the wall, A4.
    #[param(default = "png")]
    format: Option<String>,
}

/// Read a counter's QR code
///
/// What patients scan with their ABHA app to share their profile. Its address is ABDM's sandbox or production page, as
/// configured; see `share.qr_url`.
#[utoipa::path(get, path = "/v1/facilities/{facilityId}/qr", tag = "Scan and share", operation_id = "getQr",
    params(("facilityId" = String, Path, description = "The facility"), Asked),
    responses(
        (status = 200, description = "The code", content((Vec<u8> = "image/png"), (String = "image/svg+xml"), (Vec<u8> = "application/pdf"))),
        (status = 422, description = "`invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn get(
    State(app): State<App>,
    InFacility(facility): InFacility,
    Params(asked): Params<Asked>,
) -> Result<Response, Problem> {
    let format = asked.format.as_deref().unwrap_or("png").parse::<Format>();
    let format = format.map_err(|error| Problem::invalid(vec![FieldError::new("/format", error)]))?;
    let page = app.qr_page.clone();
    // Letters are shaped and codes computed: not on a thread that serves requests.
    let drawn = tokio::task::spawn_blocking(move || {
        let counters = qr::counters(&facility, asked.counter.as_deref())?;
        qr::draw(&page, &facility, &counters, format)
    });
    let drawn = drawn.await.map_err(|_| Problem::new(Code::Internal))?;
    let bytes = drawn.map_err(|error| match error {
        QrError::Counter => Problem::invalid(vec![FieldError::new("/counter", error.to_string())]),
        QrError::Draw(_) => {
            tracing::error!(error = %error, "a QR code could not be drawn");
            Problem::new(Code::Internal)
        }
    })?;
    Ok(([(header::CONTENT_TYPE, format.content_type())], bytes).into_response())
}
