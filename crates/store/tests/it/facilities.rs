//! Facilities are found by their id and by the ids that ABDM gave their services.

use std::time::Duration;

use domain::facility::Role;
use store::{StoreError, on_both_databases};

use crate::world::{self, World};

on_both_databases! {
    async fn a_facility_comes_back_as_it_was_stored(database: TestDatabase) {
        let world = World::new(database).await;
        let mut facility = world::facility("IN2810014366");
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.put_facility(&facility).await.unwrap(), "new");
        assert_eq!(tx.facility(&facility.id).await.unwrap(), Some(facility.clone()));
        facility.name = "City Hospital, North".into();
        facility.roles = vec![Role::Hip];
        facility.counters.clear();
        assert!(!tx.put_facility(&facility).await.unwrap(), "known");
        assert_eq!(tx.facility(&facility.id).await.unwrap(), Some(facility));
        assert_eq!(tx.facility(&world::other_facility()).await.unwrap(), None);
    }

    async fn a_service_id_leads_to_its_facility_in_its_role_only(database: TestDatabase) {
        let world = World::new(database).await;
        let facility = world::facility("IN2810014366");
        let mut tx = world.store.begin().await.unwrap();
        tx.put_facility(&facility).await.unwrap();
        for (role, id, found) in [
            (Role::Hip, &facility.hip_id, true),
            (Role::Hiu, &facility.hiu_id, true),
            (Role::Hip, &facility.hiu_id, false),
            (Role::Hiu, &facility.hip_id, false),
        ] {
            let by_service = tx.facility_by_service(role, id).await.unwrap();
            assert_eq!(by_service.is_some(), found, "{role} {id}");
        }
    }

    async fn two_facilities_cannot_have_one_service(database: TestDatabase) {
        let world = World::new(database).await;
        let first = world::facility("IN2810014366");
        let mut second = world::facility("IN2710000001");
        second.hip_id = first.hip_id.clone();
        let mut tx = world.store.begin().await.unwrap();
        tx.put_facility(&first).await.unwrap();
        let refused = tx.put_facility(&second).await.unwrap_err();
        assert!(refused.is_duplicate(), "{refused:?}");
        assert!(!StoreError::Contended.is_duplicate());
    }

    async fn facilities_are_listed_newest_first_page_by_page(database: TestDatabase) {
        let world = World::new(database).await;
        // The two in the middle were stored in the same millisecond.
        for ids in [&["IN1"][..], &["IN2", "IN3"], &["IN4"]] {
            let mut tx = world.store.begin().await.unwrap();
            for id in ids {
                tx.put_facility(&world::facility(id)).await.unwrap();
            }
            tx.commit().await.unwrap();
            world.pass(Duration::from_millis(1));
        }
        let mut tx = world.store.read().await.unwrap();
        let mut listed = Vec::new();
        let mut after = None;
        loop {
            let page = tx.facilities(after.as_ref(), 1).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            listed.extend(page.into_iter().map(|facility| facility.id.to_string()));
        }
        assert_eq!(listed, ["IN4", "IN3", "IN2", "IN1"]);
    }
}
