//! Killed at any write, a patient can still link, with no password sent twice and no link made twice.
//!
//! A death while the SMS is sent leaves open whether it was: then the app is told ABDM-1004 and the patient searches
//! again. Whatever happens, what ABDM has taken is what the facility has recorded in the end.

use domain::event::EventType;
use domain::patient::Patient;
use sandbox::{Choice, DiscoveryWanted, LinkingState};
use serde_json::{Value, json};
use store::fault::KillSwitch;
use store::testing::TestDatabase;

use super::TO_FILE;
use crate::crash::{LOOK, Mortal, die_everywhere, is_stored_as_linked, put};
use crate::world::{FACILITY, RAMESH, id, known_patient};

/// A death costs one search at most; the clock's jumps may cost another.
const MOST_SEARCHES: usize = 3;

async fn reached(world: &mut Mortal, lives: &mut usize, transaction: &str, state: LinkingState) -> bool {
    let (sandbox, transaction) = (world.sandbox.state().clone(), transaction.to_owned());
    let end = world
        .until(lives, &format!("{state:?}"), move |_| {
            let (sandbox, transaction) = (sandbox.clone(), transaction.clone());
            async move {
                let linking = sandbox.linking_in(&transaction, &[state], LOOK).await.unwrap();
                Some(linking.state).filter(|now| *now == state || now.is_failure())
            }
        })
        .await;
    end == state
}

/// One search, from beginning to end. Says whether it linked.
async fn search(world: &mut Mortal, lives: &mut usize) -> bool {
    let wanted = DiscoveryWanted {
        abha_address: RAMESH.to_owned(),
        hip_id: FACILITY.to_owned(),
        ..DiscoveryWanted::default()
    };
    let state = world.sandbox.state().clone();
    let transaction = state.discover(&wanted).unwrap().transaction_id;
    if !reached(world, lives, &transaction, LinkingState::Discovered).await {
        return false;
    }
    state.init_link(&transaction, &Choice::default()).unwrap();
    if !reached(world, lives, &transaction, LinkingState::OtpSent).await {
        return false;
    }
    let otp = texts(world).last().unwrap()["otp"].clone();
    state.confirm_link(&transaction, &json!(otp)).unwrap();
    reached(world, lives, &transaction, LinkingState::Linked).await
}

fn texts(world: &Mortal) -> Vec<Value> {
    let lines = std::fs::read_to_string(world.config.resolve("sms.jsonl")).unwrap_or_default();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn linking(database: TestDatabase, switch: KillSwitch) -> (u64, bool) {
    let mut world = Mortal::with(database, switch, TO_FILE).await;
    let mut lives = 0;
    let known = known_patient(&world.sandbox, "P1", RAMESH);
    let patient = Patient { abha_address: None, abha_number: None, ..known };
    let whose = patient.clone();
    world.does(&mut lives, move |bridge| put(bridge, whose.clone())).await;
    let mut searches = 1;
    while !search(&mut world, &mut lives).await {
        searches += 1;
        assert!(searches <= MOST_SEARCHES, "{:#?}", world.sandbox.state().journal(""));
    }
    let whose = patient.clone();
    world
        .until(&mut lives, "the link on record", move |bridge| {
            let whose = whose.clone();
            async move {
                let _ = tokio::time::timeout(LOOK, bridge.store.woken(store::Queue::Events)).await;
                is_stored_as_linked(&bridge, &whose).await.then_some(())
            }
        })
        .await;
    let raised = world
        .does(&mut lives, |bridge| async move {
            let mut tx = bridge.store.read().await.unwrap();
            let events = tx.events_after(&id(), None, 1000).await.unwrap();
            events.iter().filter(|event| event.event == EventType::PatientLinked).count()
        })
        .await;
    assert_eq!(raised, 1);
    assert!(texts(&world).len() <= searches, "an SMS too many");
    for effect in world.sandbox.state().effects(None, None) {
        assert!(effect.accepted <= 1, "happened twice: {effect:?}");
    }
    let violations = world.sandbox.state().violations();
    assert!(violations.is_empty(), "{violations:#?}");
    let first_life = (world.switch.commits(), world.switch.is_dead());
    world.end();
    first_life
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_write_a_patient_can_still_link_on_sqlite() {
    die_everywhere(async || TestDatabase::sqlite(), linking, 8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_write_a_patient_can_still_link_on_postgres() {
    die_everywhere(async || TestDatabase::postgres().await, linking, 8).await;
}
