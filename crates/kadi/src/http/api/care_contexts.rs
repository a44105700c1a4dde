//! Care contexts: visits with their records. Storing one also begins its linking, unless it is held.

use std::str::FromStr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::care_context::{CareContext, VisitDate};
use domain::facility::Facility;
use domain::link::{Link, LinkState};
use domain::patient::Patient;
use domain::reference::{CareContextRef, PatientRef};
use jiff::Timestamp;
use nrces::terminology::CodeMap;
use serde::{Deserialize, Serialize};
use store::terminology::NewUnmapped;
use store::{CareContextFilter, NewRecord, Place, Tx};
use utoipa::{IntoParams, ToSchema};

use super::super::App;
use super::super::auth::{Caller, InFacility};
use super::super::body::{Body, Patch};
use super::super::paging::{List, PageParams, PageRequest, Params};
use super::super::problem::{Code, Problem};
use super::care_context_views::CareContextView;
use super::check::{self, Check};
use super::merge::{Does, missing};
use super::path::{CareContextPath, PatientPath};
use super::patients::flow_problem;
use crate::flows::visits::{self, TakenBack};
use crate::flows::{self, Ctx};
use crate::records::{Prepared, RecordInput, Surroundings};
use crate::terminology;

/// A record: exactly one of `data`, `bundle` and `file`.
#[derive(ToSchema)]
#[schema(as = Record)]
#[expect(dead_code, reason = "describes what `RecordInput` reads")]
#[schema(rename_all = "camelCase")]
pub struct RecordSchema {
    /// The record's type in ABDM's spelling. Needed beside `data` and `bundle`.
    #[schema(example = "OPConsultation")]
    hi_type: Option<String>,
    /// Clinical JSON of the type: what NHA's `fhir-mapper` takes, and more.
    data: Option<serde_json::Value>,
    /// A ready FHIR document of the NRCeS profiles; it is sent unchanged.
    bundle: Option<serde_json::Value>,
    /// A PDF or image: becomes a HealthDocumentRecord.
    file: Option<FileSchema>,
}

/// A PDF or image.
#[derive(ToSchema)]
#[schema(as = File, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `RecordInput` reads")]
pub struct FileSchema {
    /// Its MIME type.
    #[schema(example = "application/pdf")]
    content_type: String,
    /// Its bytes in base64.
    data: String,
    /// What it is, for the patient.
    title: String,
}

/// A care context to be stored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CareContextBody {
    /// What the patient's app shows for the visit; nothing clinical belongs here. Required.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "OPD visit 15-Jan-2026")]
    display: Patch<String>,
    /// When it was: a day in India, or an RFC 3339 time. It alone says whether the records lie in a requested range. Required.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "2026-01-15")]
    date: Patch<String>,
    /// The visit's records. They replace those that it has; an equal one keeps its id.
    #[serde(default)]
    #[schema(value_type = Option<Vec<RecordSchema>>)]
    records: Patch<Vec<RecordInput>>,
    /// Still being written up: it is not linked until `hold` is false, or `POST .../link`.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    hold: Patch<bool>,
}

impl CareContextBody {
    fn read(
        self,
        patient: PatientRef,
        reference: CareContextRef,
        before: Option<CareContext>,
    ) -> Result<(CareContext, Option<Vec<RecordInput>>), Problem> {
        let mut check = Check::default();
        let display = check
            .patch("/display", self.display, check::text)
            .or(before.as_ref().map(|it| it.display.clone()));
        let display = check.required("/display", display);
        let date = check.patch("/date", self.date, |text| VisitDate::from_str(&text));
        let date = check.required("/date", date.or(before.as_ref().map(|it| it.date.clone())));
        let records = match self.records {
            Patch::Keep => None,
            Patch::Remove => Some(Vec::new()),
            Patch::Set(records) => Some(records),
        };
        for (place, record) in records.iter().flatten().enumerate() {
            check.take(&format!("/records/{place}"), record.check());
        }
        let hold = self.hold.or(before.as_ref().map(|it| it.hold)).unwrap_or(false);
        let link = before.map_or_else(Link::new, |it| it.link);
        let context = match (display, date) {
            (Some(display), Some(date)) => {
                Some(CareContext { patient, reference, display, date, hold, withdrawn: false, link })
            }
            _ => None,
        };
        Ok((check.end(context)?, records))
    }
}

