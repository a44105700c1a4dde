//! Large documents: written before their record, deleted after it, and never lost between.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use abdm::id::HiType::{OPConsultation, Prescription};
use domain::care_context::CareContext;
use futures_util::TryStreamExt as _;
use store::fault::KillSwitch;
use store::testing::TestDatabase;
use store::{NewRecord, ObjectId, Record, Store, StoreError, on_both_databases};

use crate::world::{World, facility_id, other_facility, record, visit};

/// Longer than a large document has to be, and nothing that compression could shorten to less.
fn text(seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 24) as u8
    };
    (0..300_000).map(|_| next()).collect()
}

fn large(seed: u32) -> NewRecord {
    NewRecord { bundle: Some(text(seed).into()), ..record(Prescription, &format!("large {seed}")) }
}

/// Stores records as the API does.
async fn put(store: &Store, visit: &CareContext, mut records: Vec<NewRecord>) -> Vec<Record> {
    let mut tx = store.read().await.unwrap();
    let old = tx.records(&facility_id(), &visit.patient, &visit.reference).await.unwrap();
    drop(tx);
    store.keep(&mut records, &old).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.put_care_context(&facility_id(), visit).await.unwrap();
    let stored = tx.replace_records(&facility_id(), &visit.patient, &visit.reference, records).await.unwrap();
    tx.commit().await.unwrap();
    stored
}

async fn read(store: &Store, record: &Record) -> Result<Option<Vec<u8>>, StoreError> {
    let mut tx = store.read().await.unwrap();
    let document = tx.document(&facility_id(), record.id).await.unwrap();
    drop(tx);
    match document {
        Some(document) => store.open_document(document).await.map(Some),
        None => Ok(None),
    }
}

