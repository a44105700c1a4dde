//! Consents: the artefact lives as long as the consent, the fact that there was one longer.

use std::time::Duration;

use abdm::id::ConsentId;
use domain::consent::ConsentStatus;
use store::testing::TestDatabase;
use store::{Store, StoredConsent, on_both_databases};

use crate::world::{START, World, address, at, facility_id, other_facility};

fn consent(id: &str) -> StoredConsent {
    StoredConsent {
        id: id.parse().unwrap(),
        status: ConsentStatus::Granted,
        artefact: Some(b"{\"notification\":{}}".to_vec()),
        signature: domain::consent::Signature::Unverified,
        erase_at: Some(at("2026-01-15T12:00:00Z")),
        received_at: at(START),
        ended_at: None,
    }
}

async fn put(store: &Store, consent: &StoredConsent) {
    let mut tx = store.begin().await.unwrap();
    tx.put_consent(&facility_id(), consent, Some(&address("asha.rao@sbx"))).await.unwrap();
    tx.commit().await.unwrap();
}

on_both_databases! {
    async fn a_consent_comes_back_as_it_was_stored(database: TestDatabase) {
        let world = World::new(database).await;
        let granted = consent("c1");
        put(&world.store, &granted).await;
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.consent(&facility_id(), &granted.id).await.unwrap() == Some(granted.clone()));
        assert!(tx.lock_consent(&facility_id(), &granted.id).await.unwrap() == Some(granted.clone()));
        assert!(tx.consent(&other_facility(), &granted.id).await.unwrap().is_none());
    }

    async fn an_ended_consent_loses_its_artefact_and_keeps_the_fact(database: TestDatabase) {
        let world = World::new(database).await;
        for status in [ConsentStatus::Revoked, ConsentStatus::Expired, ConsentStatus::Denied] {
            let granted = consent(status.as_str());
            put(&world.store, &granted).await;
            world.pass(Duration::from_secs(1));
            // Even if the caller still holds the artefact.
            let ended = StoredConsent { status, ended_at: Some(at(START)), ..granted.clone() };
            put(&world.store, &ended).await;
            let mut tx = world.store.read().await.unwrap();
            let found = tx.consent(&facility_id(), &granted.id).await.unwrap().unwrap();
            assert!(found.artefact.is_none() && found.status == status && found.received_at == at(START));
        }
    }

    async fn a_consent_past_its_end_is_found_at_its_time(database: TestDatabase) {
        let world = World::new(database).await;
        let revoked = StoredConsent { status: ConsentStatus::Revoked, ..consent("c2") };
        let endless = StoredConsent { erase_at: None, ..consent("c3") };
        for consent in [&consent("c1"), &revoked, &endless] {
            put(&world.store, consent).await;
        }
        world.pass(Duration::from_secs(2 * 60 * 60 - 1));
        let mut tx = world.store.read().await.unwrap();
        assert!(tx.consents_past_their_end(10).await.unwrap().is_empty());
        world.pass(Duration::from_secs(1));
        let over = tx.consents_past_their_end(10).await.unwrap();
        assert_eq!(over, [(facility_id(), "c1".parse::<ConsentId>().unwrap())]);
    }

    async fn consents_are_listed_newest_first_page_by_page(database: TestDatabase) {
        let world = World::new(database).await;
        for id in ["c1", "c3", "c2"] {
            put(&world.store, &consent(id)).await; // all in the same millisecond
        }
        put(&world.store, &StoredConsent { received_at: at("2026-01-15T10:00:00.001Z"), ..consent("c0") }).await;
        let mut tx = world.store.read().await.unwrap();
        for per_page in 1..=5 {
            let mut listed: Vec<ConsentId> = Vec::new();
            loop {
                let page = tx.consents(&facility_id(), listed.last(), per_page).await.unwrap();
                if page.is_empty() {
                    break;
                }
                listed.extend(page.into_iter().map(|consent| consent.id));
            }
            let listed: Vec<_> = listed.iter().map(ConsentId::as_str).collect();
            assert_eq!(listed, ["c0", "c3", "c2", "c1"], "{per_page} per page");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_waits_for_the_grant_that_is_just_being_stored() {
    let world = World::new(TestDatabase::postgres().await).await;
    let (here, granted) = (facility_id(), consent("c1"));
    let mut tx = world.store.begin().await.unwrap();
    assert!(tx.lock_consent(&here, &granted.id).await.unwrap().is_none());
    let other = world.another_instance().await;
    let id = granted.id.clone();
    let revoking = tokio::spawn(async move {
        let mut tx = other.begin().await.unwrap();
        tx.lock_consent(&facility_id(), &id).await.unwrap().map(|known| known.status)
    });
    for _ in 0..50 {
        world.store.ping().await.unwrap(); // time enough to get past a lock that is none
    }
    tx.put_consent(&here, &granted, None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(revoking.await.unwrap(), Some(ConsentStatus::Granted), "it sees what it revokes");
}
