//! Linking by the patient: search, choice, password, link; in V3 and in v0.5.

mod certification;
mod kill;
mod offers;
mod passwords;
mod repeats;
mod sms;
mod v05;

use abdm::clock::Clock as _;
use domain::patient::Patient;
use kadi::flows::visits;
use sandbox::{ApiVersion, Choice, DiscoveryWanted, Linking, LinkingState, SandboxConfig};
use serde_json::{Value, json};
use store::testing::TestDatabase;

use crate::steps::{ONE, SECOND, TWO};
use crate::world::{FACILITY, PATIENCE, RAMESH, World, facility, id, known_patient};

pub const DISCOVER: &str = "/api/v3/hip/patient/care-context/discover";
pub const INIT: &str = "/api/v3/hip/link/care-context/init";
pub const CONFIRM: &str = "/api/v3/hip/link/care-context/confirm";
pub const ON_DISCOVER: &str = "/care-context/on-discover";
pub const ON_INIT: &str = "/care-context/on-init";
pub const ON_CONFIRM: &str = "/care-context/on-confirm";

/// Passwords go to a file beside the configuration.
pub const TO_FILE: &str = "[sms]\nkind = \"file\"\nurl = \"sms.jsonl\"\n";

impl World {
    /// A bridge that can send passwords, and Ramesh with two visits, known by his mobile number only.
    pub async fn for_linking(database: TestDatabase) -> (Self, Patient) {
        Self::for_linking_with(database, TO_FILE).await
    }

    pub async fn for_linking_with(database: TestDatabase, more: &str) -> (Self, Patient) {
        let world = Self::with(database, SandboxConfig::default(), more).await;
        let patient = world.unlinked("P1", RAMESH).await;
        world.visit(&patient, "visit-1", &TWO).await;
        world.clock.advance(SECOND);
        world.visit(&patient, "visit-2", &ONE).await;
        world.clock.advance(SECOND);
        (world, patient)
    }

    /// One of the sandbox's people whose ABHA the facility does not know.
    pub async fn unlinked(&self, reference: &str, address: &str) -> Patient {
        let known = known_patient(&self.sandbox, reference, address);
        let patient = Patient { abha_address: None, abha_number: None, ..known };
        self.put(&patient).await;
        patient
    }

    pub async fn put(&self, patient: &Patient) {
        let mut tx = self.tx().await;
        tx.put_patient(&id(), patient).await.unwrap();
        visits::patient_changed(&self.ctx(), &mut tx, &facility(), &patient.reference).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// What was sent by SMS, oldest first.
    pub fn texts(&self) -> Vec<Value> {
        let lines = std::fs::read_to_string(self.folder.path().join("sms.jsonl")).unwrap_or_default();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The password that was sent last.
    pub fn otp(&self) -> String {
        self.texts().last().expect("an SMS")["otp"].as_str().unwrap().to_owned()
    }

    /// A password that is not the one sent last.
    pub fn wrong_otp(&self, n: u32) -> String {
        let right: u32 = self.otp().parse().unwrap();
        (100_000 + (right - 100_000 + 1 + n) % 900_000).to_string()
    }

    /// Ramesh searches the facility, and has the answer.
    pub async fn discovered(&self) -> Linking {
        self.discovered_as(DiscoveryWanted::default()).await
    }

    pub async fn discovered_as(&self, wanted: DiscoveryWanted) -> Linking {
        let abha_address = Some(wanted.abha_address).filter(|address| !address.is_empty());
        let hip_id = Some(wanted.hip_id).filter(|id| !id.is_empty());
        let wanted = DiscoveryWanted {
            abha_address: abha_address.unwrap_or_else(|| RAMESH.to_owned()),
            hip_id: hip_id.unwrap_or_else(|| FACILITY.to_owned()),
            ..wanted
        };
        let begun = self.sandbox.state().discover(&wanted).unwrap();
        self.linking_in(&begun.transaction_id, LinkingState::Discovered).await
    }

    pub async fn linking_in(&self, transaction: &str, state: LinkingState) -> Linking {
        let linking = self.sandbox.state().linking_in(transaction, &[state], PATIENCE).await.unwrap();
        assert!(linking.state == state || linking.state.is_failure(), "{linking:?}");
        // What the sandbox has, our side must have recorded too, or a jump of the clock would end a lease.
        self.until_settled().await;
        linking
    }

    /// Ramesh chooses, and has the answer.
    pub async fn chosen(&self, linking: &Linking, choice: Choice) -> Linking {
        self.sandbox.state().init_link(&linking.transaction_id, &choice).unwrap();
        self.linking_in(&linking.transaction_id, LinkingState::OtpSent).await
    }

    /// Ramesh types a password, and has the answer.
    pub async fn confirmed(&self, linking: &Linking, otp: impl Into<Value>) -> Linking {
        self.sandbox.state().confirm_link(&linking.transaction_id, &otp.into()).unwrap();
        self.linking_in(&linking.transaction_id, LinkingState::Linked).await
    }

    /// Ramesh has searched and chosen everything; the password is under way to him.
    pub async fn with_otp(&self) -> Linking {
        let found = self.discovered().await;
        let chosen = self.chosen(&found, Choice::default()).await;
        assert_eq!(chosen.state, LinkingState::OtpSent, "{chosen:?}");
        chosen
    }

    /// No callback under way and no rule broken. The same question was asked, and answered, more than once.
    pub async fn assert_no_violations(&self) {
        assert!(self.sandbox.state().is_idle(PATIENCE).await);
        let violations = self.sandbox.state().violations();
        assert!(violations.is_empty(), "{violations:#?}");
    }

    /// References of the visits that ABDM has linked to Ramesh.
    pub fn linked_visits(&self) -> Vec<String> {
        let links = self.sandbox.state().links(RAMESH);
        links.into_iter().map(|link| link.care_context_reference).collect()
    }

    /// Lets time pass for everything but a lease: what is under way has ended.
    pub async fn pass(&self, time: std::time::Duration) {
        self.until_settled().await;
        self.clock.advance(time);
    }

    /// The clock, as ABDM writes it.
    pub fn now_text(&self) -> String {
        abdm::time::format(self.clock.now())
    }
}

pub fn code(linking: &Linking) -> &str {
    linking.error.as_ref().and_then(|error| error["code"].as_str()).unwrap_or_default()
}

pub fn only(visits: &[&str]) -> Choice {
    let care_contexts = visits.iter().map(|visit| (*visit).to_owned()).collect();
    Choice { care_contexts: Some(care_contexts), ..Choice::default() }
}

pub fn in_v05() -> DiscoveryWanted {
    DiscoveryWanted { version: ApiVersion::V05, ..DiscoveryWanted::default() }
}

/// A choice as it is sent, for what must be refused.
pub fn raw_choice(patient: &str, visit: &str, hi_type: &str) -> Choice {
    let entry = json!({"referenceNumber": patient, "careContexts": [{"referenceNumber": visit}],
        "hiType": hi_type, "count": 1});
    Choice { patient: Some(json!([entry])), ..Choice::default() }
}
