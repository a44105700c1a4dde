//! Consents through their whole life: stored, acknowledged each time, and ended for good.

use domain::consent::ConsentStatus as Status;
use domain::event::EventType;
use domain::exchange::ExchangeState;
use sandbox::{
    CallFault, CallbackFault, Consent, ConsentStatus, ConsentWanted, Fault, RawCallback, RecordsWanted,
    Renotify, TransferState,
};
use serde_json::{Value, json};
use store::on_both_databases;
use uuid::Uuid;

use crate::callbacks::{CONSENT, grant};
use crate::steps::{HOUR, MINUTE, ON_NOTIFY, SECOND};
use crate::world::{FACILITY, PATIENCE, RAMESH, World};

/// Sends the notice with or without the artefact.
const fn detail(detail: bool) -> Renotify {
    Renotify { detail: Some(detail) }
}

impl World {
    /// Waits until the bridge has acknowledged a status so often; gives the consent as ABDM has it.
    async fn until_acknowledged(&self, consent: &Consent, status: ConsentStatus, times: usize) -> Consent {
        let look = async || {
            let consent = self.sandbox.state().consent(&consent.consent_id).unwrap();
            let of = consent.acknowledgements.iter().filter(|said| said.status == status.as_str());
            Some(of.count()).filter(|count| *count >= times).map(|_| consent)
        };
        self.until(look).await
    }

    /// A notice of a consent that the sandbox does not know; the bridge has answered it.
    async fn told(&self, body: Value) {
        let answers = self.calls(ON_NOTIFY).len();
        assert_eq!(self.callback(RawCallback::new(CONSENT, FACILITY, body)).await.status, Some(200));
        let calls = self.until_calls(ON_NOTIFY, answers + 1).await;
        assert_eq!(calls[answers].body["acknowledgement"]["status"], "OK");
    }
}

