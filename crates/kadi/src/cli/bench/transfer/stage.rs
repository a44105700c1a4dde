//! What a run needs: a local ABDM, a hospital, a bridge in a process of its own.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use ::sandbox::{ConsentStatus, ConsentWanted, Handle, RecordsWanted, Rules, Sandbox, SandboxConfig};
use abdm::clock::{SharedClock, SystemClock};
use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use super::super::cast::{self, FACILITY};
use super::super::serving::{self, Serving, Settings, processor_time};
use crate::config::Config;
use crate::start;

pub(super) const PATIENT: &str = "MRN-000001";
pub(super) const ADDRESS: &str = "patient000001@sbx";
pub(super) const LOOK: Duration = Duration::from_millis(50);
/// ABDM gives a transfer twenty minutes.
pub(super) const DEADLINE: Duration = Duration::from_mins(20);
const SOON: Duration = Duration::from_mins(2);

/// Everything that runs.
pub(super) struct Stage {
    pub(super) abdm: Handle,
    pub(super) clock: SharedClock,
    pub(super) config: PathBuf,
    folder: TempDir,
}

/// What a process has used since a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    at: Duration,
    bridge: Duration,
    others: Duration,
}

/// What a part of a run took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used {
    pub(super) wall: Duration,
    /// Processors that the bridge kept busy.
    pub(super) bridge: f64,
    /// The same of this process: ABDM and the requester.
    pub(super) others: f64,
}

impl Stage {
    pub(super) async fn set(store: &str) -> anyhow::Result<Self> {
        let clock = SystemClock::shared();
        let settings = SandboxConfig {
            seed_people: false,
            journal_entries: 100,
            journal_body: 0,
            // Every record is decrypted and its checksum compared; it was validated when it was stored.
            rules: Rules { validate_records: false, ..Rules::default() },
            kept_records: 0,
            ..SandboxConfig::default()
        };
        let abdm = Sandbox::start(settings, clock.clone()).await?;
        abdm.state().put_person(cast::person(ADDRESS, None));
        let folder = tempfile::Builder::new().prefix("kadi-transfer-").tempdir()?;
        let own = format!("sqlite://{}/kadi.db", folder.path().display());
        let store = if store == "sqlite" { own.as_str() } else { store };
        let settings = Settings { store, lease: "30s", abdm: abdm.base_url(), more: "" };
        let config = serving::configure(folder.path(), settings)?;
        Ok(Self { abdm, clock, config, folder })
    }

    /// The hospital's store, before a bridge runs on it; facility and patient are in it.
    pub(super) async fn store(&self) -> anyhow::Result<store::Store> {
        let config = Config::load_with(Some(&self.config), [])?;
        let store = start::open_store(&config, self.clock.clone()).await?;
        let mut tx = store.begin().await?;
        tx.put_facility(&cast::facility()?).await?;
        tx.put_patient(&FACILITY.parse()?, &cast::patient(PATIENT, None, Some(ADDRESS))?).await?;
        tx.commit().await?;
        Ok(store)
    }

    /// Starts the bridge.
    pub(super) async fn bridge(&self) -> anyhow::Result<Serving> {
        let log = File::create(self.folder.path().join("bridge.log"))?;
        let mut serving = Serving::spawn(&self.config, log)?;
        ensure!(serving.until_ready(&self.clock, LOOK).await?, "the bridge ended instead of being ready");
        self.abdm.state().set_bridge_url("SBX_000000", &format!("http://{}", serving.public));
        Ok(serving)
    }

    /// The patient allows everything; gives the consent that the bridge has acknowledged.
    pub(super) async fn consent(&self) -> anyhow::Result<String> {
        let wanted = ConsentWanted { abha_address: ADDRESS.to_owned(), ..ConsentWanted::default() };
        let granted = self.abdm.state().grant(&wanted)?;
        let consent = granted.artefacts.first().context("nothing is linked")?.consent_id.clone();
        let acknowledged = self.abdm.state().acknowledged(&consent, ConsentStatus::Granted, SOON).await;
        ensure!(acknowledged, "the bridge did not acknowledge the consent");
        Ok(consent)
    }

    /// Asks for records and waits until the bridge has notified the end.
    pub(super) async fn transfer(&self, wanted: &RecordsWanted) -> anyhow::Result<::sandbox::Transfer> {
        let asked = self.abdm.state().request_records(wanted)?;
        Ok(self.abdm.state().closed_transfer(&asked.transaction_id, DEADLINE).await?)
    }

    pub(super) fn usage(&self, bridge: &Serving) -> Usage {
        Usage {
            at: self.clock.elapsed(),
            bridge: bridge.processor_time().unwrap_or_default(),
            others: processor_time("self").unwrap_or_default(),
        }
    }

    pub(super) fn used(&self, bridge: &Serving, since: Usage) -> Used {
        let now = self.usage(bridge);
        let wall = now.at.saturating_sub(since.at);
        let busy =
            |now: Duration, then: Duration| now.saturating_sub(then).as_secs_f64() / wall.as_secs_f64();
        Used { wall, bridge: busy(now.bridge, since.bridge), others: busy(now.others, since.others) }
    }
}

impl Used {
    /// What held the run up, as far as processors tell.
    pub(super) fn bound_by(&self) -> String {
        let all = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        #[expect(clippy::cast_precision_loss, reason = "a few processors")]
        let free = all as f64 - self.bridge - self.others;
        let what = if free < 0.3 {
            "the processors, which bridge and requester share"
        } else if self.bridge > 0.9 {
            "one thread of the bridge, or the wait for its commits"
        } else {
            "waiting: commits to disk and answers"
        };
        let (bridge, others) = (self.bridge, self.others);
        format!("{what} (of {all} processors the bridge used {bridge:.2}, ABDM and requester {others:.2})")
    }
}
