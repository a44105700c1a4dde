//! Deletes large documents that no record names any more.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::bridge::Bridge;

/// How often.
const EVERY: Duration = Duration::from_mins(10);
/// How many at a time.
const AT_ONCE: u32 = 100;

pub(super) async fn run(bridge: Arc<Bridge>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match sweep(&bridge, &stop).await {
            Ok(0) => {}
            Ok(objects) => tracing::info!(objects, "large documents of records that are gone are deleted"),
            Err(error) => {
                tracing::error!(error = %error, "the object store could not be swept; the next time tries again");
            }
        }
        stop.run_until_cancelled(bridge.clock.sleep(EVERY)).await;
    }
}

async fn sweep(bridge: &Bridge, stop: &CancellationToken) -> store::Result<u32> {
    let mut all = 0;
    loop {
        let gone = bridge.store.sweep_objects(AT_ONCE).await?;
        all += gone;
        if gone < AT_ONCE || stop.is_cancelled() {
            return Ok(all);
        }
    }
}
