//! A facility says what its codes stand for; those of which it has not said are counted.

use std::time::Duration;

use store::on_both_databases;
use store::terminology::{LocalCode, LocalMapping, NewUnmapped};

use crate::world::{World, facility_id, other_facility};

fn local(system: Option<&str>, code: &str) -> LocalCode {
    LocalCode { system: system.map(str::to_owned), code: code.into() }
}

fn mapping(system: Option<&str>, code: &str, to: &str) -> LocalMapping {
    LocalMapping {
        local: local(system, code),
        system: "http://loinc.org".into(),
        code: to.into(),
        display: format!("Test {to}"),
    }
}

fn unmapped(system: Option<&str>, code: &str, label: Option<&str>, count: u32) -> NewUnmapped {
    NewUnmapped { local: local(system, code), label: label.map(str::to_owned), count }
}

async fn listed(world: &World) -> Vec<(String, u64)> {
    let mut tx = world.store.read().await.unwrap();
    let codes = tx.unmapped_codes(Some(&facility_id()), None, 100).await.unwrap();
    codes.into_iter().map(|code| (code.local.code, code.count)).collect()
}

on_both_databases! {
    async fn a_mapping_is_stored_changed_listed_and_forgotten(database: TestDatabase) {
        let world = World::new(database).await;
        let mut tx = world.store.begin().await.unwrap();
        assert!(!tx.has_local_mappings(&facility_id()).await.unwrap());
        assert!(tx.put_local_mapping(&facility_id(), &mapping(None, "HB", "718-7")).await.unwrap(), "new");
        assert!(tx.put_local_mapping(&facility_id(), &mapping(Some("lab-2"), "HB", "1-8")).await.unwrap(), "another");
        assert!(!tx.put_local_mapping(&facility_id(), &mapping(None, "HB", "20509-6")).await.unwrap(), "changed");
        tx.put_local_mapping(&facility_id(), &mapping(None, "GLU", "2345-7")).await.unwrap();
        assert!(tx.has_local_mappings(&facility_id()).await.unwrap());

        let of_hb = tx.local_mappings_of(&facility_id(), "HB").await.unwrap();
        assert_eq!(of_hb.len(), 2);
        let known = tx.local_mapping(&facility_id(), &local(None, "HB")).await.unwrap();
        assert_eq!(known, Some(mapping(None, "HB", "20509-6")));
        assert_eq!(tx.local_mapping(&facility_id(), &local(Some("lab-3"), "HB")).await.unwrap(), None);
        assert!(tx.local_mappings_of(&other_facility(), "HB").await.unwrap().is_empty(), "another's");
        assert!(!tx.has_local_mappings(&other_facility()).await.unwrap());

        let mut after = None;
        let mut seen = Vec::new();
        while let Some(one) = tx.local_mappings(&facility_id(), after.as_ref(), 1).await.unwrap().pop() {
            seen.push((one.local.code.clone(), one.local.system.clone()));
            after = Some(one.local);
        }
        let expected = [("GLU", None), ("HB", None), ("HB", Some("lab-2"))];
        assert_eq!(seen, expected.map(|(code, system)| (code.to_owned(), system.map(str::to_owned))));

        assert!(tx.delete_local_mapping(&facility_id(), &local(None, "HB")).await.unwrap());
        assert!(!tx.delete_local_mapping(&facility_id(), &local(None, "HB")).await.unwrap());
        assert_eq!(tx.local_mappings_of(&facility_id(), "HB").await.unwrap().len(), 1);
    }

    async fn codes_that_stand_for_nothing_are_counted_and_listed_commonest_first(database: TestDatabase) {
        let world = World::new(database).await;
        let mut tx = world.store.begin().await.unwrap();
        let first = vec![
            unmapped(None, "TLC", Some("Total count"), 2),
            unmapped(None, "ESR", None, 1),
            unmapped(None, "TLC", None, 1),
        ];
        tx.note_unmapped(&facility_id(), first).await.unwrap();
        tx.note_unmapped(&other_facility(), vec![unmapped(None, "TLC", None, 50)]).await.unwrap();
        tx.commit().await.unwrap();
        world.pass(Duration::from_mins(1));
        let mut tx = world.store.begin().await.unwrap();
        let second = vec![unmapped(None, "ESR", Some("Sed rate"), 1), unmapped(Some("lab-2"), "TLC", None, 2)];
        tx.note_unmapped(&facility_id(), second).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = world.store.read().await.unwrap();
        let all = tx.unmapped_codes(Some(&facility_id()), None, 10).await.unwrap();
        let shown: Vec<_> = all
            .iter()
            .map(|code| (code.local.code.as_str(), code.local.system.as_deref(), code.label.as_deref(), code.count))
            .collect();
        let expected = [
            ("TLC", None, Some("Total count"), 3),
            ("ESR", None, Some("Sed rate"), 2),
            ("TLC", Some("lab-2"), None, 2),
        ];
        assert_eq!(shown, expected, "words that came once stay");
        assert!(all[1].last_seen > all[0].last_seen);

        let mut paged = Vec::new();
        let mut after = None;
        while let Some(one) = tx.unmapped_codes(None, after.as_ref(), 1).await.unwrap().pop() {
            after = Some(one.key());
            paged.push(one.count);
        }
        assert_eq!(paged, [50, 3, 2, 2], "of all facilities, none twice");
    }

    async fn a_code_that_is_mapped_is_no_unmapped_one_any_more(database: TestDatabase) {
        let world = World::new(database).await;
        let mut tx = world.store.begin().await.unwrap();
        let codes = [(None, "HB"), (Some("lab-2"), "HB"), (Some("lab-2"), "GLU"), (Some("lab-3"), "GLU")];
        let codes = codes.map(|(system, code)| unmapped(system, code, None, 1)).to_vec();
        tx.note_unmapped(&facility_id(), codes).await.unwrap();
        tx.put_local_mapping(&facility_id(), &mapping(None, "HB", "718-7")).await.unwrap();
        tx.put_local_mapping(&facility_id(), &mapping(Some("lab-2"), "GLU", "2345-7")).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(listed(&world).await, [("GLU".to_owned(), 1)], "under one system is not under another");
    }

    async fn a_system_that_sends_numbers_as_codes_does_not_fill_the_store(database: TestDatabase) {
        let world = World::new(database).await;
        let mut tx = world.store.begin().await.unwrap();
        let many = (0..10_050).map(|number| unmapped(None, &format!("{number:05}"), None, 1)).collect();
        tx.note_unmapped(&facility_id(), many).await.unwrap();
        tx.note_unmapped(&facility_id(), vec![unmapped(None, "00007", None, 5)]).await.unwrap();
        tx.note_unmapped(&other_facility(), vec![unmapped(None, "HB", None, 1)]).await.unwrap();
        let all = tx.unmapped_codes(Some(&facility_id()), None, 20_000).await.unwrap();
        assert_eq!((all.len(), all[0].count), (10_000, 6), "known ones are counted on");
        assert_eq!(tx.unmapped_codes(Some(&other_facility()), None, 9).await.unwrap().len(), 1);
    }

    async fn records_with_the_same_codes_are_noted_side_by_side(database: TestDatabase) {
        let world = World::new(database).await;
        let codes = ["A", "B", "C", "D"];
        let note = |turn: usize| {
            let store = world.store.clone();
            let mut mine: Vec<_> = codes.iter().map(|code| unmapped(None, code, None, 1)).collect();
            mine.rotate_left(turn % codes.len());
            async move {
                let mut tx = store.begin().await.unwrap();
                tx.note_unmapped(&facility_id(), mine).await.unwrap();
                tx.commit().await.unwrap();
            }
        };
        futures_util::future::join_all((0..12).map(note)).await;
        assert_eq!(listed(&world).await, codes.map(|code| (code.to_owned(), 12)));
    }
}
