//! NHA's functional cases of linking by the hospital (M2, "HIP initiated linking by demographic details"), each under its
//! id. What each must show is public in NHA's documentation; what only a person can see in a patient's app is shown here
//! by the local ABDM.

use domain::exchange::ExchangeState;
use domain::link::LinkState;
use domain::patient::{Birth, Patient};
use sandbox::{CallbackFault, ConsentWanted, Direction, Entry, Fault, RawCallback, RecordsWanted};
use serde_json::json;
use store::on_both_databases;

use crate::linking::ASHA;
use crate::steps::{
    CONTEXT_NOTIFY, GENERATE_TOKEN, HOUR, LINK, ON_CARE_CONTEXT, ON_GENERATE_TOKEN, ONE, SECOND, TWO,
};
use crate::world::{FACILITY, PATIENCE, RAMESH, World};

const ON_CONTEXT_NOTIFY: &str = "/links/context/on-notify";

impl World {
    /// The callback on this path that answers a call.
    async fn answer_to(&self, call: &Entry, path: &str) -> Entry {
        let id = call.request_id.clone().unwrap();
        self.until(async || {
            let sent = self.sandbox.state().journal(path).into_iter();
            sent.filter(|entry| entry.direction == Direction::Out)
                .find(|entry| entry.body["response"]["requestId"] == id.as_str())
        })
        .await
    }
}

on_both_databases! {
    async fn hip_inti_link_501_the_journey_by_demographic_details_completes(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        let (token, link) = (world.calls(GENERATE_TOKEN), world.calls(LINK));
        assert_eq!((token.len(), token[0].status, link.len(), link[0].status), (1, Some(202), 1, Some(202)));
        let given = world.answer_to(&token[0], ON_GENERATE_TOKEN).await;
        let linked = world.answer_to(&link[0], ON_CARE_CONTEXT).await;
        assert!(token[0].n < given.n && given.n < link[0].n && link[0].n < linked.n, "in this order");
        world.assert_clean().await;
    }

    async fn hip_inti_link_502_the_request_carries_what_the_patient_record_holds(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.linked().await;
        let body = &world.calls(GENERATE_TOKEN)[0].body;
        assert_eq!(body["name"], patient.name);
        assert_eq!(body["gender"], patient.gender.as_str());
        assert_eq!(body["yearOfBirth"], patient.birth.year());
        assert_eq!(body["abhaAddress"], RAMESH);
        assert!(patient.mobile.is_some());
    }

    async fn hip_inti_link_503_matching_details_bring_a_token_and_others_a_refusal(database: TestDatabase) {
        let world = World::on(database).await;
        let wrong = Patient { birth: Birth::YearOfBirth(1901), ..world.patient("P2", ASHA).await };
        world.correct(&wrong).await;
        world.visit(&wrong, "visit-1", &ONE).await;
        let link = world.until_link(&wrong, "visit-1", LinkState::Failed).await;
        let asked = world.calls(GENERATE_TOKEN).remove(0);
        let refusal = world.answer_to(&asked, ON_GENERATE_TOKEN).await;
        assert!(refusal.body["error"]["code"].is_string() && refusal.body["linkToken"].is_null(), "{refusal:?}");
        assert!(link.error.unwrap().explanation.contains("Name, gender or year of birth"));
        assert_eq!(world.desk(ASHA).await.token, None);
        assert_eq!(world.calls(GENERATE_TOKEN).len(), 1, "asked once");

        world.linked().await;
        let asked = world.calls(GENERATE_TOKEN).remove(1);
        let given = world.answer_to(&asked, ON_GENERATE_TOKEN).await;
        assert!(given.body["linkToken"].is_string());
        assert_eq!(given.body["abhaAddress"], asked.body["abhaAddress"]);
    }

    async fn hip_inti_link_504_the_token_is_kept_and_used_for_the_next_visit(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.linked().await;
        let kept = world.desk(RAMESH).await.token.unwrap();
        world.clock.advance(HOUR * 24 * 150);
        world.visit(&patient, "months-later", &ONE).await;
        world.until_link(&patient, "months-later", LinkState::Linked).await;
        assert_eq!(world.calls(GENERATE_TOKEN).len(), 1);
        assert_eq!(world.desk(RAMESH).await.token.unwrap(), kept);
        world.assert_clean().await;
    }

    async fn hip_inti_link_505_a_visit_is_linked_a_refusal_is_not_and_an_update_is_told(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.patient("P1", RAMESH).await;
        // The gateway's own answer is lost; the refusal of the case comes instead.
        world.callback_faults(vec![Fault::always(CallbackFault::Lost).on(ON_CARE_CONTEXT).times(1)]);
        world.visit(&patient, "refused", &ONE).await;
        world.until_awaited(LINK).await;
        let id = world.calls(LINK)[0].request_id.clone().unwrap();
        let body = json!({"error": {"code": "ABDM-1037: ", "message": "Counter and Care context count mismatch"},
            "response": {"requestId": id}});
        world.callback(RawCallback::new("/api/v3/link/on_carecontext", FACILITY, body)).await;
        let link = world.until_link(&patient, "refused", LinkState::Failed).await;
        assert_eq!(link.error.unwrap().code, "ABDM-1037");
        assert_eq!(world.exchanges_of(LINK).await[0].state, ExchangeState::Refused);

        world.visit(&patient, "visit-1", &ONE).await;
        world.until_link(&patient, "visit-1", LinkState::Linked).await;
        let call = world.calls(LINK).remove(1);
        let linked = world.answer_to(&call, ON_CARE_CONTEXT).await;
        assert_eq!(linked.body["status"], "Successfully Linked care context");
        assert_eq!(linked.body["abhaAddress"], RAMESH);

        world.clock.advance(SECOND * 10);
        world.visit(&patient, "visit-1", &TWO).await;
        let told = world.until_calls(CONTEXT_NOTIFY, 1).await.remove(0);
        let answer = world.answer_to(&told, ON_CONTEXT_NOTIFY).await;
        assert_eq!((told.status, &answer.body["acknowledgement"]["status"]), (Some(202), &json!("SUCCESS")));
    }

    async fn hip_inti_link_506_what_was_linked_can_be_pulled(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        let state = world.sandbox.state();
        let wanted = ConsentWanted { abha_address: RAMESH.to_owned(), ..ConsentWanted::default() };
        let consent = state.grant(&wanted).unwrap().artefacts[0].consent_id.clone();
        assert!(state.acknowledged(&consent, sandbox::ConsentStatus::Granted, PATIENCE).await);
        let asked = state.request_records(&RecordsWanted::under(&consent)).unwrap();
        let transfer = state.closed_transfer(&asked.transaction_id, PATIENCE).await.unwrap();
        assert_eq!(transfer.notified.as_ref().unwrap()["sessionStatus"], "TRANSFERRED", "{transfer:#?}");
        assert_eq!(transfer.entries.iter().filter(|entry| entry.decrypted).count(), 2);
    }
}
