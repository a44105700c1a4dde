//! Link tokens: asked for sparingly, because ABDM punishes asking; used however late they come.

use std::time::Duration;

use abdm::client::Call;
use abdm::id::RequestId;
use abdm::path::Operation;
use domain::event::EventType;
use domain::exchange::ExchangeState;
use domain::link::LinkState;
use domain::patient::Patient;
use domain::token_desk::{Token, TokenDesk};
use jiff::{SignedDuration, Timestamp};
use sandbox::{CallFault, CallbackFault, Fault, Plan, SandboxConfig, Timing};
use serde_json::json;
use store::on_both_databases;

use crate::linking::{ASHA, IMRAN, LAKSHMI};
use crate::steps::{GENERATE_TOKEN, HOUR, LINK, MINUTE, ON_GENERATE_TOKEN, ONE, SECOND};
use crate::world::{FACILITY, PATIENCE, RAMESH, World};

const WINDOW: SignedDuration = SignedDuration::from_mins(7);

impl World {
    /// When token requests reached ABDM.
    fn asked_at(&self) -> Vec<Timestamp> {
        self.calls(GENERATE_TOKEN).iter().map(|call| call.at).collect()
    }

    async fn until_waits(&self, patient: &Patient) -> domain::link::Link {
        let waits = |link: &domain::link::Link| link.state == LinkState::Waiting && link.due_at.is_some();
        self.until(async || Some(self.link(patient, "visit-1").await).filter(waits)).await
    }

    /// Rules that were broken, by name.
    fn broken(&self) -> Vec<String> {
        self.sandbox.state().violations().into_iter().map(|violation| violation.rule).collect()
    }
}

