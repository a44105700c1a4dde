//! Discoveries, link requests, the count of passwords, and messages known by the ids in their bodies.

use std::time::Duration;

use domain::link_request::LinkRequestState;
use domain::otp::{Limits, OtpDesk};
use store::{Asker, Callback, Discovered, LinkRequest, MessageKey, Offered, Stored, on_both_databases};
use uuid::Uuid;

use crate::world::{
    World, address, at, callback, facility_id, intake, other_facility, patient, patient_ref, transaction,
    visit, visit_ref,
};

fn offered(reference: &str) -> Offered {
    Offered {
        reference: visit_ref(reference),
        display: "OP visit".into(),
        hi_types: vec!["Prescription".parse().unwrap()],
    }
}

fn request(world: &World, reference: &str) -> LinkRequest {
    LinkRequest {
        reference: reference.parse().unwrap(),
        transaction: transaction("t1"),
        patient: patient_ref("p1"),
        state: LinkRequestState::Sending,
        display: "Asha Rao".into(),
        address: address("asha@sbx"),
        chosen: vec![offered("v1")],
        issued: None,
        tried: Vec::new(),
        askers: vec![Asker { exchange: Uuid::nil(), kind: "init".into(), request_id: "r1".into() }],
        delivery_id: None,
        created_at: abdm::clock::Clock::now(&world.clock),
    }
}

fn message(content: &str, take: bool) -> MessageKey {
    MessageKey { kind: "init", key: "t1".into(), content: content.into(), take }
}

fn keyed(request_id: &str, content: &str) -> Callback {
    Callback { message: Some(message(content, true)), ..callback(request_id) }
}

