//! Link calls that fail in every way: retried where that helps, with one effect, and said where it does not.

use std::time::Duration;

use domain::event::EventType;
use domain::exchange::ExchangeState;
use domain::link::LinkState;
use domain::patient::Patient;
use sandbox::{CallFault, EffectKind, Fault, RawCallback, SandboxConfig};
use serde_json::json;
use store::on_both_databases;

use crate::linking::ASHA;
use crate::steps::{LINK, MINUTE, ON_CARE_CONTEXT, ONE, SECOND};
use crate::world::{FACILITY, PATIENCE, RAMESH, World};

/// Every way in which a call can fail that passes, each with the code that the HMIS sees.
const PASSING: [(CallFault, &str); 9] = [
    (CallFault::Broken, "500"),
    (CallFault::BadGateway, "502"),
    (CallFault::Unavailable, "ABDM-1024"),
    (CallFault::Suspended, "303001"),
    (CallFault::Unclassified, "900900"),
    (CallFault::TooMany, "ABDM-1022"),
    (CallFault::Unauthorized, "900901"),
    (CallFault::Timeout, "no answer"),
    (CallFault::Close, "no answer"),
];

/// A world with a linked visit and an impatient client, so that later visits need a link call only.
async fn ready(database: store::testing::TestDatabase) -> (World, Patient) {
    let world = World::with(database, SandboxConfig::default(), "timeout = \"600ms\"").await;
    let patient = world.linked().await;
    (world, patient)
}