async fn objects(database: &TestDatabase) -> Vec<ObjectId> {
    database.objects().list().try_collect().await.unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

const HOUR: Duration = Duration::from_hours(1);

/// The MD5 that is stored with a document.
async fn md5(store: &Store, record: &Record) -> Option<String> {
    let mut tx = store.read().await.unwrap();
    let document = tx.document(&facility_id(), record.id).await.unwrap().unwrap();
    document.md5.map(hex::encode)
}

on_both_databases! {
    async fn a_large_document_lies_in_the_object_store_sealed_and_a_small_one_in_its_row(database: TestDatabase) {
        let world = World::new(database).await;
        let visit = visit("p1", "v1");
        let stored = put(&world.store, &visit, vec![large(1), record(OPConsultation, "small")]).await;
        assert_eq!(objects(&world.database).await.len(), 1);
        assert_eq!(stored[0].bundle_bytes, 300_000);
        let opened = read(&world.store, &stored[0]).await.unwrap().unwrap();
        assert!(opened == text(1) && opened.capacity() >= 300_016);
        assert!(read(&world.store, &stored[1]).await.unwrap().is_some());
        assert_eq!(md5(&world.store, &stored[0]).await.as_deref(), Some("2b97c8d09123aa070d755a8b22379f78"));
        assert_eq!(md5(&world.store, &stored[1]).await, None);
        let file = files(&world.database.folder().join("objects")).remove(0);
        let sealed = std::fs::read(file).unwrap();
        let plain = text(1);
        assert!(!sealed.windows(16).any(|window| window == &plain[..16]), "it is sealed");
        let mut tx = world.store.read().await.unwrap();
        assert!(tx.bundle(&facility_id(), stored[0].id).await.unwrap() == Some(text(1)));
        assert!(tx.document(&other_facility(), stored[0].id).await.unwrap().is_none(), "another facility's");
    }

    async fn what_compresses_well_stays_in_its_row(database: TestDatabase) {
        let world = World::new(database).await;
        let long = "resourceType".repeat(100_000).into_bytes();
        let new = NewRecord { bundle: Some(long.clone().into()), ..record(Prescription, "long") };
        let stored = put(&world.store, &visit("p1", "v1"), vec![new]).await;
        assert!(objects(&world.database).await.is_empty());
        assert!(read(&world.store, &stored[0]).await.unwrap() == Some(long));
    }

    async fn an_equal_record_keeps_its_object_and_writes_no_other(database: TestDatabase) {
        let world = World::new(database).await;
        let visit = visit("p1", "v1");
        let first = put(&world.store, &visit, vec![large(1)]).await;
        let before = objects(&world.database).await;
        assert_eq!(put(&world.store, &visit, vec![large(1)]).await, first);
        assert_eq!(objects(&world.database).await, before);
        world.pass(HOUR * 2);
        assert_eq!(world.store.sweep_objects(100).await.unwrap(), 0);
        assert!(read(&world.store, &first[0]).await.unwrap() == Some(text(1)));
    }

    async fn a_record_that_is_replaced_or_deleted_takes_its_object_with_it_an_hour_later(database: TestDatabase) {
        let world = World::new(database).await;
        let visit = visit("p1", "v1");
        let first = put(&world.store, &visit, vec![large(1), large(2)]).await;
        let second = put(&world.store, &visit, vec![large(2), large(3)]).await;
        assert!(read(&world.store, &first[0]).await.unwrap().is_none());
        assert_eq!(objects(&world.database).await.len(), 3, "a backup may be copying it");
        world.pass(Duration::from_secs(3599));
        assert_eq!(world.store.sweep_objects(100).await.unwrap(), 0);
        world.pass(Duration::from_secs(1));
        assert_eq!(world.store.sweep_objects(100).await.unwrap(), 1);
        assert_eq!(objects(&world.database).await.len(), 2);
        for (record, seed) in second.iter().zip([2, 3]) {
            assert!(read(&world.store, record).await.unwrap() == Some(text(seed)));
        }
        let mut tx = world.store.begin().await.unwrap();
        tx.delete_care_context(&facility_id(), &visit.patient, &visit.reference).await.unwrap();
        tx.commit().await.unwrap();
        world.pass(HOUR);
        assert_eq!(world.store.sweep_objects(1).await.unwrap(), 1, "a little at a time");
        assert_eq!(world.store.sweep_objects(100).await.unwrap(), 1);
        assert!(files(&world.database.folder().join("objects")).is_empty());
    }

    async fn what_was_written_for_a_record_that_was_never_stored_goes_too(database: TestDatabase) {
        let world = World::new(database).await;
        let mut records = vec![large(1)];
        world.store.keep(&mut records, &[]).await.unwrap();
        let mut tx = world.store.begin().await.unwrap();
        let visit = visit("p1", "v1");
        tx.replace_records(&facility_id(), &visit.patient, &visit.reference, records.clone()).await.unwrap();
        drop(tx);
        assert_eq!(objects(&world.database).await.len(), 1);
        world.pass(HOUR);
        assert_eq!(world.store.sweep_objects(100).await.unwrap(), 1);
        assert!(objects(&world.database).await.is_empty());
        let mut tx = world.store.begin().await.unwrap();
        let late = tx.replace_records(&facility_id(), &visit.patient, &visit.reference, records).await;
        assert!(matches!(late, Err(StoreError::Missing { .. })), "no record without its document");
    }

    async fn a_kill_at_any_commit_loses_no_record_and_leaves_no_object(database: TestDatabase) {
        let world = World::new(database).await;
        let visits = ["v1", "v2"].map(|reference| visit("p1", reference));
        let work = |store: Store, run: u32| {
            let visits = visits.clone();
            async move {
                for (visit, seed) in visits.iter().zip([run, run + 1]) {
                    put(&store, visit, vec![large(seed)]).await;
                }
                // Replaced by another, and gone.
                put(&store, &visits[0], vec![large(run + 2)]).await;
                store.sweep_objects(100).await.unwrap();
            }
        };
        let commits = Arc::new(KillSwitch::default());
        work(world.instance_with(&commits).await, 0).await;
        let deaths = (1..=commits.commits()).flat_map(|number| [(number, false), (number, true)]);
        for (run, (number, after)) in (1..).zip(deaths) {
            let switch = if after { KillSwitch::after_commit(number) } else { KillSwitch::before_commit(number) };
            let switch = Arc::new(switch);
            let mut process = tokio::spawn(work(world.instance_with(&switch).await, run * 10));
            tokio::select! {
                () = switch.died() => process.abort(),
                done = &mut process => done.unwrap(),
            }
            world.pass(HOUR * 2);
            let store = world.another_instance().await;
            while store.sweep_objects(100).await.unwrap() > 0 {}
            let mut named = 0;
            for visit in &visits {
                let mut tx = store.read().await.unwrap();
                let records = tx.records(&facility_id(), &visit.patient, &visit.reference).await.unwrap();
                drop(tx);
                for record in records {
                    named += 1;
                    assert!(read(&store, &record).await.unwrap().is_some(), "commit {number}, after: {after}");
                }
            }
            assert_eq!(objects(&world.database).await.len(), named, "commit {number}, after: {after}");
        }
    }

    async fn a_missing_or_altered_object_is_told_apart_from_a_record_that_is_gone(database: TestDatabase) {
        let world = World::new(database).await;
        let visit = visit("p1", "v1");
        let stored = put(&world.store, &visit, vec![large(1), large(2)]).await;
        let mut tx = world.store.read().await.unwrap();
        let document = tx.document(&facility_id(), stored[0].id).await.unwrap().unwrap();
        drop(tx);
        for file in files(&world.database.folder().join("objects")) {
            let mut sealed = std::fs::read(&file).unwrap();
            *sealed.last_mut().unwrap() ^= 1;
            std::fs::write(&file, sealed).unwrap();
        }
        for record in &stored {
            let error = read(&world.store, record).await.unwrap_err();
            assert!(matches!(error, StoreError::Unsealable { .. }), "{error}");
        }
        std::fs::remove_dir_all(world.database.folder().join("objects")).unwrap();
        let error = world.store.open_document(document).await.unwrap_err();
        assert!(error.to_string().contains("restore it from a backup"), "{error}");
    }
}
