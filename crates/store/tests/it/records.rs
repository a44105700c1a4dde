//! Records of a care context: replaced as a whole, in order, and an equal one keeps its id.

use abdm::id::HiType::{DiagnosticReport, OPConsultation, Prescription};
use domain::care_context::CareContext;
use store::{NewRecord, Record, Tx, on_both_databases};

use crate::world::{World, facility_id, other_facility, record, visit};

async fn replace(tx: &mut Tx, visit: &CareContext, records: Vec<NewRecord>) -> Vec<Record> {
    tx.replace_records(&facility_id(), &visit.patient, &visit.reference, records).await.unwrap()
}

on_both_databases! {
    async fn records_come_back_in_the_order_in_which_they_were_sent(database: TestDatabase) {
        let world = World::new(database).await;
        let visit = visit("p1", "v1");
        let mut tx = world.store.begin().await.unwrap();
        let sent = vec![record(Prescription, "a"), record(OPConsultation, "b"), record(DiagnosticReport, "c")];
        let stored = replace(&mut tx, &visit, sent).await;
        assert_eq!(tx.records(&facility_id(), &visit.patient, &visit.reference).await.unwrap(), stored);
        let types: Vec<_> = stored.iter().map(|record| record.hi_type).collect();
        assert_eq!(types, [Prescription, OPConsultation, DiagnosticReport]);
        let turned = vec![record(DiagnosticReport, "c"), record(Prescription, "a"), record(OPConsultation, "b")];
        let turned = replace(&mut tx, &visit, turned).await;
        assert_eq!(tx.records(&facility_id(), &visit.patient, &visit.reference).await.unwrap(), turned);
        assert_eq!(turned, [stored[2].clone(), stored[0].clone(), stored[1].clone()], "they kept their ids");
    }

    async fn only_what_changed_is_written_again(database: TestDatabase) {
        let world = World::new(database).await;
        let visit = visit("p1", "v1");
        let mut tx = world.store.begin().await.unwrap();
        let first = replace(&mut tx, &visit, vec![record(Prescription, "a"), record(OPConsultation, "b")]).await;
        let second = replace(&mut tx, &visit, vec![record(Prescription, "a"), record(OPConsultation, "b2")]).await;
        assert_eq!(second[0].id, first[0].id);
        assert_ne!(second[1].id, first[1].id);
        assert!(tx.bundle(&facility_id(), first[1].id).await.unwrap().is_none(), "the old one is gone");
        let bundle = tx.bundle(&facility_id(), second[1].id).await.unwrap().unwrap();
        assert_eq!(bundle, record(OPConsultation, "b2").bundle.unwrap().text().unwrap());
    }

    async fn equal_input_of_another_type_is_another_record(database: TestDatabase) {
        let world = World::new(database).await;
        let visit = visit("p1", "v1");
        let mut tx = world.store.begin().await.unwrap();
        let first = replace(&mut tx, &visit, vec![record(Prescription, "a")]).await;
        let second = replace(&mut tx, &visit, vec![record(OPConsultation, "a")]).await;
        assert_ne!(first[0].id, second[0].id);
    }

    async fn a_source_that_comes_in_pieces_has_the_hash_of_the_whole(database: TestDatabase) {
        use std::io::Write as _;
        let world = World::new(database).await;
        let mut hasher = world.store.source_hasher().unwrap();
        hasher.write_all(b"one").unwrap();
        hasher.write_all(b" text").unwrap();
        let whole = world.store.read().await.unwrap().source_hash("one text").unwrap();
        assert_eq!(hasher.finish(), whole);
    }

    async fn the_same_record_twice_is_two_records(database: TestDatabase) {
        let world = World::new(database).await;
        let visit = visit("p1", "v1");
        let twice = || vec![record(Prescription, "a"), record(Prescription, "a")];
        let mut tx = world.store.begin().await.unwrap();
        let first = replace(&mut tx, &visit, twice()).await;
        assert_ne!(first[0].id, first[1].id);
        assert_eq!(replace(&mut tx, &visit, twice()).await, first);
        assert_eq!(replace(&mut tx, &visit, vec![record(Prescription, "a")]).await, first[..1]);
    }

    async fn a_record_that_could_not_be_built_has_no_document(database: TestDatabase) {
        let world = World::new(database).await;
        let visit = visit("p1", "v1");
        let issues = r#"[{"severity":"error","path":"/medications/0"}]"#;
        let broken =
            NewRecord { valid: false, issues: issues.into(), bundle: None, ..record(Prescription, "a") };
        let mut tx = world.store.begin().await.unwrap();
        let stored = replace(&mut tx, &visit, vec![broken]).await;
        assert_eq!((stored[0].valid, stored[0].issues.as_str(), stored[0].bundle_bytes), (false, issues, 0));
        assert_eq!(tx.bundle(&facility_id(), stored[0].id).await.unwrap(), None);
    }

    async fn a_large_document_comes_back_byte_for_byte(database: TestDatabase) {
        let world = World::new(database).await;
        let visit = visit("p1", "v1");
        let bundle: Vec<u8> = (0..3_000_000_u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let large = NewRecord { bundle: Some(bundle.clone().into()), ..record(Prescription, "a") };
        let mut tx = world.store.begin().await.unwrap();
        let stored = replace(&mut tx, &visit, vec![large]).await;
        tx.commit().await.unwrap();
        assert_eq!(stored[0].bundle_bytes, 3_000_000);
        let mut tx = world.store.read().await.unwrap();
        assert!(tx.bundle(&facility_id(), stored[0].id).await.unwrap() == Some(bundle));
        assert!(tx.bundle(&other_facility(), stored[0].id).await.unwrap().is_none(), "another facility's");
    }

    async fn a_forgotten_care_context_takes_its_records_with_it(database: TestDatabase) {
        let world = World::new(database).await;
        let (gone, kept) = (visit("p1", "v1"), visit("p1", "v2"));
        let mut tx = world.store.begin().await.unwrap();
        for context in [&gone, &kept] {
            tx.put_care_context(&facility_id(), context).await.unwrap();
        }
        let old = replace(&mut tx, &gone, vec![record(Prescription, "a")]).await;
        replace(&mut tx, &kept, vec![record(Prescription, "a")]).await;
        tx.delete_care_context(&facility_id(), &gone.patient, &gone.reference).await.unwrap();
        assert!(tx.care_context(&facility_id(), &gone.patient, &gone.reference).await.unwrap().is_none());
        assert!(tx.bundle(&facility_id(), old[0].id).await.unwrap().is_none());
        assert_eq!(tx.records(&facility_id(), &kept.patient, &kept.reference).await.unwrap().len(), 1);
    }

    async fn equal_input_has_an_equal_hash_and_the_hash_is_keyed(database: TestDatabase) {
        let world = World::new(database).await;
        let tx = world.store.read().await.unwrap();
        let hash = tx.source_hash("{\"diagnosis\":\"flu\"}").unwrap();
        assert_eq!(hash, tx.source_hash("{\"diagnosis\":\"flu\"}").unwrap());
        assert_ne!(hash, tx.source_hash("{\"diagnosis\":\"flu \"}").unwrap());
        let another = World::new(store::testing::TestDatabase::sqlite()).await;
        let tx = another.store.read().await.unwrap();
        assert_ne!(hash, tx.source_hash("{\"diagnosis\":\"flu\"}").unwrap(), "another database, another key");
    }
}
