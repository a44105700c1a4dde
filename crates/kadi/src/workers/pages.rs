//! Pushes the pages of a transfer to the HIU: several at a time up to the limit, each checked against the consent as
//! it stands then, and once more when its first byte is to leave, each under a key pair and nonce of its own. What became
//! of them is recorded as it comes in, those of the same moment in one commit, so that the database does not hold up the
//! pushing.
//!
//! Nothing is held but the pages under way, and of those no more than there is room for: a page takes its room before its
//! documents are read. A worker that dies loses at most the knowledge of what it had just pushed: those pages go out again
//! under the same transaction and number, which an HIU knows by.

use std::sync::Arc;

use abdm::error::{Delivery, Failure, Retry};
use abdm::id::TransactionId;
use abdm::time::AbdmTime;
use abdm::wire;
use abdm::wire::health_information::{DataEntry, DataPage, HealthInformationRequest, KeyMaterial};
use fidelius::{KeyPair, Nonce, PublicKey, Session, Tolerances};
use futures_util::StreamExt as _;
use futures_util::future::try_join;
use md5::{Digest as _, Md5};
use store::{Page, Sending, StoreError, Transfer};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{again, ctx};
use crate::bridge::Bridge;
use crate::flows::permit::Permit;
use crate::flows::{self, FlowError, transfer};
use crate::metrics;
use crate::room::Taken;
use gate::Gate;
use parts::Sealed;

mod gate;
mod parts;

/// Pages that are looked at, and whose outcomes are recorded, at a time.
const GROUP: usize = 64;

/// A transfer while it is served.
struct Serving<'a> {
    bridge: &'a Bridge,
    transaction: TransactionId,
    transfer: Transfer,
    gate: Arc<Gate>,
}

