//! The password: how it is written, how long it is good, and the whole attack on it.

use std::collections::BTreeSet;

use domain::event::EventType;
use domain::facility::Facility;
use domain::link::LinkState;
use sandbox::{DiscoveryWanted, LinkingState, RawCallback};
use serde_json::{Value, json};
use store::on_both_databases;
use uuid::Uuid;

use super::{CONFIRM, INIT, ON_CONFIRM, TO_FILE, code, only};
use crate::steps::{MINUTE, ONE, SECOND};
use crate::world::{FACILITY, World, facility, id};

fn confirm(reference: &str, otp: impl Into<Value>) -> RawCallback {
    let body = json!({"confirmation": {"token": otp.into(), "linkRefNumber": reference}});
    RawCallback { request_id: Some(Uuid::new_v4().to_string()), ..RawCallback::new(CONFIRM, FACILITY, body) }
}

fn reference(linking: &sandbox::Linking) -> String {
    linking.link.as_ref().unwrap()["referenceNumber"].as_str().unwrap().to_owned()
}

impl World {
    /// Our answers to confirms: whether each links.
    async fn answers(&self, count: usize) -> Vec<bool> {
        let calls = self.until_calls(ON_CONFIRM, count).await;
        self.until_settled().await;
        calls.iter().map(|call| call.body.get("patient").is_some()).collect()
    }

    async fn desk_of(&self, patient: &str) -> domain::otp::OtpDesk {
        self.tx().await.otp_desk(&id(), &patient.parse().unwrap()).await.unwrap()
    }
}

