//! `kadi backup` beside a bridge that is written to, and `kadi restore` to where there is nothing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde_json::Value;
use store::testing::POSTGRES;

use crate::api::visits::prescription;
use crate::serving::{House, Serving};
use crate::world::{FACILITY, PATIENCE, RAMESH};

/// A bridge with a facility and one patient, and the key to it.
async fn lived_in() -> (House, Serving, String) {
    let house = House::new("").await;
    let key = house.admin_key();
    let serving = house.serve();
    serving.put_facility(&key).await;
    assert_eq!(serving.put_patient(&key, "P0").await, 201);
    (house, serving, key)
}

fn object(house: &House, name: &str) {
    let path = house.path("objects").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("sealed {name}")).unwrap();
}

fn backup(house: &House, more: &[&str]) -> (std::path::PathBuf, String) {
    let folder = house.path("backup");
    let args = [&["backup", folder.to_str().unwrap()], more].concat();
    let (_, said) = house.succeeds(&args);
    (folder, said)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_taken_while_patients_arrive_is_whole_and_serves_elsewhere() {
    let (house, serving, key) = lived_in().await;
    object(&house, "ab/cd/one");
    object(&house, "ab/ce/two#draft");
    let (serving, stop, stored) =
        (Arc::new(serving), Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(1)));
    let writing = tokio::spawn({
        let (serving, stop, stored, key) =
            (Arc::clone(&serving), Arc::clone(&stop), Arc::clone(&stored), key.clone());
        async move {
            while !stop.load(Ordering::Relaxed) {
                let number = stored.load(Ordering::Relaxed);
                assert_eq!(serving.put_patient(&key, &format!("P{number}")).await, 201);
                stored.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    while stored.load(Ordering::Relaxed) < 20 {
        tokio::task::yield_now().await;
    }
    let before = stored.load(Ordering::Relaxed);
    let (folder, said) = tokio::task::block_in_place(|| backup(&house, &["--include-master-key"]));
    stop.store(true, Ordering::Relaxed);
    writing.await.unwrap();
    assert!(said.contains("THE MASTER KEY IS IN THE BACKUP"), "{said}");
    assert_eq!(names(&folder), ["files.sha256", "kadi.db", "manifest.json", "master.key", "objects"]);
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let copied = u32::try_from(manifest["rows"]["patient"].as_u64().unwrap()).unwrap();
    assert!((before..=stored.load(Ordering::Relaxed)).contains(&copied), "{copied} of {before} and more");
    assert_eq!(manifest["objects"], 1);

    let other = house.moved();
    let said = other.succeeds(&["restore", folder.to_str().unwrap()]).1;
    assert!(said.contains("master key was taken from the backup"), "{said}");
    let trail = &manifest["audit"][0];
    let expected = format!("{FACILITY}:{}:{}", trail["seq"], trail["hash"].as_str().unwrap());
    other.succeeds(&["audit", "verify", "--expect", &expected]);
    assert_eq!(std::fs::read_to_string(other.path("objects/ab/cd/one")).unwrap(), "sealed ab/cd/one");
    let there = other.serve();
    for number in [0, 1, copied - 1] {
        let name = there.name_of(&key, &format!("P{number}")).await;
        assert_eq!(name.as_deref(), Some("Asha Devi"), "P{number}");
    }
    assert_eq!(there.name_of(&key, &format!("P{copied}")).await, None);
    assert!(other.fails(&["restore", folder.to_str().unwrap()]).contains("there is a store already"));
}

#[tokio::test]
async fn what_was_linked_before_the_copy_is_not_linked_again_by_it() {
    let (house, serving, key) = lived_in().await;
    let abdm = house.sandbox.state().clone();
    abdm.set_bridge_url("SBX_000000", &format!("http://{}", serving.public));
    let patient = crate::world::known_patient(&house.sandbox, "P1", RAMESH);
    let body = serde_json::json!({"name": patient.name, "gender": patient.gender.as_str(),
        "yearOfBirth": patient.birth.year(), "abhaAddress": RAMESH});
    let path = format!("/v1/facilities/{FACILITY}/patients/P1");
    assert_eq!(serving.call(&key, reqwest::Method::PUT, &path, &body).await.0, 201);
    let visit =
        serde_json::json!({"display": "OPD visit", "date": "2026-01-15", "records": [prescription()]});
    let path = format!("{path}/care-contexts/V1");
    assert_eq!(serving.call(&key, reqwest::Method::PUT, &path, &visit).await.0, 202);
    let linked = async |serving: &Serving| {
        let looking = async {
            while serving.call(&key, reqwest::Method::GET, &path, &Value::Null).await.1["link"]["state"]
                != "linked"
            {}
        };
        tokio::time::timeout(PATIENCE, looking).await.expect("it is linked in time");
    };
    linked(&serving).await;
    let (folder, said) = backup(&house, &[]);
    assert!(said.contains("NOT in the backup"), "{said}");
    serving.kill();

    let other = house.moved();
    std::fs::copy(house.path("master.key"), other.path("master.key")).unwrap();
    other.succeeds(&["restore", folder.to_str().unwrap()]);
    let serving = other.serve();
    abdm.set_bridge_url("SBX_000000", &format!("http://{}", serving.public));
    linked(&serving).await;
    // Another visit goes its way, by what the copy knows.
    let path = path.replace("V1", "V2");
    assert_eq!(serving.call(&key, reqwest::Method::PUT, &path, &visit).await.0, 202);
    let looking = async {
        while serving.call(&key, reqwest::Method::GET, &path, &Value::Null).await.1["link"]["state"]
            != "linked"
        {}
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("it is linked in time");
    for effect in abdm.effects(None, None) {
        assert!(effect.accepted <= 1, "happened twice: {effect:?}");
    }
    assert_eq!(abdm.violations(), []);
}

#[tokio::test]
async fn nothing_is_overwritten_and_nothing_is_left_behind() {
    let (house, _serving, _) = lived_in().await;
    std::fs::create_dir(house.path("taken")).unwrap();
    std::fs::write(house.path("taken/file"), "mine").unwrap();
    let before = names(house.folder.path());
    assert!(house.fails(&["backup", "taken"]).contains("is not empty"));
    house.configure("[keys]\nurl = 'file:///nowhere/master.key'");
    assert!(house.fails(&["backup", "new"]).contains("there is no master key"));
    assert_eq!(names(house.folder.path()), before);
    assert!(!Path::new("/nowhere").exists(), "no key is made");
    house.configure("");
    std::fs::create_dir(house.path("empty")).unwrap();
    house.succeeds(&["backup", "empty"]);
    assert!(house.path("empty/manifest.json").exists());
}

#[tokio::test]
async fn a_copy_is_not_restored_with_another_key_without_one_or_when_it_is_damaged() {
    let (house, _serving, _) = lived_in().await;
    object(&house, "ab/cd/one");
    let (folder, _) = backup(&house, &[]);
    let folder = folder.to_str().unwrap();
    let other = house.moved();
    let untouched = |other: &House| {
        assert!(!other.path("data/kadi.db").exists() && !other.path("objects").exists());
    };
    let said = other.fails(&["restore", folder]);
    assert!(
        said.contains("no master key") && said.contains(house.path("master.key").to_str().unwrap()),
        "{said}"
    );
    assert!(!other.path("master.key").exists(), "no key is made");
    untouched(&other);

    store::write_key(&other.path("master.key"), &store::Key::new([1; 32])).unwrap();
    assert!(other.fails(&["restore", folder]).contains("is not the one of this backup"));
    untouched(&other);

    std::fs::copy(house.path("master.key"), other.path("master.key")).unwrap();
    type Damage = fn(Vec<u8>) -> Vec<u8>;
    let damages: [(&str, Damage, &str); 4] = [
        (
            "objects/ab/cd/one",
            |mut bytes| {
                bytes[0] ^= 1;
                bytes
            },
            "objects/ab/cd/one is not what was backed up",
        ),
        (
            "kadi.db",
            |mut bytes| {
                bytes.truncate(bytes.len() / 2);
                bytes
            },
            "kadi.db is not what was backed up",
        ),
        ("files.sha256", |_| Vec::new(), "files.sha256 is not what was backed up"),
        ("manifest.json", |_| b"{".to_vec(), "manifest.json is damaged"),
    ];
    for (name, damage, expected) in damages {
        let path = Path::new(folder).join(name);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, damage(whole.clone())).unwrap();
        let said = other.fails(&["restore", folder]);
        assert!(said.contains(expected), "{name}: {said}");
        untouched(&other);
        std::fs::write(&path, whole).unwrap();
    }
    std::fs::create_dir_all(other.path("objects/x")).unwrap();
    assert!(other.fails(&["restore", folder]).contains("there are objects already"));
    std::fs::remove_dir_all(other.path("objects")).unwrap();
    assert!(other.fails(&["restore", other.folder.path().to_str().unwrap()]).contains("is no backup"));
    other.succeeds(&["restore", folder]);
}

#[tokio::test]
async fn of_postgres_the_commands_are_told_and_the_rest_is_copied() {
    let house = House::new("").await;
    let name = format!("kadi_{}", uuid::Uuid::new_v4().simple());
    let server = std::env::var(POSTGRES).unwrap();
    let mut admin = <sqlx::PgConnection as sqlx::Connection>::connect(&server).await.unwrap();
    sqlx::Executor::execute(&mut admin, sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .unwrap();
    let (before, _) = server.rsplit_once('/').unwrap();
    let url = format!("{before}/{name}");
    let with_password = url.replacen("@", ":planted-password@", 1);
    let config = std::fs::read_to_string(house.path("kadi.toml")).unwrap();
    let start = config.find("url = 'sqlite://").unwrap();
    let end = start + config[start..].find('\n').unwrap();
    std::fs::write(
        house.path("kadi.toml"),
        format!("{}url = '{with_password}'{}", &config[..start], &config[end..]),
    )
    .unwrap();
    house.admin_key();
    object(&house, "ab/cd/one");
    let (folder, said) = backup(&house, &[]);
    assert!(said.contains("pg_dump --format=custom") && said.contains(&format!("--dbname={name}")), "{said}");
    assert!(!said.contains("planted"), "{said}");
    assert_eq!(names(&folder), ["files.sha256", "manifest.json", "objects"]);
    std::fs::remove_dir_all(house.path("objects")).unwrap();
    house.succeeds(&["restore", folder.to_str().unwrap()]);
    assert!(house.path("objects/ab/cd/one").exists());
}
