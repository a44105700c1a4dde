//! An ABHA is deactivated or deleted, or its owner opts out: what rests on it is gone, what is under way stops, and the
//! patient with their visits stays.

use domain::consent::ConsentStatus as Status;
use domain::event::EventType;
use domain::link::LinkState;
use domain::patient::Patient;
use kadi::flows::link;
use kadi::flows::visits::{self, TakenBack};
use sandbox::{
    AbhaStatus, ApiVersion, CallFault, ConsentWanted, Fault, LinkingState, RawCallback, RecordsWanted,
    StatusWanted, TransferState,
};
use serde_json::json;
use store::on_both_databases;

use crate::steps::{LINK, ONE, SECOND, TWO};
use crate::transfer_pages::Hiu;
use crate::world::{FACILITY, PATIENCE, RAMESH, World, facility, id, known_patient};

const ACK_V05: &str = "/gateway/v0.5/patients/status/on-notify";
const ACK: &str = "/patients/v3/status/on-notify";
const NOTIFY_V05: &str = "/v0.5/patients/status/notify";

impl World {
    async fn tell(&self, status: AbhaStatus, version: Option<ApiVersion>) {
        let wanted = StatusWanted { status, version };
        let told = self.sandbox.state().set_abha_status(RAMESH, &wanted).unwrap();
        assert!(!told.is_empty());
        assert!(self.sandbox.state().status_known(RAMESH, PATIENCE).await, "the bridge says that it knows");
        self.until_settled().await;
    }

    async fn stored_patient(&self, reference: &str) -> Patient {
        self.read().await.patient(&id(), &reference.parse().unwrap()).await.unwrap().unwrap()
    }

    async fn audited(&self, action: &str) -> usize {
        let lines = self.read().await.audit_lines(&id(), 0, 10_000).await.unwrap();
        lines.iter().filter(|line| line.action == action).count()
    }
}

