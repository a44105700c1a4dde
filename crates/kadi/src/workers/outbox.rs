//! Sends what is on disk: prepare, send, classify, record. There is a dispatcher for each lane, as a transfer takes as long as
//! its receiver, and a patient waits for a reply; what a facility begins itself has its own, [`super::own_calls`], which sends
//! by the same steps.

use std::sync::Arc;

use abdm::client::Call;
use abdm::error::{Delivery, Failure, Retry};
use abdm::id::LinkToken;
use abdm::path::{Operation, Version};
use abdm::time::AbdmTime;
use abdm::wire::v05;
use store::{Lane, Sending, StoreError};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{POLL, STORE_DOWN, again, ctx, is_lease_lost, make_room, pages, room, sms};
use crate::bridge::Bridge;
use crate::flows::user_link::SMS;
use crate::flows::{self, FlowError, TRANSFER, link, link_token};
use crate::metrics;

/// Sends what leaves by `lane`, so much at once.
pub(super) async fn run(
    bridge: Arc<Bridge>,
    (lane, at_once): (Lane, usize),
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(at_once));
    while !stop.is_cancelled() {
        let room = room(&permits);
        let leased = match bridge.store.lease_outbox(lane, room).await {
            Ok(leased) => leased,
            Err(error) => {
                tracing::error!(error = %error, "the outbox cannot be read");
                stop.run_until_cancelled(bridge.clock.sleep(STORE_DOWN)).await;
                continue;
            }
        };
        // Fewer than were asked for: the queue is empty.
        let idle = u32::try_from(leased.len()).is_ok_and(|leased| leased < room);
        for sending in leased {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let (bridge, permits, stop) = (Arc::clone(&bridge), Arc::clone(&permits), stop.clone());
            tasks.spawn(async move {
                work(&bridge, sending, &stop).await;
                make_room(&bridge, lane.queue(), &permits, permit);
            });
        }
        if idle || permits.available_permits() == 0 {
            tokio::select! {
                () = bridge.store.woken(lane.queue()) => {}
                () = bridge.clock.sleep(POLL) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

/// Works on one row and keeps its lease meanwhile; stops at once if the lease is lost.
pub(super) async fn work(bridge: &Bridge, sending: Sending, stop: &CancellationToken) {
    let work = async {
        if sending.kind == TRANSFER {
            pages::serve(bridge, &sending, stop).await
        } else if sending.kind == SMS {
            sms::serve(bridge, &sending).await
        } else {
            call(bridge, &sending).await
        }
    };
    let result = tokio::select! {
        result = work => result,
        error = keep_lease(bridge, &sending) => Err(error.into()),
    };
    match result {
        Ok(()) => {}
        Err(error) if is_lease_lost(&error) => {
            tracing::warn!(operation = %sending.kind, "another worker took this call over");
        }
        Err(error) => tracing::error!(
            operation = %sending.kind, facility.id = %sending.facility, error = %error,
            "what became of a call could not be recorded; its lease will end and it will be tried again"
        ),
    }
}

/// Renews the lease at a third of its term; ends when it is lost.
async fn keep_lease(bridge: &Bridge, sending: &Sending) -> StoreError {
    loop {
        bridge.clock.sleep(bridge.store.lease_term() / 3).await;
        if let Err(error @ StoreError::LeaseLost) = bridge.store.renew(sending.lease).await {
            return error;
        }
    }
}

async fn call(bridge: &Bridge, sending: &Sending) -> flows::Result<()> {
    let started = bridge.clock.elapsed();
    let outcome = send(bridge, sending).await?;
    bridge.ear.hear(sending, &outcome);
    let took = bridge.clock.elapsed().saturating_sub(started);
    metrics::call(&sending.kind, outcome.as_ref().copied(), took);
    let duration_ms = took.as_millis();
    match &outcome {
        Ok(()) => tracing::info!(
            operation = %sending.kind, facility.id = %sending.facility, request.id = %sending.request_id,
            attempt = sending.attempts, duration_ms, "call accepted"
        ),
        Err(failure) => tracing::warn!(
            operation = %sending.kind, facility.id = %sending.facility, request.id = %sending.request_id,
            attempt = sending.attempts, duration_ms, status = failure.status, code = failure.code.as_deref(),
            correlation_id = failure.correlation_id.as_deref(), retry = ?failure.retry, "call failed"
        ),
    }
    again(|| record(bridge, sending, &outcome)).await
}

async fn record(bridge: &Bridge, sending: &Sending, outcome: &Result<(), Failure>) -> flows::Result<()> {
    let mut tx = bridge.store.begin().await?;
    flows::on_sent(&ctx(bridge), &mut tx, sending, outcome).await?;
    Ok(tx.commit().await?)
}

/// Replies are kept as those of V3.
fn v05_body(bridge: &Bridge, operation: Operation, sending: &Sending) -> flows::Result<Vec<u8>> {
    let at = AbdmTime(bridge.clock.now());
    Ok(v05::reply(operation, &sending.body, sending.request_id, at)?.to_vec())
}

async fn send(bridge: &Bridge, sending: &Sending) -> flows::Result<Result<(), Failure>> {
    let operation = Operation::from_path(&sending.kind);
    let operation = operation.ok_or_else(|| FlowError::Unknown(sending.kind.clone()))?;
    let mut tx = bridge.store.read().await?;
    let facility = tx.facility(&sending.facility).await?.ok_or(FlowError::NoFacility)?;
    // In this order: a callback that comes in between ends the attempt and closes the call at once.
    let once = !operation.facts().deduplicated;
    if once && (tx.has_unknown_attempt(sending).await? || !tx.is_still_due(sending).await?) {
        // Its worker died, and ABDM would not know it again: its callback is awaited, then its window.
        let explanation =
            "An earlier attempt may have arrived; its answer is awaited before another is made.";
        return Ok(Err(Failure::without_answer(explanation, Retry::Later, Delivery::Unknown)));
    }
    drop(tx);
    let (link_token, body) = match operation {
        Operation::LinkCareContexts => {
            let (token, body) = link::token_and_body_of(&sending.body)?;
            (Some(LinkToken::from(token)), body)
        }
        Operation::GenerateToken => (None, link_token::body_of(&sending.body)?),
        _ if operation.version() == Version::V05 => (None, v05_body(bridge, operation, sending)?),
        _ => (None, sending.body.clone()),
    };
    let hiu_id =
        (bridge.on_discover_hiu_id && operation == Operation::OnDiscover).then(|| facility.hip_id.clone());
    let mut call = Call::new(operation, sending.request_id).hip_id(facility.hip_id).body(body);
    call.link_token = link_token;
    call.hiu_id = hiu_id;
    Ok(bridge.gateway.send(&call).await.map(drop))
}
