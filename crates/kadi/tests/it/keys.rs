//! Where the master key is kept, and changing it while instances serve.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use abdm::clock::{ManualClock, SharedClock, SystemClock};
use kadi::config::Config;
use kadi::keys::{self, FileRotation};
use serde_json::{Value, json};
use sqlx::Row as _;
use store::{Master, Options, Store, StoreError, on_both_databases};
use tempfile::TempDir;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::serving::House;
use crate::world::{facility, id};

/// What a Vault holds: it really keeps what it wraps.
#[derive(Default)]
struct Transit {
    token: String,
    sealed: bool,
    version: u32,
    oldest: u32,
    wrapped: HashMap<String, String>,
}

#[derive(Clone)]
struct Double(Arc<Mutex<Transit>>);

struct Vault {
    server: MockServer,
    transit: Arc<Mutex<Transit>>,
}

impl Vault {
    async fn start() -> Self {
        let transit = Transit { token: "good".to_owned(), version: 1, oldest: 1, ..Transit::default() };
        let transit = Arc::new(Mutex::new(transit));
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(Double(Arc::clone(&transit))).mount(&server).await;
        Self { server, transit }
    }

    fn url(&self, path: &str) -> String {
        format!("vault+{}/{path}", self.server.uri())
    }

    fn change(&self, change: impl FnOnce(&mut Transit)) {
        change(&mut self.transit.lock().unwrap());
    }

    async fn asked(&self) -> usize {
        self.server.received_requests().await.unwrap().len()
    }
}

impl Respond for Double {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let refused =
            |status: u16, why: &str| ResponseTemplate::new(status).set_body_json(json!({"errors": [why]}));
        let mut transit = self.0.lock().unwrap();
        if transit.sealed {
            return refused(503, "Vault is sealed");
        }
        if request.headers.get("x-vault-token").is_none_or(|token| *token != transit.token.as_str()) {
            return refused(403, "permission denied");
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let path: Vec<&str> = request.url.path().trim_start_matches('/').split('/').collect();
        let unwrap = |transit: &Transit| {
            let wrapped = body["ciphertext"].as_str().unwrap_or_default().to_owned();
            let version: u32 =
                wrapped.split(['v', ':']).filter_map(|part| part.parse().ok()).next().unwrap_or(0);
            transit.wrapped.get(&wrapped).filter(|_| version >= transit.oldest).cloned()
        };
        let wrap = |transit: &mut Transit, plain: &str| {
            let wrapped = format!("vault:v{}:{}", transit.version, uuid::Uuid::new_v4());
            transit.wrapped.insert(wrapped.clone(), plain.to_owned());
            ResponseTemplate::new(200).set_body_json(json!({"data": {"ciphertext": wrapped}}))
        };
        match path.as_slice() {
            ["v1", "transit", "encrypt", "kadi"] => wrap(&mut transit, body["plaintext"].as_str().unwrap()),
            ["v1", "transit", "decrypt", "kadi"] => match unwrap(&transit) {
                Some(plain) => {
                    ResponseTemplate::new(200).set_body_json(json!({"data": {"plaintext": plain}}))
                }
                None => refused(400, "cipher: message authentication failed"),
            },
            ["v1", "transit", "rewrap", "kadi"] => match unwrap(&transit) {
                Some(plain) => wrap(&mut transit, &plain),
                None => refused(400, "cipher: message authentication failed"),
            },
            ["v1", "transit", "keys", "kadi", "rotate"] => {
                transit.version += 1;
                ResponseTemplate::new(204)
            }
            ["v1", "transit", ..] => refused(400, "encryption key not found"),
            _ => refused(404, "no handler for route"),
        }
    }
}

struct Here {
    folder: TempDir,
}

impl Here {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn config(&self, keys: &str) -> Config {
        let path = self.folder.path();
        let text = format!("[store]\nurl = 'sqlite://{}/kadi.db'\n[keys]\n{keys}", path.display());
        std::fs::write(path.join("kadi.toml"), text).unwrap();
        Config::load_with(Some(&path.join("kadi.toml")), []).unwrap()
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("master.key")
    }

    async fn open(&self, config: &Config) -> anyhow::Result<Store> {
        keys::open_store(config, SystemClock::shared(), true).await
    }

    /// How the data keys are wrapped.
    async fn wraps(&self) -> Vec<Vec<u8>> {
        let url = format!("sqlite://{}/kadi.db", self.folder.path().display());
        let mut raw = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.unwrap();
        let rows = sqlx::query("SELECT wrapped FROM data_key ORDER BY id").fetch_all(&mut raw).await.unwrap();
        rows.iter().map(|row| row.get("wrapped")).collect()
    }
}

