//! v0.5: the same flows, asked and answered in the older interface.

use domain::event::EventType;
use sandbox::{CallbackFault, DiscoveryWanted, Fault, LinkingState, RawCallback};
use serde_json::{Value, json};
use store::on_both_databases;
use uuid::Uuid;

use super::{code, in_v05, only};
use crate::linking::ASHA;
use crate::world::{FACILITY, RAMESH, World};

const DISCOVER: &str = "/v0.5/care-contexts/discover";
const INIT: &str = "/v0.5/links/link/init";
const ON_DISCOVER: &str = "/gateway/v0.5/care-contexts/on-discover";
const ON_INIT: &str = "/gateway/v0.5/links/link/on-init";
const ON_CONFIRM: &str = "/gateway/v0.5/links/link/on-confirm";

fn number(linking: &sandbox::Linking) -> &str {
    code(linking)
}

on_both_databases! {
    async fn a_patient_links_in_v05(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        let found = world.discovered_as(in_v05()).await;
        assert_eq!(found.state, LinkingState::Discovered);
        let sent = world.chosen(&found, only(&["visit-1"])).await;
        assert_eq!(sent.state, LinkingState::OtpSent);
        let wrong = world.confirmed(&sent, world.wrong_otp(0)).await;
        assert_eq!((wrong.state, number(&wrong)), (LinkingState::ConfirmFailed, "3405"));
        let linked = world.confirmed(&sent, world.otp()).await;
        assert_eq!(linked.state, LinkingState::Linked);
        assert_eq!(world.linked_visits(), ["visit-1"]);
        assert_eq!(world.raised(EventType::PatientLinked).await, 1);
        for (path, calls) in [(ON_DISCOVER, 1), (ON_INIT, 1), (ON_CONFIRM, 2)] {
            let replies = world.calls(path);
            assert_eq!(replies.len(), calls, "{path}");
            for reply in replies {
                assert_eq!(reply.status, Some(202), "{path}");
                assert!(reply.body.get("response").is_none() && reply.body["resp"].is_object());
            }
        }
        assert!(world.calls("/care-context/on-discover").is_empty(), "nothing is said in V3");
        assert_eq!(world.calls("/gateway/v0.5/sessions").len(), 1);
        // In V3 the next search offers what is left, and knows the address.
        let rest = world.discovered().await;
        assert_eq!(rest.patient.unwrap()[0]["careContexts"][0]["referenceNumber"], "visit-2");
        world.assert_no_violations().await;
    }

    async fn refusals_in_v05_have_its_numbers(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        let stranger = DiscoveryWanted { abha_address: ASHA.to_owned(), ..in_v05() };
        let nobody = world.discovered_as(stranger).await;
        assert_eq!((nobody.state, number(&nobody)), (LinkingState::NothingFound, "3404"));
        let found = world.discovered_as(in_v05()).await;
        let entry = json!({"id": RAMESH, "referenceNumber": "P1", "careContexts": [{"referenceNumber": "nowhere"}]});
        let choice = sandbox::Choice { patient: Some(entry), ..sandbox::Choice::default() };
        let refused = world.chosen(&found, choice).await;
        assert_eq!((refused.state, number(&refused)), (LinkingState::InitFailed, "3402"));
        world.assert_clean().await;
    }

    async fn what_comes_again_in_v05_gets_the_same_answer_under_a_new_id(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        world.callback_faults(vec![Fault::always(CallbackFault::Redeliver)]);
        let found = world.discovered_as(in_v05()).await;
        let sent = world.chosen(&found, only(&["visit-1"])).await;
        assert_eq!(world.confirmed(&sent, world.otp()).await.state, LinkingState::Linked);
        for path in [ON_DISCOVER, ON_INIT, ON_CONFIRM] {
            let replies = world.until_calls(path, 2).await;
            let ids: Vec<_> = replies.iter().map(|reply| reply.body["requestId"].clone()).collect();
            assert_ne!(ids[0], ids[1], "{path}");
            assert_eq!(replies[0].body.get("link"), replies[1].body.get("link"), "{path}");
            assert_eq!(replies[0].body.get("patient"), replies[1].body.get("patient"), "{path}");
        }
        world.until_settled().await;
        assert_eq!((world.texts().len(), world.raised(EventType::PatientLinked).await), (1, 1));
    }
}

fn discovery(request_id: Value) -> Value {
    json!({"requestId": request_id, "timestamp": "2026-01-20T06:00:00.000Z",
        "transactionId": Uuid::new_v4().to_string(), "patient": {"id": RAMESH, "name": "Ramesh Kumar", "gender": "M",
        "yearOfBirth": 1985, "verifiedIdentifiers": [], "unverifiedIdentifiers": []}})
}

#[tokio::test]
async fn a_callback_of_v05_needs_its_token_and_its_id() {
    let (world, _) = World::for_linking(store::testing::TestDatabase::sqlite()).await;
    let id = || json!(Uuid::new_v4().to_string());
    let sent = async |callback: RawCallback| world.callback(callback).await.status;
    let right = RawCallback::new(DISCOVER, FACILITY, discovery(id()));
    assert_eq!(sent(right.clone()).await, Some(202));
    assert_eq!(sent(right.clone()).await, Some(202), "a repeat");
    for kind in ["none", "garbage", "wrongKey", "otherParty", "algNone"] {
        assert_eq!(sent(right.clone().token(kind)).await, Some(401), "{kind}");
    }
    // V3's token is signed with V3's key.
    let v3 = world.callback_token().await;
    let headers = [("authorization", v3.as_str()), ("x-hip-id", FACILITY)];
    assert_eq!(world.post(DISCOVER, &headers, discovery(id()).to_string()).await.status(), 401);
    for (body, why) in [
        (discovery(Value::Null), "no id"),
        (discovery(json!("7")), "no UUID"),
        (json!({"requestId": id()}), "no patient"),
    ] {
        assert_eq!(sent(RawCallback::new(DISCOVER, FACILITY, body)).await, Some(400), "{why}");
    }
    let v3_shape = json!({"requestId": id(), "transactionId": "t", "patient": []});
    assert_eq!(sent(RawCallback::new(INIT, FACILITY, v3_shape)).await, Some(400));
    let elsewhere = RawCallback::new(DISCOVER, "IN0000000000", discovery(id()));
    assert_eq!(sent(elsewhere).await, Some(404));
}
