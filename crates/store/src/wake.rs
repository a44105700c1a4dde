//! Waking whoever waits for work. A wake-up is only ever a hint: every queue is also looked at on a slow poll,
//! because a lost wake-up must cost time and not truth.

use tokio::sync::Notify;

/// Something that workers wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// A callback to work on.
    Inbox,
    /// A call to make.
    Outbox,
    /// An event for the HMIS.
    Events,
    /// An event to be told to a webhook.
    Webhooks,
}

impl Queue {
    pub(crate) const ALL: [Self; 4] = [Self::Inbox, Self::Outbox, Self::Events, Self::Webhooks];

    /// The name that instances tell each other.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Outbox => "outbox",
            Self::Events => "events",
            Self::Webhooks => "webhooks",
        }
    }
}

/// Which queues a transaction has put work in.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Wakes {
    inbox: bool,
    outbox: bool,
    events: bool,
    webhooks: bool,
}

impl Wakes {
    pub(crate) fn add(&mut self, queue: Queue) {
        match queue {
            Queue::Inbox => self.inbox = true,
            Queue::Outbox => self.outbox = true,
            Queue::Events => self.events = true,
            Queue::Webhooks => self.webhooks = true,
        }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Queue> {
        Queue::ALL.into_iter().filter(move |queue| match queue {
            Queue::Inbox => self.inbox,
            Queue::Outbox => self.outbox,
            Queue::Events => self.events,
            Queue::Webhooks => self.webhooks,
        })
    }
}

/// The bells of one process.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    inbox: Notify,
    outbox: Notify,
    events: Notify,
    webhooks: Notify,
}

impl Signals {
    pub(crate) fn of(&self, queue: Queue) -> &Notify {
        match queue {
            Queue::Inbox => &self.inbox,
            Queue::Outbox => &self.outbox,
            Queue::Events => &self.events,
            Queue::Webhooks => &self.webhooks,
        }
    }

    pub(crate) fn wake_all(&self, wakes: Wakes) {
        for queue in wakes.iter() {
            self.wake(queue);
        }
    }

    /// Work has one dispatcher each, which keeps a missed bell; events have many listeners.
    pub(crate) fn wake(&self, queue: Queue) {
        match queue {
            Queue::Inbox | Queue::Outbox | Queue::Webhooks => self.of(queue).notify_one(),
            Queue::Events => self.of(queue).notify_waiters(),
        }
    }
}
