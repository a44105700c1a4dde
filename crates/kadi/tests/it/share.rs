//! Scan and share: a token per counter and day that never repeats, a patient who is never made twice.

use std::collections::BTreeSet;

use domain::event::EventType;
use domain::exchange::ExchangeState;
use domain::facility::{Counter, Facility};
use domain::patient::{Birth, Patient};
use sandbox::{CallFault, Fault, Person, RawCallback, Share, ShareState, ShareWanted};
use serde_json::{Value, json};
use store::fault::KillSwitch;
use store::testing::TestDatabase;
use store::{Queue, ShareFilter, on_both_databases};
use uuid::Uuid;

use crate::crash::{LOOK, Mortal};
use crate::steps::{HOUR, MINUTE, SECOND};
use crate::world::{FACILITY, PATIENCE, RAMESH, World, facility, id, known_patient};

const ASHA: &str = "asha.rao@sbx";
const SHARE: &str = "/api/v3/hip/patient/share";
const ON_SHARE: &str = "/patient-share/v3/on-share";

fn wanted(address: &str, counter: &str) -> ShareWanted {
    ShareWanted {
        abha_address: address.to_owned(),
        hip_id: FACILITY.to_owned(),
        counter: counter.to_owned(),
        intent: None,
    }
}

/// A share as ABDM sends it, with changes to the patient.
fn message(counter: &Value, changes: &Value) -> Value {
    let mut patient = json!({"abhaNumber": null, "abhaAddress": "lakshmi@sbx", "name": "Lakshmi Nair", "gender": "F",
        "dayOfBirth": "6", "monthOfBirth": "6", "yearOfBirth": "1985", "phoneNumber": "9876543210",
        "address": {"line": null, "district": "Kochi", "state": "Kerala", "pincode": "682001"}});
    for (name, value) in changes.as_object().unwrap() {
        patient[name] = value.clone();
    }
    json!({"intent": "PROFILE_SHARE", "metaData": {"hipId": FACILITY, "context": counter, "hprId": null,
        "latitude": 12.97, "longitude": "77.71"}, "profile": {"patient": patient}})
}

impl World {
    /// Somebody scans, and has their answer.
    async fn scanned(&self, address: &str, counter: &str) -> Share {
        let share = self.sandbox.state().share(&wanted(address, counter)).unwrap();
        let share = self.sandbox.state().answered_share(&share.request_id, PATIENCE).await.unwrap();
        self.until_settled().await;
        share
    }

    async fn token(&self, address: &str, counter: &str) -> String {
        let share = self.scanned(address, counter).await;
        assert_eq!(share.state, ShareState::Answered, "{share:?}");
        share.token_number.unwrap()
    }

    /// Newest first.
    async fn shares(&self) -> Vec<store::Share> {
        self.read().await.shares(&id(), &ShareFilter::default(), None, 1000).await.unwrap()
    }

    async fn patients(&self) -> Vec<Patient> {
        let mut tx = self.read().await;
        let listed = tx.patients(&id(), &store::PatientFilter::default(), None, 1000).await.unwrap();
        listed.into_iter().map(|(_, patient)| patient).collect()
    }

    /// So many people with an ABHA address.
    fn people(&self, count: usize) -> Vec<String> {
        let template = self.sandbox.state().person(ASHA).unwrap();
        let address = |n: usize| format!("person.{n}@sbx");
        let person = |n: usize| Person { abha_address: address(n), abha_number: None, ..template.clone() };
        self.sandbox.state().put_people((0..count).map(person));
        (0..count).map(address).collect()
    }
}