on_both_databases! {
    async fn what_was_offered_comes_back_at_its_facility_only(database: TestDatabase) {
        let world = World::new(database).await;
        let found = Discovered {
            transaction: transaction("t1"),
            patient: patient_ref("p1"),
            display: "Asha Rao".into(),
            address: address("asha@sbx"),
            matched_by: vec!["MOBILE".into()],
            offered: vec![offered("v1"), offered("v2")],
            at: at("2026-01-15T10:00:00Z"),
        };
        let mut tx = world.store.begin().await.unwrap();
        tx.put_discovery(&facility_id(), &found).await.unwrap();
        let again = Discovered { offered: Vec::new(), ..found.clone() };
        tx.put_discovery(&facility_id(), &again).await.unwrap();
        let read = tx.discovery(&facility_id(), &transaction("t1")).await.unwrap().unwrap();
        assert!(read == found, "the first stays");
        assert!(tx.discovery(&other_facility(), &transaction("t1")).await.unwrap().is_none());
    }

    async fn a_link_request_is_found_by_its_reference_and_the_last_one_by_its_discovery(database: TestDatabase) {
        let world = World::new(database).await;
        let mut tx = world.store.begin().await.unwrap();
        let first = request(&world, "l1");
        tx.put_link_request(&facility_id(), &first).await.unwrap();
        world.pass(Duration::from_secs(1));
        let second = request(&world, "l2");
        tx.put_link_request(&facility_id(), &second).await.unwrap();
        let (_, issued) =
            OtpDesk::default().issue("hash".into(), at("2026-01-15T10:00:00Z"), &Limits::default()).unwrap();
        let sent = LinkRequest {
            state: LinkRequestState::Sent,
            issued: Some(issued),
            delivery_id: Some("d1".into()),
            askers: Vec::new(),
            ..first.clone()
        };
        tx.put_link_request(&facility_id(), &sent).await.unwrap();
        assert!(tx.link_request(&facility_id(), &first.reference).await.unwrap() == Some(sent));
        assert!(tx.link_request(&other_facility(), &first.reference).await.unwrap().is_none());
        assert!(tx.link_request_of(&facility_id(), &transaction("t1")).await.unwrap() == Some(second));
    }

    async fn passwords_are_counted_per_patient_and_facility(database: TestDatabase) {
        let world = World::new(database).await;
        let mut tx = world.store.begin().await.unwrap();
        let (desk, _) = OtpDesk::default()
            .issue(tx.otp_hash(&"l1".parse().unwrap(), "123456").unwrap(), tx.now(), &Limits::default())
            .unwrap();
        tx.put_otp_desk(&facility_id(), &patient_ref("p1"), &desk).await.unwrap();
        assert_eq!(tx.otp_desk(&facility_id(), &patient_ref("p1")).await.unwrap(), desk);
        assert_eq!(tx.otp_desk(&facility_id(), &patient_ref("p2")).await.unwrap(), OtpDesk::default());
        assert_eq!(tx.otp_desk(&other_facility(), &patient_ref("p1")).await.unwrap(), OtpDesk::default());
        let hash = |link: &str, otp| tx.otp_hash(&link.parse().unwrap(), otp).unwrap();
        assert_ne!(hash("l1", "123456"), hash("l2", "123456"), "one link's password is not another's");
        assert_ne!(hash("l1", "123456"), hash("l1", "123457"));
    }

    async fn another_message_under_a_taken_key_leaves_no_trace(database: TestDatabase) {
        let world = World::new(database).await;
        let intake = intake(&world.store);
        assert_eq!(intake.store(keyed("r1", "a")).await.unwrap(), Stored::New);
        assert_eq!(intake.store(keyed("r2", "a")).await.unwrap(), Stored::New, "the same, delivered again");
        assert_eq!(intake.store(keyed("r3", "b")).await.unwrap(), Stored::Differs);
        assert_eq!(intake.store(keyed("r1", "b")).await.unwrap(), Stored::Known, "its REQUEST-ID comes first");
        let elsewhere = Callback { facility: other_facility(), ..keyed("r4", "b") };
        assert_eq!(intake.store(elsewhere).await.unwrap(), Stored::New);
        assert_eq!(world.store.lease_inbox(10).await.unwrap().len(), 3);

        let mut tx = world.store.begin().await.unwrap();
        tx.free_message_key(&facility_id(), "init", "t1").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(intake.store(keyed("r3", "b")).await.unwrap(), Stored::New, "what was refused may come again");
    }

    async fn two_messages_that_arrive_together_under_one_key_are_told_apart(database: TestDatabase) {
        let world = World::new(database).await;
        let intake = intake(&world.store);
        let both = tokio::join!(intake.store(keyed("r1", "a")), intake.store(keyed("r2", "b")));
        assert_eq!((both.0.unwrap(), both.1.unwrap()), (Stored::New, Stored::Differs));
    }

    async fn a_key_that_a_flow_takes_refuses_later_messages(database: TestDatabase) {
        let world = World::new(database).await;
        let intake = intake(&world.store);
        let asking = |request_id, content| Callback {
            message: Some(message(content, false)),
            ..callback(request_id)
        };
        assert_eq!(intake.store(asking("r1", "a")).await.unwrap(), Stored::New);
        assert_eq!(intake.store(asking("r2", "b")).await.unwrap(), Stored::New, "nobody has it yet");
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.take_message_key(&facility_id(), &message("b", false)).await.unwrap());
        assert!(!tx.take_message_key(&facility_id(), &message("a", false)).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(intake.store(asking("r3", "a")).await.unwrap(), Stored::Differs);
        assert_eq!(intake.store(asking("r4", "b")).await.unwrap(), Stored::New);
    }

    async fn visits_from_before_the_address_was_learnt_are_known(database: TestDatabase) {
        let world = World::new(database).await;
        let mut tx = world.store.begin().await.unwrap();
        let (here, p1) = (facility_id(), patient_ref("p1"));
        tx.put_patient(&here, &patient("p1")).await.unwrap();
        tx.put_care_context(&here, &visit("p1", "v1")).await.unwrap();
        assert!(tx.visits_before_address(&here, &p1).await.unwrap().is_empty(), "it was never learnt");
        world.pass(Duration::from_secs(1));
        tx.set_address_learnt(&here, &p1, true).await.unwrap();
        world.pass(Duration::from_secs(1));
        tx.put_care_context(&here, &visit("p1", "v2")).await.unwrap();
        tx.put_patient(&here, &patient("p1")).await.unwrap();
        assert_eq!(tx.visits_before_address(&here, &p1).await.unwrap(), [visit_ref("v1")]);
        tx.set_address_learnt(&here, &p1, false).await.unwrap();
        assert!(tx.visits_before_address(&here, &p1).await.unwrap().is_empty());
    }
}