on_both_databases! {
    async fn nothing_rests_on_an_abha_that_has_ended(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.linked().await;
        let (one, two) = (world.granted(ConsentWanted::default()).await, world.granted(ConsentWanted::default()).await);
        assert!(world.desk(RAMESH).await.token.is_some());
        let asked_for = world.desk(RAMESH).await.requested;
        world.tell(AbhaStatus::Deactivated, None).await;

        let stored = world.stored_patient("P1").await;
        assert_eq!((stored.abha_address, stored.abha_number), (None, None));
        assert_eq!((stored.name, stored.mobile), (patient.name.clone(), patient.mobile), "the patient stays");
        let link = world.link(&patient, "visit-1").await;
        assert_eq!((link.state, link.linked_types.len()), (LinkState::Unlinked, 0));
        let records = world.read().await.records(&id(), &patient.reference, &"visit-1".parse().unwrap()).await.unwrap();
        assert_eq!(records.len(), 2, "so do the visit and its records");
        for consent in [&one, &two] {
            let stored = world.stored_consent(&consent.consent_id).await.unwrap();
            assert_eq!((stored.status, stored.artefact), (Status::Revoked, None));
        }
        let desk = world.desk(RAMESH).await;
        assert_eq!((desk.token, desk.requested), (None, asked_for), "ABDM counts on, so do we");
        assert_eq!(world.raised(EventType::ConsentEnded).await, 2);
        assert_eq!(world.audited("ABHA removed: DEACTIVATED").await, 1);
        assert_eq!(world.calls(ACK_V05).len(), 1);
        world.assert_clean().await;
    }

    async fn every_word_and_interface_is_understood_and_answered_in_kind(database: TestDatabase) {
        let world = World::on(database).await;
        let cases = [
            (AbhaStatus::Deleted, None, ACK_V05), (AbhaStatus::OptOut, Some(ApiVersion::V3), ACK),
            (AbhaStatus::Deactivated, Some(ApiVersion::V3), ACK), (AbhaStatus::Deactivated, Some(ApiVersion::V05), ACK_V05),
        ];
        let whole = known_patient(&world.sandbox, "P1", RAMESH);
        for (n, (status, version, ack)) in (1_u32..).zip(cases) {
            world.correct(&whole).await;
            world.visit(&whole, &format!("visit-{n}"), &ONE).await;
            world.until_link(&whole, &format!("visit-{n}"), LinkState::Linked).await;
            let before = world.calls(ack).len();
            world.tell(status, version).await;
            assert_eq!(world.calls(ack).len(), before + 1, "{status:?} {version:?}");
            assert_eq!(world.stored_patient("P1").await.abha_address, None, "{status:?}");
            world.tell(AbhaStatus::Reactivated, version).await;
            assert_eq!(world.stored_patient("P1").await.abha_address, None, "coming back gives nothing back");
            let mut tx = world.tx().await;
            let gone = visits::take_back(&mut tx, &id(), &whole.reference, &format!("visit-{n}").parse().unwrap()).await.unwrap();
            assert_eq!(gone, Some(TakenBack::Deleted), "it counts as never linked");
            tx.commit().await.unwrap();
            // Here none is held any more: the window between two token requests is over first.
            world.clock.advance(SECOND * 60 * 60 * 24);
        }
        world.assert_no_violations().await;
    }

    async fn a_notice_that_comes_again_or_about_a_stranger_is_answered_and_changes_nothing(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.linked().await;
        world.tell(AbhaStatus::Deleted, None).await;
        let (ended, removed) = (world.raised(EventType::ConsentEnded).await, world.audited("ABHA removed: DELETED").await);
        // The HMIS names another address meanwhile; a late repeat is of the old one.
        world.correct(&Patient { abha_address: Some("ramesh.new@sbx".parse().unwrap()), abha_number: None, ..patient }).await;
        for who in [RAMESH, "nobody.known@sbx", "91-1234-5678-9015", "not an abha"] {
            let body = json!({"requestId": uuid::Uuid::new_v4(), "timestamp": "2026-01-20T06:00:00.000Z",
                "notification": {"status": "DELETED", "patient": {"id": who}}});
            let expected = if who == "not an abha" { 400 } else { 202 };
            assert_eq!(world.callback(RawCallback::new(NOTIFY_V05, FACILITY, body)).await.status, Some(expected), "{who}");
        }
        world.until_calls(ACK_V05, 4).await;
        assert_eq!(world.stored_patient("P1").await.abha_address, Some("ramesh.new@sbx".parse().unwrap()));
        assert_eq!(world.raised(EventType::ConsentEnded).await, ended);
        assert_eq!(world.audited("ABHA removed: DELETED").await, removed);
    }

    async fn a_transfer_stops_at_its_next_page(database: TestDatabase) {
        let (world, _, consent) = crate::transfer_pages::three_visits(database, "[transfer]\nparallel = 1").await;
        let mut hiu = Hiu::new().await;
        let wanted = RecordsWanted { data_push_url: Some(hiu.url.clone()), ..RecordsWanted::under(&consent) };
        let asked = world.sandbox.state().request_records(&wanted).unwrap();
        let answer = hiu.next().await;
        world.sandbox.state().set_abha_status(RAMESH, &StatusWanted::of(AbhaStatus::OptOut)).unwrap();
        assert!(world.sandbox.state().status_known(RAMESH, PATIENCE).await);
        answer.send(axum::http::StatusCode::OK).await.unwrap();
        let closed = world.sandbox.state().closed_transfer(&asked.transaction_id, PATIENCE).await.unwrap();
        assert_eq!((closed.state, hiu.pages().len()), (TransferState::Transferred, 1));
        let rows = closed.notified.unwrap()["statusResponses"].as_array().unwrap().clone();
        let stopped = rows.iter().filter(|row| row["description"] == "Consent revoked during the transfer").count();
        assert_eq!((rows.len(), stopped), (3, 2));
    }

    async fn a_link_call_that_has_not_left_never_does(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.linked().await;
        // ABDM does not take the next call; it waits to be made again.
        world.call_faults(vec![Fault::always(CallFault::Broken).on(LINK).times(1)]);
        let before = world.calls(LINK).len();
        world.visit(&patient, "visit-2", &ONE).await;
        world.until_calls(LINK, before + 1).await;
        let waits = async || Some(world.link(&patient, "visit-2").await).filter(|link| link.error.is_some());
        world.until(waits).await;
        world.tell(AbhaStatus::Deactivated, None).await;
        world.clock.advance(SECOND * 600);
        world.patient("P2", "asha.rao@sbx").await;
        let other = known_patient(&world.sandbox, "P2", "asha.rao@sbx");
        world.visit(&other, "visit-9", &ONE).await;
        world.until_link(&other, "visit-9", LinkState::Linked).await;
        let named = |call: &sandbox::Entry| call.body.to_string().contains("visit-2");
        assert_eq!(world.calls(LINK).iter().filter(|call| named(call)).count(), 1, "only what had left before");
        assert_eq!(world.link(&patient, "visit-2").await.state, LinkState::Unlinked);
    }

    async fn a_patients_own_link_ends_where_it_stands(database: TestDatabase) {
        let (world, patient) = World::for_linking(database).await;
        let linking = world.with_otp().await;
        let body = json!({"requestId": uuid::Uuid::new_v4(), "timestamp": "2026-01-20T06:00:00.000Z",
            "notification": {"status": "DEACTIVATED", "patient": {"id": RAMESH}}});
        // The facility does not know the address yet: it learns it by the link alone.
        let with_address = Patient { abha_address: Some(RAMESH.parse().unwrap()), ..patient.clone() };
        let mut tx = world.tx().await;
        tx.put_patient(&id(), &with_address).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(world.callback(RawCallback::new(NOTIFY_V05, FACILITY, body)).await.status, Some(202));
        world.until_calls(ACK_V05, 1).await;
        let ended = world.confirmed(&linking, world.otp()).await;
        assert_ne!(ended.state, LinkingState::Linked, "{ended:?}");
        for visit in ["visit-1", "visit-2"] {
            assert_eq!(world.link(&patient, visit).await.state, LinkState::Unlinked);
        }
        assert_eq!(world.stored_patient("P1").await.abha_address, None);
    }

    async fn visits_are_linked_anew_to_another_abha(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.linked().await;
        world.tell(AbhaStatus::Deleted, None).await;
        let other = known_patient(&world.sandbox, "P1", "asha.rao@sbx");
        world.correct(&other).await;
        world.until_link(&patient, "visit-1", LinkState::Linked).await;
        assert!(world.sandbox.state().is_linked("asha.rao@sbx", "visit-1"));
        let mut tx = world.tx().await;
        link::plan(&world.ctx(), &mut tx, &facility(), &other.reference).await.unwrap();
        drop(tx);
        world.visit(&other, "visit-2", &TWO).await;
        world.until_link(&other, "visit-2", LinkState::Linked).await;
        world.assert_clean().await;
    }
}
