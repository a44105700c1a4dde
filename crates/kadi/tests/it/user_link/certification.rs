//! NHA's functional cases of milestone 2 on linking, each under its id, with what has to be seen for it and the refusal
//! that belongs to it.

use domain::event::EventType;
use domain::link::LinkState;
use sandbox::{
    CallbackFault, ConsentWanted, DiscoveryWanted, Fault, LinkedBy, LinkingState, RawCallback, RecordsWanted,
};
use serde_json::json;
use store::on_both_databases;

use super::{DISCOVER, ON_CONFIRM, ON_DISCOVER, ON_INIT, code, only};
use crate::linking::ASHA;
use crate::steps::{
    CONTEXT_NOTIFY, GENERATE_TOKEN, LINK, ON_CARE_CONTEXT, ON_GENERATE_TOKEN, ONE, SECOND, TWO,
};
use crate::world::{FACILITY, RAMESH, World};

impl World {
    fn callbacks(&self, path: &str) -> Vec<sandbox::Entry> {
        let mut sent = self.sandbox.state().journal(path);
        sent.retain(|entry| entry.direction == sandbox::Direction::Out);
        sent
    }
}

on_both_databases! {
    async fn hip_inti_link_501_linking_by_demographics_completes(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        for path in [GENERATE_TOKEN, LINK] {
            let calls = world.calls(path);
            assert_eq!((calls.len(), calls[0].status), (1, Some(202)), "{path}");
        }
        for path in [ON_GENERATE_TOKEN, ON_CARE_CONTEXT] {
            let callbacks = world.callbacks(path);
            assert_eq!((callbacks.len(), callbacks[0].status), (1, Some(200)), "{path}");
            assert!(callbacks[0].body.get("error").is_none(), "{path}");
        }
        world.assert_clean().await;
    }

    async fn hip_inti_link_502_the_details_sent_are_those_held(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.linked().await;
        let sent = &world.calls(GENERATE_TOKEN)[0].body;
        assert_eq!(sent["name"], patient.name);
        assert_eq!(sent["gender"], patient.gender.as_str());
        assert_eq!(sent["yearOfBirth"], patient.birth.year());
        assert_eq!(sent["abhaAddress"], RAMESH);
        assert!(patient.mobile.is_some());
    }

    async fn hip_inti_link_503_the_gateway_validates_the_details(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        let token = &world.callbacks(ON_GENERATE_TOKEN)[0];
        assert!(token.body["linkToken"].is_string() && token.body["abhaAddress"] == RAMESH);
        assert_eq!(
            token.body["response"]["requestId"].as_str(),
            world.calls(GENERATE_TOKEN)[0].request_id.as_deref()
        );

        let mut patient = crate::world::known_patient(&world.sandbox, "P2", ASHA);
        patient.birth = domain::patient::Birth::YearOfBirth(patient.birth.year() + 1);
        world.put(&patient).await;
        world.visit(&patient, "visit-1", &ONE).await;
        let link = world.until_link(&patient, "visit-1", LinkState::Failed).await;
        assert_eq!(link.error.unwrap().code, "ABDM-1043");
        assert!(world.desk(ASHA).await.token.is_none(), "no token is stored");
        assert_eq!(world.calls(GENERATE_TOKEN).len(), 2, "the refusal is not repeated");
    }

    async fn hip_inti_link_504_the_token_is_kept_for_the_next_visit(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.linked().await;
        let kept = world.desk(RAMESH).await.token.expect("a token");
        let life = kept.expires_at.duration_since(world.core().clock.now());
        assert!(life.as_hours() > 180 * 24, "six months");
        world.visit(&patient, "visit-2", &ONE).await;
        world.until_link(&patient, "visit-2", LinkState::Linked).await;
        assert_eq!((world.calls(GENERATE_TOKEN).len(), world.calls(LINK).len()), (1, 2));
    }

    async fn hip_inti_link_505_the_visit_is_linked_refused_and_updated(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.linked().await;
        let told = &world.callbacks(ON_CARE_CONTEXT)[0];
        assert_eq!(told.body["response"]["requestId"].as_str(), world.calls(LINK)[0].request_id.as_deref());

        world.callback_faults(vec![Fault::always(CallbackFault::Lost).on(ON_CARE_CONTEXT)]);
        world.visit(&patient, "visit-2", &ONE).await;
        world.until_awaited(LINK).await;
        let asked = world.until_calls(LINK, 2).await.pop().unwrap().request_id;
        let refused = json!({"error": {"code": "ABDM-1037", "message": "Counter and Care context count mismatch"},
            "response": {"requestId": asked}});
        world.callback(RawCallback::new("/api/v3/link/on_carecontext", FACILITY, refused)).await;
        let link = world.until_link(&patient, "visit-2", LinkState::Failed).await;
        assert_eq!(link.error.unwrap().code, "ABDM-1037");

        // Another record of a type that is linked: the app is told of it.
        let later = crate::world::new_visit(&patient, "visit-1");
        let more = [TWO[0], TWO[1], TWO[1]];
        world.clock.advance(SECOND * 10);
        world.put_visit(&patient, later, &more).await;
        world.until_answered(CONTEXT_NOTIFY, 1).await;
        let told = world.callbacks("/links/context/on-notify").pop().unwrap();
        assert_eq!(told.body["acknowledgement"]["status"], "SUCCESS");
    }

    async fn hip_inti_link_506_the_linked_records_can_be_pulled(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        let consent = world.granted(ConsentWanted::default()).await;
        let transfer = world.transferred(RecordsWanted::under(&consent.consent_id)).await;
        assert_eq!(transfer.entries.len(), 2);
        assert!(transfer.entries.iter().all(|entry| entry.decrypted && entry.checksum_ok && entry.valid));
        assert!(transfer.entries.iter().all(|entry| entry.care_context_reference == "visit-1"));
        world.assert_clean().await;
    }

    async fn user_init_link_601_602_a_person_with_an_app_finds_the_facility(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        // Logging in and choosing a facility are the app's: the person exists, and the facility's service is listed.
        assert!(world.sandbox.state().person(RAMESH).is_ok());
        let services = world.core().gateway.bridge_services().await.unwrap().services;
        let ours = services.iter().find(|service| service.id.as_deref() == Some(FACILITY)).expect("listed");
        assert!(ours.types.iter().any(|kind| kind == "HIP"), "{ours:?}");
    }

    async fn user_init_link_603_the_profile_reaches_the_hip(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        let found = world.discovered().await;
        let asked = &world.callbacks(DISCOVER)[0];
        assert_eq!(asked.status, Some(202));
        assert_eq!(asked.body["transactionId"], found.transaction_id);
        assert_eq!(asked.body["patient"]["id"], RAMESH);
        // Found by mobile, narrowed by name, gender and year of birth: another name is somebody else.
        assert_eq!(found.state, LinkingState::Discovered);
        let stranger = DiscoveryWanted { name: Some("Suresh Nair".into()), ..DiscoveryWanted::default() };
        let nobody = world.discovered_as(stranger).await;
        assert_eq!((nobody.state, code(&nobody)), (LinkingState::NothingFound, "ABDM-1010"));
    }

    async fn user_init_link_604_the_records_found_are_returned_and_a_stranger_gets_none(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        let found = world.discovered().await;
        let reply = &world.calls(ON_DISCOVER)[0];
        assert_eq!(reply.status, Some(202));
        assert_eq!(reply.body["transactionId"], found.transaction_id);
        assert_eq!(
            reply.body["response"]["requestId"].as_str(),
            world.callbacks(DISCOVER)[0].request_id.as_deref()
        );
        assert_eq!(reply.body["patient"][0]["careContexts"][0]["referenceNumber"], "visit-1");
        assert_eq!(reply.body["matchedBy"], json!(["MOBILE"]));

        let asha = DiscoveryWanted { abha_address: ASHA.to_owned(), ..DiscoveryWanted::default() };
        let nobody = world.discovered_as(asha).await;
        assert_eq!((nobody.state, code(&nobody)), (LinkingState::NothingFound, "ABDM-1010"));
        let reply = &world.calls(ON_DISCOVER)[1].body;
        assert!(reply.get("patient").is_none() && reply.get("matchedBy").is_none(), "{reply}");
        world.assert_clean().await;
    }

    async fn user_init_link_605_only_what_was_chosen_is_linked_and_only_with_the_otp(database: TestDatabase) {
        let (world, patient) = World::for_linking(database).await;
        let found = world.discovered().await;
        let sent = world.chosen(&found, only(&["visit-2"])).await;
        let link = &world.calls(ON_INIT)[0].body["link"];
        assert_eq!(link["authenticationType"], "DIRECT");
        assert_eq!(link["meta"]["communicationMedium"], "MOBILE");
        assert_eq!(world.texts()[0]["mobile"], patient.mobile.unwrap().to_string());

        let wrong = world.confirmed(&sent, world.wrong_otp(0)).await;
        assert_eq!((wrong.state, code(&wrong)), (LinkingState::ConfirmFailed, "ABDM-1035"));
        assert!(world.calls(ON_CONFIRM)[0].body.get("patient").is_none());
        assert!(world.linked_visits().is_empty());

        let linked = world.confirmed(&sent, world.otp()).await;
        assert_eq!(linked.state, LinkingState::Linked);
        let reply = &world.calls(ON_CONFIRM)[1];
        assert_eq!(reply.status, Some(202));
        assert_eq!(reply.body["patient"].as_array().unwrap().len(), 1);
        assert_eq!(reply.body["patient"][0]["careContexts"][0]["referenceNumber"], "visit-2");
        assert_eq!(world.linked_visits(), ["visit-2"]);
        assert_eq!(world.sandbox.state().links(RAMESH)[0].by, LinkedBy::Patient);
        assert_eq!(world.link(&patient, "visit-2").await.state, LinkState::Linked);
        assert_eq!(world.link(&patient, "visit-1").await.state, LinkState::Unlinked);
        assert_eq!(world.raised(EventType::PatientLinked).await, 1);
        world.assert_no_violations().await;
    }

    async fn user_init_link_606_a_match_rests_on_what_abdm_verified(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        world.discovered().await;
        let asked = &world.callbacks(DISCOVER)[0].body["patient"]["verifiedIdentifiers"];
        let kinds: Vec<_> = asked.as_array().unwrap().iter().map(|one| one["type"].clone()).collect();
        for by in world.calls(ON_DISCOVER)[0].body["matchedBy"].as_array().unwrap() {
            assert!(kinds.contains(by), "{by} was not verified");
        }
        // A hospital number that the patient typed finds nobody by itself.
        let typed = sandbox::Identifier { kind: "MR".into(), value: "P1".into() };
        let mobile = sandbox::Identifier { kind: "MOBILE".into(), value: "9000000001".into() };
        let wanted =
            DiscoveryWanted { verified: Some(vec![mobile]), unverified: Some(vec![typed]), ..Default::default() };
        let nobody = world.discovered_as(wanted).await;
        assert_eq!((nobody.state, code(&nobody)), (LinkingState::NothingFound, "ABDM-1010"));
    }

    async fn user_init_link_607_what_the_patient_linked_can_be_pulled(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        let sent = world.chosen(&world.discovered().await, only(&["visit-1"])).await;
        assert_eq!(world.confirmed(&sent, world.otp()).await.state, LinkingState::Linked);
        let consent = world.granted(ConsentWanted::default()).await;
        let transfer = world.transferred(RecordsWanted::under(&consent.consent_id)).await;
        assert_eq!(transfer.entries.len(), 2);
        assert!(transfer.entries.iter().all(|entry| entry.decrypted && entry.checksum_ok && entry.valid));
        assert!(transfer.entries.iter().all(|entry| entry.care_context_reference == "visit-1"));
        world.assert_clean().await;
    }
}
