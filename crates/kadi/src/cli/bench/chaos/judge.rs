//! The judgement: what ABDM saw, what its HIU holds and what the bridge's store says, against what was done.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use ::sandbox::{EffectKind, Transfer, TransferState};
use aws_lc_rs::digest::{SHA256, digest};
use domain::care_context::CareContext;
use domain::exchange::{Direction, ExchangeState};
use domain::link::LinkState;
use store::{Exchange, ExchangeFilter, Store, Tx};
use uuid::Uuid;

use super::World;
use super::truth::{Asked, Grant, Truth, Visit};
use crate::config::Config;
use crate::start;

/// Token requests that ABDM takes in a day.
const TOKENS_A_DAY: u32 = 3;
/// Exchanges read at a time.
const PAGE: u32 = 500;
/// Calls that ABDM does not know again: silence is final.
const NOT_REPEATED: [&str; 2] = ["token/generate-token", "link/context/notify"];

/// What was found.
#[derive(Debug, Default)]
pub struct Judgement {
    /// What was promised and not kept.
    pub failures: Vec<String>,
    /// Exchanges by state.
    pub exchanges: BTreeMap<&'static str, u64>,
    /// Visits that are linked.
    pub linked: u64,
    /// Visits whose patient's token requests of the day are used up.
    pub used_up: u64,
    /// Errors that the bridges logged.
    pub logged_errors: u64,
}

/// What is judged with.
struct Bench<'a> {
    world: &'a World,
    truth: &'a Truth,
    /// SHA-256 of each record as it is stored.
    stored: HashMap<Uuid, String>,
    found: Judgement,
}

/// Judges, when no bridge runs any more.
pub async fn judge(world: &World, config: &Path, logs: &[PathBuf]) -> anyhow::Result<Judgement> {
    let config = Config::load_with(Some(config), [])?;
    let store = start::open_store(&config, world.clock.clone()).await?;
    let truth = world.truth(std::mem::take);
    let mut bench = Bench { world, truth: &truth, stored: HashMap::new(), found: Judgement::default() };
    bench.found.failures.extend(truth.odd.iter().cloned());
    bench.rules();
    bench.visits(&store).await?;
    bench.exchanges(&store).await?;
    bench.transfers();
    bench.logs(logs)?;
    let found = bench.found;
    store.close().await;
    // The figures need it once more.
    world.truth(|kept| *kept = truth);
    Ok(found)
}

