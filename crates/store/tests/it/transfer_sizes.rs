//! Transfers of many care contexts: opened in few statements, and what their pages are checked by.

use abdm::id::HiType::{OPConsultation, Prescription};
use domain::transfer::{Tally, TransferStatus};
use store::{NewRecord, PageEntry, Transfer, TransferContext, on_both_databases};
use uuid::Uuid;

use crate::world::{START, World, at, facility_id, other_facility, patient_ref, record, transaction, visit};

/// Not a multiple of what one statement inserts.
const MANY: u32 = 205;

on_both_databases! {
    async fn every_page_and_care_context_of_many_is_written(database: TestDatabase) {
        let world = World::new(database).await;
        let names: Vec<_> = (0..MANY).map(|number| format!("v{number:04}")).collect();
        let entry = |name: &String| {
            vec![PageEntry { patient: "p1".into(), care_context: name.clone(), record: Uuid::now_v7(), bytes: 7 }]
        };
        let pages: Vec<_> = names.iter().map(entry).collect();
        let context = |name: &String| {
            let tally = Tally { records: 1, ..Tally::default() };
            TransferContext { patient: "p1".into(), reference: name.clone(), tally }
        };
        let contexts: Vec<_> = names.iter().map(context).collect();
        let transfer = Transfer {
            transaction: transaction("t1"),
            consent: "c1".parse().unwrap(),
            exchange: Uuid::now_v7(),
            status: TransferStatus::Acknowledged,
            request: None,
            deadline: at(START),
            page_count: MANY,
            created_at: at(START),
            ended_at: None,
        };
        let mut tx = world.store.begin().await.unwrap();
        // An artefact that names a care context twice gets it once.
        let twice: Vec<_> = contexts.iter().chain(&contexts[..1]).cloned().collect();
        tx.open_transfer(&facility_id(), &transfer, &pages, &twice).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = world.store.begin().await.unwrap();
        let written = tx.pending_pages(&facility_id(), &transaction("t1"), 1000).await.unwrap();
        let numbers: Vec<_> = written.iter().map(|page| page.number).collect();
        assert_eq!(numbers, (1..=MANY).collect::<Vec<_>>());
        assert_eq!(written.into_iter().map(|page| page.entries).collect::<Vec<_>>(), pages);
        assert_eq!(tx.transfer_contexts(&facility_id(), &transaction("t1")).await.unwrap(), contexts);
    }

    async fn every_line_of_many_is_in_the_audit_trail_and_the_chain_holds(database: TestDatabase) {
        let world = World::new(database).await;
        let mut tx = world.store.begin().await.unwrap();
        for number in 0..MANY {
            tx.audit(&facility_id(), "bridge", "sent", &format!("v{number}")).await.unwrap();
        }
        tx.audit(&other_facility(), "bridge", "sent", "elsewhere").await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = world.store.read().await.unwrap();
        assert_eq!(tx.audit_head(&facility_id()).await.unwrap().seq, u64::from(MANY));
        assert_eq!(tx.audit_head(&other_facility()).await.unwrap().seq, 1);
    }

    async fn all_visits_of_a_patient_are_seen_with_their_records_in_order(database: TestDatabase) {
        let world = World::new(database).await;
        let mut tx = world.store.begin().await.unwrap();
        for (owner, reference) in [("p1", "v1"), ("p1", "v2"), ("p2", "v1")] {
            let visit = visit(owner, reference);
            tx.put_care_context(&facility_id(), &visit).await.unwrap();
            let invalid = NewRecord { valid: false, ..record(Prescription, "b") };
            let records = if reference == "v1" { vec![record(OPConsultation, "a"), invalid] } else { Vec::new() };
            tx.replace_records(&facility_id(), &visit.patient, &visit.reference, records).await.unwrap();
        }
        let seen = tx.shareable(&facility_id(), &patient_ref("p1")).await.unwrap();
        assert_eq!(seen.len(), 2);
        assert!(seen["v2"].records.is_empty());
        let records: Vec<_> = seen["v1"].records.iter().map(|record| (record.hi_type, record.valid)).collect();
        assert_eq!(records, [(OPConsultation, true), (Prescription, false)]);
        assert!(seen["v1"].records[0].bytes > 0 && !seen["v1"].withdrawn);
        assert!(tx.shareable(&other_facility(), &patient_ref("p1")).await.unwrap().is_empty());
    }
}
