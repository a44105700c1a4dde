//! Sends what the facilities begin themselves, each at its pace: link tokens, links, notices.
//!
//! In one transaction the pace of a facility is locked, as many of its calls are leased as may leave now, and the pace
//! is written back. So several instances keep one rate between them, and a restart does not forget a pause that ABDM
//! has asked for. What ABDM says to calls is heard by [`Ear`] and written down at the next turn. A facility that has
//! to wait holds up no other, and none of the replies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use abdm::error::{Delivery, Failure, Retry};
use abdm::id::FacilityId;
use abdm::path::Operation;
use domain::pace::Heard;
use jiff::Timestamp;
use store::{Queue, Sending, Tx};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{OWN_AT_ONCE, POLL, STORE_DOWN, outbox, room};
use crate::bridge::Bridge;

/// ABDM's codes for too many calls (ABDM V3).
const TOO_MANY: [&str; 2] = ["ABDM-1022", "ABDM-2429"];
/// ABDM's code for a link token request too many: it concerns one patient, whatever the status.
const BLOCKED: &str = "ABDM-1027";

/// What ABDM has let be known since the pace was last written down.
#[derive(Debug, Default)]
pub struct Ear {
    told: Mutex<BTreeMap<FacilityId, Told>>,
}

/// The same of one facility.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Told {
    /// Calls that it took.
    taken: u32,
    /// Replies that left: they count, and were not held back.
    replies: u32,
    /// It complained.
    too_many: bool,
    /// The longest pause that it named.
    wait: Option<Duration>,
}

impl Ear {
    /// Listens to what became of a call.
    pub(super) fn hear(&self, sending: &Sending, outcome: &Result<(), Failure>) {
        let own = Operation::from_path(&sending.kind).is_some_and(|operation| operation.callback().is_some());
        let mut all = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let told = all.entry(sending.facility.clone()).or_default();
        told.replies += u32::from(!own);
        match heard(outcome) {
            Some(Heard::Taken) => told.taken += 1,
            Some(Heard::TooMany(wait)) => {
                told.too_many = true;
                told.wait = told.wait.max(wait);
            }
            None => {}
        }
    }

