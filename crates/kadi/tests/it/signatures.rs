//! The signature under an artefact: kept, checked where a key is configured, and refused only where that is asked for.

use std::sync::Arc;

use abdm::clock::ManualClock;
use domain::consent::{ConsentStatus, Signature};
use sandbox::{ConsentWanted, RecordsWanted, Sandbox, SandboxConfig, TransferState};
use store::on_both_databases;
use store::testing::TestDatabase;
use uuid::Uuid;

use crate::api::Api;
use crate::callbacks::{CONSENT, grant};
use crate::steps::ON_NOTIFY;
use crate::world::{FACILITY, RAMESH, World};

/// A bridge that checks signatures with the sandbox's key, and a linked visit.
async fn checking(database: TestDatabase, more: &str) -> World {
    // The key is the same in every sandbox.
    let clock = Arc::new(ManualClock::at("2026-01-20T06:00:00Z".parse().unwrap()));
    let other = Sandbox::start(SandboxConfig::default(), clock).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("consent.pem");
    std::fs::write(&path, other.state().consent_key()).unwrap();
    let more = format!("[consent]\nsignature_key_file = {path:?}\n{more}");
    let world = World::with(database, SandboxConfig::default(), &more).await;
    world.linked().await;
    world
}

on_both_databases! {
    async fn without_a_key_a_consent_is_unverified_and_holds(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        let granted = world.granted(ConsentWanted::default()).await;
        let stored = world.stored_consent(&granted.consent_id).await.unwrap();
        assert_eq!(stored.signature, Signature::Unverified);
        let kept = String::from_utf8(stored.artefact.unwrap()).unwrap();
        assert!(kept.contains("\"signature\":\"") && kept.contains("\"consentDetail\":{"), "both are kept, as they came");
    }

    async fn with_a_key_a_genuine_one_is_verified_and_a_wrong_one_marked(database: TestDatabase) {
        let world = checking(database, "").await;
        let api = Api::of(world).await;
        let world = &api.world;
        let genuine = world.granted(ConsentWanted::default()).await.consent_id;
        assert_eq!(world.stored_consent(&genuine).await.unwrap().signature, Signature::Verified);
        let path = |id: &str| Api::in_facility(&format!("/consents/{id}"));
        assert_eq!(api.get(&path(&genuine)).await.body["signature"], "verified");

        for (what, change) in [("wrong", Some("c2lnbmVk")), ("missing", None)] {
            let forged = Uuid::new_v4().to_string();
            let mut notice = grant(&forged);
            notice["notification"]["signature"] = change.into();
            world.callback(sandbox::RawCallback::new(CONSENT, FACILITY, notice)).await;
            world.until_granted(&forged).await;
            assert_eq!(world.stored_consent(&forged).await.unwrap().signature, Signature::Invalid, "{what}");
            assert_eq!(api.get(&path(&forged)).await.body["signature"], "invalid", "{what}");
            let served = world.transferred(RecordsWanted { hip_id: Some(FACILITY.to_owned()), unchecked: true, ..RecordsWanted::under(&forged) }).await;
            assert_ne!(served.state, TransferState::Refused, "{what}: how ABDM signs is a guess, so it holds");
        }
        let lines = world.read().await.audit_lines(&crate::world::id(), 0, 1000).await.unwrap();
        assert_eq!(lines.iter().filter(|line| line.action == "consent signature invalid").count(), 2);
    }

    async fn where_signatures_are_required_a_wrong_one_grants_nothing(database: TestDatabase) {
        let world = checking(database, "require_signature = true\n").await;
        let genuine = world.granted(ConsentWanted { abha_address: RAMESH.to_owned(), ..ConsentWanted::default() }).await;
        assert_eq!(world.stored_consent(&genuine.consent_id).await.unwrap().status, ConsentStatus::Granted);
        let answers = world.calls(ON_NOTIFY).len();
        let forged = Uuid::new_v4().to_string();
        world.callback(sandbox::RawCallback::new(CONSENT, FACILITY, grant(&forged))).await;
        let calls = world.until_calls(ON_NOTIFY, answers + 1).await;
        assert_eq!(calls[answers].body["error"]["code"], "ABDM-1031");
        assert!(world.stored_consent(&forged).await.is_none());
        let served = world.transferred(RecordsWanted { hip_id: Some(FACILITY.to_owned()), unchecked: true, ..RecordsWanted::under(&forged) }).await;
        assert_eq!((served.state, served.error.unwrap()["code"].clone()), (TransferState::Refused, "ABDM-1112".into()));
    }
}
