//! A bridge and a local ABDM in one process, on a database of the test's own, at a time that the test decides.

use std::sync::Arc;
use std::time::Duration;

use abdm::clock::{Clock as _, ManualClock, SharedClock};
use abdm::id::FacilityId;
use abdm::push::Pusher;
use domain::care_context::CareContext;
use domain::facility::{Facility, Role};
use domain::link::{Link, LinkState};
use domain::patient::{Birth, Patient};
use kadi::bridge::{Bridge, Running, start_pushing, start_with};
use kadi::config::Config;
use kadi::flows::{Ctx, visits};
use kadi::records::{RecordInput, Surroundings};
use sandbox::{ConsentStatus, Handle, Sandbox, SandboxConfig};
use store::testing::TestDatabase;
use store::{Key, NewRecord, Options, Tx};
use tempfile::TempDir;

/// How long a condition is waited for, in real time, before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long, in real time, the sandbox is asked for news between two looks.
const BREATH: Duration = Duration::from_millis(3);
/// The sandbox's first facility.
pub const FACILITY: &str = "IN2810014366";
/// A person whom the sandbox knows with mobile and ABHA number.
pub const RAMESH: &str = "ramesh.k_85@sbx";

pub const OP_CONSULTATION: &str = include_str!("../../../nrces/examples-data/op-consultation/typical.json");
pub const PRESCRIPTION: &str = include_str!("../../../nrces/examples-data/prescription/typical.json");

pub struct World {
    pub sandbox: Handle,
    pub clock: ManualClock,
    pub bridge: Running,
    /// Where the configuration is.
    pub folder: TempDir,
    /// Kept as long as the world: the database goes with it.
    _database: TestDatabase,
}

impl World {
    /// Bridge and ABDM, acquainted; one facility; nobody in it yet.
    pub async fn on(database: TestDatabase) -> Self {
        Self::with(database, SandboxConfig::default(), "").await
    }

    /// The same with a sandbox of this configuration and more lines in the bridge's: keys of `[gateway]` first, then
    /// whole tables, and `server.KEY` anywhere.
    pub async fn with(database: TestDatabase, sandbox: SandboxConfig, more: &str) -> Self {
        Self::pushing(database, sandbox, more, None).await
    }

    /// The same with another way of pushing.
    pub async fn pushing(
        database: TestDatabase,
        sandbox: SandboxConfig,
        more: &str,
        pusher: Option<Pusher>,
    ) -> Self {
        let clock = ManualClock::at("2026-01-20T06:00:00Z".parse().unwrap());
        let shared: SharedClock = Arc::new(clock.clone());
        let sandbox = Sandbox::start(sandbox, shared).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = config(&folder, sandbox.base_url(), more);
        let options = Options::new(database.url(), Key::new([7; 32]), Arc::new(clock.clone()));
        let bridge = match pusher {
            Some(pusher) => start_pushing(&config, options, pusher).await.unwrap(),
            None => start_with(&config, options).await.unwrap(),
        };
        let world = Self { sandbox, clock, bridge, _database: database, folder };
        world.register();
        let mut tx = world.tx().await;
        tx.put_facility(&facility()).await.unwrap();
        tx.commit().await.unwrap();
        world
    }

    /// Tells ABDM where the bridge is.
    pub fn register(&self) {
        let url = format!("http://{}", self.bridge.public);
        self.sandbox.state().set_bridge_url("SBX_000000", &url);
    }

    pub fn core(&self) -> &Bridge {
        &self.bridge.bridge
    }

    pub async fn tx(&self) -> Tx {
        self.core().store.begin().await.unwrap()
    }

