//! What a machine goes through: a database that restarts, a full disk, a clock that is set.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use abdm::clock::{Clock as _, SystemClock};
use domain::link::LinkState;
use jiff::SignedDuration;
use kadi::workers::MOST_APART;
use reqwest::{Client, StatusCode};
use sandbox::{CallFault, DiscoveryWanted, Fault, LinkingState, Plan};
use store::testing::TestDatabase;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::serving::House;
use crate::steps::SECOND;
use crate::user_link::ON_DISCOVER;
use crate::world::{FACILITY, RAMESH, World};

const TEN_MINUTES: SignedDuration = SignedDuration::from_mins(10);

impl World {
    fn search(&self) -> String {
        let wanted = DiscoveryWanted {
            abha_address: RAMESH.to_owned(),
            hip_id: FACILITY.to_owned(),
            ..DiscoveryWanted::default()
        };
        self.sandbox.state().discover(&wanted).unwrap().transaction_id
    }

    async fn until_search_answered(&self, transaction: &str) -> LinkingState {
        let answered = async || {
            let state = self.sandbox.state().linking(transaction).unwrap().state;
            Some(state).filter(|state| *state != LinkingState::Discovering)
        };
        self.after(Duration::ZERO, answered).await
    }

    async fn until_found(&self, transaction: &str) {
        assert_eq!(self.until_search_answered(transaction).await, LinkingState::Discovered);
    }

    async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.bridge.private);
        client().get(url).send().await.unwrap().text().await.unwrap()
    }

    async fn status(&self, path: &str) -> StatusCode {
        let url = format!("http://{}{path}", self.bridge.private);
        client().get(url).send().await.unwrap().status()
    }
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn what_a_wrong_clock_hinders_is_done_once_it_is_right() {
    let (world, patient) = World::for_linking(TestDatabase::sqlite()).await;
    world.until_found(&world.search()).await;
    assert!(ahead(&world.metrics().await).abs() < 2.0);
    // ABDM's clock is what it was: it refuses what is dated ten minutes ahead.
    world.clock.jump(TEN_MINUTES);
    world.sandbox.state().set_faults(Plan { clock_skew: Some(-TEN_MINUTES), ..Plan::default() });
    let searched = world.search();
    let known = world.patient(patient.reference.as_str(), RAMESH).await;
    for path in [ON_DISCOVER, "/token/generate-token"] {
        let refused = async || {
            let calls = world.sandbox.state().journal(path);
            calls.iter().any(|call| call.status == Some(400)).then_some(())
        };
        world.after(Duration::ZERO, refused).await;
    }
    assert!(ahead(&world.metrics().await) > MOST_APART.as_secs_f64());
    // The watch looks once a second.
    let mut looks = 0;
    world
        .after(SECOND * 2, async || {
            looks += 1;
            (looks > 200).then_some(())
        })
        .await;
    world.clock.jump(-TEN_MINUTES);
    world.sandbox.state().set_faults(Plan::default());
    world.until_search_answered(&searched).await;
    world.link_after(SECOND, &known, "visit-1", LinkState::Linked).await;
    world.link_after(SECOND, &known, "visit-2", LinkState::Linked).await;
    assert!(ahead(&world.metrics().await).abs() < 2.0);
    world.assert_clean().await;
}

fn ahead(metrics: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix("kadi_clock_ahead_seconds "));
    line.expect("ABDM has said the time").parse().unwrap()
}

#[tokio::test]
async fn what_was_due_before_the_clock_was_put_back_does_not_wait_until_it_is_where_it_was() {
    let (world, _) = World::for_linking(TestDatabase::sqlite()).await;
    // ABDM is down: the reply is to be tried again.
    let down = Fault { path: Some(ON_DISCOVER.to_owned()), ..Fault::always(CallFault::Unavailable) };
    world.sandbox.state().set_faults(Plan { calls: vec![down], ..Plan::default() });
    let searched = world.search();
    let tried = async || (!world.sandbox.state().journal("on-discover").is_empty()).then_some(());
    world.until(tried).await;
    // ABDM's clock was as wrong: nobody minds but what is due.
    world.clock.jump(-TEN_MINUTES);
    world.sandbox.state().set_faults(Plan::default());
    let before = world.clock.elapsed();
    world.until_found(&searched).await;
    assert!(world.clock.elapsed() - before < Duration::from_mins(5));
}

/// A way to the database that can be taken down.
struct Way {
    address: SocketAddr,
    down: watch::Sender<bool>,
}

impl Way {
    async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (down, is_down) = watch::channel(false);
        let server: Arc<str> = server.into();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (server, mut is_down) = (Arc::clone(&server), is_down.clone());
                if *is_down.borrow() {
                    continue;
                }
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(&*server).await.unwrap();
                    // A server that restarts breaks off every connection.
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = is_down.wait_for(|down| *down) => {}
                    }
                });
            }
        });
        Self { address, down }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_restarts_callbacks_are_refused_and_afterwards_all_goes_on() {
    let database = TestDatabase::postgres().await;
    let way = Way::to(database.server()).await;
    let (world, _) = World::for_linking(database.by_way_of(way.address)).await;
    world.until_found(&world.search()).await;
    assert_eq!(world.status("/readyz").await, StatusCode::OK);

    way.down.send_replace(true);
    world.clock.advance(SECOND * 2);
    assert_eq!(world.status("/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
    let refused = world.search();
    let answered = async || {
        let journal = world.sandbox.state().journal("/care-context/discover");
        journal.last().and_then(|entry| entry.status).filter(|status| *status >= 500)
    };
    world.until(answered).await;

    way.down.send_replace(false);
    let ready = async || (world.status("/readyz").await == StatusCode::OK).then_some(());
    world.until(ready).await;
    world.until_found(&world.search()).await;
    let linking = world.sandbox.state().linking(&refused).unwrap();
    assert_eq!(linking.state, LinkingState::Discovering, "nobody was told that it was taken");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_full_disk_everything_new_is_refused_and_with_room_again_all_goes_on() {
    let house = House::new("").await;
    let key = house.admin_key();
    let bridge = house.serve_limited();
    let (abdm, clock) = (house.sandbox.state(), SystemClock::default());
    abdm.set_bridge_url("SBX_000000", &format!("http://{}", bridge.public));
    bridge.put_facility(&key).await;
    assert_eq!(bridge.put_patient(&key, "P1").await, 201);
    bridge.until_readiness(200).await;

    bridge.limit_files("1");
    bridge.until_readiness(503).await;
    assert_eq!(bridge.put_patient(&key, "P2").await, 503);
    assert_eq!(bridge.name_of(&key, "P2").await, None);
    let search = || {
        let wanted = DiscoveryWanted {
            abha_address: RAMESH.to_owned(),
            hip_id: FACILITY.to_owned(),
            ..DiscoveryWanted::default()
        };
        abdm.discover(&wanted).unwrap().transaction_id
    };
    search();
    let answered = loop {
        let journal = abdm.journal("/care-context/discover");
        if let Some(status) = journal.last().and_then(|entry| entry.status) {
            break status;
        }
        clock.sleep(Duration::from_millis(20)).await;
    };
    assert!(answered >= 500, "{answered}");

    bridge.limit_files("unlimited");
    bridge.until_readiness(200).await;
    assert_eq!(bridge.put_patient(&key, "P2").await, 201);
    assert_eq!(bridge.put_patient(&key, "P1").await, 200, "what was stored before is there");
    let searched = search();
    // Nobody has a visit: the answer is that nobody was found.
    while abdm.linking(&searched).unwrap().state == LinkingState::Discovering {
        clock.sleep(Duration::from_millis(20)).await;
    }
}