on_both_databases! {
    async fn a_request_that_came_too_soon_is_made_once_more_after_the_window(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.patient("P1", RAMESH).await;
        // Another system under the same client id asks first; its callback names no call of ours.
        let ask = json!({"abhaAddress": RAMESH, "name": "Ramesh Kumar", "gender": "M", "yearOfBirth": 1985});
        let call = Call::new(Operation::GenerateToken, RequestId::random()).hip_id(FACILITY.parse().unwrap());
        world.core().gateway.send(&call.json(&ask).unwrap()).await.unwrap();
        assert_eq!(world.sandbox.state().journal_of(ON_GENERATE_TOKEN, 1, PATIENCE).await[0].status, Some(200));

        world.visit(&patient, "visit-1", &ONE).await;
        let link = world.until_waits(&patient).await;
        let error = link.error.unwrap();
        assert_eq!((error.code.as_str(), error.until), ("ABDM-1092", link.due_at));
        assert_eq!(world.desk(RAMESH).await.token, None, "the stranger's token is not ours");

        world.clock.advance(MINUTE * 6 + SECOND * 30);
        world.visit(&patient, "visit-2", &ONE).await;
        world.link_after(SECOND * 30, &patient, "visit-1", LinkState::Linked).await;
        world.until_link(&patient, "visit-2", LinkState::Linked).await;
        let asked = world.asked_at();
        assert_eq!(asked.len(), 3);
        assert!(asked[2].duration_since(asked[1]) >= WINDOW, "{asked:?}");
        assert_eq!(world.broken(), ["token-window"], "by the stranger's doing");
    }

    async fn a_block_is_waited_out_while_other_patients_go_on(database: TestDatabase) {
        let world = World::on(database).await;
        let begin = world.core().clock.now();
        world.call_faults(vec![Fault::always(CallFault::Blocked).on(GENERATE_TOKEN).times(1)]);
        let patient = world.patient("P1", RAMESH).await;
        world.visit(&patient, "visit-1", &ONE).await;
        let link = world.until_waits(&patient).await;
        let error = link.error.unwrap();
        assert_eq!((error.code.as_str(), error.until), ("ABDM-1027", Some(begin + HOUR * 24)));
        assert!(error.explanation.contains("24 hours"));

        let asha = world.patient("P2", ASHA).await;
        world.visit(&asha, "visit-1", &ONE).await;
        world.until_link(&asha, "visit-1", LinkState::Linked).await;

        // Whatever happens to the blocked patient meanwhile, nothing is asked for them.
        for hours in [1, 11, 11] {
            world.clock.advance(HOUR * hours);
            world.correct(&patient).await;
            world.visit(&patient, &format!("after-{hours}"), &ONE).await;
            assert_eq!(world.link(&patient, "visit-1").await.error.unwrap().until, Some(begin + HOUR * 24));
        }
        world.link_after(HOUR, &patient, "visit-1", LinkState::Linked).await;
        let asked = world.asked_at();
        assert_eq!(asked.len(), 3);
        assert!(asked[2] >= begin + HOUR * 24, "{asked:?}");
        world.assert_clean_but_for_repeated_tokens().await;
    }

    async fn no_fourth_request_leaves_within_a_day(database: TestDatabase) {
        let world = World::on(database).await;
        world.callback_faults(vec![Fault::always(CallbackFault::Lost).on(ON_GENERATE_TOKEN).times(3)]);
        let patient = world.patient("P1", RAMESH).await;
        world.visit(&patient, "visit-1", &ONE).await;
        world.until_awaited(GENERATE_TOKEN).await;
        for count in [2, 3] {
            let look = async || Some(()).filter(|()| world.calls(GENERATE_TOKEN).len() == count);
            world.after(MINUTE * 10, look).await;
            world.until_awaited(GENERATE_TOKEN).await;
        }
        let waits = async || Some(world.link(&patient, "visit-1").await).filter(|link| link.due_at.is_some());
        let link = world.after(MINUTE * 10, waits).await;
        let asked = world.asked_at();
        assert_eq!(link.error.unwrap().until, Some(asked[0] + HOUR * 24));
        world.clock.advance(HOUR * 23);
        world.correct(&patient).await;
        world.link_after(HOUR, &patient, "visit-1", LinkState::Linked).await;
        let asked = world.asked_at();
        assert_eq!(asked.len(), 4);
        for pair in asked.windows(2) {
            assert!(pair[1].duration_since(pair[0]) >= WINDOW, "{asked:?}");
        }
        assert!(asked[3].duration_since(asked[0]) >= SignedDuration::from_hours(24), "{asked:?}");
        world.assert_clean_but_for_repeated_tokens().await;
    }

    async fn a_patient_who_differs_from_their_abha_fails_until_corrected(database: TestDatabase) {
        let world = World::on(database).await;
        let right = world.patient("P1", RAMESH).await;
        world.correct(&Patient { name: "Suresh Kumar".to_owned(), ..right.clone() }).await;
        world.callback_faults(vec![Fault::always(CallbackFault::Late).on(ON_GENERATE_TOKEN).by(SECOND * 5).times(1)]);
        world.visit(&right, "visit-1", &ONE).await;
        world.visit(&right, "visit-2", &ONE).await;
        world.until_awaited(GENERATE_TOKEN).await;
        let failed = world.link_after(SECOND * 5, &right, "visit-1", LinkState::Failed).await;
        world.until_link(&right, "visit-2", LinkState::Failed).await;
        let error = failed.error.unwrap();
        assert_eq!((error.code.as_str(), error.until), ("ABDM-1043", None));
        assert!(error.explanation.contains("Name, gender or year of birth"));
        assert_eq!(world.raised(EventType::CareContextFailed).await, 2);
        assert_eq!(world.exchanges_of(GENERATE_TOKEN).await[0].state, ExchangeState::Refused);

        // Not by itself, however long it takes.
        world.clock.advance(HOUR * 48);
        let asha = world.patient("P2", ASHA).await;
        world.visit(&asha, "visit-1", &ONE).await;
        world.until_link(&asha, "visit-1", LinkState::Linked).await;
        assert_eq!(world.link(&right, "visit-1").await.state, LinkState::Failed);

        world.correct(&right).await;
        for visit in ["visit-1", "visit-2"] {
            assert_eq!(world.until_link(&right, visit, LinkState::Linked).await.error, None);
        }
        assert_eq!(world.asked_at().len(), 3);
        world.assert_clean_but_for_repeated_tokens().await;
    }

    async fn a_correction_within_the_window_waits_for_its_end(database: TestDatabase) {
        let world = World::on(database).await;
        let right = world.patient("P1", RAMESH).await;
        world.correct(&Patient { gender: "F".parse().unwrap(), ..right.clone() }).await;
        world.visit(&right, "visit-1", &ONE).await;
        world.until_link(&right, "visit-1", LinkState::Failed).await;
        world.correct(&right).await;
        let link = world.until_waits(&right).await;
        assert_eq!(link.error.unwrap().until, link.due_at);
        world.link_after(MINUTE * 7, &right, "visit-1", LinkState::Linked).await;
        let asked = world.asked_at();
        assert_eq!(asked.len(), 2);
        assert!(asked[1].duration_since(asked[0]) >= WINDOW);
        world.assert_clean_but_for_repeated_tokens().await;
    }

    async fn an_unknown_or_deactivated_abha_fails_and_says_why(database: TestDatabase) {
        let world = World::on(database).await;
        let person = world.sandbox.state().person(IMRAN).unwrap();
        world.sandbox.state().put_person(sandbox::Person { deactivated: true, ..person });
        let deactivated = world.patient("P1", IMRAN).await;
        let unknown = Patient { abha_address: Some("nobody@sbx".parse().unwrap()), ..world.patient("P2", ASHA).await };
        world.correct(&unknown).await;
        for (patient, code, words) in [(&deactivated, "ABDM-1407", "deactivated"), (&unknown, "ABDM-9999", "nobody")] {
            world.visit(patient, "visit-1", &ONE).await;
            let error = world.until_link(patient, "visit-1", LinkState::Failed).await.error.unwrap();
            assert_eq!(error.code, code);
            assert!(error.explanation.contains(words), "{}", error.explanation);
        }
        assert_eq!(world.raised(EventType::CareContextFailed).await, 2);
    }

    async fn a_token_that_abdm_no_longer_takes_is_dropped_and_replaced(database: TestDatabase) {
        let timing = Timing { link_token: HOUR * 40, ..Timing::default() };
        let world = World::with(database, SandboxConfig { timing, ..SandboxConfig::default() }, "").await;
        let asha = world.patient("P2", ASHA).await;
        world.visit(&asha, "visit-1", &ONE).await;
        world.until_link(&asha, "visit-1", LinkState::Linked).await;
        let patient = world.patient("P1", RAMESH).await;
        world.visit(&patient, "visit-0", &ONE).await;
        world.until_link(&patient, "visit-0", LinkState::Linked).await;
        let own = world.desk(RAMESH).await.token.unwrap();
        let forever = |jwt: &str, with_number| {
            Some(Token { jwt: jwt.to_owned(), with_number, expires_at: Timestamp::MAX })
        };
        let others = world.desk(ASHA).await.token.unwrap();
        for (visit, token, code) in [
            ("of-another", forever(&others.jwt, false), "ABDM-1038"),
            ("garbage", forever("not.a.token", false), "ABDM-9999"),
            ("expired", forever(&own.jwt, true), "ABDM-1026"),
        ] {
            world.clock.advance(HOUR * 25);
            let desk = world.desk(RAMESH).await;
            world.put_desk(RAMESH, &TokenDesk { token, ..desk }).await;
            let (calls, asked) = (world.calls(LINK).len(), world.asked_at().len());
            world.visit(&patient, visit, &ONE).await;
            world.until_link(&patient, visit, LinkState::Linked).await;
            assert_eq!(world.calls(LINK).len(), calls + 2, "{visit}");
            assert_eq!(world.asked_at().len(), asked + 1, "{visit}");
            let refused = world.exchanges_of(LINK).await.into_iter().rev().nth(1).unwrap();
            assert_eq!((refused.state, refused.error.unwrap().code.as_str()), (ExchangeState::Refused, code));
        }
        assert_eq!(world.raised(EventType::CareContextFailed).await, 0);
    }

    async fn a_token_is_renewed_once_it_has_ended(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.linked().await;
        world.clock.advance(HOUR * 24 * 183);
        world.visit(&patient, "visit-2", &ONE).await;
        world.until_link(&patient, "visit-2", LinkState::Linked).await;
        assert_eq!((world.asked_at().len(), world.calls(LINK).len()), (2, 2));
        world.assert_clean_but_for_repeated_tokens().await;
    }

    async fn a_request_that_timed_out_is_not_repeated_and_its_callback_is_used(database: TestDatabase) {
        let world = World::with(database, SandboxConfig::default(), "timeout = \"600ms\"").await;
        let stuck = Fault::always(CallFault::Timeout).on(GENERATE_TOKEN).after().by(SECOND * 5).times(1);
        let late = Fault::always(CallbackFault::Late).on(ON_GENERATE_TOKEN).by(MINUTE * 3);
        world.sandbox.state().set_faults(Plan { calls: vec![stuck], callbacks: vec![late], ..Plan::default() });
        let patient = world.patient("P1", RAMESH).await;
        world.visit(&patient, "visit-1", &ONE).await;
        let gave_up = async || {
            let exchange = world.exchanges_of(GENERATE_TOKEN).await.pop()?;
            Some(exchange).filter(|exchange| exchange.state == ExchangeState::Waiting)
        };
        world.until(gave_up).await;
        assert_eq!(world.link(&patient, "visit-1").await.state, LinkState::Waiting);
        world.link_after(MINUTE * 3, &patient, "visit-1", LinkState::Linked).await;
        assert_eq!(world.asked_at().len(), 1);
        assert_eq!(world.raised(EventType::ExchangeOverdue).await, 0);
        world.assert_clean().await;
    }

    async fn a_request_of_unknown_outcome_whose_callback_is_lost_is_repeated_after_its_window(database: TestDatabase) {
        let world = World::with(database, SandboxConfig::default(), "timeout = \"600ms\"").await;
        let people = [
            (RAMESH, CallFault::Timeout, 1), (ASHA, CallFault::Close, 1), (IMRAN, CallFault::Broken, 1),
            (LAKSHMI, CallFault::Unavailable, 0),
        ];
        for (person, fault, lost) in people {
            let before = world.asked_at().len();
            let broken = Fault::always(fault).on(GENERATE_TOKEN).by(SECOND * 5).times(1);
            let calls = vec![if lost > 0 { broken.after() } else { broken }];
            let callbacks = vec![Fault::always(CallbackFault::Lost).on(ON_GENERATE_TOKEN).times(lost)];
            world.sandbox.state().set_faults(Plan { calls, callbacks, ..Plan::default() });
            let patient = world.patient(person.split_once('@').unwrap().0, person).await;
            world.visit(&patient, "visit-1", &ONE).await;
            let waiting = async || {
                let exchange = world.exchanges_of(GENERATE_TOKEN).await.pop()?;
                Some(exchange).filter(|exchange| exchange.state == ExchangeState::Waiting)
            };
            world.until(waiting).await;
            world.clock.advance(MINUTE * 6);
            world.visit(&patient, "visit-2", &ONE).await;
            world.link_after(MINUTE, &patient, "visit-1", LinkState::Linked).await;
            let asked = world.asked_at().split_off(before);
            assert_eq!(asked.len(), 2, "{fault:?}");
            assert!(asked[1].duration_since(asked[0]) >= WINDOW, "{fault:?} {asked:?}");
        }
        world.assert_clean_but_for_repeated_tokens().await;
    }

    async fn a_request_that_surely_had_no_effect_is_repeated_soon(database: TestDatabase) {
        let world = World::on(database).await;
        let people = [(RAMESH, CallFault::TooMany), (ASHA, CallFault::Unauthorized)];
        for (n, (person, fault)) in (1..).zip(people) {
            world.call_faults(vec![Fault::always(fault).on(GENERATE_TOKEN).times(1)]);
            let patient = world.patient(&format!("P{n}"), person).await;
            world.visit(&patient, "visit-1", &ONE).await;
            world.until_calls(GENERATE_TOKEN, 2 * n - 1).await;
            world.link_after(Duration::from_secs(2), &patient, "visit-1", LinkState::Linked).await;
            assert_eq!(world.asked_at().len(), 2 * n, "{fault:?}");
        }
        world.assert_clean().await;
    }
}

impl World {
    /// As [`World::assert_clean`]; an address may have been asked a token for more than once, by the rules.
    async fn assert_clean_but_for_repeated_tokens(&self) {
        assert!(self.sandbox.state().is_idle(PATIENCE).await);
        assert_eq!(self.sandbox.state().violations(), []);
        for effect in self.sandbox.state().effects(None, None) {
            assert!(effect.accepted <= 1 || effect.kind == sandbox::EffectKind::TokenRequest, "{effect:?}");
        }
    }
}