on_both_databases! {
    async fn share_patient_profile_701_a_profile_shared_at_a_counter_gets_a_token_good_for_30_minutes(database: TestDatabase) {
        let world = World::on(database).await;
        let here = Facility { counters: vec![Counter { id: "OPD1".into(), name: None }], ..facility() };
        let mut tx = world.tx().await;
        tx.put_facility(&here).await.unwrap();
        tx.commit().await.unwrap();

        let share = world.scanned(RAMESH, "OPD1").await;
        assert_eq!((share.state, share.token_number.as_deref()), (ShareState::Answered, Some("1")));
        assert_eq!(share.expiry, Some(json!("1800")), "valid for 30 minutes");
        let patients = world.patients().await;
        let person = known_patient(&world.sandbox, "P", RAMESH);
        assert_eq!(patients.len(), 1);
        let made = &patients[0];
        assert!(made.provisional && made.reference.as_str().starts_with("kadi-"));
        assert_eq!((&made.name, made.gender, made.mobile), (&person.name, person.gender, person.mobile));
        assert_eq!((made.abha_number, &made.abha_address), (person.abha_number, &person.abha_address));
        assert!(matches!(made.birth, Birth::BirthDate(_)), "ABDM says the day");
        let shares = world.shares().await;
        assert_eq!(shares.len(), 1);
        assert_eq!(shares[0].patient.as_ref(), Some(&made.reference));
        let events = world.events().await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].event, EventType::ShareArrived);
        let data = json!({"facilityId": FACILITY, "shareId": shares[0].id, "counter": "OPD1", "tokenNumber": "1",
            "patientRef": made.reference, "state": "waiting"});
        assert_eq!(events[0].data, data, "ids only");
        let exchange = world.exchanges_of("/patient/share").await.pop().unwrap();
        assert_eq!((exchange.state, exchange.subject.as_deref()), (ExchangeState::Answered, Some("OPD1 1")));
        world.assert_clean().await;
    }

    async fn share_patient_profile_701_what_is_no_profile_is_refused_and_nothing_is_kept(database: TestDatabase) {
        let world = World::on(database).await;
        for intent in ["RECORD_SHARE", "PAYMENT_SHARE", "profile_share"] {
            let share = ShareWanted { intent: Some(intent.to_owned()), ..wanted(RAMESH, "OPD1") };
            let share = world.sandbox.state().share(&share).unwrap();
            let share = world.sandbox.state().answered_share(&share.request_id, PATIENCE).await.unwrap();
            assert_eq!((share.state, &share.error.unwrap()["code"]), (ShareState::Failed, &json!("ABDM-1149")), "{intent}");
        }
        let share = world.scanned(RAMESH, &"x".repeat(251)).await;
        assert_eq!((share.state, &share.error.unwrap()["code"]), (ShareState::Failed, &json!("ABDM-1050")));
        assert!(world.shares().await.is_empty() && world.patients().await.is_empty());
        assert_eq!(world.raised(EventType::ShareArrived).await, 0);
        let refused = world.exchanges_of("/patient/share").await.pop().unwrap();
        assert_eq!(refused.error.unwrap().code, "ABDM-1050");
        world.assert_clean().await;
    }

    async fn a_rescan_within_half_an_hour_shows_the_same_token_and_adds_nothing(database: TestDatabase) {
        let world = World::on(database).await;
        assert_eq!(world.token(ASHA, "OPD1").await, "1");
        assert_eq!(world.token(RAMESH, "OPD1").await, "2");
        world.clock.advance(20 * MINUTE);
        let again = world.scanned(ASHA, "OPD1").await;
        assert_eq!((again.token_number.as_deref(), again.expiry), (Some("1"), Some(json!("600"))), "with what is left");
        assert_eq!(world.token(ASHA, "DENTAL").await, "1", "another counter, which nobody had named");
        assert_eq!((world.shares().await.len(), world.raised(EventType::ShareArrived).await), (3, 3));
        world.clock.advance(10 * MINUTE);
        let later = world.scanned(ASHA, "OPD1").await;
        assert_eq!((later.token_number.as_deref(), later.expiry), (Some("3"), Some(json!("1800"))));
        assert_eq!(world.shares().await.len(), 4);
        assert_eq!(world.patients().await.len(), 2, "nobody is made twice");
        world.assert_clean().await;
    }

    async fn numbers_begin_anew_at_midnight_in_india_and_a_living_token_outlasts_it(database: TestDatabase) {
        let world = World::on(database).await;
        assert_eq!(world.token(RAMESH, "OPD1").await, "1");
        // From 11:30 to 23:50 in India.
        world.clock.advance(12 * HOUR + 20 * MINUTE);
        assert_eq!(world.token(ASHA, "OPD1").await, "2");
        world.clock.advance(15 * MINUTE);
        assert_eq!(world.token(ASHA, "OPD1").await, "2", "it is 00:05, and the token lives until 00:20");
        assert_eq!(world.token(RAMESH, "OPD1").await, "1");
        let shares = world.shares().await;
        let days: Vec<_> = shares.iter().map(|share| (share.token.day.to_string(), share.token.number)).collect();
        let days: Vec<_> = days.iter().map(|(day, number)| (day.as_str(), *number)).collect();
        assert_eq!(days, [("2026-01-21", 1), ("2026-01-20", 2), ("2026-01-20", 1)]);
    }

    async fn sixty_at_once_get_sixty_numbers_and_one_who_scans_ten_times_at_once_gets_one(database: TestDatabase) {
        let world = World::on(database).await;
        let people = world.people(60);
        let shares: Vec<_> = people.iter().map(|one| world.sandbox.state().share(&wanted(one, "OPD1")).unwrap()).collect();
        let mut numbers = BTreeSet::new();
        for share in shares {
            let share = world.sandbox.state().answered_share(&share.request_id, PATIENCE).await.unwrap();
            assert!(numbers.insert(share.token_number.unwrap().parse::<u32>().unwrap()));
        }
        assert_eq!(numbers, (1..=60).collect());
        let shares: Vec<_> = (0..10).map(|_| world.sandbox.state().share(&wanted(ASHA, "OPD1")).unwrap()).collect();
        for share in shares {
            let share = world.sandbox.state().answered_share(&share.request_id, PATIENCE).await.unwrap();
            assert_eq!(share.token_number.as_deref(), Some("61"));
        }
        assert_eq!((world.shares().await.len(), world.patients().await.len()), (61, 61));
        world.assert_clean().await;
    }

    async fn a_message_delivered_again_is_answered_alike(database: TestDatabase) {
        let world = World::on(database).await;
        let body = message(&json!("OPD1"), &json!({}));
        let request = Uuid::new_v4().to_string();
        let callback = RawCallback { request_id: Some(request), ..RawCallback::new(SHARE, FACILITY, body.clone()) };
        assert_eq!(world.callback(callback.clone()).await.status, Some(200));
        let first = world.until_calls(ON_SHARE, 1).await[0].body.clone();
        world.until_settled().await;
        assert_eq!(world.callback(callback).await.status, Some(200), "the same id: the first answer, and nothing more");
        // Run once more from what is stored, long after the token has ended: the same answer.
        world.clock.advance(HOUR);
        let exchange = world.exchanges_of("/patient/share").await.pop().unwrap();
        let mut tx = world.tx().await;
        assert!(tx.rerun_received(exchange.id).await.unwrap());
        tx.commit().await.unwrap();
        let calls = world.until_calls(ON_SHARE, 2).await;
        assert_eq!(calls[1].body, first);
        assert_eq!((world.shares().await.len(), world.raised(EventType::ShareArrived).await), (1, 1));
    }

    async fn a_patient_is_known_by_abha_address_or_number_and_left_as_the_hospital_has_them(database: TestDatabase) {
        let world = World::on(database).await;
        let mut ramesh = known_patient(&world.sandbox, "MR-1", RAMESH);
        ramesh.name = "R. Kumar".to_owned();
        let mut asha = known_patient(&world.sandbox, "MR-2", ASHA);
        let number = "91765432109876".parse().unwrap();
        (asha.abha_address, asha.abha_number) = (None, Some(number));
        let mut tx = world.tx().await;
        tx.put_patient(&id(), &ramesh).await.unwrap();
        tx.put_patient(&id(), &asha).await.unwrap();
        tx.commit().await.unwrap();
        world.token(RAMESH, "OPD1").await;
        let body = message(&json!("OPD1"), &json!({"abhaAddress": "Asha.New@sbx", "abhaNumber": "91-7654-3210-9876"}));
        world.callback(RawCallback::new(SHARE, FACILITY, body)).await;
        world.until_calls(ON_SHARE, 2).await;
        let shares = world.shares().await;
        let of: Vec<_> = shares.iter().map(|share| share.patient.as_ref().unwrap().as_str()).collect();
        assert_eq!(of, ["MR-2", "MR-1"]);
        let mut patients = world.patients().await;
        patients.sort_by(|a, b| a.reference.cmp(&b.reference));
        assert!(patients == [ramesh, asha]);
    }

    async fn odd_profiles_are_served(database: TestDatabase) {
        let world = World::on(database).await;
        let odd = [
            json!({"abhaNumber": "", "yearOfBirth": 1985, "dayOfBirth": 6, "monthOfBirth": 6}),
            json!({"abhaAddress": "bala-1!x@sbx", "phoneNumber": null, "dayOfBirth": null, "monthOfBirth": null}),
            json!({"abhaAddress": "chitra@sbx", "address": null, "gender": "T", "phoneNumber": "+91-98765 43210"}),
            json!({"abhaAddress": "devi@sbx", "yearOfBirth": "", "kycPhoto": "aGVsbG8="}),
        ];
        for (place, changes) in odd.iter().enumerate() {
            let answer = world.callback(RawCallback::new(SHARE, FACILITY, message(&json!("Lab 2.b_c-d"), changes))).await;
            assert_eq!(answer.status, Some(200), "{changes}");
            let calls = world.until_calls(ON_SHARE, place + 1).await;
            let said = &calls[place].body["acknowledgement"];
            assert_eq!(said["profile"], json!({"context": "Lab 2.b_c-d", "tokenNumber": (place + 1).to_string(), "expiry": "1800"}));
        }
        let shares = world.shares().await;
        assert_eq!(shares[0].patient, None, "without a year of birth nobody can be registered, but may wait in the queue");
        assert_eq!(world.patients().await.len(), 3);
        let calls = world.calls(ON_SHARE).len();
        let again = message(&json!("Lab 2.b_c-d"), &odd[3]);
        world.callback(RawCallback::new(SHARE, FACILITY, again)).await;
        let calls = world.until_calls(ON_SHARE, calls + 1).await;
        assert_eq!(calls.last().unwrap().body["acknowledgement"]["profile"]["tokenNumber"], "4", "and is known again");
        let nothing = message(&json!(null), &json!({}));
        assert_eq!(world.callback(RawCallback::new(SHARE, FACILITY, nothing)).await.status, Some(400));
    }

    async fn a_reply_is_tried_until_the_patients_app_gives_up_and_no_longer(database: TestDatabase) {
        let world = World::on(database).await;
        world.call_faults(vec![Fault::always(CallFault::Unavailable).on(ON_SHARE).times(2)]);
        let share = world.sandbox.state().share(&wanted(RAMESH, "OPD1")).unwrap();
        let answered = async || {
            world.clock.advance(SECOND / 2);
            Some(world.sandbox.state().shared(&share.request_id).unwrap()).filter(|share| share.state != ShareState::Sent)
        };
        let share = world.until(answered).await;
        assert_eq!((share.state, share.token_number.as_deref()), (ShareState::Answered, Some("1")));
        world.until_settled().await;

        world.call_faults(vec![Fault::always(CallFault::Unavailable).on(ON_SHARE)]);
        let share = world.sandbox.state().share(&wanted(ASHA, "OPD1")).unwrap();
        let refused = async || {
            world.clock.advance(SECOND);
            let exchange = world.exchanges_of("/patient/share").await.pop()?;
            Some(exchange).filter(|exchange| exchange.state == ExchangeState::Refused)
        };
        let refused = world.until(refused).await;
        assert!(refused.error.unwrap().explanation.contains("place in the queue"));
        assert_eq!(world.sandbox.state().shared(&share.request_id).unwrap().token_number, None);
        world.call_faults(Vec::new());
        assert_eq!(world.token(ASHA, "OPD1").await, "2", "scanned again");
    }
}