on_both_databases! {
    async fn a_call_that_fails_without_effect_waits_with_its_error_and_is_made_again(database: TestDatabase) {
        let (world, patient) = ready(database).await;
        for (n, (fault, code)) in (1..).zip(PASSING) {
            world.call_faults(vec![Fault::always(fault).on(LINK).by(SECOND * 5).times(1)]);
            let visit = format!("after-{n}");
            world.visit(&patient, &visit, &ONE).await;
            if fault != CallFault::Unauthorized {
                let waits = async || Some(world.link(&patient, &visit).await).filter(|link| link.error.is_some());
                let link = world.until(waits).await;
                let error = link.error.unwrap();
                assert_eq!((link.state, error.code.as_str()), (LinkState::Waiting, code), "{fault:?}");
                assert!(error.until.is_some() && !error.explanation.is_empty(), "{fault:?}");
            }
            let link = world.link_after(SECOND, &patient, &visit, LinkState::Linked).await;
            assert_eq!(link.error, None, "{fault:?}");
            assert_eq!(world.calls(LINK).len(), 1 + 2 * n, "{fault:?}");
        }
        assert_eq!(world.raised(EventType::CareContextLinked).await, 10);
        assert!(world.exchanges_of(LINK).await.iter().all(|exchange| exchange.state == ExchangeState::Answered));
        world.assert_clean().await;
    }

    async fn a_call_that_fails_after_its_effect_has_it_once(database: TestDatabase) {
        let (world, patient) = ready(database).await;
        for (n, (fault, _)) in PASSING.into_iter().enumerate() {
            world.call_faults(vec![Fault::always(fault).on(LINK).after().by(SECOND * 5).times(1)]);
            let visit = format!("after-{n}");
            world.visit(&patient, &visit, &ONE).await;
            world.link_after(SECOND, &patient, &visit, LinkState::Linked).await;
        }
        assert!(world.sandbox.state().is_idle(PATIENCE).await);
        world.call_faults(Vec::new());
        world.visit(&patient, "last", &ONE).await;
        world.until_link(&patient, "last", LinkState::Linked).await;
        assert_eq!(world.raised(EventType::CareContextLinked).await, 11);
        assert_eq!(world.sandbox.state().effects(Some(EffectKind::Link), None).len(), 12);
        world.assert_clean().await;
    }

    async fn a_long_outage_is_outlived_at_growing_intervals(database: TestDatabase) {
        let (world, patient) = ready(database).await;
        world.call_faults(vec![Fault::always(CallFault::Unavailable).on(LINK)]);
        world.visit(&patient, "visit-2", &ONE).await;
        for calls in 2..12 {
            let failed = async || {
                let link = world.link(&patient, "visit-2").await;
                let last = world.calls(LINK).into_iter().nth(calls - 1)?;
                link.error.filter(|error| error.at >= last.at)
            };
            let wait = if calls == 2 { Duration::ZERO } else { MINUTE * 5 };
            let error = world.after(wait, failed).await;
            let pause = error.until.unwrap().duration_since(error.at);
            assert!(pause <= jiff::SignedDuration::from_mins(5), "{pause}");
        }
        world.call_faults(Vec::new());
        world.link_after(MINUTE * 5, &patient, "visit-2", LinkState::Linked).await;
        assert_eq!(world.raised(EventType::CareContextFailed).await, 0);
        world.assert_clean().await;
    }

    async fn what_is_linked_already_is_linked(database: TestDatabase) {
        let (world, patient) = ready(database).await;
        // The hospital lost its data and stores the visit anew.
        let mut tx = world.tx().await;
        tx.delete_care_context(&crate::world::id(), &patient.reference, &"visit-1".parse().unwrap()).await.unwrap();
        tx.commit().await.unwrap();
        world.visit(&patient, "visit-1", &ONE).await;
        let link = world.until_link(&patient, "visit-1", LinkState::Linked).await;
        assert_eq!((link.error, link.linked_types.len()), (None, 1));
        assert_eq!(world.exchanges_of(LINK).await.last().unwrap().state, ExchangeState::Answered);
        world.assert_clean().await;
    }

    async fn a_refusal_fails_the_visit_until_it_is_asked_again(database: TestDatabase) {
        let (world, patient) = ready(database).await;
        world.call_faults(vec![Fault::always(CallFault::Empty400).on(LINK).times(1)]);
        world.visit(&patient, "visit-2", &ONE).await;
        let failed = world.until_link(&patient, "visit-2", LinkState::Failed).await;
        assert_eq!(failed.error.as_ref().unwrap().code, "400");
        assert_eq!(world.raised(EventType::CareContextFailed).await, 1);
        world.clock.advance(MINUTE * 60);
        // Others of the same patient go on; the refused one is left alone.
        world.visit(&patient, "visit-3", &ONE).await;
        world.until_link(&patient, "visit-3", LinkState::Linked).await;
        assert_eq!(world.link(&patient, "visit-2").await, failed);
        world.retry_link(&patient, "visit-2").await;
        assert_eq!(world.until_link(&patient, "visit-2", LinkState::Linked).await.error, None);
        world.assert_clean().await;
    }

    async fn a_refusal_that_passes_is_asked_again_in_a_while(database: TestDatabase) {
        let world = World::on(database).await;
        world.callback_faults(vec![Fault::always(sandbox::CallbackFault::Lost).on(ON_CARE_CONTEXT).times(1)]);
        let patient = world.patient("P1", RAMESH).await;
        world.visit(&patient, "visit-1", &ONE).await;
        world.until_link(&patient, "visit-1", LinkState::Linking).await;
        let call = world.calls(LINK).remove(0);
        let body = json!({"error": {"code": "ABDM-1024: ", "message": "Dependent service unavailable"},
            "status": "Failed to link care context", "response": {"requestId": call.request_id}});
        world.callback(RawCallback::new("/api/v3/link/on_carecontext", FACILITY, body)).await;
        let link = world.until_link(&patient, "visit-1", LinkState::Waiting).await;
        let error = link.error.unwrap();
        assert_eq!((error.code.as_str(), error.until), ("ABDM-1024", link.due_at));
        world.link_after(MINUTE * 5, &patient, "visit-1", LinkState::Linked).await;
        assert_eq!(world.calls(LINK).len(), 2);
        world.assert_clean().await;
    }

    async fn one_patients_failures_hold_up_nobody(database: TestDatabase) {
        let (world, patient) = ready(database).await;
        world.call_faults(vec![Fault::always(CallFault::Broken).on(LINK).times(1)]);
        world.visit(&patient, "visit-2", &ONE).await;
        let waits = async || Some(world.link(&patient, "visit-2").await).filter(|link| link.error.is_some());
        world.until(waits).await;
        let asha = world.patient("P2", ASHA).await;
        world.visit(&asha, "visit-1", &ONE).await;
        world.until_link(&asha, "visit-1", LinkState::Linked).await;
        assert_eq!(world.link(&patient, "visit-2").await.state, LinkState::Waiting);
        world.link_after(SECOND, &patient, "visit-2", LinkState::Linked).await;
        world.assert_clean().await;
    }
}
