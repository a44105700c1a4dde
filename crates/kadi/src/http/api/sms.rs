//! ABDM's deep link by SMS, at the facility's asking.

use std::str::FromStr as _;

use abdm::id::Mobile;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::facility::Role;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::App;
use super::super::auth::{Caller, InFacility};
use super::super::body::{Body, Patch};
use super::super::problem::{Code, Problem};
use super::check::Check;
use super::exchanges::ExchangeView;
use super::patients::flow_problem;
use crate::flows::sms;

/// Whom ABDM is to text.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = SmsNotification)]
pub struct SmsBody {
    /// Mobile number, ten digits, with or without +91. Required.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "9876543210")]
    mobile: Patch<String>,
}

/// Send a deep link by SMS
///
/// ABDM texts the patient that this facility has records of theirs, with a link to begin linking them. What became of it is told
/// by the event `sms.result`: accepted for sending, failed, or unknown. Recent visits of patients without an ABHA address lead to
/// one by themselves.
#[utoipa::path(post, path = "/v1/facilities/{facilityId}/sms-notifications", tag = "Care contexts", operation_id = "sendSmsNotification",
    params(("facilityId" = String, Path, description = "The facility")),
    request_body = SmsBody,
    responses(
        (status = 202, description = "ABDM is asked to; the exchange", body = ExchangeView),
        (status = 409, description = "`conflict`: one to this mobile is under way, or the facility is no HIP", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn ask(
    State(app): State<App>,
    caller: Caller,
    InFacility(facility): InFacility,
    Body(body): Body<SmsBody>,
) -> Result<(StatusCode, Json<ExchangeView>), Problem> {
    let mut check = Check::default();
    let mobile = check.patch("/mobile", body.mobile, |text| Mobile::from_str(&text)).or(None);
    let mobile = check.required("/mobile", mobile);
    let mobile = check.end(mobile)?;
    if !facility.is(Role::Hip) {
        return Err(Problem::conflict("the facility is no HIP: it shares no records that could be linked"));
    }
    let mut tx = app.store.begin().await?;
    let asked = sms::ask(&mut tx, &facility, mobile, "").await.map_err(flow_problem)?;
    let under_way = "a text to this mobile is under way; ABDM has not said yet what became of it";
    let id = asked.ok_or_else(|| Problem::conflict(under_way))?;
    tx.audit(&facility.id, &caller.actor(), "deep link by SMS asked for", &id.to_string()).await?;
    let exchange = tx.exchange(id).await?.ok_or_else(|| Problem::new(Code::Internal))?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(exchange.into())))
}
