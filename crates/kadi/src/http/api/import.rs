//! Patients by the thousand: NDJSON in, one result line for each line, in order, as it goes.
//!
//! Lines that arrive together share one transaction. If that fails as a whole, each of its lines is stored alone,
//! so a bad line stops nothing. Results wait for a slow reader up to a limit, and beyond it the reading waits too.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::facility::Facility;
use domain::reference::PatientRef;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::super::App;
use super::super::auth::{Caller, InFacility};
use super::super::body::parse;
use super::super::problem::Problem;
use super::lines::{Line, lines};
use super::patient_body::PatientBody;
use super::patients::{self, PutOutcome};

/// How many lines share a transaction at most.
const BATCH: usize = 200;
/// How many batches of results wait for a reader that only writes.
const WAITING_RESULTS: usize = 10_000;

/// A line of an import.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportLine {
    /// The facility's reference.
    #[schema(value_type = String)]
    patient_ref: PatientRef,
    #[serde(flatten)]
    #[schema(inline)]
    patient: PatientBody,
}

/// What became of a line.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportResult {
    /// The line's number, from 1.
    line: u64,
    /// The patient, if the line named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_ref: Option<String>,
    /// What became of it.
    status: ImportStatus,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Problem>,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImportStatus {
    /// The patient is new.
    Created,
    /// The patient was known and is as given now.
    Updated,
    /// The patient was the same already.
    Unchanged,
    /// Nothing was stored.
    Rejected,
}

/// Import patients
///
/// One JSON object a line: a patient as in `PUT`, with `patientRef`. A line has at most 1 MiB; the body has no limit. The answer
/// has one line for each, in order, while the body is still being read.
#[utoipa::path(post, path = "/v1/facilities/{facilityId}/patients/import", tag = "Patients", operation_id = "importPatients",
    params(("facilityId" = String, Path, description = "The facility")),
    request_body(content = ImportLine, content_type = "application/x-ndjson"),
    responses((status = 200, description = "What became of each line", body = ImportResult, content_type = "application/x-ndjson")))]
pub async fn import(
    State(app): State<App>,
    caller: Caller,
    InFacility(facility): InFacility,
    request: Request,
) -> Response {
    let (results, shown) = mpsc::channel::<Bytes>(WAITING_RESULTS);
    tokio::spawn(store_lines(app, caller, facility, request.into_body(), results));
    let shown = futures_util::stream::unfold(shown, |mut shown| async move {
        let bytes = shown.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(bytes), shown))
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(shown)).into_response()
}

async fn store_lines(app: App, caller: Caller, facility: Facility, body: Body, results: mpsc::Sender<Bytes>) {
    let importer = Importer { app, caller, facility };
    let mut batches = std::pin::pin!(lines(body).ready_chunks(BATCH));
    while let Some(batch) = batches.next().await {
        let mut text = Vec::new();
        for result in importer.store(&batch).await {
            // A result is plain data: writing it can't fail.
            let _ = serde_json::to_writer(&mut text, &result);
            text.push(b'\n');
        }
        if results.send(text.into()).await.is_err() {
            // The caller is gone. What was stored stays; nobody would see what became of the rest.
            return;
        }
    }
}

struct Importer {
    app: App,
    caller: Caller,
    facility: Facility,
}

impl Importer {
    async fn store(&self, batch: &[(u64, Line)]) -> Vec<ImportResult> {
        if let Ok(results) = self.store_together(batch).await {
            return results;
        }
        let mut results = Vec::with_capacity(batch.len());
        for line in batch {
            let alone = self.store_together(std::slice::from_ref(line)).await;
            results.extend(alone.unwrap_or_else(|problem| vec![rejected(line.0, None, problem)]));
        }
        results
    }

    /// Stores lines in one transaction. An error means that none of them is stored.
    async fn store_together(&self, batch: &[(u64, Line)]) -> Result<Vec<ImportResult>, Problem> {
        let mut tx = self.app.store.begin().await?;
        let mut results = Vec::with_capacity(batch.len());
        for (number, line) in batch {
            let read = match line {
                Line::Text(text) => parse::<ImportLine>(text),
                Line::TooLong => Err(Problem::new(super::super::problem::Code::TooLarge)),
                Line::Broken => Err(Problem::new(super::super::problem::Code::Malformed).detail("cut off")),
            };
            results.push(match read {
                Ok(line) => self.store_one(&mut tx, *number, line).await?,
                Err(problem) => rejected(*number, None, problem),
            });
        }
        let stored = [ImportStatus::Created, ImportStatus::Updated];
        let changed = results.iter().filter(|result| stored.contains(&result.status)).count();
        if changed > 0 {
            let subject = format!("{changed} patients");
            tx.audit(&self.facility.id, &self.caller.actor(), "patients imported", &subject).await?;
            tx.commit().await?;
        }
        Ok(results)
    }

    async fn store_one(
        &self,
        tx: &mut store::Tx,
        number: u64,
        line: ImportLine,
    ) -> Result<ImportResult, Problem> {
        let reference = line.patient_ref;
        let (who, actor) = (reference.clone(), self.caller.actor());
        let stored = patients::put_in(&self.app, tx, (&self.facility, &actor), who, line.patient).await;
        match stored {
            Ok((_, outcome)) => Ok(ImportResult {
                line: number,
                patient_ref: Some(reference.to_string()),
                status: outcome.into(),
                error: None,
            }),
            // What is told with its fields was found before anything was written; the rest ends the transaction.
            Err(problem) if !problem.errors.is_empty() => Ok(rejected(number, Some(&reference), problem)),
            Err(problem) => Err(problem),
        }
    }
}

fn rejected(line: u64, reference: Option<&PatientRef>, problem: Problem) -> ImportResult {
    ImportResult {
        line,
        patient_ref: reference.map(PatientRef::to_string),
        status: ImportStatus::Rejected,
        error: Some(problem),
    }
}

impl From<PutOutcome> for ImportStatus {
    fn from(outcome: PutOutcome) -> Self {
        match outcome {
            PutOutcome::Created => Self::Created,
            PutOutcome::Updated => Self::Updated,
            PutOutcome::Unchanged => Self::Unchanged,
        }
    }
}
