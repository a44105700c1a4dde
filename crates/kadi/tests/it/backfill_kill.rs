//! A backfill that is killed at any write goes on after a restart, and ABDM sees each effect once.

use std::sync::Arc;
use std::time::Duration;

use domain::link::LinkState;
use futures_util::StreamExt as _;
use kadi::backfill::list;
use kadi::bridge::Bridge;
use store::fault::KillSwitch;
use store::testing::TestDatabase;
use store::{CareContextFilter, Wanted};

use crate::crash::Mortal;
use crate::linking::ASHA;
use crate::steps::ONE;
use crate::world::{RAMESH, id, known_patient, new_visit, prepare};

/// Visits of the two patients: of one, more than one link call takes.
const VISITS: [usize; 2] = [21, 1];
/// How long, in real time, news is waited for before the clock goes on.
const LOOK: Duration = Duration::from_millis(150);
/// Runs under way at once.
const AT_ONCE: usize = 4;

/// Stores old patients and visits, and puts them on the list. Can run twice.
async fn begin(bridge: Arc<Bridge>, patients: [domain::patient::Patient; 2]) {
    let mut tx = bridge.store.begin().await.unwrap();
    for (patient, visits) in patients.iter().zip(VISITS) {
        if tx.patient(&id(), &patient.reference).await.unwrap().is_some() {
            continue;
        }
        tx.put_patient(&id(), patient).await.unwrap();
        for n in 0..visits {
            let context = new_visit(patient, &format!("visit-{n}"));
            tx.put_care_context(&id(), &context).await.unwrap();
            let records = prepare(&tx, patient, &context, &ONE);
            tx.replace_records(&id(), &patient.reference, &context.reference, records).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
    list(&bridge.store, &id(), Wanted::default()).await.unwrap();
}

async fn all_linked(bridge: Arc<Bridge>) -> Option<()> {
    let linked = CareContextFilter { link_state: Some(LinkState::Linked), ..CareContextFilter::default() };
    let found = bridge.store.read().await.unwrap().care_contexts(&id(), &linked, None, 1000).await.unwrap();
    if found.len() == VISITS.iter().sum::<usize>() {
        return Some(());
    }
    let _ = tokio::time::timeout(LOOK, bridge.store.woken(store::Queue::Events)).await;
    None
}

/// Runs the backfill with this switch to its end; says how many commits its first life made, and whether it died.
async fn run(database: TestDatabase, switch: KillSwitch) -> (u64, bool) {
    let mut world = Mortal::new(database, switch).await;
    let mut lives = 0;
    let patients =
        [("P1", RAMESH), ("P2", ASHA)].map(|(name, address)| known_patient(&world.sandbox, name, address));
    world.does(&mut lives, move |bridge| begin(bridge, patients.clone())).await;
    world.until(&mut lives, "the end of the backfill", all_linked).await;
    for effect in world.sandbox.state().effects(None, None) {
        assert!(effect.accepted <= 1, "happened twice: {effect:?}");
    }
    assert_eq!(world.sandbox.state().violations(), []);
    let first_life = (world.switch.commits(), world.switch.is_dead());
    if let Some((running, runtime)) = world.bridge.take() {
        drop(running);
        runtime.shutdown_background();
    }
    first_life
}

async fn die_everywhere(new_database: impl AsyncFn() -> TestDatabase) {
    let (commits, _) = run(new_database().await, KillSwitch::default()).await;
    assert!(commits > 10, "{commits} commits");
    let deaths = (1..=commits)
        .flat_map(|number| [KillSwitch::before_commit(number), KillSwitch::after_commit(number)]);
    let runs = deaths.map(async |switch| run(new_database().await, switch).await);
    let lives: Vec<_> = futures_util::stream::iter(runs).buffer_unordered(AT_ONCE).collect().await;
    let deaths = u64::try_from(lives.iter().filter(|(_, died)| *died).count()).unwrap();
    assert!(deaths > commits, "{deaths} deaths in {} runs", lives.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_write_a_backfill_goes_on_on_sqlite() {
    die_everywhere(async || TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_write_a_backfill_goes_on_on_postgres() {
    die_everywhere(async || TestDatabase::postgres().await).await;
}
