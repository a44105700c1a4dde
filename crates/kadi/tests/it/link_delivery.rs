//! What callbacks of linking do when they come twice, late, too early or never.

use domain::event::EventType;
use domain::exchange::ExchangeState;
use domain::facility::{Facility, Role};
use domain::link::LinkState;
use sandbox::{CallbackFault, EffectKind, Fault, RawCallback, Rules, SandboxConfig};
use serde_json::json;
use store::on_both_databases;

use crate::linking::{ASHA, IMRAN, LAKSHMI};
use crate::steps::{GENERATE_TOKEN, HOUR, LINK, MINUTE, ON_CARE_CONTEXT, ON_GENERATE_TOKEN, ONE, SECOND};
use crate::world::{FACILITY, PATIENCE, RAMESH, World, facility};

/// Oddities of delivery, each with a person who meets it.
const ODD: [(&str, CallbackFault); 4] = [
    (RAMESH, CallbackFault::Duplicate),
    (ASHA, CallbackFault::Redeliver),
    (IMRAN, CallbackFault::Early),
    (LAKSHMI, CallbackFault::Late),
];

/// Links a visit of each person while the callbacks of this path are delivered oddly.
async fn link_all(world: &World, path: &str) {
    for (person, fault) in ODD {
        // Shorter than a lease: what a jump of the clock takes from a worker waits for its whole window.
        let late = SECOND * 5;
        world.callback_faults(vec![Fault::always(fault).on(path).by(late)]);
        let patient = world.patient(person.split_once('@').unwrap().0, person).await;
        world.visit(&patient, "visit-1", &ONE).await;
        if fault == CallbackFault::Late {
            world.until_awaited(if path == ON_GENERATE_TOKEN { GENERATE_TOKEN } else { LINK }).await;
        }
        world.link_after(late, &patient, "visit-1", LinkState::Linked).await;
    }
    assert!(world.sandbox.state().is_idle(PATIENCE).await);
    // A last visit, dealt with after everything before it.
    let patient = world.patient("ramesh.k_85", RAMESH).await;
    world.callback_faults(Vec::new());
    world.visit(&patient, "visit-2", &ONE).await;
    world.until_link(&patient, "visit-2", LinkState::Linked).await;
}

