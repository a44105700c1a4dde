//! Pushes the pages of a transfer to the HIU: one at a time up to the limit, each checked against the consent as
//! it stands then, each under a key pair and nonce of its own, each recorded before the next takes its place.
//!
//! Nothing is held but the pages under way. A worker that dies loses at most the knowledge of what it had just
//! pushed: those pages go out again under the same transaction and number, which an HIU knows by.

use std::sync::Arc;

use abdm::error::{Delivery, Failure, Retry};
use abdm::id::TransactionId;
use abdm::time::AbdmTime;
use abdm::wire;
use abdm::wire::health_information::{DataEntry, DataPage, HealthInformationRequest, KeyMaterial};
use bytes::Bytes;
use domain::facility::Facility;
use fidelius::{KeyPair, Nonce, PublicKey, Session, Tolerances};
use futures_util::StreamExt as _;
use md5::{Digest as _, Md5};
use store::{Page, Sending, Transfer};
use tokio_util::sync::CancellationToken;

use super::ctx;
use crate::bridge::Bridge;
use crate::flows::permit::Permit;
use crate::flows::{self, FlowError, transfer};
use crate::metrics;

/// A transfer while it is served.
struct Serving<'a> {
    bridge: &'a Bridge,
    facility: Facility,
    transaction: TransactionId,
    transfer: Transfer,
    request: Arc<HealthInformationRequest>,
    permit: Permit,
}

/// Why a page did not arrive.
enum PageError {
    /// It may pass.
    Again(Failure),
    /// It will not; in words for the gateway and the HMIS.
    Never(String),
    /// Nothing is known about it: the store failed, or the lease was lost.
    Flow(FlowError),
}

impl<E: Into<FlowError>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self::Flow(error.into())
    }
}

/// Serves a transfer until its pages are settled, must wait, or the process stops.
pub(super) async fn serve(bridge: &Bridge, sending: &Sending, stop: &CancellationToken) -> flows::Result<()> {
    let Some(serving) = load(bridge, sending).await? else {
        let mut tx = bridge.store.begin().await?;
        tx.finish_sending(sending.lease, false).await?;
        return Ok(tx.commit().await?);
    };
    let at_once = usize::try_from(bridge.pages_at_once).unwrap_or(1);
    loop {
        let now = bridge.clock.now();
        let pages = serving.pending(at_once * 2).await?;
        if pages.is_empty() {
            let mut tx = bridge.store.begin().await?;
            tx.finish_sending(sending.lease, false).await?;
            transfer::finish(&mut tx, &serving.facility, &serving.transaction).await?;
            return Ok(tx.commit().await?);
        }
        let end = serving.pushes_end();
        let overdue = now >= end;
        let next = pages.iter().map(|page| page.due_at).min().unwrap_or(now);
        let due: Vec<_> = pages.into_iter().filter(|page| overdue || page.due_at <= now).collect();
        if due.is_empty() || stop.is_cancelled() {
            let mut tx = bridge.store.begin().await?;
            tx.put_back_sending(sending.lease, next.min(end)).await?;
            return Ok(tx.commit().await?);
        }
        let served = futures_util::stream::iter(due.into_iter().map(|page| serving.page(page, overdue)));
        let results: Vec<_> = served.buffer_unordered(at_once).collect().await;
        results.into_iter().collect::<flows::Result<Vec<()>>>()?;
    }
}

async fn load<'a>(bridge: &'a Bridge, sending: &Sending) -> flows::Result<Option<Serving<'a>>> {
    let mut tx = bridge.store.read().await?;
    let facility = tx.facility(&sending.facility).await?.ok_or(FlowError::NoFacility)?;
    let Ok(transaction) = sending.subject.parse::<TransactionId>() else { return Ok(None) };
    let Some(transfer) = tx.transfer(&facility.id, &transaction).await? else { return Ok(None) };
    let Some(request) = transfer.request.as_ref().filter(|_| transfer.ended_at.is_none()) else {
        return Ok(None);
    };
    let request: Arc<HealthInformationRequest> = Arc::new(wire::read(request)?);
    let permit = Permit::load(&mut tx, &facility, &request, bridge.rules.allow_insecure).await?;
    Ok(Some(Serving { bridge, facility, transaction, transfer, request, permit }))
}

/// Of a transfer's time, one part in so many is kept for telling the gateway how it ended: the deadline is that of the
/// notify (ABDM V3: twenty minutes for pages and notify together).
const TELLING: i32 = 20;

