//! Patients belong to one facility, are found by what ABDM asks for, and are unique by ABHA.

use std::time::Duration;

use domain::patient::{Birth, Patient};
use store::{PatientFilter, Store, on_both_databases};

use crate::world::{World, address, facility_id, mobile, number, other_facility, patient, patient_ref};

fn known_to_abdm(reference: &str) -> Patient {
    Patient {
        mobile: Some(mobile("9812345678")),
        abha_number: Some(number("91-1234-5678-9015")),
        abha_address: Some(address("Asha.Rao@sbx")),
        ..patient(reference)
    }
}

async fn put(store: &Store, patient: &Patient) {
    let mut tx = store.begin().await.unwrap();
    tx.put_patient(&facility_id(), patient).await.unwrap();
    tx.commit().await.unwrap();
}

async fn references(store: &Store, filter: &PatientFilter, per_page: u32) -> Vec<String> {
    let mut tx = store.read().await.unwrap();
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = tx.patients(&facility_id(), filter, after.as_ref(), per_page).await.unwrap();
        let Some((last, _)) = page.last() else { return listed };
        after = Some(last.clone());
        listed.extend(page.into_iter().map(|(_, patient)| patient.reference.to_string()));
    }
}

on_both_databases! {
    async fn a_patient_comes_back_as_they_were_stored(database: TestDatabase) {
        let world = World::new(database).await;
        let mut asha = known_to_abdm("p1");
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.put_patient(&facility_id(), &asha).await.unwrap(), "new");
        assert!(tx.patient(&facility_id(), &asha.reference).await.unwrap() == Some(asha.clone()));
        asha.name = "आशा राव".into();
        asha.birth = Birth::YearOfBirth(1985);
        asha.mobile = None;
        asha.identifiers.clear();
        asha.provisional = true;
        assert!(!tx.put_patient(&facility_id(), &asha).await.unwrap(), "known");
        assert!(tx.lock_patient(&facility_id(), &asha.reference).await.unwrap() == Some(asha));
    }

    async fn a_patient_is_found_by_abha_and_mobile(database: TestDatabase) {
        let world = World::new(database).await;
        put(&world.store, &known_to_abdm("p1")).await;
        put(&world.store, &Patient { mobile: Some(mobile("+91 98123 45678")), ..patient("p2") }).await;
        let mut tx = world.store.read().await.unwrap();
        let here = facility_id();
        let found = |patient: Option<Patient>| patient.map(|patient| patient.reference.to_string());
        let by_address = tx.patient_by_address(&here, &address("ASHA.RAO@SBX")).await.unwrap();
        assert_eq!(found(by_address).as_deref(), Some("p1"), "case does not count");
        let by_number = tx.patient_by_number(&here, number("91123456789015")).await.unwrap();
        assert_eq!(found(by_number).as_deref(), Some("p1"), "dashes do not count");
        let by_mobile = tx.patients_by_mobile(&here, mobile("9812345678")).await.unwrap();
        let by_mobile: Vec<_> = by_mobile.iter().map(|patient| patient.reference.as_str()).collect();
        assert_eq!(by_mobile, ["p1", "p2"]);
        assert!(tx.patient_by_address(&here, &address("asha.rao2@sbx")).await.unwrap().is_none());
        assert!(tx.patient_by_number(&here, number("91123456789016")).await.unwrap().is_none());
        assert!(tx.patients_by_mobile(&here, mobile("9812345679")).await.unwrap().is_empty());
    }

    async fn many_new_patients_are_stored_at_once_or_not_at_all(database: TestDatabase) {
        let world = World::new(database).await;
        let many: Vec<_> = (0..117).map(|n| Patient { name: format!("Asha {n}"), ..patient(&format!("p{n:03}")) }).collect();
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_patients(&facility_id(), &many).await.unwrap();
        tx.insert_patients(&other_facility(), &[]).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = world.store.read().await.unwrap();
        for one in [&many[0], &many[49], &many[50], &many[116]] {
            assert!(tx.patient(&facility_id(), &one.reference).await.unwrap().as_ref() == Some(one));
        }
        drop(tx);
        let mut tx = world.store.begin().await.unwrap();
        let again = [patient("p200"), patient("p116")];
        assert!(tx.insert_patients(&facility_id(), &again).await.unwrap_err().is_duplicate());
        drop(tx);
        assert_eq!(references(&world.store, &PatientFilter::default(), 200).await.len(), 117);
    }

    async fn a_changed_mobile_is_no_longer_found(database: TestDatabase) {
        let world = World::new(database).await;
        put(&world.store, &known_to_abdm("p1")).await;
        put(&world.store, &Patient { mobile: Some(mobile("9000000001")), ..known_to_abdm("p1") }).await;
        let mut tx = world.store.read().await.unwrap();
        assert!(tx.patients_by_mobile(&facility_id(), mobile("9812345678")).await.unwrap().is_empty());
        assert_eq!(tx.patients_by_mobile(&facility_id(), mobile("9000000001")).await.unwrap().len(), 1);
    }

    async fn one_abha_is_one_patient_within_a_facility(database: TestDatabase) {
        let world = World::new(database).await;
        put(&world.store, &known_to_abdm("p1")).await;
        let same_address = Patient { abha_address: Some(address("asha.RAO@sbx")), ..patient("p2") };
        let same_number = Patient { abha_number: Some(number("91123456789015")), ..patient("p3") };
        for second in [same_address, same_number] {
            let mut tx = world.store.begin().await.unwrap();
            let refused = tx.put_patient(&facility_id(), &second).await.unwrap_err();
            assert!(refused.is_duplicate(), "{refused:?}");
        }
        let mut tx = world.store.begin().await.unwrap();
        tx.put_patient(&other_facility(), &known_to_abdm("p1")).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn facilities_do_not_see_each_others_patients(database: TestDatabase) {
        let world = World::new(database).await;
        put(&world.store, &known_to_abdm("p1")).await;
        let mut tx = world.store.read().await.unwrap();
        let there = other_facility();
        assert!(tx.patient(&there, &patient_ref("p1")).await.unwrap().is_none());
        assert!(tx.patient_by_address(&there, &address("asha.rao@sbx")).await.unwrap().is_none());
        assert!(tx.patient_by_number(&there, number("91123456789015")).await.unwrap().is_none());
        assert!(tx.patients_by_mobile(&there, mobile("9812345678")).await.unwrap().is_empty());
        assert!(tx.patients(&there, &PatientFilter::default(), None, 9).await.unwrap().is_empty());
    }

    async fn patients_are_listed_newest_first_page_by_page(database: TestDatabase) {
        let world = World::new(database).await;
        for reference in ["p1", "p2", "p3"] {
            put(&world.store, &patient(reference)).await; // all in the same millisecond
        }
        world.pass(Duration::from_millis(1));
        put(&world.store, &patient("p0")).await;
        world.pass(Duration::from_millis(1));
        put(&world.store, &patient("p2")).await; // a change does not make it newer
        for per_page in 1..=5 {
            let listed = references(&world.store, &PatientFilter::default(), per_page).await;
            assert_eq!(listed, ["p0", "p3", "p2", "p1"], "{per_page} per page");
        }
    }

    async fn a_list_can_be_narrowed(database: TestDatabase) {
        let world = World::new(database).await;
        put(&world.store, &known_to_abdm("p1")).await;
        put(&world.store, &Patient { mobile: Some(mobile("9812345678")), ..patient("p2") }).await;
        put(&world.store, &patient("p3")).await;
        let mobile = PatientFilter { mobile: Some(mobile("9812345678")), ..PatientFilter::default() };
        assert_eq!(references(&world.store, &mobile, 1).await, ["p2", "p1"]);
        let number = PatientFilter { abha_number: Some(number("91123456789015")), ..mobile.clone() };
        assert_eq!(references(&world.store, &number, 1).await, ["p1"]);
        let address = PatientFilter { abha_address: Some(address("nobody.here@sbx")), ..mobile };
        assert!(references(&world.store, &address, 1).await.is_empty());
    }

    async fn a_patient_who_never_merged_was_merged_into_nobody(database: TestDatabase) {
        let world = World::new(database).await;
        put(&world.store, &patient("p1")).await;
        let mut tx = world.store.read().await.unwrap();
        assert_eq!(tx.merged_into(&facility_id(), &patient_ref("p1")).await.unwrap(), None);
        assert_eq!(tx.merged_into(&facility_id(), &patient_ref("p2")).await.unwrap(), None);
    }
}

#[test]
fn a_patient_shows_nothing_personal_when_debugged() {
    let shown = format!("{:?}", known_to_abdm("p1"));
    assert!(shown.contains("p1") && !shown.contains("Asha") && !shown.contains("98123"), "{shown}");
}
