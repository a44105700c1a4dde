//! Waking whoever waits for work. A wake-up is only ever a hint: every queue is also looked at on a slow poll,
//! because a lost wake-up must cost time and not truth.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tokio::sync::Notify;

/// Something that workers wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// A callback to work on.
    Inbox,
    /// A reply to send.
    Outbox,
    /// A call of the facility's own to make.
    Calls,
    /// An event for the HMIS.
    Events,
    /// An old visit to link, or room for one.
    Backfill,
    /// An event to be told to a webhook.
    Webhooks,
    /// A transfer to serve.
    Transfers,
    /// A text to send.
    Texts,
}

impl Queue {
    pub(crate) const ALL: [Self; 8] = [
        Self::Inbox,
        Self::Outbox,
        Self::Calls,
        Self::Events,
        Self::Backfill,
        Self::Webhooks,
        Self::Transfers,
        Self::Texts,
    ];

    fn bit(self) -> u8 {
        match self {
            Self::Inbox => 1,
            Self::Outbox => 2,
            Self::Calls => 4,
            Self::Events => 8,
            Self::Backfill => 16,
            Self::Webhooks => 32,
            Self::Transfers => 64,
            Self::Texts => 128,
        }
    }

    /// The name that instances tell each other.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Outbox => "outbox",
            Self::Calls => "calls",
            Self::Events => "events",
            Self::Backfill => "backfill",
            Self::Webhooks => "webhooks",
            Self::Transfers => "transfers",
            Self::Texts => "texts",
        }
    }
}

/// Which queues a transaction has put work in: a bit each.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Wakes(u8);

impl Wakes {
    pub(crate) fn add(&mut self, queue: Queue) {
        self.0 |= queue.bit();
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Queue> {
        Queue::ALL.into_iter().filter(move |queue| self.0 & queue.bit() != 0)
    }
}

/// The bells of one process.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    inbox: Notify,
    outbox: Notify,
    calls: Notify,
    events: Notify,
    backfill: Notify,
    webhooks: Notify,
    transfers: Notify,
    texts: Notify,
    others: Others,
}

/// What the other instances are to be told.
#[derive(Debug, Default)]
struct Others {
    /// Whether somebody tells them.
    told: AtomicBool,
    /// Of which queues, a bit each.
    of: AtomicU8,
    bell: Notify,
}

impl Signals {
    /// Whether somebody tells the other instances what was committed, so that a transaction need not. A notification within a transaction would make all commits of the database wait for each other, so it goes out
    /// beside them, one for many.
    pub(crate) fn tells_others(&self) -> bool {
        self.others.told.load(Ordering::SeqCst)
    }

    /// Somebody tells the other instances from here on, or nobody does any more.
    pub(crate) fn set_told(&self, told: bool) {
        self.others.told.store(told, Ordering::SeqCst);
    }

    /// Waits until the other instances are to be told something.
    pub(crate) async fn untold(&self) -> Wakes {
        loop {
            let wakes = Wakes(self.others.of.swap(0, Ordering::SeqCst));
            if !wakes.is_empty() {
                return wakes;
            }
            self.others.bell.notified().await;
        }
    }

    /// A transaction has committed: wakes whoever waits here, and has the others told.
    pub(crate) fn committed(&self, wakes: Wakes) {
        self.wake_all(wakes);
        if !wakes.is_empty() && self.others.told.load(Ordering::SeqCst) {
            self.others.of.fetch_or(wakes.0, Ordering::SeqCst);
            self.others.bell.notify_one();
        }
    }

    pub(crate) fn of(&self, queue: Queue) -> &Notify {
        match queue {
            Queue::Inbox => &self.inbox,
            Queue::Outbox => &self.outbox,
            Queue::Calls => &self.calls,
            Queue::Events => &self.events,
            Queue::Backfill => &self.backfill,
            Queue::Webhooks => &self.webhooks,
            Queue::Transfers => &self.transfers,
            Queue::Texts => &self.texts,
        }
    }

    fn wake_all(&self, wakes: Wakes) {
        for queue in wakes.iter() {
            self.wake(queue);
        }
    }

    /// All but events have one dispatcher each, which keeps a missed bell; events have many listeners.
    pub(crate) fn wake(&self, queue: Queue) {
        match queue {
            Queue::Events => self.of(queue).notify_waiters(),
            _ => self.of(queue).notify_one(),
        }
    }
}
