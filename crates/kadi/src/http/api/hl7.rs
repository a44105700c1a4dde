//! HL7 v2 messages over HTTP, for senders that would rather not speak MLLP.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::App;
use super::super::auth::{Caller, InFacility};
use super::super::problem::{Code, Problem};
use super::care_context_views::{CareContextView, RecordView};
use super::patients::flow_problem;
use crate::sources::hl7::{self, Answer, Kept, ack::Ack, fault::Notice};

/// The media type of HL7 v2 in its own encoding.
const MEDIA_TYPE: &str = "application/hl7-v2";

/// What became of a message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hl7View {
    /// The acknowledgement.
    pub ack: AckView,
    /// Whose it was; with `AA`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "MR-2026-0042")]
    pub patient_ref: Option<String>,
    /// The visit that it was stored in, if it reported anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub care_context_ref: Option<String>,
    /// All records of that visit, in order.
    pub records: Vec<RecordView>,
    /// All visits of the message: more than one where it names no visit and several orders.
    pub care_contexts: Vec<CareContextView>,
}

/// An acknowledgement.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AckView {
    /// `AA`: what it says is stored. `AE`: it can't be taken as it is. `AR`: wrong type, version or processing id.
    #[schema(example = "AA")]
    pub code: &'static str,
    /// The message's control id, MSH-10.
    pub control_id: String,
    /// Why it was not taken; with `AA` what you should know, such as why a record is not shared yet.
    pub notices: Vec<NoticeView>,
}

/// Something about a message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NoticeView {
    /// Segment, which one of its name, and field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "PID[1]-5")]
    pub location: Option<String>,
    /// The condition of HL7's table 0357.
    #[schema(example = 101)]
    pub condition: u16,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl From<&Notice> for NoticeView {
    fn from(notice: &Notice) -> Self {
        let place = notice.location.map(|at| match at.field {
            0 => format!("{}[{}]", at.segment, at.sequence),
            field => format!("{}[{}]-{field}", at.segment, at.sequence),
        });
        Self { location: place, condition: notice.condition.coded().0, message: notice.message.to_string() }
    }
}

impl From<Ack> for AckView {
    fn from(ack: Ack) -> Self {
        Self {
            code: ack.code.as_str(),
            control_id: ack.envelope.control_id,
            notices: ack.notices.iter().map(NoticeView::from).collect(),
        }
    }
}

impl From<Answer> for Hl7View {
    fn from(Answer { ack, kept }: Answer) -> Self {
        let (patient, visits) = match kept {
            Some(Kept { patient, visits, .. }) => (Some(patient.to_string()), visits),
            None => (None, Vec::new()),
        };
        let first = visits.first();
        Self {
            ack: ack.into(),
            patient_ref: patient,
            care_context_ref: first.map(|visit| visit.context.reference.to_string()),
            records: first
                .map(|visit| visit.records.iter().cloned().map(RecordView::from).collect())
                .unwrap_or_default(),
            care_contexts: visits
                .into_iter()
                .map(|visit| CareContextView::new(visit.context, visit.records))
                .collect(),
        }
    }
}

/// Take an HL7 v2 message
///
/// `ORU^R01` becomes DiagnosticReport records, `MDM^T02` a HealthDocumentRecord, stored in the visit that PV1-19 names, or else
/// the number of the order. The answer is the acknowledgement; ask for `application/json` to have it with the patient and the
/// visit. A message that comes again changes nothing. A later report of the same order replaces the earlier one.
#[utoipa::path(post, path = "/v1/facilities/{facilityId}/hl7", tag = "Care contexts", operation_id = "takeHl7",
    params(("facilityId" = String, Path, description = "The facility")),
    request_body(content = String, content_type = "application/hl7-v2", description = "One message; `text/plain` is taken too"),
    responses(
        (status = 200, description = "The acknowledgement: `AA`, `AE` or `AR`", content(
            (String = "application/hl7-v2"),
            (Hl7View = "application/json"),
        )),
        (status = 413, description = "`too_large`: longer than `hl7.limit`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: nothing is stored; send it again", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn take(
    State(app): State<App>,
    caller: Caller,
    InFacility(facility): InFacility,
    request: Request,
) -> Result<Response, Problem> {
    let wants_json = wants_json(request.headers());
    if !is_hl7(request.headers()) {
        let detail = "send the message as it is, with Content-Type: application/hl7-v2 or text/plain";
        return Err(Problem::new(Code::Malformed).detail(detail));
    }
    let bytes = Bytes::from_request(request, &app).await.map_err(|rejection| {
        let too_large = rejection.status() == Code::TooLarge.status();
        Problem::new(if too_large { Code::TooLarge } else { Code::Malformed })
    })?;
    if bytes.len() > app.hl7.limit {
        return Err(Problem::new(Code::TooLarge));
    }
    let answer = hl7::answer(&app, &facility, &caller.actor(), bytes.into()).await.map_err(flow_problem)?;
    if wants_json {
        return Ok(Json(Hl7View::from(answer)).into_response());
    }
    let text = answer.ack.message(app.clock.now(), &hl7::new_control_id(&app.store));
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response())
}

fn is_hl7(headers: &HeaderMap) -> bool {
    const TAKEN: [&str; 4] =
        [MEDIA_TYPE, "text/plain", "x-application/hl7-v2+er7", "application/octet-stream"];
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return true };
    let kind = kind.to_str().unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    TAKEN.iter().any(|taken| essence.eq_ignore_ascii_case(taken))
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accepted.to_ascii_lowercase().contains("application/json")
}
