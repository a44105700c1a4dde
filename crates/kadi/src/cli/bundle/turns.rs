//! Which file is next, and how far the checking may be ahead of the telling.
//!
//! Outcomes are told in the order in which the files were named. While a huge file is checked, those of the files after
//! it wait in memory; so that they do not pile up, no file is begun that is too far behind the one that is told next.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The files of a run, by their places.
pub(super) struct Turns {
    files: usize,
    /// How many files from the one that is told next on may be begun.
    ahead: usize,
    state: Mutex<State>,
    moved: Condvar,
}

struct State {
    next: usize,
    told: usize,
    stopped: bool,
}

impl Turns {
    /// `ahead` counts from the file that is told next, and is 1 at least.
    pub(super) fn new(files: usize, ahead: usize) -> Self {
        let state = Mutex::new(State { next: 0, told: 0, stopped: false });
        Self { files, ahead: ahead.max(1), state, moved: Condvar::new() }
    }

    /// How many files there are.
    pub(super) fn files(&self) -> usize {
        self.files
    }

    /// The place of the file to be checked next, once it is near enough. None: there is none.
    pub(super) fn take(&self) -> Option<usize> {
        let too_far = |state: &mut State| {
            !state.stopped && state.next < self.files && state.next >= state.told.saturating_add(self.ahead)
        };
        let mut state = self.moved.wait_while(self.state(), too_far).unwrap_or_else(PoisonError::into_inner);
        if state.stopped || state.next >= self.files {
            return None;
        }
        state.next += 1;
        Some(state.next - 1)
    }

    /// All files before this place are told.
    pub(super) fn told(&self, place: usize) {
        self.state().told = place;
        self.moved.notify_all();
    }

    /// Nothing more is to be checked.
    pub(super) fn stop(&self) {
        self.state().stopped = true;
        self.moved.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A number is never half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    #[test]
    fn every_file_is_taken_once_and_in_order() {
        let turns = Turns::new(3, 10);
        assert_eq!(std::iter::from_fn(|| turns.take()).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(turns.take(), None);
        assert_eq!(Turns::new(0, 0).take(), None);
    }

    /// The first file takes longer than all others: as many as allowed are checked meanwhile, and wait.
    #[test]
    fn no_more_outcomes_wait_for_an_earlier_one_than_are_allowed() {
        const FILES: usize = 1000;
        const AHEAD: usize = 8;
        let turns = Turns::new(FILES, AHEAD);
        let first = turns.take();
        assert_eq!(first, Some(0));
        let (sender, receiver) = channel();
        let most = thread::scope(|scope| {
            for _ in 0..4 {
                let (sender, turns) = (sender.clone(), &turns);
                scope.spawn(move || {
                    while let Some(place) = turns.take() {
                        sender.send(place).unwrap();
                    }
                });
            }
            let mut waiting: BTreeSet<usize> = receiver.iter().take(AHEAD - 1).collect();
            assert_eq!(waiting, (1..AHEAD).collect(), "and then all wait");
            assert!(receiver.try_recv().is_err());
            // Now the first is there, and the rest follows.
            let (mut turn, mut most) = (1, waiting.len());
            sender.send(0).unwrap();
            drop(sender);
            for place in receiver {
                waiting.insert(place);
                most = most.max(waiting.len());
                while waiting.remove(&turn) {
                    turn += 1;
                }
                turns.told(turn);
            }
            assert_eq!(turn, FILES);
            most
        });
        assert!(most <= AHEAD + 1, "{most}");
    }

    #[test]
    fn whoever_waits_is_let_go_when_nothing_can_be_told() {
        let turns = Turns::new(10, 1);
        assert_eq!(turns.take(), Some(0));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| turns.take());
            turns.stop();
            assert_eq!(waiting.join().unwrap(), None);
        });
    }
}
