//! Queues at counters: numbers that never repeat whoever gives them, shares that follow their patient.

use std::time::Duration;

use domain::patient::Patient;
use domain::queue::{Place, QueueState, place};
use futures_util::future::try_join_all;
use store::testing::TestDatabase;
use store::{Share, ShareFilter, Store, StoreError, on_both_databases};

use crate::world::{World, address, at, facility_id, mobile, other_facility, patient, patient_ref, visit};

const LIFE: Duration = Duration::from_mins(30);

/// One scan, as the flow does it; begun anew while another transaction is in the way.
async fn scan(store: &Store, who: &str, counter: &str) -> Share {
    loop {
        match try_scan(store, who, counter).await {
            Ok(share) => return share,
            Err(StoreError::Contended) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

async fn try_scan(store: &Store, who: &str, counter: &str) -> store::Result<Share> {
    let (here, who) = (facility_id(), address(&format!("{who}@sbx")));
    let mut tx = store.begin().await?;
    let numbers = tx.lock_numbers(&here, counter).await?;
    let held = tx.last_share(&here, counter, (&who, None)).await?;
    let token = match place(held.as_ref().map(|share| share.token), numbers, tx.now(), LIFE) {
        Place::Kept(_) => return Ok(held.unwrap()),
        Place::New(token) => token,
    };
    let share = Share {
        id: tx.new_id(),
        counter: counter.to_owned(),
        token,
        patient: None,
        profile: b"profile".to_vec(),
        state: QueueState::Waiting,
        at: tx.now(),
    };
    tx.put_share(&here, &share, &who).await?;
    tx.commit().await?;
    Ok(share)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_given_by_several_instances_at_once_never_repeat_and_leave_no_gap() {
    let world = World::new(TestDatabase::postgres().await).await;
    let stores = [world.store.clone(), world.another_instance().await, world.another_instance().await];
    let scans = (0..90).map(|n| {
        let store = stores[n % 3].clone();
        // Each person scans three times, at three instances.
        tokio::spawn(async move { scan(&store, &format!("person.{}", n / 3), "OPD1").await.token.number })
    });
    let mut numbers = try_join_all(scans).await.unwrap();
    numbers.sort_unstable();
    let expected: Vec<_> = (1..=30).flat_map(|number| [number; 3]).collect();
    assert_eq!(numbers, expected);
}

on_both_databases! {
    async fn an_old_share_is_forgotten_and_its_number_is_not_given_again(database: TestDatabase) {
        let world = World::new(database).await;
        let share = scan(&world.store, "asha", "OPD1").await;
        let mut tx = world.store.begin().await.unwrap();
        assert_eq!(tx.purge(at("2026-01-01T00:00:00Z"), 100).await.unwrap(), 0, "it is younger");
        assert_eq!(tx.purge(at("2027-01-01T00:00:00Z"), 100).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let mut tx = world.store.read().await.unwrap();
        assert!(tx.share(&facility_id(), share.id).await.unwrap().is_none());
        drop(tx);
        assert_eq!(scan(&world.store, "asha", "OPD1").await.token.number, 2);
    }

    async fn a_transaction_that_is_dropped_gives_its_number_back(database: TestDatabase) {
        let world = World::new(database).await;
        assert_eq!(scan(&world.store, "asha", "OPD1").await.token.number, 1);
        let mut tx = world.store.begin().await.unwrap();
        let numbers = tx.lock_numbers(&facility_id(), "OPD1").await.unwrap();
        assert_eq!((numbers.day.map(|day| day.to_string()).as_deref(), numbers.last), (Some("2026-01-15"), 1));
        drop(tx);
        assert_eq!(scan(&world.store, "bala", "OPD1").await.token.number, 2);
        assert_eq!(scan(&world.store, "Asha", "OPD1").await.token.number, 1, "an address is one whatever its case");
        assert_eq!(scan(&world.store, "asha", "opd1").await.token.number, 1, "a counter is not");
    }

    async fn a_number_that_is_taken_is_refused_by_the_database_itself(database: TestDatabase) {
        let world = World::new(database).await;
        let first = scan(&world.store, "asha", "OPD1").await;
        let mut tx = world.store.begin().await.unwrap();
        let twice = Share { id: tx.new_id(), ..first };
        let refused = tx.put_share(&facility_id(), &twice, &address("bala@sbx")).await.unwrap_err();
        assert!(refused.is_duplicate(), "{refused:?}");
    }

    async fn shares_are_listed_newest_first_and_by_counter_and_patient(database: TestDatabase) {
        let world = World::new(database).await;
        for (who, counter) in [("asha", "A"), ("bala", "B"), ("chitra", "A")] {
            scan(&world.store, who, counter).await;
            world.pass(Duration::from_secs(1));
        }
        let mut tx = world.store.read().await.unwrap();
        let all = tx.shares(&facility_id(), &ShareFilter::default(), None, 10).await.unwrap();
        let places: Vec<_> = all.iter().map(|share| (share.counter.as_str(), share.token.number)).collect();
        assert_eq!(places, [("A", 2), ("B", 1), ("A", 1)]);
        let rest = tx.shares(&facility_id(), &ShareFilter::default(), Some(all[0].id), 1).await.unwrap();
        assert_eq!(rest, [all[1].clone()]);
        let at_b = ShareFilter { counter: Some("B".into()), ..ShareFilter::default() };
        assert_eq!(tx.shares(&facility_id(), &at_b, None, 10).await.unwrap(), [all[1].clone()]);
        let late = ShareFilter { since: Some(all[0].at), ..ShareFilter::default() };
        assert_eq!(tx.shares(&facility_id(), &late, None, 10).await.unwrap(), [all[0].clone()]);
        assert_eq!(tx.shares(&other_facility(), &ShareFilter::default(), None, 10).await.unwrap(), []);
        assert_eq!(tx.share(&other_facility(), all[0].id).await.unwrap(), None);
        assert_eq!(tx.shared_counters(&facility_id()).await.unwrap(), ["A", "B"]);
    }

    async fn a_provisional_patient_is_adopted_with_their_shares_and_no_other_is_deleted(database: TestDatabase) {
        let world = World::new(database).await;
        let ours = Patient { provisional: true, ..patient("kadi-1") };
        let theirs = Patient { abha_address: None, abha_number: None, ..patient("MR-1") };
        let share = Share { patient: Some(ours.reference.clone()), ..scan(&world.store, "asha", "A").await };
        let mut tx = world.store.begin().await.unwrap();
        tx.put_patient(&facility_id(), &ours).await.unwrap();
        let moved = Share { id: tx.new_id(), counter: "B".into(), ..share };
        tx.put_share(&facility_id(), &moved, &address("asha@sbx")).await.unwrap();
        tx.adopt(&facility_id(), &ours.reference, &theirs.reference).await.unwrap();
        tx.put_patient(&facility_id(), &Patient { reference: theirs.reference.clone(), ..patient("kadi-1") }).await.unwrap();
        let share = tx.share(&facility_id(), moved.id).await.unwrap().unwrap();
        assert_eq!(share.patient.as_ref().unwrap(), &theirs.reference);
        assert!(tx.patient(&facility_id(), &ours.reference).await.unwrap().is_none());
        tx.adopt(&facility_id(), &theirs.reference, &patient_ref("MR-2")).await.unwrap();
        assert!(tx.patient(&facility_id(), &theirs.reference).await.unwrap().is_some(), "not provisional: not deleted");
        assert!(!tx.has_visits(&facility_id(), &theirs.reference).await.unwrap());
        tx.put_care_context(&facility_id(), &visit("MR-1", "v1")).await.unwrap();
        assert!(tx.has_visits(&facility_id(), &theirs.reference).await.unwrap());
    }

    async fn one_deep_link_at_a_time_is_under_way_to_a_mobile_of_a_facility(database: TestDatabase) {
        let world = World::new(database).await;
        let (asha, bala) = (mobile("9876543210"), mobile("9876543211"));
        let mut tx = world.store.begin().await.unwrap();
        let call = tx.new_id();
        assert_eq!(tx.lock_sms(&facility_id(), asha).await.unwrap(), None);
        tx.begin_sms(&facility_id(), asha, call).await.unwrap();
        assert_eq!(tx.lock_sms(&facility_id(), asha).await.unwrap(), Some(call));
        assert_eq!(tx.lock_sms(&facility_id(), bala).await.unwrap(), None);
        assert_eq!(tx.lock_sms(&other_facility(), asha).await.unwrap(), None);
        tx.end_sms(call).await.unwrap();
        assert_eq!(tx.lock_sms(&facility_id(), asha).await.unwrap(), None);
        let who = patient_ref("MR-1");
        assert_eq!(tx.sms_asked_at(&facility_id(), &who, asha).await.unwrap(), None);
        tx.note_sms(&facility_id(), &who, asha).await.unwrap();
        assert_eq!(tx.sms_asked_at(&facility_id(), &who, asha).await.unwrap(), Some(tx.now()));
        assert_eq!(tx.sms_asked_at(&facility_id(), &who, bala).await.unwrap(), None, "it was another mobile");
        tx.forget_sms(&facility_id(), &who).await.unwrap();
        assert_eq!(tx.sms_asked_at(&facility_id(), &who, asha).await.unwrap(), None);
    }
}
