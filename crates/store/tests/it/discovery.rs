//! Who may be the person that a discovery is about: found by ABHA, else by mobile, within the facility.

use abdm::id::Gender;
use domain::discovery::{Asked, Found, Identifiers, Settings, decide};
use domain::patient::{Birth, Patient};
use domain::reference::PatientRef;
use store::{Store, on_both_databases};

use crate::world::{World, address, facility_id, mobile, number, other_facility, patient};

fn asked() -> Asked {
    Asked {
        abha_address: address("asha.rao@sbx"),
        name: "Asha Rao".into(),
        gender: Gender::Female,
        year_of_birth: Some(1985),
        verified: Identifiers::read([("MOBILE", "+919812345678"), ("ABHA_NUMBER", "91-1234-5678-9015")]),
        unverified: Identifiers::default(),
    }
}

async fn put(store: &Store, patients: &[Patient]) {
    let mut tx = store.begin().await.unwrap();
    for patient in patients {
        tx.put_patient(&facility_id(), patient).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn candidates(store: &Store, asked: &Asked) -> Vec<String> {
    let mut tx = store.read().await.unwrap();
    let found = tx.discovery_candidates(&facility_id(), asked).await.unwrap();
    let mut found: Vec<_> = found.into_iter().map(|patient| patient.reference.to_string()).collect();
    found.sort();
    found
}

on_both_databases! {
    async fn candidates_come_by_abha_and_only_then_by_mobile(database: TestDatabase) {
        let world = World::new(database).await;
        assert!(candidates(&world.store, &asked()).await.is_empty());
        put(&world.store, &[
            Patient { mobile: Some(mobile("9812345678")), ..patient("p1") },
            Patient { mobile: Some(mobile("09812345678")), ..patient("p2") },
            Patient { mobile: Some(mobile("9812345679")), ..patient("p3") },
        ]).await;
        assert_eq!(candidates(&world.store, &asked()).await, ["p1", "p2"]);
        put(&world.store, &[Patient { abha_number: Some(number("91123456789015")), ..patient("p4") }]).await;
        assert_eq!(candidates(&world.store, &asked()).await, ["p4"]);
        put(&world.store, &[Patient { abha_address: Some(address("Asha.Rao@sbx")), ..patient("p5") }]).await;
        assert_eq!(candidates(&world.store, &asked()).await, ["p4", "p5"]);
        let mut tx = world.store.read().await.unwrap();
        assert!(tx.discovery_candidates(&other_facility(), &asked()).await.unwrap().is_empty());
    }

    async fn three_hundred_people_with_one_mobile_are_told_apart(database: TestDatabase) {
        let world = World::new(database).await;
        let firsts = ["Asha", "Bimala", "Chitra", "Devaki", "Esther", "Fatima", "Gauri", "Hema", "Indira", "Jaya"];
        let lasts = ["Rao", "Banerjee", "Chettiar", "Deshpande", "Fernandes", "Gogoi", "Hegde", "Iyer", "Joshi", "Khan"];
        let people: Vec<_> = (0_i16..300).map(|n| {
            let place = usize::try_from(n).unwrap();
            Patient {
                name: format!("{} {}", firsts[place % 10], lasts[place / 10 % 10]),
                gender: Gender::Female,
                birth: Birth::YearOfBirth(1950 + 10 * (n / 100)),
                mobile: Some(mobile("9812345678")),
                ..patient(&format!("p{n}"))
            }
        }).collect();
        put(&world.store, &people).await;
        for wanted in &people {
            let asked = Asked { name: wanted.name.clone(), year_of_birth: Some(wanted.birth.year()), ..asked() };
            let mut tx = world.store.read().await.unwrap();
            let candidates = tx.discovery_candidates(&facility_id(), &asked).await.unwrap();
            assert_eq!(candidates.len(), 300);
            let found = decide(&asked, &candidates, Settings::default());
            assert!(matches!(found, Found::One { patient, .. } if patient == wanted.reference), "{}", wanted.name);
        }
    }

    async fn a_number_that_a_desk_types_for_everybody_finds_nobody(database: TestDatabase) {
        let world = World::new(database).await;
        let many: Vec<_> = (0..1001)
            .map(|n| Patient { mobile: Some(mobile("9812345678")), ..patient(&format!("p{n}")) })
            .collect();
        put(&world.store, &many[..1000]).await;
        assert_eq!(candidates(&world.store, &asked()).await.len(), 1000);
        put(&world.store, &many[1000..]).await;
        assert!(candidates(&world.store, &asked()).await.is_empty());
    }

    async fn a_patient_found_twice_is_one(database: TestDatabase) {
        let world = World::new(database).await;
        let both = Patient {
            abha_address: Some(address("asha.rao@sbx")),
            abha_number: Some(number("91123456789015")),
            ..patient("p1")
        };
        put(&world.store, &[both]).await;
        let mut tx = world.store.read().await.unwrap();
        let candidates = tx.discovery_candidates(&facility_id(), &asked()).await.unwrap();
        let found = decide(&asked(), &candidates, Settings::default());
        let p1: PatientRef = "p1".parse().unwrap();
        assert!(matches!(found, Found::One { patient, .. } if patient == p1));
    }
}
