//! Messages that come again: the same one gets the same reply, another one under its id is refused.

use abdm::id::RequestId;
use domain::event::EventType;
use domain::exchange::{Direction, ExchangeState};
use sandbox::{CallFault, CallbackFault, EffectKind, Fault, LinkingState, RawCallback};
use serde_json::{Value, json};
use store::on_both_databases;

use super::{CONFIRM, DISCOVER, INIT, ON_CONFIRM, ON_DISCOVER, ON_INIT, code, only};
use crate::steps::SECOND;
use crate::world::{FACILITY, World, id};

impl World {
    /// The bodies of our replies on this path, without what they answer.
    fn replies(&self, path: &str) -> Vec<Value> {
        let bodies = self.calls(path).into_iter().map(|call| call.body);
        let without = bodies.map(|mut body| {
            body.as_object_mut().unwrap().remove("response");
            body
        });
        without.collect()
    }

    /// What ABDM sent on this path, once more under a new `REQUEST-ID`, changed by `change`.
    async fn again(&self, path: &str, change: impl Fn(&mut Value)) -> sandbox::RawAnswer {
        let mut sent = self.sandbox.state().journal(path);
        sent.retain(|entry| entry.direction == sandbox::Direction::Out);
        let mut body = sent.first().expect("was sent").body.clone();
        change(&mut body);
        let request_id = Some(RequestId::random().to_string());
        self.callback(RawCallback { request_id, ..RawCallback::new(path, FACILITY, body) }).await
    }
}

fn said(answer: &sandbox::RawAnswer) -> (Option<u16>, String) {
    let body: Value = serde_json::from_str(&answer.answer).unwrap_or(Value::Null);
    (answer.status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

on_both_databases! {
    async fn everything_delivered_twice_gets_one_sms_one_link_and_the_same_replies(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        world.callback_faults(vec![Fault::always(CallbackFault::Redeliver)]);
        let found = world.discovered().await;
        world.until_calls(ON_DISCOVER, 2).await;
        let sent = world.chosen(&found, only(&["visit-1"])).await;
        world.until_calls(ON_INIT, 2).await;
        world.until_settled().await;
        let linked = world.confirmed(&sent, world.otp()).await;
        assert_eq!(linked.state, LinkingState::Linked);
        world.until_calls(ON_CONFIRM, 2).await;
        world.until_settled().await;
        for path in [ON_DISCOVER, ON_INIT, ON_CONFIRM] {
            let replies = world.replies(path);
            assert_eq!(replies.len(), 2, "{path}");
            assert_eq!(replies[0], replies[1], "{path}");
        }
        assert_eq!(world.texts().len(), 1);
        assert_eq!(world.raised(EventType::PatientLinked).await, 1);
        for kind in [EffectKind::OnDiscover, EffectKind::OnInit, EffectKind::OnConfirm] {
            let effects = world.sandbox.state().effects(Some(kind), None);
            assert_eq!((effects.len(), effects[0].accepted, effects[0].repeats), (1, 1, 1), "{kind:?}");
        }
        let asked = world.exchanges().await.into_iter().filter(|exchange| exchange.direction == Direction::In);
        assert!(asked.into_iter().all(|exchange| exchange.state == ExchangeState::Answered));
        world.assert_clean().await;
    }

    async fn a_wrong_password_delivered_twice_counts_once(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        let sent = world.with_otp().await;
        world.callback_faults(vec![Fault::always(CallbackFault::Redeliver).on(CONFIRM)]);
        let wrong = world.confirmed(&sent, world.wrong_otp(0)).await;
        assert_eq!(code(&wrong), "ABDM-1035");
        world.until_calls(ON_CONFIRM, 2).await;
        world.until_settled().await;
        assert_eq!(world.replies(ON_CONFIRM)[0], world.replies(ON_CONFIRM)[1]);
        let desk = world.tx().await.otp_desk(&id(), &"P1".parse().unwrap()).await.unwrap();
        assert_eq!(desk.wrong, 1);
    }

    async fn another_message_under_a_known_id_is_refused_when_it_arrives(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        let found = world.discovered().await;
        let sent = world.chosen(&found, only(&["visit-1"])).await;
        world.confirmed(&sent, world.otp()).await;
        let name = |body: &mut Value| body["patient"]["name"] = json!("Somebody Else");
        assert_eq!(said(&world.again(DISCOVER, name).await), (Some(400), "ABDM-1103".to_owned()));
        let choice = |body: &mut Value| {
            body["patient"][0]["careContexts"] = json!([{"referenceNumber": "visit-2"}]);
        };
        assert_eq!(said(&world.again(INIT, choice).await), (Some(400), "ABDM-1104".to_owned()));
        let token = |body: &mut Value| body["confirmation"]["token"] = json!("100000");
        assert_eq!(said(&world.again(CONFIRM, token).await), (Some(400), "ABDM-1105".to_owned()));
        // The same said otherwise is the same: order and unknown members do not matter.
        let reordered = |body: &mut Value| {
            body["patient"]["verifiedIdentifiers"].as_array_mut().unwrap().reverse();
            body["trace"] = json!("x");
        };
        assert_eq!(world.again(DISCOVER, reordered).await.status, Some(202));
        assert_eq!(world.again(INIT, |_| ()).await.status, Some(200));
        let number = |body: &mut Value| {
            let token: u32 = body["confirmation"]["token"].as_str().unwrap().parse().unwrap();
            body["confirmation"]["token"] = json!(token);
        };
        assert_eq!(world.again(CONFIRM, number).await.status, Some(200));
        world.until_calls(ON_CONFIRM, 2).await;
        assert_eq!((world.texts().len(), world.linked_visits().len()), (1, 1));
    }

    async fn it_is_linked_only_once_abdm_has_taken_our_word(database: TestDatabase) {
        let (world, patient) = World::for_linking(database).await;
        let sent = world.with_otp().await;
        world.call_faults(vec![Fault::always(CallFault::Broken).on(ON_CONFIRM).times(2)]);
        world.sandbox.state().confirm_link(&sent.transaction_id, &json!(world.otp())).unwrap();
        world.until_calls(ON_CONFIRM, 1).await;
        assert_eq!(world.link(&patient, "visit-1").await.state, domain::link::LinkState::Unlinked);
        let linked = async || {
            let state = world.link(&patient, "visit-1").await.state;
            Some(()).filter(|()| state == domain::link::LinkState::Linked)
        };
        world.after(SECOND * 30, linked).await;
        assert_eq!(world.raised(EventType::PatientLinked).await, 1);
        assert!(world.calls(ON_CONFIRM).len() >= 3);
        world.assert_clean().await;
    }
}
