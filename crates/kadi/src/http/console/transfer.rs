//! The transfer that a request for records began, as the exchange's page shows it.

use abdm::id::TransactionId;
use abdm::path::Callback;
use domain::transfer::HiStatus;
use jiff::Timestamp;
use store::{Exchange, TransferContext, Tx};

use super::page::NoPage;
use super::words;

/// No more visits are shown than this; the API has them all.
const SHOWN: usize = 100;

/// A transfer.
pub struct Transfer {
    pub status: &'static str,
    pub pages_sent: u32,
    pub page_count: u32,
    /// Until when all must have been sent and told.
    pub deadline: Timestamp,
    pub until: String,
    /// How long that is from now, or ago; none once the transfer has ended.
    pub left: Option<Left>,
    pub visits: Vec<Visit>,
    pub more: usize,
}

/// The time that is left.
pub struct Left {
    pub overdue: bool,
    pub took: String,
}

/// What became of a visit.
pub struct Visit {
    pub patient: String,
    pub reference: String,
    pub state: &'static str,
    pub description: String,
}

impl From<TransferContext> for Visit {
    fn from(context: TransferContext) -> Self {
        let state = match context.tally.status() {
            HiStatus::Pending => "waiting",
            HiStatus::Delivered => "answered",
            HiStatus::Errored => "refused",
        };
        let description = context.tally.description();
        Self { patient: context.patient, reference: context.reference, state, description }
    }
}

/// The transfer of an exchange, if it began one.
pub async fn of(tx: &mut Tx, exchange: &Exchange) -> Result<Option<Transfer>, NoPage> {
    if Callback::from_path(&exchange.path) != Some(Callback::HealthInformationRequest) {
        return Ok(None);
    }
    let Some(id) = exchange.subject.as_deref().and_then(|id| id.parse::<TransactionId>().ok()) else {
        return Ok(None);
    };
    let Some(transfer) = tx.transfer(&exchange.facility, &id).await? else { return Ok(None) };
    let contexts = tx.transfer_contexts(&exchange.facility, &id).await?;
    let left = transfer.deadline.duration_since(tx.now());
    Ok(Some(Transfer {
        status: transfer.status.as_str(),
        pages_sent: tx.pages_sent(&exchange.facility, &id).await?,
        page_count: transfer.page_count,
        deadline: transfer.deadline,
        until: words::moment(transfer.deadline),
        left: transfer
            .ended_at
            .is_none()
            .then(|| Left { overdue: !left.is_positive(), took: words::took(left.abs()) }),
        more: contexts.len().saturating_sub(SHOWN),
        visits: contexts.into_iter().take(SHOWN).map(Visit::from).collect(),
    }))
}
