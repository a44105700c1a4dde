//! Forgets what has been kept long enough, a little at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::bridge::Bridge;

/// How often.
const EVERY: Duration = Duration::from_hours(1);
/// How many of a kind in one transaction: few, so that nobody waits for it.
const AT_ONCE: u32 = 500;

pub(super) async fn run(bridge: Arc<Bridge>, stop: CancellationToken) {
    while !bridge.keep.is_zero() && !stop.is_cancelled() {
        match forget(&bridge, &stop).await {
            Ok(0) => {}
            Ok(gone) => tracing::info!(rows = gone, "what was kept long enough is forgotten"),
            Err(error) => {
                tracing::error!(error = %error, "nothing could be forgotten; the next time tries again");
            }
        }
        stop.run_until_cancelled(bridge.clock.sleep(EVERY)).await;
    }
}

async fn forget(bridge: &Bridge, stop: &CancellationToken) -> store::Result<u64> {
    let mut all = 0;
    loop {
        let mut tx = bridge.store.begin().await?;
        let gone = tx.purge(tx.now() - bridge.keep, AT_ONCE).await?;
        if gone == 0 || stop.is_cancelled() {
            return Ok(all);
        }
        tx.commit().await?;
        all += gone;
    }
}
