//! The main job, in-process: a visit goes in, the patient's records arrive encrypted at the other end.

use domain::link::LinkState;
use sandbox::{ConsentWanted, RecordsWanted};
use store::on_both_databases;

use crate::world::{OP_CONSULTATION, PATIENCE, PRESCRIPTION, RAMESH, World, id};

on_both_databases! {
    async fn a_stored_visit_is_linked_granted_pushed_and_read(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.patient("P1", RAMESH).await;
        let records = [("OPConsultation", OP_CONSULTATION), ("Prescription", PRESCRIPTION)];
        let stored = world.visit(&patient, "visit-1", &records).await;

        let link = world.until_link(&patient, "visit-1", LinkState::Linked).await;
        assert_eq!(link.linked_types.len(), 2);
        assert!(world.sandbox.state().is_linked(RAMESH, "visit-1"));

        let wanted = ConsentWanted { abha_address: RAMESH.to_owned(), ..ConsentWanted::default() };
        let granted = world.sandbox.state().grant(&wanted).unwrap();
        let consent = &granted.artefacts[0].consent_id;
        let asked = world.sandbox.state().request_records(&RecordsWanted::under(consent)).unwrap();
        let transfer = world.sandbox.state().closed_transfer(&asked.transaction_id, PATIENCE).await.unwrap();

        assert_eq!(transfer.page_count, Some(2), "{transfer:#?}");
        let mut arrived: Vec<_> = transfer.entries.iter().map(|entry| entry.bundle.as_deref().unwrap().to_owned()).collect();
        let mut kept = Vec::new();
        let mut tx = world.tx().await;
        for record in &stored.records {
            kept.push(String::from_utf8(tx.bundle(&id(), record.id).await.unwrap().unwrap()).unwrap());
        }
        drop(tx);
        arrived.sort();
        kept.sort();
        assert!(arrived == kept, "what arrived is not what was stored");
        assert!(transfer.entries.iter().all(|entry| entry.decrypted && entry.checksum_ok));
        let notified = transfer.notified.unwrap();
        assert_eq!(notified["sessionStatus"], "TRANSFERRED");
        assert_eq!(notified["statusResponses"][0]["hiStatus"], "DELIVERED");
        world.assert_clean().await;
    }
}
