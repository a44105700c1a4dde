//! Looks from time to time whether ABDM still sends callbacks here. One of several instances looks for all.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::bridge::Bridge;
use crate::flows;
use crate::flows::bridge::{is_known, record};

pub(super) async fn run(bridge: Arc<Bridge>, stop: CancellationToken) {
    if bridge.watch.every.is_zero() {
        return;
    }
    while !stop.is_cancelled() {
        if let Err(error) = look(&bridge).await {
            tracing::error!(error = %error, "the bridge's address could not be looked after");
        }
        stop.run_until_cancelled(bridge.clock.sleep(bridge.watch.every)).await;
    }
}

async fn look(bridge: &Bridge) -> flows::Result<()> {
    let watch = &bridge.watch;
    let mut tx = bridge.store.begin().await?;
    if !is_known(&mut tx, watch).await? {
        tracing::debug!(
            "neither server.public_url nor a registered address says where callbacks should come"
        );
        return Ok(());
    }
    let next = tx.now() + watch.every;
    if !tx.take_bridge_turn(&watch.client_id, next).await? {
        return Ok(());
    }
    tx.commit().await?;
    match bridge.gateway.bridge_services().await {
        Ok(listed) => {
            let mut tx = bridge.store.begin().await?;
            record(&mut tx, watch, listed.bridge.and_then(|bridge| bridge.url)).await?;
            Ok(tx.commit().await?)
        }
        Err(failure) => {
            tracing::warn!(error = %failure, "ABDM did not say where it sends callbacks; asked again later");
            Ok(())
        }
    }
}