/// Store a care context
///
/// The answer says where it stands with ABDM now; that changes by itself, see the events. A record with an error is
/// stored and flagged, and never linked or sent until it is mended.
#[utoipa::path(put, path = "/v1/facilities/{facilityId}/patients/{patientRef}/care-contexts/{careContextRef}",
    tag = "Care contexts", operation_id = "putCareContext",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("patientRef" = String, Path, description = "The facility's reference of the patient"),
        ("careContextRef" = String, Path, description = "The facility's reference of the visit: 1 to 255 letters, digits and - _ . : /"),
    ),
    request_body = CareContextBody,
    responses(
        (status = 202, description = "Stored", body = CareContextView),
        (status = 404, description = "`not_found`: there is no such patient", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`too_large`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: too many large bodies at once; try again after `Retry-After`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn put(
    State(app): State<App>,
    caller: Caller,
    InFacility(facility): InFacility,
    CareContextPath(patient, reference): CareContextPath,
    Body(body): Body<CareContextBody>,
) -> Result<(StatusCode, Json<CareContextView>), Problem> {
    let mut tx = app.store.read().await?;
    let Some(known) = tx.patient(&facility.id, &patient).await? else {
        return Err(missing(&mut tx, &facility, &patient, Does::Change).await);
    };
    let before = tx.care_context(&facility.id, &patient, &reference).await?;
    let (context, records) = body.read(patient.clone(), reference.clone(), before)?;
    let codes = terminology::codes(&mut tx, &app.terminology, &facility.id, records.iter().flatten()).await?;
    drop(tx);
    let codes = Arc::new(codes);
    let mut records = match records {
        Some(records) => Some(prepare(&app, facility.clone(), (known, &context), (records, &codes)).await?),
        None => None,
    };
    if let Some(records) = &mut records {
        let old = app.store.read().await?.records(&facility.id, &context.patient, &reference).await?;
        let new: Vec<_> = records.iter_mut().map(|prepared| &mut prepared.record).collect();
        app.store.keep(new, &old).await?;
    }

    let mut tx = app.store.begin().await?;
    let Some(patient) = tx.lock_patient(&facility.id, &patient).await? else {
        return Err(missing(&mut tx, &facility, &patient, Does::Change).await);
    };
    let link = tx.care_context(&facility.id, &context.patient, &reference).await?.map(|it| it.link);
    let context = CareContext { link: link.unwrap_or_default(), ..context };
    let ctx = Ctx { rules: &app.rules, chance: app.chance() };
    let old = tx.records(&facility.id, &context.patient, &reference).await?;
    let (records, unmapped) = with_unmapped(records, &old, &codes);
    let stored =
        visits::put(&ctx, &mut tx, &facility, (&patient, &context), records).await.map_err(flow_problem)?;
    tx.audit(&facility.id, &caller.actor(), "care context stored", reference.as_str()).await?;
    tx.note_unmapped(&facility.id, unmapped).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(CareContextView::new(stored.context, stored.records))))
}

/// Builds and checks the documents, away from the threads that serve requests.
async fn prepare(
    app: &App,
    facility: Facility,
    (patient, context): (Patient, &CareContext),
    (records, codes): (Vec<RecordInput>, &Arc<CodeMap>),
) -> Result<Vec<Prepared>, Problem> {
    let (visit, date) = (context.reference.to_string(), context.date.to_string());
    let (codes, hasher) = (Arc::clone(codes), app.store.source_hasher()?);
    let work = move || {
        let around = Surroundings { facility: &facility, patient: &patient, visit: &visit, date: &date };
        let prepare = |(place, record): (u32, RecordInput)| {
            let prepared = record.prepare_owned(&around, place, &codes, hasher.clone());
            prepared.map_err(|error| {
                Problem::new(Code::Invalid).field(format!("/records/{place}"), error.to_string())
            })
        };
        (0_u32..).zip(records).map(prepare).collect::<Result<Vec<_>, Problem>>()
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Problem::new(Code::Internal)))
}

/// The records, and the codes that stand for nothing, of records that are not among the old ones.
fn with_unmapped(
    records: Option<Vec<Prepared>>,
    old: &[store::Record],
    codes: &CodeMap,
) -> (Option<Vec<NewRecord>>, Vec<NewUnmapped>) {
    let Some(prepared) = records else { return (None, Vec::new()) };
    let (mut records, mut unmapped) = (Vec::with_capacity(prepared.len()), Vec::new());
    for Prepared { record, local_codes } in prepared {
        if !old.iter().any(|old| old.source_hash == record.source_hash) {
            unmapped.extend(terminology::unmapped(local_codes, codes));
        }
        records.push(record);
    }
    (Some(records), unmapped)
}

