//! How fast a facility calls ABDM: the operator's rate, ABDM's complaints, and what they never hold up.

use std::collections::BTreeMap;

use domain::link::LinkState;
use jiff::Timestamp;
use sandbox::{CallFault, Fault, Person, SandboxConfig};
use store::on_both_databases;

use crate::linking::ASHA;
use crate::steps::{GENERATE_TOKEN, LINK, MINUTE, ONE, SECOND};
use crate::world::{PATIENCE, RAMESH, World, id};

impl World {
    /// People whom ABDM knows, and the hospital too, with a visit each that is to be linked.
    async fn crowd(&self, people: u32) -> Vec<domain::patient::Patient> {
        let mut patients = Vec::new();
        for n in 0..people {
            let address = format!("crowd{n}@sbx");
            let ramesh = self.sandbox.state().person(RAMESH).unwrap();
            self.sandbox.state().put_person(Person {
                abha_address: address.clone(),
                abha_number: None,
                ..ramesh
            });
            let patient = self.patient(&format!("C{n}"), &address).await;
            self.visit(&patient, "visit-1", &ONE).await;
            patients.push(patient);
        }
        patients
    }

    async fn until_all_linked(&self, patients: &[domain::patient::Patient]) {
        for patient in patients {
            self.link_after(SECOND, patient, "visit-1", LinkState::Linked).await;
        }
    }

    /// When calls of the facility's own reached ABDM, whatever came of them.
    fn own_calls(&self) -> Vec<Timestamp> {
        let mut calls: Vec<_> =
            [GENERATE_TOKEN, LINK].iter().flat_map(|path| self.calls(path)).map(|call| call.at).collect();
        calls.sort_unstable();
        calls
    }
}

on_both_databases! {
    async fn no_second_sees_more_calls_than_the_operator_allows(database: TestDatabase) {
        let world = World::with(database, SandboxConfig::default(), "rate = 3").await;
        let patients = world.crowd(8).await;
        world.until_all_linked(&patients).await;
        let calls = world.own_calls();
        assert_eq!(calls.len(), 16);
        for at in &calls {
            let second = calls.iter().filter(|other| **other >= *at && **other < *at + SECOND).count();
            assert!(second <= 3, "{second} calls in the second from {at}");
        }
        world.assert_clean().await;
    }

    async fn the_rate_holds_across_a_second_instance(database: TestDatabase) {
        let world = World::with(database, SandboxConfig::default(), "rate = 1").await;
        let patients = world.crowd(2).await;
        // What another instance has written down binds this one.
        let mut tx = world.tx().await;
        let pace = tx.lock_pace(&id()).await.unwrap();
        let (now, limits) = (tx.now(), world.core().pace);
        tx.put_pace(&id(), &pace.spend(now + SECOND * 60, 1, limits)).await.unwrap();
        tx.commit().await.unwrap();
        let before = world.own_calls().len();
        world.clock.advance(SECOND * 59);
        world.until_link(&patients[0], "visit-1", LinkState::Waiting).await;
        assert!(world.own_calls().len() <= before + 1, "at most the one that had left before");
        world.clock.advance(SECOND * 2);
        world.until_all_linked(&patients).await;
        world.assert_clean().await;
    }

    async fn a_complaint_of_abdm_pauses_the_facility_and_not_only_the_call(database: TestDatabase) {
        let world = World::with(database, SandboxConfig::default(), "[retry]\nfirst = \"60s\"").await;
        world.call_faults(vec![Fault::always(CallFault::TooMany).on(GENERATE_TOKEN).times(1)]);
        let first = world.patient("P1", RAMESH).await;
        world.visit(&first, "visit-1", &ONE).await;
        let held = async || {
            let pace = world.read().await.pace(&id()).await.unwrap();
            pace.held_until
        };
        let until = world.after(SECOND, held).await;
        let asha = world.patient("P2", ASHA).await;
        world.visit(&asha, "visit-1", &ONE).await;
        world.clock.advance(SECOND * 10);
        assert_eq!(world.link(&asha, "visit-1").await.state, LinkState::Waiting);
        world.link_after(MINUTE, &asha, "visit-1", LinkState::Linked).await;
        world.link_after(MINUTE, &first, "visit-1", LinkState::Linked).await;
        let calls = world.own_calls();
        assert!(calls[1] >= until, "{calls:?} {until}");
        world.assert_clean().await;
    }

    async fn a_gateway_with_a_quota_is_not_hammered(database: TestDatabase) {
        let config = SandboxConfig { calls_a_second: Some(4), ..SandboxConfig::default() };
        let world = World::with(database, config, "").await;
        let patients = world.crowd(12).await;
        world.until_all_linked(&patients).await;
        let mut refused: BTreeMap<i64, u32> = BTreeMap::new();
        for path in [GENERATE_TOKEN, LINK] {
            for call in world.calls(path).iter().filter(|call| call.status == Some(429)) {
                *refused.entry(call.at.as_second()).or_default() += 1;
            }
        }
        // The first crowd leaves before ABDM has said anything; after that each complaint is one of a few.
        let later: u32 = refused.values().skip(1).sum();
        assert!(later <= 12, "{refused:?}");
        let pace = world.read().await.pace(&id()).await.unwrap();
        assert!(pace.learned.is_some(), "{pace:?}");
    }

    async fn replies_leave_while_the_facility_pauses(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.linked().await;
        let mut tx = world.tx().await;
        let pace = tx.lock_pace(&id()).await.unwrap();
        let until = tx.now() + MINUTE * 60;
        tx.put_pace(&id(), &domain::pace::Pace { held_until: Some(until), strikes: 1, ..pace }).await.unwrap();
        tx.commit().await.unwrap();
        world.visit(&patient, "visit-2", &ONE).await;
        let wanted = sandbox::ConsentWanted { abha_address: RAMESH.to_owned(), ..sandbox::ConsentWanted::default() };
        let granted = world.sandbox.state().grant(&wanted).unwrap();
        let consent = &granted.artefacts[0].consent_id;
        let state = world.sandbox.state();
        assert!(state.acknowledged(consent, sandbox::ConsentStatus::Granted, PATIENCE).await, "no reply");
        assert_eq!(world.link(&patient, "visit-2").await.state, LinkState::Waiting);
        world.link_after(MINUTE * 60, &patient, "visit-2", LinkState::Linked).await;
    }
}