on_both_databases! {
    async fn a_grant_is_stored_and_acknowledged(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        let granted = world.granted(ConsentWanted::default()).await;
        let consent = world.until_acknowledged(&granted, ConsentStatus::Granted, 1).await;
        assert_eq!(consent.acknowledgements.len(), 1);
        let said = &consent.acknowledgements[0];
        assert_eq!((said.outcome.as_str(), said.within_limit), ("OK", true));
        let stored = world.stored_consent(&granted.consent_id).await.unwrap();
        assert_eq!(stored.status, Status::Granted);
        assert_eq!((stored.erase_at, stored.ended_at), (Some(granted.data_erase_at), None));
        let artefact = kadi::flows::consent::artefact(&stored).unwrap().unwrap();
        assert_eq!(artefact.abha_address.as_str(), RAMESH);
        assert_eq!((artefact.from, artefact.to), (granted.from, granted.to));
        assert_eq!((artefact.hi_types.len(), artefact.care_contexts.len()), (8, 1));
        assert_eq!(world.raised(EventType::ConsentGranted).await, 1);
        let answered = async || {
            let exchange = world.exchanges_of("/consent/request/hip/notify").await.pop()?;
            Some(exchange).filter(|exchange| exchange.state == ExchangeState::Answered)
        };
        assert_eq!(world.until(answered).await.subject.as_deref(), Some(granted.consent_id.as_str()));
        world.assert_clean().await;
    }

    async fn an_end_is_stored_and_acknowledged_with_the_artefact_and_without(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        let ends = [(ConsentStatus::Revoked, Status::Revoked), (ConsentStatus::Expired, Status::Expired)];
        let mut count = 0;
        for (status, expected) in ends {
            for with in [true, false] {
                let granted = world.granted(ConsentWanted::default()).await;
                let abdm = world.sandbox.state();
                match status {
                    ConsentStatus::Revoked => abdm.revoke(&granted.consent_id, detail(with)).unwrap(),
                    _ => abdm.expire(&granted.consent_id, detail(with)).unwrap(),
                };
                let consent = world.until_acknowledged(&granted, status, 1).await;
                assert!(consent.acknowledgements.iter().all(|said| said.outcome == "OK" && said.within_limit));
                let stored = world.stored_consent(&granted.consent_id).await.unwrap();
                assert_eq!(stored.status, expected);
                assert!(stored.artefact.is_none(), "nothing is kept but the fact");
                assert!(stored.ended_at.is_some());
                count += 1;
                assert_eq!(world.raised(EventType::ConsentEnded).await, count);
            }
        }
        world.assert_clean().await;
    }

    async fn a_denial_is_stored_and_acknowledged(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        for with in [true, false] {
            let wanted = ConsentWanted {
                abha_address: RAMESH.to_owned(), status: Some(ConsentStatus::Denied), ..ConsentWanted::default()
            };
            let denied = world.sandbox.state().grant(&wanted).unwrap().artefacts.remove(0);
            world.sandbox.state().notify_again(&denied.consent_id, detail(with)).unwrap();
            world.until_acknowledged(&denied, ConsentStatus::Denied, 1).await;
            let stored = world.stored_consent(&denied.consent_id).await.unwrap();
            assert_eq!((stored.status, stored.artefact), (Status::Denied, None));
        }
        assert_eq!(world.raised(EventType::ConsentEnded).await, 2);
        world.assert_clean().await;
    }

    async fn what_has_ended_stays_ended(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        let granted = world.granted(ConsentWanted::default()).await;
        world.sandbox.state().revoke(&granted.consent_id, Renotify::default()).unwrap();
        world.until_acknowledged(&granted, ConsentStatus::Revoked, 1).await;
        world.until_settled().await;
        let before = world.stored_consent(&granted.consent_id).await.unwrap();
        let (ended, grants) = (world.raised(EventType::ConsentEnded).await, world.raised(EventType::ConsentGranted).await);
        world.clock.advance(MINUTE);
        world.told(grant(&granted.consent_id)).await;
        world.told(json!({"notification": {"status": "EXPIRED", "consentId": granted.consent_id}})).await;
        world.told(json!({"notification": {"status": "REVOKED", "consentId": granted.consent_id}})).await;
        assert!(world.stored_consent(&granted.consent_id).await.unwrap() == before);
        assert_eq!(world.raised(EventType::ConsentEnded).await, ended);
        assert_eq!(world.raised(EventType::ConsentGranted).await, grants);
    }

    async fn an_end_that_overtakes_its_grant_is_remembered(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        world.callback_faults(vec![Fault::always(CallbackFault::Late).on("/consent/request/hip/notify").by(SECOND * 30).times(1)]);
        let wanted = ConsentWanted { abha_address: RAMESH.to_owned(), ..ConsentWanted::default() };
        let granted = world.sandbox.state().grant(&wanted).unwrap().artefacts.remove(0);
        world.sandbox.state().revoke(&granted.consent_id, Renotify::default()).unwrap();
        world.until_acknowledged(&granted, ConsentStatus::Revoked, 1).await;
        assert_eq!(world.stored_consent(&granted.consent_id).await.unwrap().status, Status::Revoked);
        world.clock.advance(SECOND * 30);
        let consent = world.until_acknowledged(&granted, ConsentStatus::Granted, 1).await;
        assert!(consent.acknowledgements.iter().all(|said| said.outcome == "OK"));
        let stored = world.stored_consent(&granted.consent_id).await.unwrap();
        assert_eq!((stored.status, stored.artefact), (Status::Revoked, None));
        assert_eq!(world.raised(EventType::ConsentGranted).await, 0);
        assert_eq!(world.raised(EventType::ConsentEnded).await, 1);
    }

    async fn a_notice_that_is_repeated_is_acknowledged_in_the_same_words(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        let granted = world.granted(ConsentWanted::default()).await;
        for _ in 0..2 {
            world.sandbox.state().notify_again(&granted.consent_id, Renotify::default()).unwrap();
        }
        world.until_acknowledged(&granted, ConsentStatus::Granted, 3).await;
        world.sandbox.state().revoke(&granted.consent_id, Renotify::default()).unwrap();
        world.sandbox.state().notify_again(&granted.consent_id, Renotify::default()).unwrap();
        world.until_acknowledged(&granted, ConsentStatus::Revoked, 2).await;
        let calls = world.calls(ON_NOTIFY);
        assert_eq!(calls.len(), 5);
        let said: Vec<_> = calls.iter().map(|call| &call.body["acknowledgement"]).collect();
        assert!(said.iter().all(|one| *one == said[0]), "{said:?}");
        let answers: std::collections::BTreeSet<_> =
            calls.iter().map(|call| call.body["response"]["requestId"].to_string()).collect();
        assert_eq!(answers.len(), 5, "each answers its own notice");
        assert_eq!(world.raised(EventType::ConsentGranted).await, 1);
        assert_eq!(world.raised(EventType::ConsentEnded).await, 1);
        world.assert_clean().await;
    }

    async fn an_acknowledgement_that_fails_is_made_again_in_time(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        let faults = [CallFault::Broken, CallFault::TooMany, CallFault::Unauthorized, CallFault::Close];
        for fault in faults {
            for after in [false, true] {
                let broken = Fault::always(fault).on(ON_NOTIFY).times(1);
                world.call_faults(vec![if after { broken.after() } else { broken }]);
                let before = world.calls(ON_NOTIFY).len();
                let wanted = ConsentWanted { abha_address: RAMESH.to_owned(), ..ConsentWanted::default() };
                let granted = world.sandbox.state().grant(&wanted).unwrap().artefacts.remove(0);
                let again = async || Some(()).filter(|()| world.calls(ON_NOTIFY).len() >= before + 2);
                world.until_calls(ON_NOTIFY, before + 1).await;
                world.after(SECOND, again).await;
                let consent = world.until_acknowledged(&granted, ConsentStatus::Granted, 1).await;
                assert!(consent.acknowledgements[0].within_limit, "{fault:?}");
            }
        }
        world.assert_clean().await;
    }

    async fn a_consent_ends_by_our_own_clock(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        let end = world.core().clock.now() + HOUR;
        let granted = world.granted(ConsentWanted { data_erase_at: Some(end), ..ConsentWanted::default() }).await;
        world.clock.advance(MINUTE * 59);
        assert_eq!(world.stored_consent(&granted.consent_id).await.unwrap().status, Status::Granted);
        let expired = async || {
            let stored = world.stored_consent(&granted.consent_id).await?;
            Some(stored).filter(|stored| stored.status == Status::Expired)
        };
        let stored = world.after(MINUTE, expired).await;
        assert!(stored.artefact.is_none() && stored.ended_at >= Some(end));
        assert_eq!(world.raised(EventType::ConsentEnded).await, 1);
        // ABDM's own notice, should it come, changes nothing more.
        world.sandbox.state().expire(&granted.consent_id, Renotify::default()).unwrap();
        world.until_acknowledged(&granted, ConsentStatus::Expired, 1).await;
        assert_eq!(world.raised(EventType::ConsentEnded).await, 1);
        let asked = RecordsWanted { unchecked: true, ..RecordsWanted::under(&granted.consent_id) };
        let asked = world.sandbox.state().request_records(&asked).unwrap();
        let closed = world.sandbox.state().closed_transfer(&asked.transaction_id, PATIENCE).await.unwrap();
        assert_eq!((closed.state, closed.error.unwrap()["code"].clone()), (TransferState::Refused, json!("ABDM-1061")));
        world.assert_clean().await;
    }

    async fn a_grant_without_its_artefact_grants_nothing_until_it_comes(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        let id = Uuid::new_v4().to_string();
        let bare = json!({"notification": {"status": "GRANTED", "consentId": id, "consentDetail": null}});
        world.told(bare.clone()).await;
        world.told(bare.clone()).await;
        let stored = world.stored_consent(&id).await.unwrap();
        assert_eq!((stored.status, stored.artefact), (Status::Granted, None));
        let asked = RecordsWanted { unchecked: true, hip_id: Some(FACILITY.to_owned()), ..RecordsWanted::under(&id) };
        let asked = world.sandbox.state().request_records(&asked).unwrap();
        let closed = world.sandbox.state().closed_transfer(&asked.transaction_id, PATIENCE).await.unwrap();
        assert_eq!((closed.state, closed.error.unwrap()["code"].clone()), (TransferState::Refused, json!("ABDM-1112")));

        // The artefact comes, and a later notice without it does not take it away.
        world.told(grant(&id)).await;
        world.told(bare).await;
        let stored = world.stored_consent(&id).await.unwrap();
        let artefact = kadi::flows::consent::artefact(&stored).unwrap().unwrap();
        assert_eq!(artefact.care_contexts[0].care_context, "visit-1");
        assert_eq!(world.raised(EventType::ConsentGranted).await, 1);
    }

    async fn consents_of_one_patient_end_each_for_itself(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        let (first, second) = (world.granted(ConsentWanted::default()).await, world.granted(ConsentWanted::default()).await);
        world.sandbox.state().revoke(&first.consent_id, Renotify::default()).unwrap();
        world.until_acknowledged(&first, ConsentStatus::Revoked, 1).await;
        assert_eq!(world.stored_consent(&second.consent_id).await.unwrap().status, Status::Granted);
        let asked = world.sandbox.state().request_records(&RecordsWanted::under(&second.consent_id)).unwrap();
        let closed = world.sandbox.state().closed_transfer(&asked.transaction_id, PATIENCE).await.unwrap();
        assert_eq!(closed.state, TransferState::Transferred);
        world.assert_clean().await;
    }
}
