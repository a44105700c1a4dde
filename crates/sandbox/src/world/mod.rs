//! Everything the sandbox knows, as plain data. No waiting and no network here: the gateway and the steering
//! change it under one short lock.

pub(crate) mod consents;
pub(crate) mod journal;
pub(crate) mod ledger;
pub(crate) mod linkings;
pub(crate) mod links;
pub(crate) mod registry;
pub(crate) mod shares;
pub(crate) mod statuses;
pub(crate) mod transfers;

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use crate::config::SandboxConfig;
use consents::Consent;
use journal::Journal;
use ledger::Ledger;
use linkings::Linking;
use links::Links;
use registry::Registry;
use shares::Share;
use statuses::AbhaNotice;
use transfers::Transfer;

/// What a callback was about, so that its reply finds back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The result of a call: nothing is replied to it.
    Result,
    /// A consent notification.
    Consent { consent_id: String, status: &'static str },
    /// A discovery.
    Discover { transaction_id: String },
    /// The choice after a discovery.
    Init { transaction_id: String },
    /// The OTP.
    Confirm { transaction_id: String },
    /// A health information request.
    Request { transaction_id: String },
    /// A profile share.
    Share { share_id: String },
    /// What became of an ABHA.
    Status { notice_id: String },
}

/// A callback that was sent, known by its `REQUEST-ID`.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) subject: Subject,
    pub(crate) hip_id: String,
    pub(crate) at: Timestamp,
}

/// The whole state.
pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) links: Links,
    pub(crate) linkings: BTreeMap<String, Linking>,
    pub(crate) consents: BTreeMap<String, Consent>,
    pub(crate) transfers: BTreeMap<String, Transfer>,
    /// Push token to transaction id.
    pub(crate) push_tokens: HashMap<String, String>,
    /// Keys and nonces of HIPs, and the transfer that each served.
    pub(crate) hip_keys: HashMap<String, String>,
    pub(crate) shares: BTreeMap<String, Share>,
    pub(crate) statuses: BTreeMap<String, AbhaNotice>,
    /// `REQUEST-ID`s that were used, by client.
    pub(crate) request_ids: HashSet<(String, String)>,
    /// Callbacks by their `REQUEST-ID`.
    pub(crate) asked: HashMap<String, Asked>,
    pub(crate) ledger: Ledger,
    pub(crate) journal: Journal,
    /// Bytes of decrypted records kept.
    pub(crate) kept: usize,
}

impl World {
    pub(crate) fn new(config: &SandboxConfig) -> Self {
        Self {
            registry: Registry::seeded(config),
            links: Links::default(),
            linkings: BTreeMap::new(),
            consents: BTreeMap::new(),
            transfers: BTreeMap::new(),
            push_tokens: HashMap::new(),
            hip_keys: HashMap::new(),
            shares: BTreeMap::new(),
            statuses: BTreeMap::new(),
            request_ids: HashSet::new(),
            asked: HashMap::new(),
            ledger: Ledger::default(),
            journal: Journal::new(config.journal_entries),
            kept: 0,
        }
    }

    /// Forgets what happened; bridges, services, facilities and the seeded people stay as they are now.
    pub(crate) fn forget(&mut self, config: &SandboxConfig) {
        let mut fresh = Self::new(config);
        std::mem::swap(&mut fresh.registry.bridges, &mut self.registry.bridges);
        std::mem::swap(&mut fresh.registry.services, &mut self.registry.services);
        std::mem::swap(&mut fresh.registry.facilities, &mut self.registry.facilities);
        std::mem::swap(&mut fresh.registry.sessions, &mut self.registry.sessions);
        fresh.journal.continue_after(&self.journal);
        *self = fresh;
    }
}
