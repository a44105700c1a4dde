//! What the tests are about: a facility, its patients and visits, and a clock that stands still.

use std::sync::Arc;
use std::time::Duration;

use abdm::clock::{ManualClock, SharedClock};
use abdm::id::{AbhaAddress, AbhaNumber, FacilityId, Gender, HiType, Mobile, TransactionId};
use bytes::Bytes;
use domain::care_context::CareContext;
use domain::facility::{Counter, Facility, Role};
use domain::link::Link;
use domain::patient::{Birth, Identifier, Patient};
use domain::problem::Problem;
use domain::reference::{CareContextRef, PatientRef};
use jiff::Timestamp;
use store::fault::KillSwitch;
use store::testing::TestDatabase;
use store::{Call, Callback, Intake, NewRecord, Received, Store};
use uuid::Uuid;

/// When every test begins.
pub const START: &str = "2026-01-15T10:00:00Z";

/// A store on a database of the test's own, and the clock that it looks at.
pub struct World {
    pub database: TestDatabase,
    pub clock: ManualClock,
    pub store: Store,
}

impl World {
    pub async fn new(database: TestDatabase) -> Self {
        let clock = ManualClock::at(START.parse().unwrap());
        let store = database.open(shared(&clock)).await;
        Self { database, clock, store }
    }

    /// The same database, opened by another process.
    pub async fn another_instance(&self) -> Store {
        self.database.open(shared(&self.clock)).await
    }

    /// The same database, opened by another process that can be killed.
    pub async fn instance_with(&self, switch: &Arc<KillSwitch>) -> Store {
        self.database.open_with(shared(&self.clock), Some(Arc::clone(switch))).await
    }

    pub fn clock_now(&self) -> Timestamp {
        abdm::clock::Clock::now(&self.clock)
    }

    pub fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

pub fn shared(clock: &ManualClock) -> SharedClock {
    Arc::new(clock.clone())
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn facility_id() -> FacilityId {
    "IN2810014366".parse().unwrap()
}

pub fn other_facility() -> FacilityId {
    "IN2710000001".parse().unwrap()
}

pub fn facility(id: &str) -> Facility {
    Facility {
        id: id.parse().unwrap(),
        name: "City Hospital".into(),
        roles: vec![Role::Hip, Role::Hiu],
        hip_id: id.parse().unwrap(),
        hiu_id: format!("{id}_hiu").parse().unwrap(),
        counters: vec![Counter { id: "c1".into(), name: Some("Reception".into()) }],
    }
}

pub fn patient_ref(reference: &str) -> PatientRef {
    reference.parse().unwrap()
}

pub fn visit_ref(reference: &str) -> CareContextRef {
    reference.parse().unwrap()
}

pub fn address(text: &str) -> AbhaAddress {
    text.parse().unwrap()
}

pub fn number(text: &str) -> AbhaNumber {
    text.parse().unwrap()
}

pub fn mobile(text: &str) -> Mobile {
    text.parse().unwrap()
}

/// A patient without any ABHA.
pub fn patient(reference: &str) -> Patient {
    Patient {
        reference: patient_ref(reference),
        name: "Asha Rao".into(),
        gender: Gender::Female,
        birth: Birth::BirthDate("1985-04-12".parse().unwrap()),
        mobile: None,
        abha_number: None,
        abha_address: None,
        identifiers: vec![Identifier { kind: "MR".into(), value: format!("{reference}-mr") }],
        provisional: false,
    }
}

pub fn visit(patient: &str, reference: &str) -> CareContext {
    CareContext {
        patient: patient_ref(patient),
        reference: visit_ref(reference),
        display: "OP visit".into(),
        date: "2026-01-15".parse().unwrap(),
        hold: false,
        withdrawn: false,
        link: Link::new(),
    }
}

pub fn record(hi_type: HiType, source: &str) -> NewRecord {
    NewRecord {
        hi_type,
        valid: true,
        issues: "[]".into(),
        source_hash: source.into(),
        bundle: Some(format!("{{\"resourceType\":\"Bundle\",\"id\":\"{source}\"}}").into_bytes().into()),
    }
}

pub fn problem(code: &str) -> Problem {
    Problem {
        code: code.into(),
        message: "as ABDM says it".into(),
        explanation: "In plain words.".into(),
        at: at(START),
        until: None,
    }
}

/// A callback that begins no exchange.
pub fn callback(request_id: &str) -> Callback {
    Callback {
        facility: facility_id(),
        kind: "discover",
        path: "/api/v3/hip/patient/care-context/discover",
        request_id: request_id.into(),
        subject: None,
        body: Bytes::from(format!("{{\"requestId\":\"{request_id}\"}}")),
        late_by: Duration::ZERO,
        reply_by: None,
        message: None,
    }
}

pub fn call(store: &Store, exchange: Uuid) -> Call {
    Call {
        id: store.new_id(),
        facility: facility_id(),
        exchange,
        kind: "link",
        subject: "p1".into(),
        body: b"{}".to_vec(),
        due_at: at(START),
    }
}

pub fn transaction(id: &str) -> TransactionId {
    id.parse().unwrap()
}

/// An intake whose writer runs until the test ends.
pub fn intake(store: &Store) -> Intake {
    let (intake, writer) = Intake::new(store.clone());
    tokio::spawn(writer.run());
    intake
}

/// The one row that is due in the inbox.
pub async fn lease_one(store: &Store) -> Received {
    let mut leased = store.lease_inbox(10).await.unwrap();
    assert_eq!(leased.len(), 1, "rows due in the inbox");
    leased.remove(0)
}
