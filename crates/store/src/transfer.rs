//! Transfers: what was asked for, on which pages it goes, and what became of each page and care context.

use std::collections::HashMap;
use std::sync::LazyLock;

use abdm::id::{ConsentId, FacilityId, HiType, TransactionId};
use domain::care_context::VisitDate;
use domain::reference::PatientRef;
use domain::transfer::{PageState, Tally, TransferStatus};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::database::{Row, Tx, args};
use crate::error::{Result, StoreError};
use crate::rows::Insert;

const REQUEST: &str = "health information request";

/// A transfer.
#[derive(Clone)]
pub struct Transfer {
    /// The gateway's id of it.
    pub transaction: TransactionId,
    /// The consent that it rests on.
    pub consent: ConsentId,
    /// The exchange that began it.
    pub exchange: Uuid,
    /// How far it is.
    pub status: TransferStatus,
    /// The request as it came; gone once the transfer has ended.
    pub request: Option<Vec<u8>>,
    /// When everything must have been sent and told.
    pub deadline: Timestamp,
    /// How many pages there are.
    pub page_count: u32,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// One record on a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageEntry {
    /// The patient's reference as the artefact names it.
    pub patient: String,
    /// The care context's reference as the artefact names it.
    pub care_context: String,
    /// The record.
    pub record: Uuid,
    /// The length of its document in bytes, as it was when the transfer began.
    #[serde(default)]
    pub bytes: u32,
}

/// A visit as a transfer sees it.
#[derive(Debug, Clone)]
pub struct Shareable {
    /// When it was.
    pub date: VisitDate,
    /// Whether the facility withdrew it.
    pub withdrawn: bool,
    /// Its records, in their order.
    pub records: Vec<ShareableRecord>,
}

/// A record as a transfer sees it.
#[derive(Debug, Clone, Copy)]
pub struct ShareableRecord {
    /// Its id.
    pub id: Uuid,
    /// Its type.
    pub hi_type: HiType,
    /// Whether the validator found no error.
    pub valid: bool,
    /// The length of its document in bytes.
    pub bytes: u32,
}

static PAGES: LazyLock<Insert> = LazyLock::new(|| {
    Insert::new(
        "INSERT INTO transfer_page (facility_id, transaction_id, due_at, page, records, state, attempts) VALUES",
        "($1, $2, $3, {}, {}, 'pending', 0)",
        "",
        3,
    )
});

static CONTEXTS: LazyLock<Insert> = LazyLock::new(|| {
    Insert::new(
        "INSERT INTO transfer_context (facility_id, transaction_id, patient_reference, reference, records, \
         delivered, errored, description) VALUES",
        "($1, $2, {}, {}, {}, {}, {}, {})",
        " ON CONFLICT DO NOTHING",
        2,
    )
});

/// A page of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its number, from 1.
    pub number: u32,
    /// What is on it.
    pub entries: Vec<PageEntry>,
    /// How far it is.
    pub state: PageState,
    /// How often it was tried.
    pub attempts: u32,
    /// Not before this time.
    pub due_at: Timestamp,
}

/// What becomes of one care context in a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferContext {
    /// The patient's reference as the artefact names it.
    pub patient: String,
    /// The care context's reference as the artefact names it.
    pub reference: String,
    /// Its records, counted.
    pub tally: Tally,
}

macro_rules! columns {
    () => {
        "transaction_id, consent_id, exchange_id, status, request, deadline, page_count, created_at, ended_at"
    };
}

