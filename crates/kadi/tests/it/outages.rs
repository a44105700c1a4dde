//! What a machine goes through: a database that restarts, a full disk, a clock that is set.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use abdm::clock::{Clock as _, SystemClock};
use domain::link::LinkState;
use jiff::SignedDuration;
use kadi::workers::MOST_APART;
use reqwest::{Client, StatusCode};
use sandbox::{CallFault, DiscoveryWanted, Fault, LinkingState, Plan, Sandbox, SandboxConfig};
use serde_json::json;
use store::testing::TestDatabase;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

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

/// A bridge in a process of its own, whose writes to files can be made to fail.
struct Limited {
    child: Child,
    private: SocketAddr,
}

impl Limited {
    fn start(folder: &std::path::Path, abdm: &str) -> (Self, SocketAddr) {
        let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (public, private) = (free(), free());
        let text = format!(
            "server.public = '{public}'\nserver.private = '{private}'\n[store]\nurl = 'sqlite://{0}/kadi.db'\n\
             [keys]\nurl = 'file://{0}/master.key'\n[objects]\nurl = 'file://{0}/objects'\n\
             [gateway]\nenvironment = 'custom'\nbase_url = '{abdm}'\nregistry_url = '{abdm}'\ncm_id = 'sbx'\n\
             client_id = 'SBX_000000'\nclient_secret = '00000000-0000-0000-0000-000000000000'\nallow_insecure = true\n",
            folder.display()
        );
        let config = folder.join("kadi.toml");
        std::fs::write(&config, text).unwrap();
        // A write beyond the limit fails, instead of killing the process.
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" serve", env!("CARGO_BIN_EXE_kadi")]);
        command.env("KADI_CONFIG", &config).stdout(Stdio::null()).stderr(Stdio::null());
        (Self { child: command.spawn().unwrap(), private }, public)
    }

    fn limit_files(&self, bytes: &str) {
        let pid = self.child.id().to_string();
        let limit = format!("--fsize={bytes}:unlimited");
        assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
    }

    async fn until_ready(&self, clock: &SystemClock) {
        let url = format!("http://{}/readyz", self.private);
        while !client().get(&url).send().await.is_ok_and(|answer| answer.status() == StatusCode::OK) {
            clock.sleep(Duration::from_millis(20)).await;
        }
    }

    async fn put_patient(&self, key: &str, reference: &str) -> StatusCode {
        let url = format!("http://{}/v1/facilities/{FACILITY}/patients/{reference}", self.private);
        let body = json!({"name": "Asha Rao", "gender": "F", "yearOfBirth": 1985, "mobile": "9876543210"});
        client().put(url).bearer_auth(key).json(&body).send().await.unwrap().status()
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_full_disk_everything_new_is_refused_and_with_room_again_all_goes_on() {
    let clock = SystemClock::default();
    let folder = tempfile::tempdir().unwrap();
    let abdm = Sandbox::start(SandboxConfig::default(), SystemClock::shared()).await.unwrap();
    let (bridge, public) = Limited::start(folder.path(), abdm.base_url());
    abdm.state().set_bridge_url("SBX_000000", &format!("http://{public}"));
    bridge.until_ready(&clock).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_kadi"));
    let made = command.args(["key", "create", "--admin"]).env("KADI_CONFIG", folder.path().join("kadi.toml"));
    let key = String::from_utf8(made.output().unwrap().stdout).unwrap().trim().to_owned();
    let facility = format!("http://{}/v1/facilities/{FACILITY}", bridge.private);
    let body = json!({"name": "Kadi Demo Hospital", "roles": ["HIP"]});
    let put = client().put(facility).bearer_auth(&key).json(&body).send().await.unwrap();
    assert_eq!(put.status(), StatusCode::CREATED);
    assert_eq!(bridge.put_patient(&key, "P1").await, StatusCode::CREATED);

    bridge.limit_files("0");
    assert_eq!(bridge.put_patient(&key, "P2").await, StatusCode::SERVICE_UNAVAILABLE);
    let search = || {
        let wanted = DiscoveryWanted {
            abha_address: RAMESH.to_owned(),
            hip_id: FACILITY.to_owned(),
            ..DiscoveryWanted::default()
        };
        abdm.state().discover(&wanted).unwrap().transaction_id
    };
    let answer = async |transaction: String| {
        loop {
            let journal = abdm.state().journal("/care-context/discover");
            if let Some(status) = journal.last().and_then(|entry| entry.status) {
                return (status, transaction);
            }
            clock.sleep(Duration::from_millis(20)).await;
        }
    };
    let (status, _) = answer(search()).await;
    assert!(status >= 500, "{status}");

    bridge.limit_files("unlimited");
    bridge.until_ready(&clock).await;
    assert_eq!(bridge.put_patient(&key, "P2").await, StatusCode::CREATED);
    assert_eq!(bridge.put_patient(&key, "P1").await, StatusCode::OK, "what was stored before is there");
    let searched = search();
    // Nobody has a visit: the answer is that nobody was found.
    while abdm.state().linking(&searched).unwrap().state == LinkingState::Discovering {
        clock.sleep(Duration::from_millis(20)).await;
    }
}
