//! Who does the work: the inbox's and the outbox's dispatchers, and the sweep behind every event.
//!
//! A dispatcher leases what is due, works on it beside others up to a limit, and sleeps until it is woken or a
//! poll's time is over. A wake-up is a hint; the poll finds what a lost one left behind.

mod backfill;
mod bridge_watch;
mod clock_watch;
mod findings;
mod inbox;
mod objects;
mod outbox;
mod own_calls;
mod pages;
mod purge;
mod sms;
mod sweep;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use store::{Lane, Queue};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bridge::Bridge;
use crate::flows::{self, Ctx, FlowError};
pub use clock_watch::MOST_APART;
pub use webhooks::{SECRET_PREFIX, client as webhook_client};

pub use own_calls::Ear;

/// How often a queue is looked at without having been woken; also how finely the waits of retries are kept.
const POLL: Duration = Duration::from_secs(1);
/// How long to wait for a database that failed.
const STORE_DOWN: Duration = Duration::from_secs(1);
/// The pauses between attempts to have the gateway's keys at the start; each twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Callbacks worked on at once.
const INBOX_AT_ONCE: usize = 32;
/// Replies under way at once. ABDM takes 100 ms for one and more.
const REPLIES_AT_ONCE: usize = 128;
/// Transfers served at once; the pages under way have a bound of their own (`[transfer] memory`).
const TRANSFERS_AT_ONCE: usize = 64;
/// Texts under way at once.
const TEXTS_AT_ONCE: usize = 32;
/// Calls of the facilities' own under way at once: few enough to leave replies their room.
const OWN_AT_ONCE: usize = 32;
/// How often a transaction that met another is run again.
const CONTENDED_TRIES: u32 = 10;

/// Starts every worker. They end, their work finished or handed back, after `stop` is cancelled; `tasks` knows
/// when.
pub fn start(bridge: &Arc<Bridge>, tasks: &TaskTracker, stop: &CancellationToken) {
    tasks.spawn(inbox::run(Arc::clone(bridge), tasks.clone(), stop.clone()));
    for lane in
        [(Lane::Replies, REPLIES_AT_ONCE), (Lane::Transfers, TRANSFERS_AT_ONCE), (Lane::Texts, TEXTS_AT_ONCE)]
    {
        tasks.spawn(outbox::run(Arc::clone(bridge), lane, tasks.clone(), stop.clone()));
    }
    tasks.spawn(webhooks::run(Arc::clone(bridge), stop.clone()));
    tasks.spawn(own_calls::run(Arc::clone(bridge), tasks.clone(), stop.clone()));
    tasks.spawn(backfill::run(Arc::clone(bridge), stop.clone()));
    tasks.spawn(bridge_watch::run(Arc::clone(bridge), stop.clone()));
    tasks.spawn(clock_watch::run(Arc::clone(bridge), stop.clone()));
    tasks.spawn(objects::run(Arc::clone(bridge), stop.clone()));
    tasks.spawn(purge::run(Arc::clone(bridge), stop.clone()));
    tasks.spawn(sweep::run(Arc::clone(bridge), stop.clone()));
    tasks.spawn(listen(Arc::clone(bridge), stop.clone()));
    tasks.spawn(fetch_keys(Arc::clone(bridge), stop.clone()));
}

/// Fetches the keys of callback tokens ahead. Without them a callback is refused, and ABDM brings it again after a
/// quarter of an hour only.
async fn fetch_keys(bridge: Arc<Bridge>, stop: CancellationToken) {
    let fetching = async {
        let mut pause = FIRST_PAUSE;
        while let Err(failure) = bridge.verifier.warm().await {
            tracing::warn!(error = %failure, "the gateway's keys could not be fetched yet; callbacks wait for them");
            bridge.clock.sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    };
    stop.run_until_cancelled(fetching).await;
}

/// Passes on the wake-ups of other instances.
async fn listen(bridge: Arc<Bridge>, stop: CancellationToken) {
    let listening = async {
        loop {
            if let Err(error) = bridge.store.listen().await {
                tracing::warn!(error = %error, "wake-ups of other instances are not heard; polling goes on");
                bridge.clock.sleep(STORE_DOWN).await;
            }
        }
    };
    stop.run_until_cancelled(Box::pin(listening)).await;
}

/// What a flow has beside its message, with a fresh draw of chance.
fn ctx(bridge: &Bridge) -> Ctx<'_> {
    Ctx { rules: &bridge.rules, chance: bridge.chance() }
}

/// Runs a transaction, and again right away as long as it meets another one.
async fn again<T, F>(mut transaction: impl FnMut() -> F) -> flows::Result<T>
where
    F: Future<Output = flows::Result<T>>,
{
    for _ in 0..CONTENDED_TRIES {
        match transaction().await {
            Err(error) if is_contended(&error) => {}
            done => return done,
        }
    }
    transaction().await
}

/// Whether running the transaction again may help, right away.
fn is_contended(error: &FlowError) -> bool {
    matches!(error, FlowError::Store(store::StoreError::Contended))
}

fn is_lease_lost(error: &FlowError) -> bool {
    matches!(error, FlowError::Store(store::StoreError::LeaseLost))
}

/// One is done. Its dispatcher is woken if it waits for room: whether there is more work it knows otherwise.
fn make_room(bridge: &Bridge, queue: Queue, permits: &Semaphore, permit: OwnedSemaphorePermit) {
    let full = permits.available_permits() == 0;
    drop(permit);
    if full {
        bridge.store.wake(queue);
    }
}

/// How many more may be begun.
fn room(permits: &Semaphore) -> u32 {
    u32::try_from(permits.available_permits()).unwrap_or(u32::MAX)
}