/// Read a care context
#[utoipa::path(get, path = "/v1/facilities/{facilityId}/patients/{patientRef}/care-contexts/{careContextRef}",
    tag = "Care contexts", operation_id = "getCareContext",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("patientRef" = String, Path, description = "The facility's reference of the patient"),
        ("careContextRef" = String, Path, description = "The facility's reference of the visit"),
    ),
    responses(
        (status = 200, description = "The care context", body = CareContextView),
        (status = 301, description = "`moved`: the patient was merged; `Location` leads to the one who stays", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn get(
    State(app): State<App>,
    InFacility(facility): InFacility,
    CareContextPath(patient, reference): CareContextPath,
    OriginalUri(uri): OriginalUri,
) -> Result<Json<CareContextView>, Problem> {
    let mut tx = app.store.read().await?;
    let Some(context) = tx.care_context(&facility.id, &patient, &reference).await? else {
        return Err(missing(&mut tx, &facility, &patient, Does::Read(&uri)).await);
    };
    view(&mut tx, &facility, context).await.map(Json)
}

async fn view(tx: &mut Tx, facility: &Facility, context: CareContext) -> Result<CareContextView, Problem> {
    let records = tx.records(&facility.id, &context.patient, &context.reference).await?;
    Ok(CareContextView::new(context, records))
}

/// What taking back a visit did that ABDM knows of.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Withdrawn)]
pub struct WithdrawnView {
    /// In plain words.
    pub message: &'static str,
}

/// Take a care context back
///
/// One that ABDM was never asked to link is deleted. A linked one cannot be unlinked at ABDM: its records are withdrawn, and a
/// request for them is answered that the facility withdrew them.
#[utoipa::path(delete, path = "/v1/facilities/{facilityId}/patients/{patientRef}/care-contexts/{careContextRef}",
    tag = "Care contexts", operation_id = "deleteCareContext",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("patientRef" = String, Path, description = "The facility's reference of the patient"),
        ("careContextRef" = String, Path, description = "The facility's reference of the visit"),
    ),
    responses(
        (status = 200, description = "Its records are withdrawn", body = WithdrawnView),
        (status = 204, description = "Deleted: ABDM never heard of it"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    InFacility(facility): InFacility,
    CareContextPath(patient, reference): CareContextPath,
) -> Result<Response, Problem> {
    let mut tx = app.store.begin().await?;
    let taken_back =
        visits::take_back(&mut tx, &facility.id, &patient, &reference).await.map_err(flow_problem)?;
    let Some(taken_back) = taken_back else {
        return Err(missing(&mut tx, &facility, &patient, Does::Change).await);
    };
    let (action, response) = match taken_back {
        TakenBack::Deleted => ("care context deleted", StatusCode::NO_CONTENT.into_response()),
        TakenBack::Withdrawn => {
            let message = "ABDM cannot unlink a care context. Its records are withdrawn: they are never sent again, and a \
                 request for them is answered \"withdrawn by the facility\".";
            ("care context withdrawn", Json(WithdrawnView { message }).into_response())
        }
    };
    tx.audit(&facility.id, &caller.actor(), action, reference.as_str()).await?;
    tx.commit().await?;
    Ok(response)
}

/// Try linking now
///
/// Releases a held visit, and asks again for a refused one.
#[utoipa::path(post, path = "/v1/facilities/{facilityId}/patients/{patientRef}/care-contexts/{careContextRef}/link",
    tag = "Care contexts", operation_id = "linkCareContext",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("patientRef" = String, Path, description = "The facility's reference of the patient"),
        ("careContextRef" = String, Path, description = "The facility's reference of the visit"),
    ),
    responses(
        (status = 202, description = "It is linked, or will be asked for as soon as ABDM's rules allow", body = CareContextView),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: there is nothing that could be linked; `detail` says why", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn link(
    State(app): State<App>,
    caller: Caller,
    InFacility(facility): InFacility,
    CareContextPath(patient, reference): CareContextPath,
) -> Result<(StatusCode, Json<CareContextView>), Problem> {
    let mut tx = app.store.begin().await?;
    let Some(known) = tx.lock_patient(&facility.id, &patient).await? else {
        return Err(missing(&mut tx, &facility, &patient, Does::Change).await);
    };
    let context =
        tx.care_context(&facility.id, &patient, &reference).await?.ok_or_else(Problem::not_found)?;
    let records = tx.records(&facility.id, &patient, &reference).await?;
    if let Some(reason) = nothing_to_link(&known, &context, &records) {
        return Err(Problem::conflict(reason));
    }
    let context = CareContext { hold: false, ..context };
    tx.put_care_context(&facility.id, &context).await?;
    let ctx = Ctx { rules: &app.rules, chance: app.chance() };
    flows::link::ask_again(&ctx, &mut tx, &facility, &context).await.map_err(flow_problem)?;
    tx.audit(&facility.id, &caller.actor(), "care context asked for again", reference.as_str()).await?;
    let context =
        tx.care_context(&facility.id, &patient, &reference).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(CareContextView::new(context, records))))
}

