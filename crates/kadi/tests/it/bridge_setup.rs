//! `kadi bridge` and `kadi link backfill` as processes, against a local ABDM.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use abdm::clock::SystemClock;
use domain::facility::Facility;
use sandbox::{Handle, Sandbox, SandboxConfig};
use serde_json::Value;
use store::{Options, Store};

use crate::steps::ONE;
use crate::world::{RAMESH, facility, id, known_patient, new_visit, prepare};

const CLIENT: &str = "SBX_000000";

/// A local ABDM, and a folder with a bridge's configuration and store.
struct Here {
    sandbox: Handle,
    folder: tempfile::TempDir,
    url: String,
}

/// A bridge as a process; it ends with this value.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Here {
    async fn new() -> Self {
        let sandbox = Sandbox::start(SandboxConfig::default(), SystemClock::shared()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (public, private) = (free_port(), free_port());
        let (abdm, path) = (sandbox.base_url(), folder.path().display());
        let text = format!(
            r#"[server]
public = "127.0.0.1:{public}"
private = "127.0.0.1:{private}"
[gateway]
environment = "custom"
base_url = "{abdm}"
registry_url = "{abdm}"
cm_id = "sbx"
client_id = "{CLIENT}"
client_secret = "00000000-0000-0000-0000-000000000000"
allow_insecure = true
[store]
url = "sqlite://{path}/kadi.db"
[objects]
url = "file://{path}/objects"
[keys]
url = "file://{path}/master.key"
"#
        );
        std::fs::write(folder.path().join("kadi.toml"), text).unwrap();
        Self { sandbox, folder, url: format!("http://127.0.0.1:{public}") }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kadi"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KADI_") {
                command.env_remove(name);
            }
        }
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// The command's output, without holding up the local ABDM in this process.
    async fn run(&self, args: &[&str]) -> (i32, String, String) {
        let mut command = self.command(args);
        let Output { status, stdout, stderr } =
            tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    async fn store(&self) -> Store {
        let path = self.folder.path().display();
        let key = store::master_key(&format!("file://{path}/master.key")).unwrap();
        let clock = SystemClock::shared();
        let options =
            Options { beside: true, ..Options::new(format!("sqlite://{path}/kadi.db"), key, clock) };
        Store::open(options).await.unwrap()
    }

    async fn put_facility(&self, facility: &Facility) {
        let store = self.store().await;
        let mut tx = store.begin().await.unwrap();
        tx.put_facility(facility).await.unwrap();
        tx.commit().await.unwrap();
        store.close().await;
    }

    /// Old visits of one of ABDM's people.
    async fn old_visits(&self, count: usize) {
        let store = self.store().await;
        let patient = known_patient(&self.sandbox, "P1", RAMESH);
        let mut tx = store.begin().await.unwrap();
        tx.put_patient(&id(), &patient).await.unwrap();
        for n in 0..count {
            let context = new_visit(&patient, &format!("visit-{n}"));
            tx.put_care_context(&id(), &context).await.unwrap();
            let records = prepare(&tx, &patient, &context, &ONE);
            tx.replace_records(&id(), &patient.reference, &context.reference, records).await.unwrap();
        }
        tx.commit().await.unwrap();
        store.close().await;
    }

    async fn serve(&self) -> Serving {
        let log = std::fs::File::create(self.folder.path().join("serve.log")).unwrap();
        let serving = self.command(&["serve"]).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let serving = Serving(serving);
        let health = format!("{}/healthz", self.url);
        for _ in 0..600 {
            if crate::api::client().get(&health).send().await.is_ok_and(|answer| answer.status().is_success())
            {
                return serving;
            }
            // The sandbox's wait paces the looks.
            self.sandbox
                .state()
                .effects_of(sandbox::EffectKind::Sms, None, 1, Duration::from_millis(50))
                .await;
        }
        panic!("kadi serve never answered: {}", read(&self.folder.path().join("serve.log")));
    }

    fn registered(&self) -> Option<String> {
        self.sandbox.state().bridges().into_iter().find(|bridge| bridge.id == CLIENT).unwrap().url
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The clinic, which ABDM calls `IN2710000001_1`.
fn clinic() -> Facility {
    Facility {
        id: "IN2710000001".parse().unwrap(),
        name: "Kadi Demo Clinic".to_owned(),
        hip_id: "IN2710000001".parse().unwrap(),
        hiu_id: "IN2710000001".parse().unwrap(),
        ..facility()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registering_reads_back_the_address_and_writes_the_right_service_id_on_confirmation() {
    let here = Here::new().await;
    here.put_facility(&facility()).await;
    here.put_facility(&clinic()).await;
    let (code, out, _) = here.run(&["bridge", "status"]).await;
    assert_eq!(code, 1, "{out}");
    assert!(
        out.contains("address is\tnobody") && out.contains("IN2710000001 HIP\tIN2710000001\twrong"),
        "{out}"
    );

    let (code, out, errors) = here.run(&["bridge", "register", "--url", &here.url]).await;
    assert_eq!(here.registered().as_deref(), Some(here.url.as_str()));
    assert_eq!(code, 1, "without confirmation the service id stays wrong: {out} {errors}");
    assert!(out.contains("address is\tours"), "{out}");

    let (code, out, errors) = here.run(&["bridge", "register", "--url", &here.url, "--yes"]).await;
    assert_eq!(code, 0, "{out} {errors}");
    assert!(out.contains("IN2710000001 HIP\tIN2710000001_1\tright"), "{out}");
    let store = here.store().await;
    let mended = store.read().await.unwrap().facility(&clinic().id).await.unwrap().unwrap();
    assert_eq!((mended.hip_id.as_str(), mended.hiu_id.as_str()), ("IN2710000001_1", "IN2710000001_1"));
    store.close().await;

    let (code, out, _) = here.run(&["bridge", "status", "--json"]).await;
    let status: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &status["holder"], &status["clientId"]),
        (0, &"ours".into(), &CLIENT.into()),
        "{status}"
    );
    assert!(status["facilities"].as_array().unwrap().iter().all(|one| one["verdict"] == "right"), "{status}");

    here.sandbox.state().set_bridge_url(CLIENT, "https://other.example");
    let (code, out, _) = here.run(&["bridge", "status"]).await;
    assert!(code == 1 && out.contains("another system has taken all callbacks"), "{out}");
    let (_, out, errors) = here.run(&["bridge", "register", "--url", &here.url]).await;
    assert!(errors.contains("callbacks went to https://other.example until now"), "{errors}");
    assert!(out.contains("address is\tours"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_facility_is_linked_at_the_registry_whose_refusals_come_as_successes() {
    let here = Here::new().await;
    let new = Facility {
        id: "IN3310000007".parse().unwrap(),
        name: "Lotus Eye Care & Lab".to_owned(),
        hip_id: "IN3310000007".parse().unwrap(),
        hiu_id: "IN3310000007".parse().unwrap(),
        ..facility()
    };
    here.put_facility(&new).await;
    let register = ["bridge", "register", "--url", &here.url, "--yes"];
    // The registry does not know it by this name: HTTP 200, and an error in the body.
    let (code, out, errors) = here.run(&register).await;
    assert_eq!(code, 1, "{out}");
    assert!(
        errors.contains("IN3310000007: the registry did not link it as HIP") && errors.contains("2500"),
        "{errors}"
    );
    assert!(errors.contains("name is not matched"), "{errors}");
    assert!(out.contains("missing"), "{out}");

    let known = sandbox::Facility { facility_id: new.id.to_string(), name: new.name.clone() };
    here.sandbox.state().put_facility(known);
    let (code, out, errors) = here.run(&register).await;
    assert_eq!(code, 0, "{out} {errors}");
    let linked =
        here.sandbox.state().services().into_iter().find(|service| service.id == "IN3310000007").unwrap();
    assert_eq!((linked.name.as_str(), linked.active), ("Lotus Eye Care", true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_abdm_would_not_call_is_refused_before_it_is_registered() {
    let here = Here::new().await;
    for url in ["ftp://a.example", "nonsense", "http://a.example/?x=1"] {
        let (code, _, errors) = here.run(&["bridge", "register", "--url", url]).await;
        assert_eq!(code, 1, "{url}: {errors}");
    }
    let (code, _, errors) = here.run(&["bridge", "register"]).await;
    assert!(code == 1 && errors.contains("server.public_url"), "{errors}");
    assert_eq!(here.registered(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_is_proven_to_arrive_and_not_to() {
    let here = Here::new().await;
    here.put_facility(&facility()).await;
    let serving = here.serve().await;
    let register = ["bridge", "register", "--url", &here.url, "--yes", "--prove", RAMESH];
    let (code, out, errors) = here.run(&register).await;
    assert_eq!(code, 0, "{out} {errors}");
    assert!(out.contains("callback\tarrived after"), "{out}");
    assert_eq!(here.sandbox.state().violations(), []);
    let notices = here.sandbox.state().effects(Some(sandbox::EffectKind::ContextNotify), None);
    assert!(notices.iter().all(|effect| effect.accepted == 0), "nobody was told: {notices:?}");
    drop(serving);

    here.sandbox.state().set_bridge_url(CLIENT, "http://127.0.0.1:9");
    let (code, _, errors) = here.run(&["bridge", "status", "--prove", RAMESH]).await;
    assert!(code == 1 && errors.contains("the address leads elsewhere"), "{errors}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_works_alone_and_beside_a_running_bridge() {
    let here = Here::new().await;
    here.put_facility(&facility()).await;
    here.old_visits(3).await;
    here.sandbox.state().set_bridge_url(CLIENT, &here.url);
    let (code, out, errors) =
        here.run(&["link", "backfill", "--facility", id().as_str(), "--report", "left.csv"]).await;
    assert_eq!(code, 0, "{out} {errors}");
    assert!(errors.contains("this command makes the calls itself"), "{errors}");
    assert!(out.contains("on the list\t3\nlinked\t3"), "{out}");
    assert_eq!(read(&here.folder.path().join("left.csv")).lines().count(), 1, "nothing is left");

    let serving = here.serve().await;
    here.old_visits(5).await;
    let (code, out, errors) = here.run(&["link", "backfill", "--facility", id().as_str()]).await;
    assert_eq!(code, 0, "{out} {errors}");
    assert!(!errors.contains("this command makes the calls itself"), "{errors}");
    assert!(out.contains("linked\t2"), "{out}");
    assert_eq!(here.sandbox.state().violations(), []);
    drop(serving);

    let (code, _, errors) = here.run(&["link", "backfill", "--facility", "IN0000000000", "--detach"]).await;
    assert!(code == 1 && errors.contains("there is no facility"), "{errors}");
}
