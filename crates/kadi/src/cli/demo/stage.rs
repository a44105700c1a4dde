//! The demo's stage: a local ABDM, the bridge on an embedded store, a temporary folder.

use std::time::Duration;

use ::sandbox::{
    Choice, ConsentWanted, DiscoveryWanted, Handle, Linking, LinkingState, Person, RecordsWanted, Sandbox,
    SandboxConfig, Transfer, TransferState,
};
use abdm::clock::SharedClock;
use anyhow::{Context as _, ensure};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tempfile::TempDir;

use super::output;
use crate::bridge::{Running, start};
use crate::config::Config;

/// The facility that the local ABDM knows from the start.
pub const FACILITY: &str = "IN2810014366";
/// Its name.
pub const FACILITY_NAME: &str = "Kadi Demo Hospital";

/// What was sent by SMS, in the stage's folder.
const SMS: &str = "sms.jsonl";
const PATIENCE: Duration = Duration::from_mins(1);
const DRAIN: Duration = Duration::from_secs(5);

/// Everything that runs.
pub struct Stage {
    abdm: Handle,
    bridge: Running,
    /// The hospital's API key.
    pub key: SecretString,
    folder: TempDir,
}

/// Says what happens now.
pub fn step(what: &str) {
    output::problem(format_args!("· {what}"));
}

impl Stage {
    /// Starts everything and acquaints bridge and ABDM.
    pub async fn set(clock: SharedClock) -> anyhow::Result<Self> {
        step("A local ABDM starts");
        let abdm = Sandbox::start(SandboxConfig::default(), clock.clone()).await?;
        let folder = tempfile::Builder::new().prefix("kadi-demo-").tempdir()?;
        let config = config(&folder, abdm.base_url())?;
        step("The bridge starts on an embedded store in a temporary folder");
        let bridge = start(&config, clock).await?;
        let url = format!("http://{}", bridge.public);
        bridge.bridge.gateway.set_bridge_url(&url).await.context("the bridge's URL was not registered")?;
        step("The bridge has registered its callback URL with ABDM");
        let mut tx = bridge.bridge.store.begin().await?;
        let (_, key) = tx.create_key(None).await?;
        tx.commit().await?;
        Ok(Self { abdm, bridge, key: SecretString::from(key), folder })
    }

    /// Where the API is.
    pub fn api(&self) -> String {
        format!("http://{}", self.bridge.private)
    }

    /// The people whom ABDM knows, with the hospital's reference of each.
    pub fn patients(&self) -> Vec<(String, Person)> {
        let people = self.abdm.state().people();
        people
            .into_iter()
            .enumerate()
            .map(|(place, person)| (format!("MRN-{:04}", 1001 + place), person))
            .collect()
    }

    /// The patient searches the facility, and has its answer.
    pub async fn search(&self, address: &str) -> anyhow::Result<Linking> {
        let wanted = DiscoveryWanted {
            abha_address: address.to_owned(),
            hip_id: FACILITY.to_owned(),
            ..DiscoveryWanted::default()
        };
        let begun = self.abdm.state().discover(&wanted)?;
        self.linking(&begun.transaction_id, LinkingState::Discovered).await
    }

    /// The patient chooses everything that was found, and types the OTP that came by SMS.
    pub async fn link_all(&self, found: &Linking) -> anyhow::Result<Linking> {
        self.abdm.state().init_link(&found.transaction_id, &Choice::default())?;
        self.linking(&found.transaction_id, LinkingState::OtpSent).await?;
        let sent = std::fs::read_to_string(self.folder.path().join(SMS)).context("no SMS was sent")?;
        let message: Value = serde_json::from_str(sent.lines().last().context("no SMS was sent")?)?;
        let otp = message.get("otp").context("an SMS holds no OTP")?;
        self.abdm.state().confirm_link(&found.transaction_id, otp)?;
        self.linking(&found.transaction_id, LinkingState::Linked).await
    }

    async fn linking(&self, transaction: &str, wanted: LinkingState) -> anyhow::Result<Linking> {
        let linking = self.abdm.state().linking_in(transaction, &[wanted], PATIENCE).await?;
        ensure!(linking.state == wanted, "the patient's linking stands at {:?}", linking.state);
        Ok(linking)
    }

    /// The patient grants consent for everything linked, and the HIU asks for it.
    pub async fn ask_for_records(&self, address: &str) -> anyhow::Result<Transfer> {
        let abdm = self.abdm.state();
        let wanted = ConsentWanted { abha_address: address.to_owned(), ..ConsentWanted::default() };
        let granted = abdm.grant(&wanted)?;
        let artefact = granted.artefacts.first().context("nothing is linked")?;
        let asked = abdm.request_records(&RecordsWanted::under(&artefact.consent_id))?;
        let transfer = abdm.closed_transfer(&asked.transaction_id, PATIENCE).await?;
        ensure!(
            transfer.state == TransferState::Transferred,
            "the transfer ended as {:?}: {}",
            transfer.state,
            transfer.problems.join("; ")
        );
        Ok(transfer)
    }

    /// The document of a record, as the bridge keeps it.
    pub async fn kept(&self, record: uuid::Uuid) -> anyhow::Result<Vec<u8>> {
        let mut tx = self.bridge.bridge.store.read().await?;
        let bundle = tx.bundle(&FACILITY.parse()?, record).await?;
        bundle.context("a record has no document")
    }

    /// Says where the pages are.
    pub fn show(&self) {
        output::result(format_args!(
            "\nBoth are still running; Ctrl-C ends them.\n  Console:     {}/console  (sign in with the key below)\n  API:         \
             {0}/docs\n  Key:         {}\n  Local ABDM:  {}/sandbox/",
            self.api(),
            self.key.expose_secret(),
            self.abdm.base_url()
        ));
    }

    /// Ends everything.
    pub async fn strike(self) {
        self.bridge.stop(DRAIN).await;
        self.abdm.shutdown().await;
    }
}

fn config(folder: &TempDir, abdm: &str) -> anyhow::Result<Config> {
    let place = folder.path().display();
    let text = format!(
        r#"
[server]
public = "127.0.0.1:0"
private = "127.0.0.1:0"
[gateway]
environment = "custom"
base_url = "{abdm}"
registry_url = "{abdm}"
cm_id = "sbx"
client_id = "SBX_000000"
client_secret = "00000000-0000-0000-0000-000000000000"
allow_insecure = true
[store]
url = "sqlite://{place}/kadi.db"
[objects]
url = "file://{place}/objects"
[keys]
url = "file://{place}/master.key"
[sms]
kind = "file"
url = "{place}/{SMS}"
"#
    );
    let path = folder.path().join("kadi.toml");
    std::fs::write(&path, text)?;
    Ok(Config::load_with(Some(&path), [])?)
}