/// What became of one attempt at a page.
type Outcome = (Page, Result<(), PageError>);

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
        let finish = || async {
            let mut tx = bridge.store.begin().await?;
            tx.finish_sending(sending.lease, false).await?;
            Ok(tx.commit().await?)
        };
        return again(finish).await;
    };
    loop {
        let now = bridge.clock.now();
        let pages = serving.pending(GROUP).await?;
        if pages.is_empty() {
            let finish = || async {
                let mut tx = bridge.store.begin().await?;
                tx.finish_sending(sending.lease, false).await?;
                transfer::finish(&mut tx, &serving.gate.facility, &serving.transaction).await?;
                Ok(tx.commit().await?)
            };
            return again(finish).await;
        }
        let end = serving.pushes_end();
        let overdue = now >= end;
        let next = pages.iter().map(|page| page.due_at).min().unwrap_or(now);
        let due: Vec<_> = pages.into_iter().filter(|page| overdue || page.due_at <= now).collect();
        if due.is_empty() || stop.is_cancelled() {
            let put_back = || async {
                let mut tx = bridge.store.begin().await?;
                tx.put_back_sending(sending.lease, next.min(end)).await?;
                Ok(tx.commit().await?)
            };
            return again(put_back).await;
        }
        let (outcomes, recorded) = mpsc::channel(GROUP);
        try_join(serving.push_all(due, outcomes, stop), serving.record_all(recorded)).await?;
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
    let request: HealthInformationRequest = wire::read(request)?;
    let permit = Permit::load(&mut tx, &facility, &request, bridge.rules.allow_insecure).await?;
    let (store, clock) = (bridge.store.clone(), Arc::clone(&bridge.clock));
    let gate = Arc::new(Gate { store, clock, facility, request, permit });
    Ok(Some(Serving { bridge, transaction, transfer, gate }))
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
        Ok(tx.pending_pages(&self.gate.facility.id, &self.transaction, limit).await?)
    }

    /// Pushes pages, so many at once, until they are through or the process stops; those under way are finished.
    async fn push_all(
        &self,
        pages: Vec<Page>,
        outcomes: mpsc::Sender<Outcome>,
        stop: &CancellationToken,
    ) -> flows::Result<()> {
        let at_once = usize::try_from(self.bridge.pages_at_once).unwrap_or(1);
        let pages = futures_util::stream::iter(pages).take_until(stop.cancelled());
        let pushed = pages.map(|page| async move {
            let result = self.push(&page).await;
            (page, result)
        });
        let mut pushed = std::pin::pin!(pushed.buffer_unordered(at_once));
        while let Some(outcome) = pushed.next().await {
            // Recording fails for all or for none: its error is what counts.
            let _ = outcomes.send(outcome).await;
        }
        Ok(())
    }

    /// Records what became of pages, those that are there together in one commit.
    async fn record_all(&self, mut outcomes: mpsc::Receiver<Outcome>) -> flows::Result<()> {
        loop {
            let mut group = Vec::new();
            if outcomes.recv_many(&mut group, GROUP).await == 0 {
                return Ok(());
            }
            let mut settled = Vec::with_capacity(group.len());
            for (page, result) in group {
                settled.push((page, self.judge(result)?));
            }
            again(|| self.record(&settled)).await?;
        }
    }

    /// What an attempt means for its page.
    fn judge(&self, result: Result<(), PageError>) -> flows::Result<Settled> {
        let (word, settled) = match result {
            Ok(()) => ("delivered", Settled::Delivered),
            Err(PageError::Never(why)) => ("given_up", Settled::GivenUp(why)),
            Err(PageError::Again(failure)) => ("again", Settled::Again(failure, ctx(self.bridge).chance)),
            Err(PageError::Flow(error)) => return Err(error),
        };
        metrics::page(word);
        Ok(settled)
    }

    async fn record(&self, group: &[(Page, Settled)]) -> flows::Result<()> {
        let facility = &self.gate.facility.id;
        let mut tx = self.bridge.store.begin().await?;
        for (page, settled) in group {
            match settled {
                Settled::Delivered => tx.settle_page(facility, &self.transaction, page, None).await?,
                Settled::GivenUp(why) => {
                    tracing::warn!(transaction.id = %self.transaction, page = page.number, why, "page given up");
                    tx.settle_page(facility, &self.transaction, page, Some(why)).await?;
                }
                Settled::Again(failure, chance) => {
                    let now = tx.now();
                    let usual =
                        flows::Ctx { chance: *chance, ..ctx(self.bridge) }.retry_at(now, page.attempts + 1);
                    let due_at = failure.not_before(now).unwrap_or(usual);
                    tracing::warn!(
                        transaction.id = %self.transaction, page = page.number, status = failure.status,
                        again_at = %due_at, "page not delivered yet"
                    );
                    tx.put_back_page(facility, &self.transaction, page.number, due_at).await?;
                }
            }
        }
        Ok(tx.commit().await?)
    }

    async fn push(&self, page: &Page) -> Result<(), PageError> {
        let plain = page.entries.iter().map(|entry| usize::try_from(entry.bytes).unwrap_or(usize::MAX));
        let plain = plain.fold(0_usize, usize::saturating_add);
        let taken = self.bridge.page_room.take(parts::while_sealed(plain)).await;
        if self.bridge.clock.now() >= self.pushes_end() {
            return Err(PageError::Never("Not delivered before the deadline".to_owned()));
        }
        let looked = self.bridge.clock.elapsed();
        self.gate.permitted(page).await?;
        let entries = self.plain_entries(page).await?;
        let Sealed { body, bytes } = self.seal(page, entries).await?;
        let taken = taken.map(|mut taken: Taken| {
            taken.shrink(bytes);
            taken
        });
        let token = self.bridge.gateway.session().await.map_err(PageError::Again)?;
        let (body, verdict) = self.gate.hold(body, page, looked);
        let url = &self.gate.request.hi_request.data_push_url;
        let pushed = self.bridge.pusher.push(url, &token, body).await;
        drop(taken);
        match verdict.why() {
            Some(why) => Err(why),
            None => pushed.map(drop).map_err(retry_or_not),
        }
    }

    /// The documents of a page.
    async fn plain_entries(&self, page: &Page) -> Result<Vec<Plain>, PageError> {
        let mut entries = Vec::with_capacity(page.entries.len());
        for entry in &page.entries {
            let mut tx = self.bridge.store.read().await?;
            let document = tx.document(&self.gate.facility.id, entry.record).await?;
            drop(tx);
            let document = document.ok_or_else(gone)?;
            let md5 = document.md5;
            let document = match self.bridge.store.open_document(document).await {
                Ok(document) => document,
                Err(error) => return Err(self.unreadable(entry.record, error).await?),
            };
            entries.push(Plain { care_context: entry.care_context.clone(), document, md5 });
        }
        Ok(entries)
    }

    /// What a document that cannot be read means for its page.
    async fn unreadable(&self, record: uuid::Uuid, error: StoreError) -> Result<PageError, FlowError> {
        match &error {
            StoreError::Missing { .. } | StoreError::Unsealable { .. } | StoreError::Corrupt { .. } => {
                let mut tx = self.bridge.store.read().await?;
                if tx.document(&self.gate.facility.id, record).await?.is_none() {
                    return Ok(gone());
                }
                tracing::error!(
                    transaction.id = %self.transaction, record.id = %record, error = %error,
                    "a stored record cannot be read"
                );
                Ok(PageError::Never("The stored record cannot be read".to_owned()))
            }
            StoreError::Objects(cause) => {
                tracing::error!(transaction.id = %self.transaction, error = %cause, "the object store failed");
                let text = "The object store could not give a record.";
                Ok(PageError::Again(Failure::without_answer(text, Retry::Later, Delivery::NotSent)))
            }
            _ => Err(error.into()),
        }
    }

    /// Encrypts the documents under a fresh key pair and nonce, on a thread that may block.
    async fn seal(&self, page: &Page, entries: Vec<Plain>) -> Result<Sealed, PageError> {
        let (gate, numbers) = (Arc::clone(&self.gate), (page.number, self.transfer.page_count));
        let sealed = tokio::task::spawn_blocking(move || encrypt(&gate.request, numbers, entries)).await;
        sealed.unwrap_or_else(|_| Err(PageError::Never("The page could not be encrypted".to_owned())))
    }
}

