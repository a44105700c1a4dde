//! Patients: stored by the HMIS's own reference, found by mobile, ABHA or name.

use std::str::FromStr;

use abdm::id::FacilityId;
use any_ascii::any_ascii;
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use domain::facility::Facility;
use domain::patient::Patient;
use domain::reference::PatientRef;
use serde::Deserialize;
use store::{PatientFilter, Place, StoreError, Tx};
use utoipa::IntoParams;

use super::super::App;
use super::super::auth::{Caller, InFacility};
use super::super::body::Body;
use super::super::paging::{List, PageParams, PageRequest, Params, seal_cursor};
use super::super::problem::{Code, Problem};
use super::check::Check;
use super::merge::{Does, missing};
use super::path::PatientPath;
use super::patient_body::{PatientBody, PatientView};
use crate::flows::{self, Ctx, FlowError, adoption};

/// How many patients a search by name looks at for one page: names are sealed, so each is opened and compared.
const MAX_LOOKED_AT: u32 = 5000;

/// What became of a patient that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// Is new.
    Created,
    /// Was another before.
    Updated,
    /// Was the same before.
    Unchanged,
}

/// Store a patient
///
/// Setting an ABHA address also starts the linking of visits that are stored already; a change lets ABDM be asked again
/// about visits that it refused.
#[utoipa::path(put, path = "/v1/facilities/{facilityId}/patients/{patientRef}", tag = "Patients", operation_id = "putPatient",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("patientRef" = String, Path, description = "The facility's reference: 1 to 255 letters, digits and - _ . : /"),
    ),
    request_body = PatientBody,
    responses(
        (status = 200, description = "The patient was known and is as given now", body = PatientView),
        (status = 201, description = "The patient is new", body = PatientView),
        (status = 409, description = "`conflict`: the ABHA is already another patient's, or the patient was merged into another", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn put(
    State(app): State<App>,
    caller: Caller,
    InFacility(facility): InFacility,
    PatientPath(reference): PatientPath,
    Body(body): Body<PatientBody>,
) -> Result<(StatusCode, Json<PatientView>), Problem> {
    let whose = (&facility, &*caller.actor());
    let mut stored = put_alone(&app, whose, reference.clone(), body.clone()).await;
    if stored.as_ref().is_err_and(|problem| problem.code == Code::Conflict && problem.errors.is_empty()) {
        // Somebody stored the same ABHA at the same moment, perhaps a profile share: now they are found.
        stored = put_alone(&app, whose, reference, body).await;
    }
    let (patient, outcome) = stored?;
    Ok((super::created_or_ok(outcome == PutOutcome::Created), Json(patient.into())))
}

async fn put_alone(
    app: &App,
    (facility, actor): (&Facility, &str),
    reference: PatientRef,
    body: PatientBody,
) -> Result<(Patient, PutOutcome), Problem> {
    let mut tx = app.store.begin().await?;
    let (patient, outcome) = put_in(app, &mut tx, (facility, actor), reference, body).await?;
    if outcome != PutOutcome::Unchanged {
        tx.audit(&facility.id, actor, "patient stored", patient.reference.as_str()).await?;
        tx.commit().await?;
    }
    Ok((patient, outcome))
}

/// Stores a patient in the transaction, with what follows from it for the patient's visits.
pub async fn put_in(
    app: &App,
    tx: &mut Tx,
    (facility, actor): (&Facility, &str),
    reference: PatientRef,
    body: PatientBody,
) -> Result<(Patient, PutOutcome), Problem> {
    let before = tx.lock_patient(&facility.id, &reference).await?;
    if before.is_none() {
        let survivor = tx.survivor(&facility.id, &reference).await?;
        if survivor != reference {
            let detail = format!("the patient was merged into {survivor}: use that reference");
            return Err(Problem::conflict(detail).field("/patientRef", "was merged into another patient"));
        }
    }
    let (names_address, removed) = (body.names_address(), body.removes_abha());
    let mut patient = body.read(reference, before.as_ref(), app.clock.now())?;
    // The patient's own link told the address before: named by the HMIS, it is for all visits.
    let now_for_all = names_address && tx.is_address_learnt(&facility.id, &patient.reference).await?;
    if before.as_ref() == Some(&patient) && !now_for_all {
        return Ok((patient, PutOutcome::Unchanged));
    }
    if now_for_all {
        tx.set_address_learnt(&facility.id, &patient.reference, false).await?;
    }
    let provisional = adoption::provisional(tx, &facility.id, &patient).await.map_err(flow_problem)?;
    for one in &provisional {
        // ABDM itself has told the other half of the ABHA.
        patient.abha_address = patient.abha_address.or(one.abha_address.clone().filter(|_| !removed.0));
        patient.abha_number = patient.abha_number.or(one.abha_number.filter(|_| !removed.1));
    }
    refuse_taken_abha(tx, &facility.id, (&patient, &provisional)).await?;
    let adopted = adoption::adopt(tx, &facility.id, &provisional, &patient, actor).await;
    adopted.map_err(flow_problem)?;
    tx.put_patient(&facility.id, &patient).await.map_err(taken)?;
    if before.is_some() {
        let ctx = Ctx { rules: &app.rules, chance: app.chance() };
        let changed = flows::visits::patient_changed(&ctx, tx, facility, &patient.reference).await;
        changed.map_err(flow_problem)?;
    }
    let outcome = if before.is_some() { PutOutcome::Updated } else { PutOutcome::Created };
    Ok((patient, outcome))
}

/// Two writers at once: the database sees it.
fn taken(error: StoreError) -> Problem {
    if error.is_duplicate() {
        Problem::conflict("the ABHA is already another patient's")
    } else {
        error.into()
    }
}

/// A provisional patient whom this one adopts has the ABHA no longer.
async fn refuse_taken_abha(
    tx: &mut Tx,
    facility: &FacilityId,
    (patient, adopted): (&Patient, &[Patient]),
) -> Result<(), Problem> {
    let is_another = |other: &Patient| {
        other.reference != patient.reference && !adopted.iter().any(|one| one.reference == other.reference)
    };
    let mut problem = Problem::conflict("the ABHA is already another patient's");
    if let Some(address) = &patient.abha_address {
        let other = tx.patient_by_address(facility, address).await?;
        if other.is_some_and(|other| is_another(&other)) {
            problem = problem.field("/abhaAddress", "is already another patient's");
        }
    }
    if let Some(number) = patient.abha_number {
        let other = tx.patient_by_number(facility, number).await?;
        if other.is_some_and(|other| is_another(&other)) {
            problem = problem.field("/abhaNumber", "is already another patient's");
        }
    }
    if problem.errors.is_empty() { Ok(()) } else { Err(problem) }
}

/// A flow that did not end, as a problem.
pub fn flow_problem(error: FlowError) -> Problem {
    match error {
        FlowError::Store(error) => error.into(),
        other => {
            tracing::error!(error = %other, "a flow could not run");
            Problem::new(Code::Internal)
        }
    }
}

/// Read a patient
#[utoipa::path(get, path = "/v1/facilities/{facilityId}/patients/{patientRef}", tag = "Patients", operation_id = "getPatient",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("patientRef" = String, Path, description = "The facility's reference"),
    ),
    responses(
        (status = 200, description = "The patient", body = PatientView),
        (status = 301, description = "`moved`: the patient was merged; `Location` leads to the one who stays", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn get(
    State(app): State<App>,
    InFacility(facility): InFacility,
    PatientPath(reference): PatientPath,
    OriginalUri(uri): OriginalUri,
) -> Result<Json<PatientView>, Problem> {
    let mut tx = app.store.read().await?;
    match tx.patient(&facility.id, &reference).await? {
        Some(patient) => Ok(Json(patient.into())),
        None => Err(missing(&mut tx, &facility, &reference, Does::Read(&uri)).await),
    }
}

/// Which patients a list shows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Those with this mobile number.
    mobile: Option<String>,
    /// The one with this ABHA address.
    abha_address: Option<String>,
    /// The one with this ABHA number, dashed or plain.
    abha_number: Option<String>,
    /// Those whose name or reference holds this text. A page may then hold less than `limit`, even nothing, though
    /// `next` is there: go on with it.
    q: Option<String>,
    /// How many items at most; 1 to 200, usually 50.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List patients
#[utoipa::path(get, path = "/v1/facilities/{facilityId}/patients", tag = "Patients", operation_id = "listPatients",
    params(("facilityId" = String, Path, description = "The facility"), Filter),
    responses(
        (status = 200, description = "A page of patients", body = List<PatientView>),
        (status = 422, description = "`invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn list(
    State(app): State<App>,
    InFacility(facility): InFacility,
    Params(filter): Params<Filter>,
) -> Result<Json<List<PatientView>>, Problem> {
    let page = PageParams { limit: filter.limit, cursor: filter.cursor.clone() }.read()?;
    let wanted = filter.read()?;
    let mut tx = app.store.read().await?;
    let search = filter.q.as_deref().map(folded).filter(|text| !text.is_empty());
    let Some(search) = search else {
        let patients = tx.patients(&facility.id, &wanted, page.after()?.as_ref(), page.read_limit()).await?;
        return Ok(Json(page.list(
            patients,
            |(place, _)| place.to_string(),
            |(_, it)| PatientView::from(it),
        )));
    };
    by_name(&mut tx, &facility.id, &wanted, &page, &search).await.map(Json)
}

impl Filter {
    fn read(&self) -> Result<PatientFilter, Problem> {
        let mut check = Check::default();
        let filter = PatientFilter {
            mobile: read(&mut check, "/mobile", self.mobile.as_deref()),
            abha_number: read(&mut check, "/abhaNumber", self.abha_number.as_deref()),
            abha_address: read(&mut check, "/abhaAddress", self.abha_address.as_deref()),
        };
        check.end(Some(filter))
    }
}

fn read<T: FromStr<Err: std::fmt::Display>>(
    check: &mut Check,
    pointer: &str,
    text: Option<&str>,
) -> Option<T> {
    check.take(pointer, text?.parse())
}

/// Goes through the patients, newest first, until the page is full or enough were looked at.
async fn by_name(
    tx: &mut Tx,
    facility: &FacilityId,
    filter: &PatientFilter,
    page: &PageRequest,
    search: &str,
) -> Result<List<PatientView>, Problem> {
    const STEP: u32 = 500;
    let mut after: Option<Place<PatientRef>> = page.after()?;
    let mut found = Vec::new();
    for _ in 0..MAX_LOOKED_AT / STEP {
        let patients = tx.patients(facility, filter, after.as_ref(), STEP).await?;
        let ended = patients.len() < usize::try_from(STEP).unwrap_or(usize::MAX);
        after = patients.last().map(|(place, _)| place.clone());
        found.extend(patients.into_iter().filter(|(_, patient)| matches(patient, search)));
        if ended || found.len() >= usize::try_from(page.read_limit()).unwrap_or(usize::MAX) {
            after = after.filter(|_| !ended);
            break;
        }
    }
    let list = page.list(found, |(place, _)| place.to_string(), |(_, patient)| PatientView::from(patient));
    let go_on = after.map(|place| seal_cursor(&place.to_string()));
    Ok(List { next: list.next.or(go_on), ..list })
}

fn matches(patient: &Patient, search: &str) -> bool {
    folded(&patient.name).contains(search) || folded(patient.reference.as_str()).contains(search)
}

/// Without case and accents, in Latin letters.
fn folded(text: &str) -> String {
    any_ascii(text.trim()).to_lowercase()
}