/// Runs one share with this switch to its end; says how many commits the first life made.
async fn killed(database: TestDatabase, switch: KillSwitch) -> u64 {
    let mut world = Mortal::new(database, switch).await;
    let mut lives = 0;
    let share = world.sandbox.state().share(&wanted(RAMESH, "OPD1")).unwrap();
    let (state, request) = (world.sandbox.state().clone(), share.request_id.clone());
    let answered = world
        .until(&mut lives, "the token", move |bridge| {
            let (state, request) = (state.clone(), request.clone());
            async move {
                let share = state.answered_share(&request, LOOK).await.unwrap();
                if share.answered_at.is_none() {
                    // The patient's app may have given up: then nothing was waited for.
                    let _ = tokio::time::timeout(LOOK, bridge.store.woken(Queue::Outbox)).await;
                }
                Some(share).filter(|share| share.answered_at.is_some())
            }
        })
        .await;
    assert_eq!(answered.token_number.as_deref(), Some("1"));
    let (shares, patients, events) = world
        .does(&mut lives, |bridge| async move {
            let mut tx = bridge.store.read().await.unwrap();
            let shares = tx.shares(&id(), &ShareFilter::default(), None, 10).await.unwrap();
            let patients = tx.patients(&id(), &store::PatientFilter::default(), None, 10).await.unwrap();
            let events = tx.events_after(&id(), None, 10).await.unwrap();
            let arrived = events.iter().filter(|event| event.event == EventType::ShareArrived);
            (shares.len(), patients.len(), arrived.count())
        })
        .await;
    assert_eq!((shares, patients, events), (1, 1, 1));
    let effects = world.sandbox.state().effects(None, None);
    assert!(effects.iter().all(|effect| effect.accepted <= 1), "{effects:#?}");
    let commits = world.switch.commits();
    world.end();
    commits
}

async fn die_everywhere(new_database: impl AsyncFn() -> TestDatabase) {
    let commits = killed(new_database().await, KillSwitch::default()).await;
    assert!(commits >= 4, "{commits} commits");
    for number in 1..=commits {
        killed(new_database().await, KillSwitch::before_commit(number)).await;
        killed(new_database().await, KillSwitch::after_commit(number)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_write_a_patient_gets_one_token_on_sqlite() {
    die_everywhere(async || TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_write_a_patient_gets_one_token_on_postgres() {
    die_everywhere(async || TestDatabase::postgres().await).await;
}