/// A document that is to go into a page.
struct Plain {
    care_context: String,
    document: Vec<u8>,
    /// As far as it is known.
    md5: Option<[u8; 16]>,
}

/// What is to be recorded of a page.
enum Settled {
    Delivered,
    GivenUp(String),
    /// With the chance that spreads its retry.
    Again(Failure, f64),
}

fn gone() -> PageError {
    PageError::Never("The record was replaced".to_owned())
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

fn encrypt(
    request: &HealthInformationRequest,
    (page_number, page_count): (u32, u32),
    entries: Vec<Plain>,
) -> Result<Sealed, PageError> {
    let never =
        |error: fidelius::Error| PageError::Never(format!("The page could not be encrypted: {error}"));
    let peer = &request.hi_request.key_material;
    let tolerances = Tolerances::default();
    let peer_key = PublicKey::parse(&peer.dh_public_key.key_value, &tolerances).map_err(never)?.value;
    let peer_nonce = Nonce::parse_with(&peer.nonce, &tolerances).map_err(never)?.value;
    let (own, nonce) = (KeyPair::generate().map_err(never)?, Nonce::generate().map_err(never)?);
    let session = Session::agree(own.private(), &peer_key, &nonce, &peer_nonce).map_err(never)?;
    let (mut named, mut contents) = (Vec::with_capacity(entries.len()), Vec::with_capacity(entries.len()));
    for Plain { care_context, document, md5 } in entries {
        let checksum = hex::encode(md5.unwrap_or_else(|| Md5::digest(&document).into()));
        let reference =
            care_context.parse().map_err(|_| PageError::Never("Unusable reference".to_owned()))?;
        // The content is put between the quotes when the page is put together.
        named.push(DataEntry::new(String::new(), checksum, reference));
        contents.push(session.seal_base64_owned(document).map_err(never)?);
    }
    // The HIU's key bounds the life of ours: it alone can read the page.
    let expiry = peer.dh_public_key.expiry.unwrap_or(AbdmTime(jiff::Timestamp::MAX));
    let key_material = KeyMaterial::new(own.public().to_x509_base64(), nonce.to_base64(), expiry);
    let transaction_id = request.transaction_id.clone();
    let page = DataPage { page_number, page_count, transaction_id, entries: named, key_material };
    Ok(parts::put_together(&wire::write(&page)?, contents))
}
