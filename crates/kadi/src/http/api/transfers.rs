//! Transfers: health information requests being served, and what became of each care context in them.

use abdm::id::TransactionId;
use axum::Json;
use axum::extract::State;
use domain::facility::Facility;
use jiff::Timestamp;
use serde::Serialize;
use store::{Transfer, TransferContext, Tx};
use utoipa::ToSchema;

use super::super::App;
use super::super::auth::InFacility;
use super::super::paging::{List, PageParams, Params};
use super::super::problem::Problem;
use super::path::IdPath;

/// What became of one care context.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TransferCareContext)]
pub struct TransferContextView {
    /// The facility's reference of the patient.
    pub patient_ref: String,
    /// The facility's reference of the visit.
    pub care_context_ref: String,
    /// `PENDING`, `DELIVERED` or `ERRORED`.
    #[schema(example = "DELIVERED")]
    pub hi_status: &'static str,
    /// In words, as the gateway is told.
    pub description: String,
}

/// A page that is still to be taken by the receiver.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OpenPage)]
pub struct OpenPageView {
    /// Its number, from 1.
    pub page_number: u32,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, at the earliest.
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
}

/// A transfer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Transfer)]
pub struct TransferView {
    /// ABDM's id of it.
    pub transaction_id: String,
    /// The consent that it rests on.
    pub consent_id: String,
    /// `ACKNOWLEDGED`, `TRANSFERRED` (something was delivered) or `FAILED`.
    #[schema(example = "TRANSFERRED")]
    pub status: &'static str,
    /// When everything must have been sent and told.
    #[schema(value_type = String, format = DateTime)]
    pub deadline: Timestamp,
    /// Whether that time is over and it has not ended.
    pub overdue: bool,
    /// How many pages there are.
    pub page_count: u32,
    /// How many of them the receiver has taken.
    pub pages_sent: u32,
    /// The pages that are still to be taken, those that are due first before the others, 100 at most.
    pub open_pages: Vec<OpenPageView>,
    /// What became of each care context.
    pub care_contexts: Vec<TransferContextView>,
}

impl From<TransferContext> for TransferContextView {
    fn from(context: TransferContext) -> Self {
        Self {
            hi_status: context.tally.status().as_str(),
            description: context.tally.description(),
            patient_ref: context.patient,
            care_context_ref: context.reference,
        }
    }
}

/// List transfers
#[utoipa::path(get, path = "/v1/facilities/{facilityId}/transfers", tag = "Consents and transfers",
    operation_id = "listTransfers",
    params(("facilityId" = String, Path, description = "The facility"), PageParams),
    responses((status = 200, description = "A page of transfers", body = List<TransferView>)))]
pub async fn list(
    State(app): State<App>,
    InFacility(facility): InFacility,
    Params(page): Params<PageParams>,
) -> Result<Json<List<TransferView>>, Problem> {
    let page = page.read()?;
    let mut tx = app.store.read().await?;
    let transfers = tx.transfers(&facility.id, page.after()?.as_ref(), page.read_limit()).await?;
    let list = page.list(transfers, |transfer| transfer.transaction.to_string(), |transfer| transfer);
    let mut items = Vec::with_capacity(list.items.len());
    for transfer in list.items {
        items.push(view(&mut tx, &facility, transfer).await?);
    }
    Ok(Json(List { items, next: list.next }))
}

/// Read a transfer
#[utoipa::path(get, path = "/v1/facilities/{facilityId}/transfers/{transactionId}", tag = "Consents and transfers",
    operation_id = "getTransfer",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("transactionId" = String, Path, description = "ABDM's id of the transfer"),
    ),
    responses(
        (status = 200, description = "The transfer", body = TransferView),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn get(
    State(app): State<App>,
    InFacility(facility): InFacility,
    IdPath(id): IdPath<TransactionId>,
) -> Result<Json<TransferView>, Problem> {
    let mut tx = app.store.read().await?;
    let transfer = tx.transfer(&facility.id, &id).await?.ok_or_else(Problem::not_found)?;
    view(&mut tx, &facility, transfer).await.map(Json)
}

/// How many open pages are shown.
const OPEN_PAGES: u32 = 100;

async fn view(tx: &mut Tx, facility: &Facility, transfer: Transfer) -> Result<TransferView, Problem> {
    let contexts = tx.transfer_contexts(&facility.id, &transfer.transaction).await?;
    let open = match transfer.ended_at {
        Some(_) => Vec::new(),
        None => tx.pending_pages(&facility.id, &transfer.transaction, OPEN_PAGES).await?,
    };
    let open_page = |page: store::Page| OpenPageView {
        page_number: page.number,
        attempts: page.attempts,
        due_at: page.due_at,
    };
    Ok(TransferView {
        overdue: transfer.ended_at.is_none() && transfer.deadline <= tx.now(),
        open_pages: open.into_iter().map(open_page).collect(),
        pages_sent: tx.pages_sent(&facility.id, &transfer.transaction).await?,
        transaction_id: transfer.transaction.to_string(),
        consent_id: transfer.consent.to_string(),
        status: transfer.status.as_str(),
        deadline: transfer.deadline,
        page_count: transfer.page_count,
        care_contexts: contexts.into_iter().map(TransferContextView::from).collect(),
    })
}
