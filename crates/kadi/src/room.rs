//! Room in memory: a bound on what large documents take together, whoever works on them.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What room is counted in.
const UNIT: usize = 1024;

/// So much memory. Whoever needs some waits for it in turn; what needs more than there is gets all of it, alone.
#[derive(Debug, Clone)]
pub struct Room {
    free: Arc<Semaphore>,
    all: u32,
}

/// A part of a room, free again when this is dropped.
#[derive(Debug)]
#[must_use = "the room is free again once this is dropped"]
pub struct Taken(OwnedSemaphorePermit);

impl Room {
    /// A room of so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let all = units(bytes).max(1);
        Self { free: Arc::new(Semaphore::new(usize::try_from(all).unwrap_or(usize::MAX))), all }
    }

    /// Waits for so many bytes.
    pub async fn take(&self, bytes: usize) -> Option<Taken> {
        let free = Arc::clone(&self.free);
        // It is never closed.
        free.acquire_many_owned(units(bytes).min(self.all)).await.ok().map(Taken)
    }
}

impl Taken {
    /// Gives back all but so many bytes.
    pub fn shrink(&mut self, bytes: usize) {
        let kept = usize::try_from(units(bytes)).unwrap_or(usize::MAX);
        drop(self.0.split(self.0.num_permits().saturating_sub(kept)));
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const MIB: usize = 1 << 20;

    #[tokio::test]
    async fn what_does_not_fit_waits_and_what_never_fits_goes_alone() {
        let room = Room::new(4 * MIB);
        let three = room.take(3 * MIB).now_or_never().unwrap().unwrap();
        let one = room.take(MIB).now_or_never().unwrap().unwrap();
        assert!(room.take(1).now_or_never().is_none(), "it is full");
        drop(one);
        let mut vast = Box::pin(room.take(100 * MIB));
        assert!((&mut vast).now_or_never().is_none());
        assert!(room.take(1).now_or_never().is_none(), "whoever came first goes first");
        drop(three);
        let vast = vast.now_or_never().unwrap().unwrap();
        assert!(room.take(1).now_or_never().is_none(), "alone");
        drop(vast);
        assert!(room.take(4 * MIB).now_or_never().is_some());
    }

    #[tokio::test]
    async fn what_is_given_back_is_free() {
        let room = Room::new(4 * MIB);
        let mut all = room.take(4 * MIB).await.unwrap();
        all.shrink(MIB);
        let three = room.take(3 * MIB).now_or_never().unwrap();
        assert!(room.take(1).now_or_never().is_none());
        all.shrink(2 * MIB);
        assert!(room.take(1).now_or_never().is_none(), "nothing grows");
        drop((all, three));
        assert!(room.take(4 * MIB).now_or_never().is_some());
    }
}
