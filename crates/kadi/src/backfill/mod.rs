//! Linking years of old visits: what is put on the list, how far it is, how long it will take, what is left and why.
//!
//! The list is in the store, and the workers of whatever bridge runs on it give each patient their turn
//! ([`crate::workers`]). So a backfill is never lost: stopped and started again it goes on, and it needs no process of its
//! own beside `kadi serve`.

pub mod report;

use std::time::Duration;

use abdm::clock::SharedClock;
use abdm::id::FacilityId;
use jiff::Timestamp;
use store::{BackfillProgress, Store, StoreError, Wanted};

/// Patients put on the list in one transaction.
const PAGE: u32 = 200;
/// How often a transaction that met another is run again.
const TRIES: u32 = 10;
/// How often to look how far it is.
const LOOK: Duration = Duration::from_secs(1);
/// What waits no longer than this is waited for: a link token's window and an overdue callback are.
const SOON: Duration = Duration::from_mins(15);
/// No estimate is made from less than this.
const ENOUGH: Duration = Duration::from_secs(3);

/// Puts a facility's unlinked visits on the list; gives how many were put on it now. The list of a backfill that has ended
/// is forgotten first; one that has not goes on.
///
/// # Errors
/// If the store fails.
pub async fn list(store: &Store, facility: &FacilityId, wanted: Wanted) -> store::Result<u64> {
    let mut tx = store.begin().await?;
    if tx.end_backfill(facility).await? {
        tx.commit().await?;
    } else {
        drop(tx);
    }
    let (mut after, mut visits, mut tries) = (None, 0, 0);
    loop {
        let listed = async {
            let mut tx = store.begin().await?;
            let page = tx.list_for_backfill(facility, wanted, after.as_ref(), PAGE).await?;
            tx.commit().await?;
            Ok(page)
        };
        match listed.await {
            Ok(None) => return Ok(visits),
            Ok(Some(page)) => {
                visits += page.visits;
                after = Some(page.last);
                tries = 0;
            }
            Err(StoreError::Contended) if tries < TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// How far a backfill is, for people.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The counts.
    pub progress: BackfillProgress,
    /// How long the rest will take at the pace so far; without what waits for later.
    pub remaining: Option<Duration>,
    /// For how long nothing has changed.
    pub still: Duration,
}

/// Looks at a backfill until nothing is left to do now, or, with `to_the_end`, at all. What waits for longer than a
/// quarter of an hour, as for the end of a block, is done by `kadi serve` whenever it is time.
///
/// # Errors
/// If the store fails.
pub async fn follow(
    store: &Store,
    clock: &SharedClock,
    facility: &FacilityId,
    to_the_end: bool,
    mut show: impl FnMut(&Look),
) -> store::Result<BackfillProgress> {
    let begun = clock.elapsed();
    let mut first: Option<u64> = None;
    let mut last = (begun, None);
    loop {
        let soon = clock.now().saturating_add(SOON).unwrap_or(Timestamp::MAX);
        let progress = store.read().await?.backfill_progress(facility, soon).await?;
        let done = progress.linked + progress.failed;
        let passed = clock.elapsed().saturating_sub(begun);
        if last.1 != Some(progress) {
            last = (clock.elapsed(), Some(progress));
        }
        let since = *first.get_or_insert(done);
        let look = Look {
            progress,
            remaining: remaining(passed, done.saturating_sub(since), progress.under_way()),
            still: clock.elapsed().saturating_sub(last.0),
        };
        show(&look);
        let rests = progress.patients == 0 && progress.under_way() == 0;
        if rests && (progress.later == 0 || !to_the_end) {
            return Ok(progress);
        }
        clock.sleep(LOOK).await;
    }
}

/// At the pace of `done` in `passed`, how long `left` will take. None before there is a pace.
#[must_use]
pub fn remaining(passed: Duration, done: u64, left: u64) -> Option<Duration> {
    if left == 0 {
        return Some(Duration::ZERO);
    }
    if done == 0 || passed < ENOUGH {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let seconds = passed.as_secs_f64() * left as f64 / done as f64;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_needs_a_pace_and_follows_it() {
        let seconds = Duration::from_secs;
        assert_eq!(remaining(seconds(100), 0, 10), None);
        assert_eq!(remaining(seconds(1), 10, 10), None);
        assert_eq!(remaining(seconds(100), 50, 200), Some(seconds(400)));
        assert_eq!(remaining(seconds(100), 50, 0), Some(Duration::ZERO));
        assert_eq!(remaining(Duration::MAX, 1, u64::MAX), None);
    }
}