on_both_databases! {
    async fn a_link_result_that_comes_twice_late_or_early_links_once(database: TestDatabase) {
        let world = World::on(database).await;
        link_all(&world, ON_CARE_CONTEXT).await;
        assert_eq!(world.raised(EventType::CareContextLinked).await, 5);
        assert_eq!(world.calls(LINK).len(), 5);
        let states: Vec<_> = world.exchanges_of(LINK).await.iter().map(|exchange| exchange.state).collect();
        assert_eq!(states, [ExchangeState::Answered; 5]);
        world.assert_clean().await;
    }

    async fn a_token_that_comes_twice_late_or_early_is_asked_for_once(database: TestDatabase) {
        let world = World::on(database).await;
        link_all(&world, ON_GENERATE_TOKEN).await;
        assert_eq!(world.calls(GENERATE_TOKEN).len(), 4);
        assert_eq!(world.calls(LINK).len(), 5);
        assert_eq!(world.raised(EventType::CareContextLinked).await, 5);
        world.assert_clean().await;
    }

    async fn an_answered_call_is_not_answered_again(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.linked().await;
        let clinic = Facility {
            id: "IN2710000001".parse().unwrap(), name: "Kadi Demo Clinic".to_owned(), roles: vec![Role::Hip],
            hip_id: "IN2710000001_1".parse().unwrap(), hiu_id: "IN2710000001_1".parse().unwrap(),
            counters: Vec::new(),
        };
        let mut tx = world.tx().await;
        tx.put_facility(&clinic).await.unwrap();
        tx.commit().await.unwrap();
        let (link, token) = (world.calls(LINK).remove(0), world.calls(GENERATE_TOKEN).remove(0));
        let before = (world.events().await, world.exchanges().await, world.link(&patient, "visit-1").await);
        let desk = world.desk(RAMESH).await;
        let failed = |code: &str, answers: &Option<String>| json!({
            "error": {"code": code, "message": "x"}, "response": {"requestId": answers.as_deref().unwrap()}});
        world.clock.advance(HOUR);
        let path = |end: &str| format!("/api/v3{end}");
        for (path, body) in [
            (path(ON_CARE_CONTEXT), failed("ABDM-1038", &link.request_id)),
            (path(ON_CARE_CONTEXT), failed("ABDM-1024", &link.request_id)),
            (path(ON_GENERATE_TOKEN), failed("ABDM-1027: ", &token.request_id)),
            // Of one kind, named by the other.
            (path(ON_CARE_CONTEXT), failed("ABDM-1038", &token.request_id)),
            (path(ON_GENERATE_TOKEN), failed("ABDM-1027", &link.request_id)),
        ] {
            for hip in [FACILITY, "IN2710000001_1"] {
                assert_eq!(world.callback(RawCallback::new(&path, hip, body.clone())).await.status, Some(200));
            }
        }
        world.visit(&patient, "visit-2", &ONE).await;
        world.until_link(&patient, "visit-2", LinkState::Linked).await;
        let exchanges = world.exchanges().await;
        assert_eq!(exchanges[..before.1.len()], before.1);
        assert_eq!(world.events().await[..before.0.len()], before.0);
        assert_eq!(world.link(&patient, "visit-1").await, before.2);
        assert_eq!(world.desk(RAMESH).await, desk);
        world.assert_clean().await;
    }

    async fn a_lost_result_is_overdue_after_ten_minutes_and_asked_for_again(database: TestDatabase) {
        // ABDM says "linked already" on the callback, which it may do as well as at once.
        let rules = Rules { refuse_relink_at_once: false, ..Rules::default() };
        let world = World::with(database, SandboxConfig { rules, ..SandboxConfig::default() }, "").await;
        world.callback_faults(vec![Fault::always(CallbackFault::Lost).on(ON_CARE_CONTEXT).times(2)]);
        let patient = world.patient("P1", RAMESH).await;
        world.visit(&patient, "visit-1", &ONE).await;
        let asked = world.until_link(&patient, "visit-1", LinkState::Linking).await;
        assert_eq!(asked.error, None);
        let exchange = world.exchanges_of(LINK).await.remove(0);
        assert_eq!(exchange.state, ExchangeState::Waiting);
        let first = world.calls(LINK).remove(0);

        world.clock.advance(MINUTE * 9 + SECOND * 40);
        let second = world.after(SECOND * 20, async || world.calls(LINK).into_iter().nth(1)).await;
        let waited = second.at.duration_since(first.at);
        assert!(waited >= jiff::SignedDuration::from_mins(10), "{waited}");
        let overdue = world.until(async || Some(world.exchanges_of(LINK).await.remove(0)).filter(|one| one.error.is_some())).await;
        assert_eq!((overdue.state, overdue.error.unwrap().code.as_str()), (ExchangeState::Overdue, "overdue"));

        // That answer is lost too; then it comes.
        world.until_awaited(LINK).await;
        world.link_after(MINUTE * 10, &patient, "visit-1", LinkState::Linked).await;
        let answered = world.exchanges_of(LINK).await.remove(0);
        assert_eq!((answered.state, answered.error), (ExchangeState::Answered, None));
        assert_eq!(world.raised(EventType::ExchangeOverdue).await, 1, "an operator is told once");
        assert_eq!(world.raised(EventType::CareContextLinked).await, 1);
        assert_eq!(world.sandbox.state().effects(Some(EffectKind::Link), None).len(), 1);
        world.assert_clean().await;
    }

    async fn a_result_that_comes_after_it_was_asked_for_again_changes_nothing_twice(database: TestDatabase) {
        let world = World::on(database).await;
        world.callback_faults(vec![Fault::always(CallbackFault::Late).on(ON_CARE_CONTEXT).by(MINUTE * 15).times(1)]);
        let patient = world.patient("P1", RAMESH).await;
        world.visit(&patient, "visit-1", &ONE).await;
        world.until_awaited(LINK).await;
        // ABDM says to the second call that it is linked already.
        world.link_after(MINUTE * 10, &patient, "visit-1", LinkState::Linked).await;
        assert_eq!(world.calls(LINK).len(), 2);
        world.clock.advance(MINUTE * 5);
        let late = world.sandbox.state().journal_of(ON_CARE_CONTEXT, 1, PATIENCE).await;
        assert_eq!(late[0].status, Some(200));
        world.visit(&patient, "visit-2", &ONE).await;
        world.until_link(&patient, "visit-2", LinkState::Linked).await;
        assert_eq!(world.raised(EventType::CareContextLinked).await, 2);
        world.assert_clean().await;
    }

    async fn silence_is_explained_by_the_hip_id(database: TestDatabase) {
        let world = World::on(database).await;
        let wrong = Facility { hip_id: "IN2810014366_9".parse().unwrap(), ..facility() };
        let mut tx = world.tx().await;
        tx.put_facility(&wrong).await.unwrap();
        tx.commit().await.unwrap();
        let patient = world.patient("P1", RAMESH).await;
        world.visit(&patient, "visit-1", &ONE).await;
        world.until_awaited(GENERATE_TOKEN).await;
        let first = world.exchanges_of(GENERATE_TOKEN).await.remove(0);
        assert_eq!(first.state, ExchangeState::Waiting);
        let explained = async || Some(world.link(&patient, "visit-1").await).filter(|link| link.error.is_some());
        let link = world.after(MINUTE * 10, explained).await;
        assert_eq!(link.state, LinkState::Waiting);
        assert!(link.error.unwrap().explanation.contains("HIP id"));
        let overdue = world.exchanges_of(GENERATE_TOKEN).await.remove(0);
        assert_eq!(overdue.state, ExchangeState::Overdue);
        assert!(overdue.error.unwrap().explanation.contains("hipId"));
        assert_eq!(world.raised(EventType::ExchangeOverdue).await, 1);

        // Corrected, the next request of its own accord succeeds.
        world.until_calls(GENERATE_TOKEN, 2).await;
        world.until_awaited(GENERATE_TOKEN).await;
        let mut tx = world.tx().await;
        tx.put_facility(&facility()).await.unwrap();
        tx.commit().await.unwrap();
        world.link_after(MINUTE * 10, &patient, "visit-1", LinkState::Linked).await;
        assert!(world.calls(GENERATE_TOKEN).len() <= 3, "no more than a day allows");
    }
}
