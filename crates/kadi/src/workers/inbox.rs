//! Works on callbacks that are on disk.

use std::sync::Arc;

use abdm::path::Callback;
use store::{Queue, Received};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{INBOX_AT_ONCE, POLL, STORE_DOWN, again, ctx, findings, is_lease_lost, make_room, room};
use crate::bridge::Bridge;
use crate::flows::{self, FlowError};
use crate::metrics;

/// How often a callback is tried that fails for no known reason, before it becomes a dead letter.
const TRIES: u32 = 10;

/// Callbacks that end a call of ours, and so make room for the next old visit.
const RESULTS: [&str; 2] = [Callback::OnGenerateToken.path(), Callback::OnCareContext.path()];

pub(super) async fn run(bridge: Arc<Bridge>, tasks: TaskTracker, stop: CancellationToken) {
    let permits = Arc::new(Semaphore::new(INBOX_AT_ONCE));
    while !stop.is_cancelled() {
        let room = room(&permits);
        let leased = match bridge.store.lease_inbox(room).await {
            Ok(leased) => leased,
            Err(error) => {
                tracing::error!(error = %error, "the inbox cannot be read");
                stop.run_until_cancelled(bridge.clock.sleep(STORE_DOWN)).await;
                continue;
            }
        };
        // Fewer than were asked for: the queue is empty.
        let idle = u32::try_from(leased.len()).is_ok_and(|leased| leased < room);
        for received in leased {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let (bridge, permits) = (Arc::clone(&bridge), Arc::clone(&permits));
            let is_result = RESULTS.contains(&received.kind.as_str());
            tasks.spawn(async move {
                work(&bridge, received).await;
                make_room(&bridge, Queue::Inbox, &permits, permit);
                if is_result {
                    bridge.store.wake(Queue::Backfill);
                }
            });
        }
        if idle || permits.available_permits() == 0 {
            tokio::select! {
                () = bridge.store.woken(Queue::Inbox) => {}
                () = bridge.clock.sleep(POLL) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

async fn work(bridge: &Bridge, received: Received) {
    let started = bridge.clock.elapsed();
    let result = again(|| attempt(bridge, &received)).await;
    let took = bridge.clock.elapsed().saturating_sub(started);
    let duration_ms = took.as_millis();
    metrics::callback(&received.kind, if result.is_ok() { "done" } else { "again" }, took);
    match result {
        Ok(()) => tracing::info!(
            callback = %received.kind, facility.id = %received.facility, request.id = %received.request_id,
            duration_ms, "callback dealt with"
        ),
        Err(error) if is_lease_lost(&error) => {
            tracing::warn!(callback = %received.kind, "another worker took this callback over");
        }
        Err(error) => put_back(bridge, &received, &error).await,
    }
}

async fn attempt(bridge: &Bridge, received: &Received) -> flows::Result<()> {
    let found = findings::find(bridge, received).await;
    let mut tx = bridge.store.begin().await?;
    flows::on_callback_with(&ctx(bridge), &mut tx, received, &found).await?;
    Ok(tx.commit().await?)
}

/// What may pass is tried again; what cannot becomes a dead letter, kept for an operator to mend and replay.
async fn put_back(bridge: &Bridge, received: &Received, error: &FlowError) {
    let passing = matches!(error, FlowError::Store(_)) || received.attempts < TRIES;
    tracing::error!(
        callback = %received.kind, facility.id = %received.facility, request.id = %received.request_id,
        attempts = received.attempts, again = passing, error = %error, "callback could not be dealt with"
    );
    let put_back = || async {
        let mut tx = bridge.store.begin().await?;
        let due_at = passing.then(|| ctx(bridge).retry_at(tx.now(), received.attempts));
        tx.put_back_received(received.lease, due_at, &error.to_string()).await?;
        Ok(tx.commit().await?)
    };
    if let Err(error) = again(put_back).await {
        tracing::error!(error = %error, "a callback could not be put back; its lease will end");
    }
}
