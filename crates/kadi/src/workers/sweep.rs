//! The reconciler: finds by itself what a lost event left behind, through the same flows as the event.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::ctx;
use crate::bridge::Bridge;
use crate::flows::{self, consent, link, transfer};

/// How often; also how finely a link's wait is kept.
const EVERY: Duration = Duration::from_secs(1);
/// How many of a kind in one sweep.
const MOST: u32 = 100;

pub(super) async fn run(bridge: Arc<Bridge>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        for (what, result) in [
            ("overdue exchanges", overdue(&bridge).await),
            ("visits due for linking", due_links(&bridge).await),
            ("consents past their end", ended_consents(&bridge).await),
            ("transfers past their deadline", late_transfers(&bridge).await),
        ] {
            if let Err(error) = result {
                tracing::error!(what, error = %error, "sweep failed; the next one tries again");
            }
        }
        stop.run_until_cancelled(bridge.clock.sleep(EVERY)).await;
    }
}

async fn overdue(bridge: &Bridge) -> flows::Result<()> {
    let sent_before = bridge.clock.now() - bridge.rules.callback_overdue;
    let overdue = bridge.store.read().await?.overdue_exchanges(sent_before, MOST).await?;
    for exchange in overdue {
        let mut tx = bridge.store.begin().await?;
        flows::on_overdue(&ctx(bridge), &mut tx, &exchange).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn due_links(bridge: &Bridge) -> flows::Result<()> {
    let due = bridge.store.read().await?.patients_due_for_linking(MOST).await?;
    for (facility, patient) in due {
        let mut tx = bridge.store.begin().await?;
        if let Some(facility) = tx.facility(&facility).await? {
            link::plan(&ctx(bridge), &mut tx, &facility, &patient).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

async fn ended_consents(bridge: &Bridge) -> flows::Result<()> {
    let ended = bridge.store.read().await?.consents_past_their_end(MOST).await?;
    for (facility, id) in ended {
        let mut tx = bridge.store.begin().await?;
        consent::expire(&mut tx, &facility, &id).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn late_transfers(bridge: &Bridge) -> flows::Result<()> {
    let late = bridge.store.read().await?.transfers_past_deadline(MOST).await?;
    for (facility, transaction) in late {
        let mut tx = bridge.store.begin().await?;
        if let Some(facility) = tx.facility(&facility).await? {
            transfer::past_deadline(&mut tx, &facility, &transaction).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}