    fn take(&self) -> BTreeMap<FacilityId, Told> {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was taken could not be written down.
    fn give_back(&self, told: BTreeMap<FacilityId, Told>) {
        let mut all = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for (facility, before) in told {
            let now = all.entry(facility).or_default();
            now.taken += before.taken;
            now.replies += before.replies;
            now.too_many |= before.too_many;
            now.wait = now.wait.max(before.wait);
        }
    }
}

/// What an outcome says of the pace; nothing if ABDM was not heard.
fn heard(outcome: &Result<(), Failure>) -> Option<Heard> {
    let Err(failure) = outcome else { return Some(Heard::Taken) };
    let code = failure.code.as_deref().unwrap_or_default();
    if code != BLOCKED && (failure.status == Some(429) || TOO_MANY.contains(&code)) {
        let wait = match failure.retry {
            Retry::After(wait) => Some(wait),
            _ => None,
        };
        return Some(Heard::TooMany(wait));
    }
    let answered = failure.delivery == Delivery::Refused && failure.status.is_some_and(|status| status < 500);
    answered.then_some(Heard::Taken)
}

/// What may leave now.
#[derive(Default)]
struct Turn {
    leased: Vec<Sending>,
    look_at: Option<Timestamp>,
}

pub(super) async fn run(bridge: Arc<Bridge>, tasks: TaskTracker, stop: CancellationToken) {
    let permits = Arc::new(Semaphore::new(OWN_AT_ONCE));
    while !stop.is_cancelled() {
        let told = bridge.ear.take();
        let turn = match take_turn(&bridge, room(&permits), &told).await {
            Ok(turn) => turn,
            Err(error) => {
                tracing::error!(error = %error, "the facilities' own calls cannot be read");
                bridge.ear.give_back(told);
                stop.run_until_cancelled(bridge.clock.sleep(STORE_DOWN)).await;
                continue;
            }
        };
        let idle = turn.leased.is_empty();
        for sending in turn.leased {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let (bridge, stop) = (Arc::clone(&bridge), stop.clone());
            tasks.spawn(async move {
                outbox::work(&bridge, sending, &stop).await;
                drop(permit);
                bridge.store.wake(Queue::Calls);
                bridge.store.wake(Queue::Backfill);
            });
        }
        if idle || permits.available_permits() == 0 {
            let poll = bridge.clock.now() + POLL;
            tokio::select! {
                () = bridge.store.woken(Queue::Calls) => {}
                () = bridge.clock.sleep_until(turn.look_at.map_or(poll, |look_at| look_at.min(poll))) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

async fn take_turn(bridge: &Bridge, room: u32, told: &BTreeMap<FacilityId, Told>) -> store::Result<Turn> {
    let due = bridge.store.read().await?.facilities_with_due_calls().await?;
    let mut turn = Turn::default();
    if due.is_empty() && told.is_empty() {
        return Ok(turn);
    }
    let mut wishes: BTreeMap<&FacilityId, u32> = told.keys().map(|facility| (facility, 0)).collect();
    let share = room / u32::try_from(due.len()).unwrap_or(u32::MAX).max(1);
    let mut left = room;
    // Rows are locked in the order of the facilities' ids. Who begins with the room that is left over changes each time.
    let skip = usize::try_from(bridge.clock.now().as_millisecond()).unwrap_or_default() % due.len().max(1);
    for facility in due.iter().cycle().skip(skip).take(due.len()) {
        let wish = share.max(1).min(left);
        left -= wish;
        wishes.insert(facility, wish);
    }
    let mut tx = bridge.store.begin().await?;
    for (facility, wish) in wishes {
        let told = told.get(facility).copied().unwrap_or_default();
        leave(bridge, &mut tx, (facility, wish), told, &mut turn).await?;
    }
    tx.commit().await?;
    Ok(turn)
}

/// Leases what may leave of one facility.
async fn leave(
    bridge: &Bridge,
    tx: &mut Tx,
    (facility, wish): (&FacilityId, u32),
    told: Told,
    turn: &mut Turn,
) -> store::Result<()> {
    let (now, limits) = (tx.now(), bridge.pace);
    if !told.too_many && tx.pace(facility).await?.is_free(limits) {
        if wish > 0 {
            turn.leased.extend(tx.lease_own_calls(facility, wish).await?);
        }
        return Ok(());
    }
    let before = tx.lock_pace(facility).await?;
    let mut pace = before;
    for _ in 0..told.taken {
        pace = pace.hear(Heard::Taken, now, limits, 0.0);
    }
    if told.too_many {
        pace = pace.hear(Heard::TooMany(told.wait), now, limits, bridge.chance());
        tracing::warn!(
            facility.id = %facility, held_until = ?pace.held_until, rate = ?pace.rate(limits),
            "ABDM says that there are too many calls; the facility's own calls pause"
        );
    }
    pace = pace.spend(now, told.replies, limits);
    let may = pace.leave(now, wish, limits);
    if may.calls > 0 {
        let leased = tx.lease_own_calls(facility, may.calls).await?;
        pace = pace.spend(now, u32::try_from(leased.len()).unwrap_or(u32::MAX), limits);
        turn.leased.extend(leased);
    }
    if wish > 0 {
        turn.look_at = [turn.look_at, may.look_at].into_iter().flatten().min();
    }
    if pace != before {
        tx.put_pace(facility, &pace).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use abdm::error::Answer;

    use super::*;

    fn refused(status: u16, code: &str) -> Result<(), Failure> {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"no"}}}}"#);
        let answer = Answer { status, body: body.as_bytes(), ..Answer::default() };
        Err(Failure::refused(Operation::GenerateToken, answer))
    }

    #[test]
    fn complaints_are_told_from_other_refusals_and_from_silence() {
        assert_eq!(heard(&Ok(())), Some(Heard::Taken));
        for (status, code) in [(429, ""), (429, "ABDM-2429: "), (400, "ABDM-1022"), (503, "ABDM-2429")] {
            assert_eq!(heard(&refused(status, code)), Some(Heard::TooMany(None)), "{status} {code}");
        }
        for (status, code) in [(400, "ABDM-1092"), (400, "ABDM-9999: "), (429, "ABDM-1027: ")] {
            assert_eq!(heard(&refused(status, code)), Some(Heard::Taken), "{status} {code}");
        }
        assert_eq!(heard(&refused(503, "ABDM-1024")), None);
        assert_eq!(heard(&Err(Failure::without_answer("lost", Retry::Later, Delivery::Unknown))), None);
    }

    #[test]
    fn a_pause_that_abdm_names_is_heard() {
        let answer = Answer { status: 429, retry_after: Some(Duration::from_secs(30)), ..Answer::default() };
        let failure = Failure::refused(Operation::LinkCareContexts, answer);
        assert_eq!(heard(&Err(failure)), Some(Heard::TooMany(Some(Duration::from_secs(30)))));
    }
}