impl Tx {
    /// Writes a new transfer with its pages and care contexts.
    pub async fn open_transfer(
        &mut self,
        facility: &FacilityId,
        transfer: &Transfer,
        pages: &[Vec<PageEntry>],
        contexts: &[TransferContext],
    ) -> Result<()> {
        let request = transfer.request.as_ref();
        let request = request.map(|request| self.inner.keys()?.seal_packed(REQUEST, request)).transpose()?;
        self.execute(
            "INSERT INTO transfer (facility_id, transaction_id, consent_id, exchange_id, status, request, deadline, \
             page_count, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            args![
                facility.as_str(),
                transfer.transaction.as_str(),
                transfer.consent.as_str(),
                transfer.exchange.to_string(),
                transfer.status.as_str(),
                request,
                transfer.deadline,
                transfer.page_count,
                transfer.created_at
            ],
        )
        .await?;
        let now = self.now();
        let shared = args![facility.as_str(), transfer.transaction.as_str(), now];
        let rows = (1_i64..).zip(pages).map(|(number, entries)| {
            let entries = serde_json::to_string(entries);
            Ok(args![number, entries.map_err(|error| StoreError::corrupt("page", error))?])
        });
        self.insert_rows(&PAGES, &shared, rows.collect::<Result<_>>()?).await?;
        let shared = args![facility.as_str(), transfer.transaction.as_str()];
        let rows = contexts.iter().map(|context| {
            let tally = &context.tally;
            let words = (&context.patient, &context.reference, tally.description.clone());
            args![words.0, words.1, tally.records, tally.delivered, tally.errored, words.2]
        });
        self.insert_rows(&CONTEXTS, &shared, rows.collect()).await
    }

    /// Every visit of a patient by its reference, with its records, in two statements however many there are.
    pub async fn shareable(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
    ) -> Result<HashMap<String, Shareable>> {
        let visits = self
            .all(
                "SELECT reference, visit_date, withdrawn_at FROM care_context \
                 WHERE facility_id = $1 AND patient_reference = $2",
                args![facility.as_str(), patient.as_str()],
            )
            .await?;
        let mut shareable = HashMap::with_capacity(visits.len());
        for row in &visits {
            let visit = Shareable {
                date: row.parse("visit_date")?,
                withdrawn: row.opt_int("withdrawn_at")?.is_some(),
                records: Vec::new(),
            };
            shareable.insert(row.text("reference")?, visit);
        }
        let records = self
            .all(
                "SELECT care_context_reference, id, hi_type, valid, bundle_bytes FROM record \
                 WHERE facility_id = $1 AND patient_reference = $2 ORDER BY care_context_reference, place",
                args![facility.as_str(), patient.as_str()],
            )
            .await?;
        for row in &records {
            if let Some(visit) = shareable.get_mut(&row.text("care_context_reference")?) {
                visit.records.push(ShareableRecord {
                    id: row.parse("id")?,
                    hi_type: row.parse("hi_type")?,
                    valid: row.flag("valid")?,
                    bytes: count(row, "bundle_bytes")?,
                });
            }
        }
        Ok(shareable)
    }

    /// The transfer with this transaction id.
    pub async fn transfer(
        &mut self,
        facility: &FacilityId,
        transaction: &TransactionId,
    ) -> Result<Option<Transfer>> {
        let row = self
            .optional(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM transfer WHERE facility_id = $1 AND transaction_id = $2"
                ),
                args![facility.as_str(), transaction.as_str()],
            )
            .await?;
        row.map(|row| self.read_transfer(&row)).transpose()
    }

    /// Like [`Tx::transfer`], and nobody else changes it until this transaction ends.
    pub async fn lock_transfer(
        &mut self,
        facility: &FacilityId,
        transaction: &TransactionId,
    ) -> Result<Option<Transfer>> {
        let row = self
            .optional(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM transfer WHERE facility_id = $1 AND transaction_id = $2 {for update}"
                ),
                args![facility.as_str(), transaction.as_str()],
            )
            .await?;
        row.map(|row| self.read_transfer(&row)).transpose()
    }

    /// Ends a transfer; its request, with the requester's key and address, is forgotten.
    pub async fn end_transfer(
        &mut self,
        facility: &FacilityId,
        transaction: &TransactionId,
        status: TransferStatus,
    ) -> Result<()> {
        let now = self.now();
        self.execute(
            "UPDATE transfer SET status = $3, request = NULL, ended_at = $4 \
             WHERE facility_id = $1 AND transaction_id = $2 AND ended_at IS NULL",
            args![facility.as_str(), transaction.as_str(), status.as_str(), now],
        )
        .await?;
        Ok(())
    }

    /// Up to `limit` transfers, newest first, after the given one.
    pub async fn transfers(
        &mut self,
        facility: &FacilityId,
        after: Option<&TransactionId>,
        limit: u32,
    ) -> Result<Vec<Transfer>> {
        let rows = self
            .all(
                "SELECT t.transaction_id, t.consent_id, t.exchange_id, t.status, t.request, t.deadline, \
                 t.page_count, t.created_at, t.ended_at FROM transfer t \
                 LEFT JOIN transfer a ON a.facility_id = t.facility_id AND a.transaction_id = $2 \
                 WHERE t.facility_id = $1 AND ($2 = '' OR t.created_at < a.created_at \
                   OR (t.created_at = a.created_at AND t.transaction_id < a.transaction_id)) \
                 ORDER BY t.created_at DESC, t.transaction_id DESC LIMIT $3",
                args![facility.as_str(), after.map_or("", TransactionId::as_str), limit],
            )
            .await?;
        rows.iter().map(|row| self.read_transfer(row)).collect()
    }

    /// Transfers whose deadline has passed without an end: `(facility, transaction)`, up to `limit`.
    pub async fn transfers_past_deadline(&mut self, limit: u32) -> Result<Vec<(FacilityId, TransactionId)>> {
        let now = self.now();
        let rows = self
            .all(
                "SELECT facility_id, transaction_id FROM transfer WHERE ended_at IS NULL AND deadline <= $1 LIMIT $2",
                args![now, limit],
            )
            .await?;
        rows.iter().map(|row| Ok((row.parse("facility_id")?, row.parse("transaction_id")?))).collect()
    }

    /// Up to `limit` pages that have not been settled, in order.
    pub async fn pending_pages(
        &mut self,
        facility: &FacilityId,
        transaction: &TransactionId,
        limit: u32,
    ) -> Result<Vec<Page>> {
        let rows = self
            .all(
                "SELECT page, records, state, attempts, due_at FROM transfer_page \
                 WHERE facility_id = $1 AND transaction_id = $2 AND state = 'pending' \
                 ORDER BY due_at, page LIMIT $3",
                args![facility.as_str(), transaction.as_str(), limit],
            )
            .await?;
        rows.iter().map(read_page).collect()
    }

    /// Puts a page off until `due_at`, because it failed in a way that may pass.
    pub async fn put_back_page(
        &mut self,
        facility: &FacilityId,
        transaction: &TransactionId,
        page: u32,
        due_at: Timestamp,
    ) -> Result<()> {
        self.execute(
            "UPDATE transfer_page SET attempts = attempts + 1, due_at = $4 \
             WHERE facility_id = $1 AND transaction_id = $2 AND page = $3 AND state = 'pending'",
            args![facility.as_str(), transaction.as_str(), page, due_at],
        )
        .await?;
        Ok(())
    }

    /// Settles a page and counts its entries for their care contexts. A settled page stays as it is.
    pub async fn settle_page(
        &mut self,
        facility: &FacilityId,
        transaction: &TransactionId,
        page: &Page,
        failure: Option<&str>,
    ) -> Result<()> {
        let state = if failure.is_some() { PageState::Errored } else { PageState::Delivered };
        let settled = self
            .execute(
                "UPDATE transfer_page SET state = $4, attempts = attempts + 1, description = $5 \
                 WHERE facility_id = $1 AND transaction_id = $2 AND page = $3 AND state = 'pending'",
                args![facility.as_str(), transaction.as_str(), page.number, state.as_str(), failure],
            )
            .await?;
        if settled == 0 {
            return Ok(());
        }
        for entry in &page.entries {
            let (delivered, errored) = if failure.is_some() { (0, 1) } else { (1, 0) };
            self.execute(
                "UPDATE transfer_context SET delivered = delivered + $5, errored = errored + $6, \
                 description = COALESCE(description, $7) WHERE facility_id = $1 AND transaction_id = $2 \
                 AND patient_reference = $3 AND reference = $4",
                args![
                    facility.as_str(),
                    transaction.as_str(),
                    &entry.patient,
                    &entry.care_context,
                    delivered,
                    errored,
                    failure
                ],
            )
            .await?;
        }
        Ok(())
    }

    /// How many pages were delivered.
    pub async fn pages_sent(&mut self, facility: &FacilityId, transaction: &TransactionId) -> Result<u32> {
        let row = self
            .one(
                "SELECT COUNT(*) AS sent FROM transfer_page WHERE facility_id = $1 AND transaction_id = $2 \
                 AND state = 'delivered'",
                args![facility.as_str(), transaction.as_str()],
            )
            .await?;
        u32::try_from(row.int("sent")?).map_err(|error| StoreError::corrupt("page count", error))
    }

    /// The care contexts of a transfer, in the order of the artefact.
    pub async fn transfer_contexts(
        &mut self,
        facility: &FacilityId,
        transaction: &TransactionId,
    ) -> Result<Vec<TransferContext>> {
        let rows = self
            .all(
                "SELECT patient_reference, reference, records, delivered, errored, description \
                 FROM transfer_context WHERE facility_id = $1 AND transaction_id = $2 \
                 ORDER BY patient_reference, reference",
                args![facility.as_str(), transaction.as_str()],
            )
            .await?;
        rows.iter().map(read_context).collect()
    }

    fn read_transfer(&self, row: &Row) -> Result<Transfer> {
        let request = row.opt_bytes("request")?;
        let request = request.map(|sealed| self.inner.keys()?.open_packed(REQUEST, &sealed)).transpose()?;
        Ok(Transfer {
            transaction: row.parse("transaction_id")?,
            consent: row.parse("consent_id")?,
            exchange: row.parse("exchange_id")?,
            status: row.parse("status")?,
            request,
            deadline: row.time("deadline")?,
            page_count: count(row, "page_count")?,
            created_at: row.time("created_at")?,
            ended_at: row.opt_time("ended_at")?,
        })
    }
}

fn count(row: &Row, column: &'static str) -> Result<u32> {
    u32::try_from(row.int(column)?).map_err(|error| StoreError::corrupt(column, error))
}

fn read_page(row: &Row) -> Result<Page> {
    Ok(Page {
        number: count(row, "page")?,
        entries: serde_json::from_str(&row.text("records")?)
            .map_err(|error| StoreError::corrupt("page", error))?,
        state: row.parse("state")?,
        attempts: count(row, "attempts")?,
        due_at: row.time("due_at")?,
    })
}

fn read_context(row: &Row) -> Result<TransferContext> {
    Ok(TransferContext {
        patient: row.text("patient_reference")?,
        reference: row.text("reference")?,
        tally: Tally {
            records: count(row, "records")?,
            delivered: count(row, "delivered")?,
            errored: count(row, "errored")?,
            description: row.opt_text("description")?,
        },
    })
}