fn nothing_to_link(
    patient: &Patient,
    context: &CareContext,
    records: &[store::Record],
) -> Option<&'static str> {
    if context.withdrawn {
        Some("the care context was withdrawn; put it again to share it again")
    } else if patient.abha_address.is_none() {
        Some("the patient has no ABHA address; put it into the patient first")
    } else if context.link.state != LinkState::Linked && !records.iter().any(|record| record.valid) {
        Some("it has no valid record; see the issues of its records")
    } else {
        None
    }
}

/// Which care contexts a list shows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Those in this state: `unlinked`, `waiting`, `linking`, `linked` or `failed`.
    link_state: Option<String>,
    /// Visits from this day or time on.
    #[param(example = "2026-01-15")]
    from: Option<String>,
    /// Visits up to this day or time.
    to: Option<String>,
    /// How many items at most; 1 to 200, usually 50.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

impl Filter {
    fn read(&self, patient: Option<PatientRef>) -> Result<(PageRequest, CareContextFilter), Problem> {
        let page = PageParams { limit: self.limit, cursor: self.cursor.clone() }.read()?;
        let mut check = Check::default();
        let link_state = self.link_state.as_deref().and_then(|text| check.take("/linkState", text.parse()));
        let from = self.from.as_deref().and_then(|text| check.take("/from", text.parse::<VisitDate>()));
        let to = self.to.as_deref().and_then(|text| check.take("/to", text.parse::<VisitDate>()));
        let filter = CareContextFilter {
            patient,
            link_state,
            from: from.map(|from| from.from()),
            to: to.map(|to| to.to()),
        };
        Ok((page, check.end(Some(filter))?))
    }
}

/// List the care contexts of a facility
#[utoipa::path(get, path = "/v1/facilities/{facilityId}/care-contexts", tag = "Care contexts",
    operation_id = "listCareContexts",
    params(("facilityId" = String, Path, description = "The facility"), Filter),
    responses(
        (status = 200, description = "A page of care contexts of all patients", body = List<CareContextView>),
        (status = 422, description = "`invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn list_of_facility(
    State(app): State<App>,
    InFacility(facility): InFacility,
    Params(filter): Params<Filter>,
) -> Result<Json<List<CareContextView>>, Problem> {
    list(&app, &facility, None, &filter).await
}

/// List the care contexts of a patient
#[utoipa::path(get, path = "/v1/facilities/{facilityId}/patients/{patientRef}/care-contexts", tag = "Care contexts",
    operation_id = "listCareContextsOfPatient",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("patientRef" = String, Path, description = "The facility's reference of the patient"),
        Filter,
    ),
    responses(
        (status = 200, description = "A page of care contexts", body = List<CareContextView>),
        (status = 301, description = "`moved`: the patient was merged; `Location` leads to the one who stays", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: there is no such patient", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn list_of_patient(
    State(app): State<App>,
    InFacility(facility): InFacility,
    PatientPath(patient): PatientPath,
    OriginalUri(uri): OriginalUri,
    Params(filter): Params<Filter>,
) -> Result<Json<List<CareContextView>>, Problem> {
    let mut tx = app.store.read().await?;
    if tx.patient(&facility.id, &patient).await?.is_none() {
        return Err(missing(&mut tx, &facility, &patient, Does::Read(&uri)).await);
    }
    drop(tx);
    list(&app, &facility, Some(patient), &filter).await
}

async fn list(
    app: &App,
    facility: &Facility,
    patient: Option<PatientRef>,
    filter: &Filter,
) -> Result<Json<List<CareContextView>>, Problem> {
    let mut tx = app.store.read().await?;
    let (page, wanted) = filter.read(patient)?;
    let after: Option<Place<Visit>> = page.after()?;
    let after = after.as_ref().map(|Place { at, key: Visit(patient, reference) }| (*at, patient, reference));
    let contexts = tx.care_contexts(&facility.id, &wanted, after, page.read_limit()).await?;
    let place = |(at, context): &(Timestamp, CareContext)| {
        Place { at: *at, key: format!("{}\n{}", context.patient, context.reference) }.to_string()
    };
    let list = page.list(contexts, place, |(_, context)| context);
    let mut items = Vec::with_capacity(list.items.len());
    for context in list.items {
        items.push(view(&mut tx, facility, context).await?);
    }
    Ok(Json(List { items, next: list.next }))
}

/// A visit by patient and visit, neither of which holds a line break.
struct Visit(PatientRef, CareContextRef);

impl FromStr for Visit {
    type Err = domain::reference::ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (patient, reference) = text.split_once('\n').unwrap_or((text, ""));
        Ok(Self(patient.parse()?, reference.parse()?))
    }
}