async fn seal_something(store: &Store) {
    let mut tx = store.begin().await.unwrap();
    tx.put_facility(&facility()).await.unwrap();
    let patient = domain::patient::Patient {
        reference: "P1".parse().unwrap(),
        name: "Asha Devi".to_owned(),
        gender: "F".parse().unwrap(),
        birth: domain::patient::Birth::YearOfBirth(1985),
        mobile: None,
        abha_number: None,
        abha_address: None,
        identifiers: Vec::new(),
        provisional: false,
    };
    tx.put_patient(&id(), &patient).await.unwrap();
    tx.commit().await.unwrap();
}

async fn opens_it(store: &Store) {
    let mut tx = store.read().await.unwrap();
    let patient = tx.patient(&id(), &"P1".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(patient.name, "Asha Devi");
}

fn words(error: &anyhow::Error) -> String {
    format!("{error:#}")
}

#[tokio::test]
async fn vault_wraps_the_data_keys_and_is_not_needed_once_they_are_open() {
    let (here, vault) = (Here::new(), Vault::start().await);
    std::fs::write(here.folder.path().join("token"), "good\n").unwrap();
    let config = here.config(&format!("url = '{}'\ntoken_file = 'token'", vault.url("transit/kadi")));
    let store = here.open(&config).await.unwrap();
    seal_something(&store).await;
    assert!(here.wraps().await.iter().all(|wrap| wrap.starts_with(b"vault:v1:")));
    store.close().await;

    let store = here.open(&config).await.unwrap();
    let asked = vault.asked().await;
    vault.change(|transit| transit.sealed = true);
    seal_something(&store).await;
    opens_it(&store).await;
    assert_eq!((asked, vault.asked().await), (6, 6), "two keys wrapped, and twice unwrapped");
    store.close().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = here.config(&format!("url = 'vault+http://{nobody}/transit/kadi'\ntoken_file = 'token'"));
    let error = words(&here.open(&config).await.unwrap_err());
    assert!(error.contains("does not answer"), "{error}");
}

#[tokio::test]
async fn what_vault_refuses_is_told_in_plain_words() {
    let (here, vault) = (Here::new(), Vault::start().await);
    let token = "token = 'good'";
    let good = here.config(&format!("url = '{}'\n{token}", vault.url("transit/kadi")));
    here.open(&good).await.unwrap().close().await;
    let cases = [
        ("transit/other", token, "has no key other"),
        ("elsewhere/kadi", token, "no transit engine at elsewhere"),
        ("transit/kadi", "token = 'bad'", "refuses the token"),
        ("transit/kadi", "token_file = 'nowhere'", "keys.token_file"),
        ("transit/kadi", "", "keys.token or keys.token_file must be set"),
        ("transit/kadi", r#"token = "a\u007Fb""#, "no token"),
        ("kadi", token, "is not vault+https://"),
    ];
    for (path, more, expected) in cases {
        let config = here.config(&format!("url = '{}'\n{more}", vault.url(path)));
        let error = words(&here.open(&config).await.unwrap_err());
        assert!(error.contains(expected), "{path} {more}: {error}");
        assert!(!error.contains("good"), "{error}");
    }
    vault.change(|transit| transit.sealed = true);
    assert!(words(&here.open(&good).await.unwrap_err()).contains("is sealed"));
    // A lost key of Vault's, or another Vault.
    vault.change(|transit| (transit.sealed, transit.wrapped) = (false, HashMap::new()));
    assert!(words(&here.open(&good).await.unwrap_err()).contains("wrong master key"));
}

#[tokio::test]
async fn a_token_that_was_renewed_is_read_again() {
    let (here, vault) = (Here::new(), Vault::start().await);
    let token = here.folder.path().join("token");
    std::fs::write(&token, "good").unwrap();
    let config = here.config(&format!("url = '{}'\ntoken_file = 'token'", vault.url("transit/kadi")));
    let master = keys::master(&config.keys.url, &config.keys).unwrap();
    let options = Options::new(
        format!("sqlite://{}/kadi.db", here.folder.path().display()),
        master,
        SystemClock::shared(),
    );
    Store::open(options.clone()).await.unwrap().close().await;
    vault.change(|transit| transit.token = "renewed".to_owned());
    assert!(Store::open(options.clone()).await.unwrap_err().to_string().contains("refuses the token"));
    std::fs::write(&token, "renewed").unwrap();
    Store::open(options).await.unwrap().close().await;
}

#[tokio::test]
async fn a_bridge_waits_for_a_sealed_vault() {
    let (here, vault) = (Here::new(), Vault::start().await);
    let config = here.config(&format!("url = '{}'\ntoken = 'good'", vault.url("transit/kadi")));
    vault.change(|transit| transit.sealed = true);
    let clock = ManualClock::at("2026-01-20T06:00:00Z".parse().unwrap());
    let shared: SharedClock = Arc::new(clock.clone());
    let waiting = tokio::spawn(async move { keys::open_store_in_time(&config, shared).await });
    while vault.asked().await < 3 {
        clock.advance(Duration::from_secs(30));
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    vault.change(|transit| transit.sealed = false);
    while !waiting.is_finished() {
        clock.advance(Duration::from_secs(30));
        tokio::task::yield_now().await;
    }
    waiting.await.unwrap().unwrap().close().await;
}

#[tokio::test]
async fn a_vault_that_others_could_overhear_is_refused() {
    let here = Here::new();
    let more = "url = 'vault+http://vault.example:8200/transit/kadi'\ntoken = 'good'";
    let error = words(&here.open(&here.config(more)).await.unwrap_err());
    assert!(error.contains("keys.allow_insecure"), "{error}");
    let config = here.config(&format!("{more}\nallow_insecure = true"));
    assert!(keys::master(&config.keys.url, &config.keys).is_ok());
    for url in [
        "vault+ftp://a/transit/kadi",
        "vault+https://token@a/transit/kadi",
        "vault+https://a/transit/kadi?x=1",
    ] {
        let config = here.config(&format!("url = '{url}'\ntoken = 'good'"));
        assert!(keys::master(&config.keys.url, &config.keys).is_err(), "{url}");
    }
}

#[tokio::test]
async fn a_key_in_a_file_is_replaced_while_others_serve_whatever_is_killed_in_between() {
    for survived in 0..=5 {
        let here = Here::new();
        let config = here.config(&format!("url = 'file://{}'", here.file().display()));
        let serving = here.open(&config).await.unwrap();
        seal_something(&serving).await;
        let old = store::key_from_file(&here.file()).unwrap();

        let store = here.open(&config).await.unwrap();
        let rotation = FileRotation::of(&here.file());
        for step in 0..survived {
            match step {
                0 => rotation.prepare().unwrap(),
                1 => rotation.add(&store).await.unwrap(),
                2 => rotation.place().unwrap(),
                3 => rotation.finish(&store).await.unwrap(),
                _ => rotation.clean().unwrap(),
            }
        }
        store.close().await;

        // Killed here: who starts finds a key that opens, and who serves goes on.
        let started = here.open(&config).await.unwrap();
        opens_it(&started).await;
        seal_something(&serving).await;
        FileRotation::of(&here.file()).run(&started, false).await.unwrap();
        started.close().await;

        let after = here.open(&config).await.unwrap();
        opens_it(&after).await;
        opens_it(&serving).await;
        let opens = after.opens(&Master::from(old)).await.unwrap();
        assert!(!opens.present && !opens.next, "after {survived} steps the old key still opens");
        assert_eq!(after.next_master().await.unwrap(), None);
        let left: Vec<_> = std::fs::read_dir(here.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("master.key"))
            .collect();
        assert_eq!(left, ["master.key"], "after {survived} steps");
    }
}

#[tokio::test]
async fn with_keep_old_both_keys_open_until_the_end_is_asked_for() {
    let house = House::new("").await;
    house.admin_key();
    let old = house.path("old.key");
    std::fs::copy(house.path("master.key"), &old).unwrap();
    let said = house.succeeds(&["key", "rotate-master", "--keep-old"]).1;
    assert!(said.contains("master.key.old"), "{said}");
    let with = |key: &Path| format!("[keys]\nurl = 'file://{}'", key.display());
    house.configure(&with(&old));
    house.succeeds(&["key", "list"]);
    house.configure("");
    house.succeeds(&["key", "list"]);
    house.succeeds(&["key", "rotate-master", "--finish"]);
    house.configure(&with(&old));
    assert!(house.fails(&["key", "list"]).contains("wrong master key"));
    house.configure("");
    house.succeeds(&["key", "list"]);
    assert!(!house.path("master.key.old").exists());
}

#[tokio::test]
async fn the_master_key_changes_while_a_bridge_serves_and_the_next_start_uses_the_new_one() {
    let house = House::new("").await;
    let key = house.admin_key();
    let serving = house.serve();
    serving.put_facility(&key).await;
    assert_eq!(serving.put_patient(&key, "before").await, 201);
    let old = std::fs::read(house.path("master.key")).unwrap();
    house.succeeds(&["key", "rotate-master"]);
    assert_ne!(std::fs::read(house.path("master.key")).unwrap(), old);
    assert_eq!(serving.name_of(&key, "before").await.as_deref(), Some("Asha Devi"));
    assert_eq!(serving.put_patient(&key, "after").await, 201);
    serving.kill();
    let serving = house.serve();
    for patient in ["before", "after"] {
        assert_eq!(serving.name_of(&key, patient).await.as_deref(), Some("Asha Devi"), "{patient}");
    }
}

#[tokio::test]
async fn a_key_moves_from_a_file_to_vault_and_gets_new_versions_there() {
    let (house, vault) = (House::new("").await, Vault::start().await);
    let key = house.admin_key();
    let (url, file) = (vault.url("transit/kadi"), house.path("master.key"));
    let both = format!("[keys]\nurl = 'file://{}'\ntoken = 'good'", file.display());
    let moved = format!("[keys]\nurl = '{url}'\ntoken = 'good'");
    house.configure(&both);
    let serving = house.serve();
    serving.put_facility(&key).await;
    serving.put_patient(&key, "P1").await;

    let said = house.succeeds(&["key", "rotate-master", "--to", &url]).1;
    assert!(said.contains("--finish"), "{said}");
    assert!(house.fails(&["key", "rotate-master", "--finish"]).contains("set that first"));
    assert!(house.fails(&["key", "rotate-master"]).contains("is under way"));
    assert!(house.fails(&["key", "rotate-master", "--to", "env:OTHER"]).contains("is under way"));
    house.succeeds(&["key", "list"]);
    house.configure(&moved);
    house.succeeds(&["key", "list"]);
    house.succeeds(&["key", "rotate-master", "--finish"]);
    house.configure(&both);
    assert!(house.fails(&["key", "list"]).contains("wrong master key"), "the file opens nothing any more");

    house.configure(&moved);
    house.succeeds(&["key", "rotate-master"]);
    // As an operator would, once nothing of the old version is left.
    vault.change(|transit| transit.oldest = 2);
    house.succeeds(&["key", "list"]);
    assert_eq!(serving.name_of(&key, "P1").await.as_deref(), Some("Asha Devi"));
    serving.kill();
    assert_eq!(house.serve().name_of(&key, "P1").await.as_deref(), Some("Asha Devi"));
}

#[tokio::test]
async fn a_change_that_was_begun_can_be_given_up() {
    let (house, vault) = (House::new("").await, Vault::start().await);
    house.admin_key();
    let file = house.path("master.key");
    house.configure(&format!("[keys]\nurl = 'file://{}'\ntoken = 'good'", file.display()));
    house.succeeds(&["key", "rotate-master", "--to", &vault.url("transit/kadi")]);
    house.succeeds(&["key", "rotate-master", "--abandon"]);
    assert!(house.fails(&["key", "rotate-master", "--finish"]).contains("no change"));
    house.configure(&format!("[keys]\nurl = '{}'\ntoken = 'good'", vault.url("transit/kadi")));
    assert!(house.fails(&["key", "list"]).contains("wrong master key"));
}

on_both_databases! {
    async fn the_next_master_key_opens_beside_the_old_one_and_then_alone(database: TestDatabase) {
        let master = |byte: u8| Master::from(store::Key::new([byte; 32]));
        let open = async |byte: u8| Store::open(Options::new(database.url(), master(byte), SystemClock::shared())).await;
        let store = open(1).await.unwrap();
        seal_something(&store).await;
        store.finish_master(&master(2)).await.unwrap();
        assert!(open(2).await.is_err(), "there was no next one");
        for _ in 0..2 {
            store.add_master(&master(1), &master(2), "two").await.unwrap();
        }
        let refused = store.add_master(&master(1), &master(3), "three").await;
        assert!(matches!(refused, Err(StoreError::Contended)), "{refused:?}");
        for byte in [1, 2] {
            opens_it(&open(byte).await.unwrap()).await;
        }
        assert!(store.finish_master(&master(1)).await.is_err(), "the old one would open nothing");
        assert!(store.abandon_master(&master(2)).await.is_err(), "the new one would open nothing");
        store.finish_master(&master(2)).await.unwrap();
        assert!(matches!(open(1).await, Err(StoreError::Unsealable { .. })));
        opens_it(&open(2).await.unwrap()).await;
        opens_it(&store).await;

        store.add_master(&master(2), &master(4), "four").await.unwrap();
        store.abandon_master(&master(2)).await.unwrap();
        assert!(open(4).await.is_err());
        opens_it(&open(2).await.unwrap()).await;
    }
}