    /// What flows are called with.
    pub fn ctx(&self) -> Ctx<'_> {
        Ctx { rules: &self.core().rules, chance: 0.5 }
    }

    /// Stores one of the sandbox's people as a patient, as the HMIS would.
    pub async fn patient(&self, reference: &str, address: &str) -> Patient {
        let patient = known_patient(&self.sandbox, reference, address);
        let mut tx = self.tx().await;
        tx.put_patient(&id(), &patient).await.unwrap();
        visits::patient_changed(&self.ctx(), &mut tx, &facility(), &patient.reference).await.unwrap();
        tx.commit().await.unwrap();
        patient
    }

    /// Stores a visit with these records, as the HMIS would.
    pub async fn visit(
        &self,
        patient: &Patient,
        reference: &str,
        records: &[(&str, &str)],
    ) -> visits::Stored {
        let context = new_visit(patient, reference);
        self.put_visit(patient, context, records).await
    }

    pub async fn put_visit(
        &self,
        patient: &Patient,
        context: CareContext,
        records: &[(&str, &str)],
    ) -> visits::Stored {
        let facility = facility();
        let mut tx = self.tx().await;
        let prepared = prepare(&tx, patient, &context, records);
        let pair = (patient, &context);
        let stored = visits::put(&self.ctx(), &mut tx, &facility, pair, Some(prepared)).await.unwrap();
        tx.commit().await.unwrap();
        for record in &stored.records {
            assert!(record.valid, "{} {}", record.hi_type, record.issues);
        }
        stored
    }

    /// Where a visit stands.
    pub async fn link(&self, patient: &Patient, reference: &str) -> Link {
        let mut tx = self.core().store.read().await.unwrap();
        let context = tx.care_context(&id(), &patient.reference, &reference.parse().unwrap()).await.unwrap();
        context.unwrap().link
    }

    /// Waits until a visit stands so.
    pub async fn until_link(&self, patient: &Patient, reference: &str, state: LinkState) -> Link {
        self.until(async || Some(self.link(patient, reference).await).filter(|link| link.state == state))
            .await
    }

    /// Waits until `look` finds something; every look is a round trip to the database or the sandbox.
    pub async fn until<T>(&self, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let looking = async {
            loop {
                if let Some(found) = look().await {
                    return found;
                }
                // Nobody acknowledges this: it paces the looks, so that they take little from what they wait for.
                self.sandbox.state().acknowledged("", ConsentStatus::Granted, BREATH).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, looking).await;
        if found.is_err() {
            self.tell_what_stands_where().await;
        }
        found.expect("the condition holds in time")
    }

    /// The only trace of what did not happen.
    async fn tell_what_stands_where(&self) {
        let mut tx = self.core().store.read().await.unwrap();
        for exchange in
            tx.exchanges(&store::ExchangeFilter::default(), None, 1000).await.unwrap().iter().rev()
        {
            let calls = tx.calls_of_exchange(exchange.id).await.unwrap();
            let states: Vec<_> = calls.iter().map(|call| &*call.state).collect();
            let store::Exchange { path, state, started_at, overdue_at, error, .. } = exchange;
            eprintln!("{started_at} {path}: {state:?} {states:?} {overdue_at:?} {error:?}");
        }
        eprintln!("it is {}", self.clock.now());
    }

    /// No callback under way and nothing broken.
    pub async fn assert_clean(&self) {
        assert!(self.sandbox.state().is_idle(PATIENCE).await);
        let violations = self.sandbox.state().violations();
        assert!(violations.is_empty(), "{violations:#?}");
        for effect in self.sandbox.state().effects(None, None) {
            assert!(effect.accepted <= 1, "happened twice: {effect:?}");
        }
    }
}

pub fn config(folder: &TempDir, gateway: &str, more: &str) -> Config {
    let path = folder.path().join("kadi.toml");
    let (server, more): (Vec<_>, Vec<_>) = more.lines().partition(|line| line.starts_with("server."));
    let objects = folder.path().display();
    let (server, more) = (server.join("\n"), more.join("\n"));
    let text = format!(
        r#"
server.public = "127.0.0.1:0"
server.private = "127.0.0.1:0"
{server}
[gateway]
environment = "custom"
base_url = "{gateway}"
cm_id = "sbx"
registry_url = "{gateway}"
client_id = "SBX_000000"
client_secret = "00000000-0000-0000-0000-000000000000"
allow_insecure = true
{more}
[terminology]
folder = "terminology"
[objects]
url = "file://{objects}/objects"
"#
    );
    std::fs::write(&path, text).unwrap();
    Config::load_with(Some(&path), []).unwrap()
}

/// One of the sandbox's people as the HMIS knows them.
pub fn known_patient(sandbox: &Handle, reference: &str, address: &str) -> Patient {
    let person = sandbox.state().person(address).unwrap();
    Patient {
        reference: reference.parse().unwrap(),
        name: person.name.clone(),
        gender: person.gender.parse().unwrap(),
        birth: Birth::YearOfBirth(i16::try_from(person.year_of_birth).unwrap()),
        mobile: person.mobile.as_deref().map(|mobile| mobile.parse().unwrap()),
        abha_number: person.abha_number.as_deref().map(|number| number.parse().unwrap()),
        abha_address: Some(address.parse().unwrap()),
        identifiers: Vec::new(),
        provisional: false,
    }
}

/// The records as the API would prepare them.
pub fn prepare(
    tx: &Tx,
    patient: &Patient,
    context: &CareContext,
    records: &[(&str, &str)],
) -> Vec<NewRecord> {
    let facility = facility();
    let (visit, date) = (context.reference.as_str(), context.date.as_str());
    let around = Surroundings { facility: &facility, patient, visit, date };
    let prepare = |(place, (hi_type, data)): (u32, &(&str, &str))| {
        let mut data: serde_json::Value = serde_json::from_str(data).unwrap();
        // The samples name patients of their own; here the patient is who is stored.
        data.as_object_mut().unwrap().remove("patient");
        let input = serde_json::json!({"hiType": hi_type, "data": data}).to_string();
        let input: RecordInput = serde_json::from_str(&input).unwrap();
        let hash = tx.source_hash(&input.source()).unwrap();
        input.prepare(&around, place, hash).unwrap()
    };
    (0..).zip(records).map(prepare).collect()
}

/// A visit in January, just stored.
pub fn new_visit(patient: &Patient, reference: &str) -> CareContext {
    CareContext {
        patient: patient.reference.clone(),
        reference: reference.parse().unwrap(),
        display: "OPD visit".to_owned(),
        date: "2026-01-15".parse().unwrap(),
        hold: false,
        withdrawn: false,
        link: Link::new(),
    }
}

pub fn id() -> FacilityId {
    FACILITY.parse().unwrap()
}

pub fn facility() -> Facility {
    Facility {
        id: id(),
        name: "Kadi Demo Hospital".to_owned(),
        roles: vec![Role::Hip, Role::Hiu],
        hip_id: FACILITY.parse().unwrap(),
        hiu_id: FACILITY.parse().unwrap(),
        counters: Vec::new(),
    }
}