impl Bench<'_> {
    fn fail(&mut self, what: impl Into<String>) {
        self.found.failures.push(what.into());
    }

    /// No rule broken, no effect twice. A token request has no body ids: it may be repeated after its window, and the
    /// local ABDM minds the window.
    fn rules(&mut self) {
        for violation in self.world.abdm.violations() {
            self.fail(format!("rule {} broken at {}: {}", violation.rule, violation.path, violation.detail));
        }
        for effect in self.world.abdm.effects(None, None) {
            if effect.accepted > 1 && effect.kind != EffectKind::TokenRequest {
                self.fail(format!("took effect {} times: {:?} {}", effect.accepted, effect.kind, effect.key));
            }
        }
    }

    /// Every visit is linked here and at ABDM, with every type of its records.
    async fn visits(&mut self, store: &Store) -> anyhow::Result<()> {
        let mut tx = store.read().await?;
        for (reference, visit) in &self.truth.visits {
            let facility = visit.patient.facility.id.parse()?;
            let patient = visit.patient.reference.parse()?;
            let context = tx.care_context(&facility, &patient, &reference.parse()?).await?;
            for record in &visit.records {
                if let Some(bundle) = tx.bundle(&facility, record.id).await? {
                    self.stored.insert(record.id, hex::encode(digest(&SHA256, &bundle)));
                } else {
                    self.fail(format!("a stored {} of {reference} is gone", record.hi_type));
                }
            }
            match context {
                Some(context) => self.visit(reference, visit, &context),
                None => self.fail(format!("the stored visit {reference} is gone")),
            }
        }
        Ok(())
    }

    fn visit(&mut self, reference: &str, visit: &Visit, context: &CareContext) {
        let address = &visit.patient.person.abha_address;
        let links = self.world.abdm.links(address);
        let at_abdm = links.iter().find(|link| link.care_context_reference == reference);
        let lacks = |has: &dyn Fn(&str) -> bool| visit.records.iter().any(|record| !has(&record.hi_type));
        let here = |hi_type: &str| context.link.linked_types.iter().any(|linked| linked.as_str() == hi_type);
        let there = |hi_type: &str| at_abdm.is_some_and(|link| link.hi_types.contains(hi_type));
        if context.link.state == LinkState::Linked && !lacks(&here) && !lacks(&there) {
            self.found.linked += 1;
        } else if context.link.state == LinkState::Waiting && self.used_up(visit) {
            self.found.used_up += 1;
        } else {
            let error = context.link.error.as_ref().map(|error| error.code.as_str()).unwrap_or_default();
            let state = context.link.state.as_str();
            let linked = if lacks(&there) { "not linked" } else { "linked" };
            self.fail(format!(
                "visit {reference} is {state} ({error}) with {:?}, and {linked} at ABDM",
                context.link.linked_types
            ));
        }
    }

    /// Whether ABDM has taken all the token requests for this patient that it takes in a day.
    fn used_up(&self, visit: &Visit) -> bool {
        let key = format!("{}|{}", visit.patient.facility.hip_id, visit.patient.person.abha_address);
        let asked = self.world.abdm.effects(Some(EffectKind::TokenRequest), Some(&key));
        // A request that never arrived counts too, for the bridge cannot know.
        asked.iter().map(|effect| effect.accepted).sum::<u32>() <= TOKENS_A_DAY
    }

    /// Every exchange has ended, or ABDM is silent on what must not be repeated.
    async fn exchanges(&mut self, store: &Store) -> anyhow::Result<()> {
        let mut tx = store.read().await?;
        let mut after = None;
        loop {
            let page = tx.exchanges(&ExchangeFilter::default(), after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            for exchange in &page {
                *self.found.exchanges.entry(exchange.state.as_str()).or_default() += 1;
                self.exchange(exchange, &mut tx).await?;
            }
        }
    }

    async fn exchange(&mut self, exchange: &Exchange, tx: &mut Tx) -> anyhow::Result<()> {
        let outgoing = exchange.direction == Direction::Out;
        let silent = outgoing && NOT_REPEATED.iter().any(|path| exchange.path.ends_with(path));
        if exchange.state == ExchangeState::Answered {
            return Ok(());
        }
        let calls = tx.calls_of_exchange(exchange.id).await?;
        let ended = match exchange.state {
            // What we refuse is right if the consent has ended; `transfers` sees to that. ABDM refuses a token for the
            // address when the day's requests are used up, and nothing else here.
            ExchangeState::Refused => !outgoing || silent,
            ExchangeState::Overdue => silent && calls.iter().all(|call| call.state != "pending"),
            _ => false,
        };
        if !ended {
            let calls: Vec<_> = calls.iter().map(|call| format!("{} {}", call.kind, call.state)).collect();
            let error = exchange.error.as_ref().map(|error| error.code.clone()).unwrap_or_default();
            self.fail(format!(
                "exchange {} {} {} is {} ({error}); calls: {}",
                exchange.id,
                exchange.direction.as_str(),
                exchange.path,
                exchange.state.as_str(),
                calls.join(", ")
            ));
        }
        Ok(())
    }

    /// Every consent that holds has brought all its records, and none has brought what it must not.
    fn transfers(&mut self) {
        let truth = self.truth;
        for (consent, grant) in &truth.grants {
            let mut delivered = false;
            for asked in &grant.asked {
                delivered |= self.transfer(grant, asked);
            }
            if !grant.ended && !delivered {
                self.fail(format!(
                    "consent {consent} of {:?}: the HIU has not got its records",
                    grant.visits
                ));
            }
            for transaction in &grant.asked_after_end {
                self.after_end(transaction);
            }
        }
    }

    /// Judges a transfer; true if it has brought everything.
    fn transfer(&mut self, grant: &Grant, asked: &Asked) -> bool {
        let Ok(transfer) = self.world.abdm.transfer(&asked.transaction, false) else { return false };
        let name = format!("transfer {}", asked.transaction);
        self.intact(&name, &transfer);
        match transfer.state {
            TransferState::Transferred => {
                let missing = asked.records.iter().find(|record| !self.has(&transfer, record));
                let missing = missing.filter(|_| !grant.ended).cloned();
                if let Some((visit, _)) = &missing {
                    self.fail(format!("{name} ended as transferred, and a record of {visit} is not there"));
                }
                missing.is_none()
            }
            TransferState::Failed | TransferState::Refused if grant.ended => false,
            // ABDM itself lost the request.
            _ if transfer.delivered_at.is_none() && transfer.requested_at.is_some() => false,
            // The consent ended before its grant was acknowledged: the request was never made.
            _ if transfer.requested_at.is_none() && grant.ended => false,
            state => {
                let error = transfer.error.as_ref().map(ToString::to_string).unwrap_or_default();
                let pages = transfer.pages.len();
                let of = transfer.page_count.unwrap_or_default();
                self.fail(format!("{name} is {state:?} with {pages} of {of} pages {error}"));
                false
            }
        }
    }

    /// What arrived is what is stored, byte for byte.
    fn intact(&mut self, name: &str, transfer: &Transfer) {
        let truth = self.truth;
        for entry in &transfer.entries {
            let visit = truth.visits.get(&entry.care_context_reference);
            let records = visit.map(|visit| visit.records.as_slice()).unwrap_or_default();
            let same = records.iter().any(|record| self.stored.get(&record.id) == Some(&entry.sha256));
            if !(same && entry.decrypted && entry.checksum_ok && entry.valid) {
                self.fail(format!(
                    "{name}: a record of {} is not as it is stored",
                    entry.care_context_reference
                ));
            }
        }
    }

    fn has(&self, transfer: &Transfer, (visit, record): &(String, Uuid)) -> bool {
        let stored = self.stored.get(record);
        let mut of_visit = transfer.entries.iter().filter(|entry| entry.care_context_reference == *visit);
        of_visit.any(|entry| Some(&entry.sha256) == stored)
    }

    /// A request after the end of its consent brings nothing.
    fn after_end(&mut self, transaction: &str) {
        let Ok(transfer) = self.world.abdm.transfer(transaction, false) else { return };
        let refused = transfer.state == TransferState::Refused || transfer.delivered_at.is_none();
        if !refused || !transfer.pages.is_empty() {
            let (state, pages) = (transfer.state, transfer.pages.len());
            self.fail(format!(
                "transfer {transaction} after the end of its consent is {state:?} with {pages} pages"
            ));
        }
    }

    fn logs(&mut self, logs: &[PathBuf]) -> anyhow::Result<()> {
        for log in logs {
            for line in std::fs::read_to_string(log)?.lines() {
                if line.contains("panicked at") {
                    self.fail(format!("a bridge panicked: {line}"));
                } else if line.contains(r#""level":"ERROR""#) {
                    self.found.logged_errors += 1;
                }
            }
        }
        Ok(())
    }
}
