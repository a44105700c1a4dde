//! Gives the patients on a facility's backfill list their turn, few at a time: so many that ABDM never waits for us, and
//! so few that a new visit does not wait behind years of old ones.
//!
//! Taking a patient off the list and planning their links is one transaction: whoever is killed between has done
//! nothing. While callbacks do not come, or come to another system, nobody gets a turn: every link token that is asked
//! for then is one of three a day wasted.

use std::sync::Arc;
use std::time::Duration;

use abdm::id::FacilityId;
use domain::facility::Facility;
use store::Queue;
use tokio_util::sync::CancellationToken;

use super::{POLL, STORE_DOWN, ctx, is_contended};
use crate::bridge::Bridge;
use crate::flows::{self, FlowError, link};

/// Calls of a facility that may be due before another patient gets a turn.
const DUE_MOST: u32 = 64;
/// Calls that may await their callbacks.
const AWAITED_MOST: u32 = 1000;
/// When a patient whose links cannot be planned gets another turn.
const AGAIN: Duration = Duration::from_mins(5);

pub(super) async fn run(bridge: Arc<Bridge>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = feed(&bridge).await {
            tracing::error!(error = %error, "old visits could not be given their turn");
            stop.run_until_cancelled(bridge.clock.sleep(STORE_DOWN)).await;
        }
        tokio::select! {
            () = bridge.store.woken(Queue::Backfill) => {}
            () = bridge.clock.sleep(POLL) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn feed(bridge: &Bridge) -> flows::Result<()> {
    let mut tx = bridge.store.read().await?;
    let facilities = tx.facilities_with_backfill().await?;
    if facilities.is_empty() || tx.bridge_watch(&bridge.watch.client_id).await?.is_taken() {
        return Ok(());
    }
    drop(tx);
    for facility in facilities {
        feed_one(bridge, &facility).await?;
    }
    Ok(())
}

async fn feed_one(bridge: &Bridge, id: &FacilityId) -> flows::Result<()> {
    let mut tx = bridge.store.read().await?;
    let Some(facility) = tx.facility(id).await? else { return Ok(()) };
    let (now, pace) = (tx.now(), tx.pace(id).await?);
    let open = tx.open_calls(id, AWAITED_MOST).await?;
    drop(tx);
    if pace.held_until.is_some_and(|until| until > now) {
        return Ok(());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a small number")]
    let of_two_seconds = |rate: f64| (2.0 * rate).clamp(2.0, f64::from(DUE_MOST)) as u32;
    let most = pace.rate(bridge.pace).map_or(DUE_MOST, of_two_seconds);
    let turns = most.saturating_sub(open.due).min(AWAITED_MOST.saturating_sub(open.awaited));
    for _ in 0..turns {
        if !turn(bridge, &facility).await? {
            break;
        }
    }
    Ok(())
}

/// The next patient's turn. False if there is none.
async fn turn(bridge: &Bridge, facility: &Facility) -> flows::Result<bool> {
    let mut tx = bridge.store.begin().await?;
    let Some(patient) = tx.take_backfill(&facility.id).await? else { return Ok(false) };
    let planned = async {
        link::plan(&ctx(bridge), &mut tx, facility, &patient).await?;
        Ok::<(), FlowError>(tx.commit().await?)
    };
    match planned.await {
        Ok(()) => Ok(true),
        // Somebody else was faster with one of the rows; the patient is still on the list.
        Err(error) if is_contended(&error) => Ok(true),
        Err(error @ FlowError::Store(store::StoreError::Database(_))) => Err(error),
        Err(error) => {
            tracing::error!(
                facility.id = %facility.id, patient.reference = %patient, error = %error,
                "a patient's old visits cannot be linked now; they get another turn"
            );
            let mut tx = bridge.store.begin().await?;
            let due_at = tx.now() + AGAIN;
            tx.put_off_backfill(&facility.id, &patient, due_at).await?;
            tx.commit().await?;
            Ok(true)
        }
    }
}
