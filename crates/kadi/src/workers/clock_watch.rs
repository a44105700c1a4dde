//! Watches the machine's clock: against ABDM's, whose tokens and times it must match, and against itself.
//!
//! A clock that is put back would leave what is due on disk waiting for as long as it was put back; on SQLite, where
//! nobody else's clock wrote those times, they are put back with it. On PostgreSQL the other instances go on, and this
//! one's rows wait for them.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::bridge::Bridge;
use crate::metrics;

/// How often.
const EVERY: Duration = Duration::from_secs(1);
/// What a clock may be apart from ABDM's: tokens and times bear minutes, transport some seconds.
pub const MOST_APART: SignedDuration = SignedDuration::from_secs(30);
/// A clock that runs a little fast or slow is no jump.
const LEAST_JUMP: SignedDuration = SignedDuration::from_secs(3);

pub(super) async fn run(bridge: Arc<Bridge>, stop: CancellationToken) {
    let mut epoch = epoch(&bridge);
    let mut was_apart = false;
    while !stop.is_cancelled() {
        stop.run_until_cancelled(bridge.clock.sleep(EVERY)).await;
        epoch = jumped(&bridge, epoch).await;
        was_apart = apart(&bridge, was_apart);
    }
}

/// What the clock showed when it began to measure: another value means that it was set meanwhile.
fn epoch(bridge: &Bridge) -> Timestamp {
    let elapsed = SignedDuration::try_from(bridge.clock.elapsed()).unwrap_or(SignedDuration::MAX);
    bridge.clock.now().saturating_sub(elapsed).unwrap_or(Timestamp::MIN)
}

/// Looks whether the clock was set since its epoch was this; gives what it is now.
async fn jumped(bridge: &Bridge, before: Timestamp) -> Timestamp {
    let now = epoch(bridge);
    let by = now.duration_since(before);
    if by.abs() < LEAST_JUMP {
        return now;
    }
    metrics::clock_jumped();
    let seconds = by.as_secs();
    tracing::error!(
        seconds,
        "the machine's clock was put forward (back, if negative): keep it by NTP, which does not jump"
    );
    if by.is_negative()
        && let Err(error) = bridge.store.clock_put_back(by.unsigned_abs()).await
    {
        tracing::error!(error = %error, "what is due waits until the clock is where it was");
        return before;
    }
    now
}

/// Says so once when the clock is too far from ABDM's, and once when it is near again.
fn apart(bridge: &Bridge, before: bool) -> bool {
    let Some(apart) = bridge.gateway.clock_apart() else { return before };
    let far = apart.abs() > MOST_APART;
    let seconds = apart.as_secs();
    if far && !before {
        tracing::error!(
            seconds,
            "the machine's clock is ahead of ABDM's (behind, if negative): set it by NTP, for ABDM \
             refuses what is dated so, and its callbacks are refused here"
        );
    } else if before && !far {
        tracing::info!(seconds, "the machine's clock is right again");
    }
    far
}