impl Serving<'_> {
    /// From when on no page is pushed any more.
    fn pushes_end(&self) -> jiff::Timestamp {
        let Transfer { created_at, deadline, .. } = self.transfer;
        deadline - deadline.duration_since(created_at) / TELLING
    }

    async fn pending(&self, limit: usize) -> flows::Result<Vec<Page>> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let mut tx = self.bridge.store.read().await?;
        Ok(tx.pending_pages(&self.facility.id, &self.transaction, limit).await?)
    }

    /// Pushes one page and records what became of it.
    async fn page(&self, page: Page, overdue: bool) -> flows::Result<()> {
        let result = if overdue {
            Err(PageError::Never("Not delivered before the deadline".to_owned()))
        } else {
            self.push(&page).await
        };
        let facility = &self.facility.id;
        let mut tx = self.bridge.store.begin().await?;
        metrics::page(match &result {
            Ok(()) => "delivered",
            Err(PageError::Never(_)) => "given_up",
            Err(_) => "again",
        });
        match result {
            Ok(()) => tx.settle_page(facility, &self.transaction, &page, None).await?,
            Err(PageError::Never(why)) => {
                tracing::warn!(transaction.id = %self.transaction, page = page.number, why, "page given up");
                tx.settle_page(facility, &self.transaction, &page, Some(&why)).await?;
            }
            Err(PageError::Again(failure)) => {
                let now = tx.now();
                let usual = ctx(self.bridge).retry_at(now, page.attempts + 1);
                let due_at = failure.not_before(now).unwrap_or(usual);
                tracing::warn!(
                    transaction.id = %self.transaction, page = page.number, status = failure.status,
                    again_at = %due_at, "page not delivered yet"
                );
                tx.put_back_page(facility, &self.transaction, page.number, due_at).await?;
            }
            Err(PageError::Flow(error)) => return Err(error),
        }
        Ok(tx.commit().await?)
    }

    async fn push(&self, page: &Page) -> Result<(), PageError> {
        let request = &self.request.hi_request;
        let entries = self.plain_entries(page).await?;
        let body = seal(&self.request, page, self.transfer.page_count, entries).await?;
        let token = self.bridge.gateway.session().await.map_err(PageError::Again)?;
        let pushed = self.bridge.pusher.push(&request.data_push_url, &token, body).await;
        pushed.map(drop).map_err(retry_or_not)
    }

    /// The documents of a page, if the consent still allows them.
    async fn plain_entries(&self, page: &Page) -> Result<Vec<(String, Vec<u8>)>, PageError> {
        let mut tx = self.bridge.store.read().await?;
        if let Err(why) = self.permit.page(&mut tx, &self.facility, &self.request, page).await? {
            return Err(PageError::Never(why.to_owned()));
        }
        let mut entries = Vec::with_capacity(page.entries.len());
        for entry in &page.entries {
            let bundle = tx.bundle(&self.facility.id, entry.record).await?;
            let bundle = bundle.ok_or_else(|| PageError::Never("The record was replaced".to_owned()))?;
            entries.push((entry.care_context.clone(), bundle));
        }
        Ok(entries)
    }
}

fn retry_or_not(failure: Failure) -> PageError {
    match failure.retry {
        Retry::Later | Retry::After(_) | Retry::RefreshSession | Retry::NotYet => PageError::Again(failure),
        _ if failure.delivery == Delivery::NotSent => {
            PageError::Never("Push address is not public, nothing was sent to it".to_owned())
        }
        _ => {
            let status = failure.status.map(|status| format!(", HTTP {status}")).unwrap_or_default();
            PageError::Never(format!("Push refused by the HIU{status}"))
        }
    }
}

/// Encrypts the documents under a fresh key pair and nonce, on a thread that may block.
async fn seal(
    request: &Arc<HealthInformationRequest>,
    page: &Page,
    page_count: u32,
    entries: Vec<(String, Vec<u8>)>,
) -> Result<Bytes, PageError> {
    let (request, number) = (Arc::clone(request), page.number);
    let sealed = tokio::task::spawn_blocking(move || encrypt(&request, (number, page_count), entries)).await;
    sealed.unwrap_or_else(|_| Err(PageError::Never("The page could not be encrypted".to_owned())))
}

fn encrypt(
    request: &HealthInformationRequest,
    (page_number, page_count): (u32, u32),
    entries: Vec<(String, Vec<u8>)>,
) -> Result<Bytes, PageError> {
    let never =
        |error: fidelius::Error| PageError::Never(format!("The page could not be encrypted: {error}"));
    let peer = &request.hi_request.key_material;
    let tolerances = Tolerances::default();
    let peer_key = PublicKey::parse(&peer.dh_public_key.key_value, &tolerances).map_err(never)?.value;
    let peer_nonce = Nonce::parse_with(&peer.nonce, &tolerances).map_err(never)?.value;
    let (own, nonce) = (KeyPair::generate().map_err(never)?, Nonce::generate().map_err(never)?);
    let session = Session::agree(own.private(), &peer_key, &nonce, &peer_nonce).map_err(never)?;
    let entries = entries.into_iter().map(|(care_context, bundle)| {
        let checksum = hex::encode(Md5::digest(&bundle));
        let content = session.seal_base64(&bundle).map_err(never)?;
        let reference =
            care_context.parse().map_err(|_| PageError::Never("Unusable reference".to_owned()))?;
        Ok(DataEntry::new(content, checksum, reference))
    });
    let entries = entries.collect::<Result<Vec<_>, PageError>>()?;
    // The HIU's key bounds the life of ours: it alone can read the page.
    let expiry = peer.dh_public_key.expiry.unwrap_or(AbdmTime(jiff::Timestamp::MAX));
    let key_material = KeyMaterial::new(own.public().to_x509_base64(), nonce.to_base64(), expiry);
    let transaction_id = request.transaction_id.clone();
    let page = DataPage { page_number, page_count, transaction_id, entries, key_material };
    Ok(wire::write(&page)?)
}