on_both_databases! {
    async fn a_password_has_six_digits_no_zero_in_front_and_comes_back_as_text_or_number(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        let found = world.discovered().await;
        let sent = world.chosen(&found, only(&["visit-1"])).await;
        let otp = world.otp();
        assert!((100_000..=999_999).contains(&otp.parse::<u32>().unwrap()));
        let text = world.texts()[0]["text"].as_str().unwrap().to_owned();
        assert!(text.contains(&otp) && text.contains("Kadi Demo Hospital") && text.contains("10 minutes"), "{text}");
        let expiry = sent.link.as_ref().unwrap()["meta"]["communicationExpiry"].as_str().unwrap().to_owned();
        world.pass(MINUTE * 9).await;
        assert!(expiry > world.now_text(), "told until when it is good");
        let as_number: u32 = otp.parse().unwrap();
        assert_eq!(world.confirmed(&sent, as_number).await.state, LinkingState::Linked);

        let sent = world.chosen(&world.discovered().await, only(&["visit-2"])).await;
        let spaced = format!(" {} {} ", &world.otp()[..3], &world.otp()[3..]);
        assert_eq!(world.confirmed(&sent, spaced).await.state, LinkingState::Linked);
        assert_ne!(otp, world.otp());
    }

    async fn a_password_ends(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        let sent = world.with_otp().await;
        // Past the discovery's life in the sandbox too, whose answer then says so; ours is what counts.
        world.pass(MINUTE * 10).await;
        world.callback(confirm(&reference(&sent), world.otp())).await;
        assert_eq!(world.answers(1).await, [false]);
        assert_eq!(world.calls(ON_CONFIRM)[0].body["error"]["code"], "ABDM-1035");
        assert_eq!(world.desk_of("P1").await.wrong, 0, "it told nothing, so it was no guess");
    }

    async fn a_reference_that_nobody_gave_out_is_refused(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        world.with_otp().await;
        world.callback(confirm(&Uuid::new_v4().to_string(), world.otp())).await;
        world.until_calls(ON_CONFIRM, 1).await;
        assert_eq!(world.calls(ON_CONFIRM)[0].body["error"]["code"], "ABDM-1056");
    }

    async fn guesses_that_arrive_together_are_counted_one_after_the_other(database: TestDatabase) {
        let (world, patient) = World::for_linking(database).await;
        let sent = world.with_otp().await;
        let reference = reference(&sent);
        let guesses: Vec<_> = (0..20).map(|n| confirm(&reference, world.wrong_otp(n))).collect();
        let sending = guesses.into_iter().map(|guess| world.callback(guess));
        let taken = futures_util::future::join_all(sending).await;
        assert!(taken.iter().all(|answer| answer.status == Some(200)));
        assert_eq!(world.answers(20).await, [false; 20]);
        let desk = world.desk_of("P1").await;
        assert!(desk.locked(world.core().clock.now()).is_some(), "locked");
        let mut tx = world.read().await;
        let request = tx.link_request(&id(), &reference.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(request.tried.len(), 3, "three were compared, the others were not");

        // The right one is refused now too, and no other is sent.
        world.callback(confirm(&reference, world.otp())).await;
        assert_eq!(world.answers(21).await.last(), Some(&false));
        let again = world.discovered().await;
        let refused = world.chosen(&again, only(&["visit-1"])).await;
        assert_eq!((refused.state, code(&refused)), (LinkingState::InitFailed, "ABDM-1004"));
        assert_eq!(world.texts().len(), 1);
        assert_eq!(world.link(&patient, "visit-1").await.state, LinkState::Unlinked);
    }

    async fn new_links_other_references_and_other_facilities_give_no_more_guesses(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        let elsewhere = Facility {
            id: "IN2710000001".parse().unwrap(),
            hip_id: "IN2710000001_1".parse().unwrap(),
            hiu_id: "IN2710000001_1".parse().unwrap(),
            ..facility()
        };
        let mut tx = world.tx().await;
        tx.put_facility(&elsewhere).await.unwrap();
        tx.commit().await.unwrap();
        let first = world.with_otp().await;
        let first_otp = world.otp();
        world.confirmed(&first, world.wrong_otp(0)).await;
        // The same link, asked for at another facility: not known there.
        let body = json!({"confirmation": {"token": first_otp, "linkRefNumber": reference(&first)}});
        world.callback(RawCallback::new(CONFIRM, "IN2710000001_1", body)).await;
        assert_eq!(world.answers(2).await, [false; 2]);
        assert_eq!(world.calls(ON_CONFIRM)[1].body["error"]["code"], "ABDM-1056");
        assert_eq!(world.desk_of("P1").await.wrong, 1);
        // A new link does not begin the count anew.
        let second = world.with_otp().await;
        world.confirmed(&second, world.wrong_otp(1)).await;
        assert_eq!(world.desk_of("P1").await.wrong, 2);
        // One link's password is not another's; the third wrong one locks both.
        world.confirmed(&second, first_otp.clone()).await;
        assert!(world.desk_of("P1").await.locked(world.core().clock.now()).is_some());
        for (link, otp) in [(&first, first_otp.clone()), (&second, world.otp())] {
            let refused = world.confirmed(link, otp).await;
            assert_eq!((refused.state, code(&refused)), (LinkingState::ConfirmFailed, "ABDM-1035"));
        }
        assert!(world.linked_visits().is_empty());
        assert_eq!(world.raised(EventType::PatientLinked).await, 0);

        // After the lock what was sent before it stays refused, and a new one works.
        world.pass(MINUTE * 30).await;
        world.callback(confirm(&reference(&second), world.otp())).await;
        assert_eq!(world.answers(6).await.last(), Some(&false));
        let third = world.with_otp().await;
        assert_eq!(world.confirmed(&third, world.otp()).await.state, LinkingState::Linked);
    }

    async fn no_more_passwords_are_sent_than_are_allowed(database: TestDatabase) {
        let (world, _) = World::for_linking(database).await;
        for _ in 0..5 {
            world.with_otp().await;
        }
        let refused = world.chosen(&world.discovered().await, only(&["visit-1"])).await;
        assert_eq!((refused.state, code(&refused)), (LinkingState::InitFailed, "ABDM-1004"));
        let otps: BTreeSet<_> = world.texts().iter().map(|text| text["otp"].to_string()).collect();
        assert_eq!((world.texts().len(), otps.len()), (5, 5), "each its own");
        world.pass(MINUTE * 31).await;
        world.with_otp().await;
    }

    async fn the_password_goes_to_the_mobile_that_the_facility_holds(database: TestDatabase) {
        let world = World::with(database, sandbox::SandboxConfig::default(), TO_FILE).await;
        let mut patient = world.unlinked("P1", crate::world::RAMESH).await;
        patient.abha_number = crate::world::known_patient(&world.sandbox, "P1", crate::world::RAMESH).abha_number;
        patient.mobile = Some("9111111111".parse().unwrap());
        world.put(&patient).await;
        world.visit(&patient, "visit-1", &ONE).await;
        world.with_otp().await;
        assert_eq!(world.texts()[0]["mobile"], "9111111111");
        world.pass(SECOND).await;
        patient.mobile = None;
        world.put(&patient).await;
        let refused = world.chosen(&world.discovered().await, only(&["visit-1"])).await;
        assert_eq!((refused.state, code(&refused)), (LinkingState::InitFailed, "ABDM-1004"));
    }
}

#[tokio::test]
async fn without_a_provider_no_link_begins() {
    let (world, _) = World::for_linking_with(store::testing::TestDatabase::sqlite(), "").await;
    let found = world.discovered_as(DiscoveryWanted::default()).await;
    let refused = world.chosen(&found, only(&["visit-1"])).await;
    assert_eq!((refused.state, code(&refused)), (LinkingState::InitFailed, "ABDM-1004"));
    let exchange = world.exchanges_of(INIT).await.remove(0);
    assert!(exchange.error.unwrap().explanation.contains("[sms]"));
}
