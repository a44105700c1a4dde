//! The commands as processes: standard output, standard error, exit codes.

use std::path::Path;
use std::process::{Command, Output};

struct Here {
    folder: tempfile::TempDir,
}

impl Here {
    /// A folder with a configuration of a store of its own.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let text = format!(
            "[store]\nurl = 'sqlite://{path}/data/kadi.db'\n[keys]\nurl = 'file://{path}/data/master.key'\n\
             [objects]\nurl = 'file://{path}/data/objects'\n"
        );
        std::fs::write(folder.path().join("kadi.toml"), text).unwrap();
        Self { folder }
    }

    fn run(&self, args: &[&str]) -> Output {
        command(self.folder.path(), args).output().unwrap()
    }

    fn lines(&self, args: &[&str]) -> Vec<String> {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }
}

/// The command in this folder, with none of this process's own settings.
fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kadi"));
    command.args(args).current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KADI_") {
            command.env_remove(name);
        }
    }
    command
}

#[test]
fn keys_are_made_listed_and_revoked_before_the_first_serve() {
    let here = Here::new();
    let made = here.run(&["key", "create", "--facility", "IN2810014366"]);
    let text = String::from_utf8(made.stdout).unwrap();
    assert!(text.starts_with("kadi_") && text.ends_with('\n') && text.lines().count() == 1, "{text}");
    assert!(made.stderr.is_empty(), "{}", String::from_utf8_lossy(&made.stderr));
    here.lines(&["key", "create", "--admin"]);

    let listed = here.lines(&["key", "list"]);
    let fields: Vec<Vec<&str>> = listed.iter().map(|line| line.split('\t').collect()).collect();
    assert_eq!(
        fields.iter().map(|line| (line.len(), line[1], line[3])).collect::<Vec<_>>(),
        [(4, "admin", "-"), (4, "IN2810014366", "-")]
    );
    assert!(fields[0][2].parse::<jiff::Timestamp>().is_ok(), "{listed:?}");
    assert!(!listed.join("").contains(text.trim()), "a key is shown once");

    assert!(here.lines(&["key", "revoke", fields[0][0]]).is_empty());
    assert_eq!(here.lines(&["key", "list"]), [listed[1].clone()]);
    let again = here.run(&["key", "revoke", fields[0][0]]);
    assert_eq!((again.status.code(), again.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&again.stderr).contains("no such key"));
}

#[test]
fn a_key_is_for_one_facility_or_for_all() {
    let here = Here::new();
    for args in [
        &["key", "create"][..],
        &["key", "create", "--admin", "--facility", "IN1"],
        &["key", "create", "--facility", "a b"],
    ] {
        assert_eq!(here.run(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn the_default_configuration_can_be_used_as_it_is_printed() {
    let here = Here::new();
    let text = here.run(&["config", "default"]).stdout;
    std::fs::write(here.folder.path().join("full.toml"), text).unwrap();
    let told = here.run(&["config", "check", "--config", "full.toml"]);
    // Only that a texts provider is set without its address: the section counts once it is there.
    let problems = String::from_utf8(told.stderr).unwrap();
    assert_eq!(problems.lines().count(), 1, "{problems}");
    assert!(problems.contains("full.toml:") && problems.contains("sms.url: must be set"), "{problems}");
}

#[test]
fn a_wrong_configuration_stops_every_command_that_reads_it_and_says_where() {
    let here = Here::new();
    std::fs::write(here.folder.path().join("wrong.toml"), "[gateway]\n\ntimout = '3s'\n").unwrap();
    for args in [
        &["--config", "wrong.toml", "key", "list"][..],
        &["key", "list", "--config", "wrong.toml"],
        &["serve", "--config", "wrong.toml"],
    ] {
        let output = here.run(args);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{args:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            text,
            "error: wrong.toml:3: gateway.timout is no key of the configuration; did you mean gateway.timeout?\n"
        );
    }
    let output =
        command(here.folder.path(), &["key", "list"]).env("KADI_CONFIG", "wrong.toml").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let output = command(here.folder.path(), &["key", "list"]).env("KADI_CONFIG", "").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "an empty one is none");
    let output =
        command(here.folder.path(), &["key", "list"]).env("KADI_GATEWAY__RATE", "fast").output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("KADI_GATEWAY__RATE: gateway.rate"));
}

#[test]
fn a_bridge_without_credentials_says_what_is_missing() {
    let output = Here::new().run(&["serve"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("gateway.client_id is not set"), "{text}");
}

#[tokio::test]
async fn the_codes_of_a_facility_are_written_to_a_file_or_to_standard_output() {
    let here = Here::new();
    let qr = ["facility", "qr", "--facility", crate::world::FACILITY];
    let missing = here.run(&qr);
    assert_eq!((missing.status.code(), missing.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("there is no facility"));
    let config = kadi::config::Config::load_with(Some(&here.folder.path().join("kadi.toml")), []).unwrap();
    let store = kadi::start::open_store(&config, abdm::clock::SystemClock::shared()).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.put_facility(&crate::world::facility()).await.unwrap();
    tx.commit().await.unwrap();
    store.close().await;

    let run = |more: &[&str]| here.run(&[&qr, more].concat());
    assert!(run(&[]).stdout.starts_with(b"\x89PNG"));
    let drawing = run(&["--counter", "OPD1", "--format", "svg"]);
    assert!(drawing.stdout.starts_with(b"<svg ") && drawing.stderr.is_empty(), "{drawing:?}");
    let poster = run(&["--format", "pdf", "--out", "poster.pdf"]);
    assert_eq!((poster.status.code(), poster.stdout.len()), (Some(0), 0), "{poster:?}");
    assert!(std::fs::read(here.folder.path().join("poster.pdf")).unwrap().starts_with(b"%PDF-"));
    let wrong = run(&["--counter", "a b"]);
    assert_eq!((wrong.status.code(), wrong.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("1 to 20 letters and digits"));
    assert_eq!(run(&["--format", "gif"]).status.code(), Some(2));
}

#[test]
fn the_openapi_document_is_printed() {
    let text = Here::new().lines(&["openapi"]).join("\n");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["info"]["title"], "Kadi");
}

#[tokio::test]
async fn the_audit_trail_is_verified_exported_and_held_against_what_was_noted_before() {
    let here = Here::new();
    here.lines(&["key", "list"]);
    assert!(here.lines(&["audit", "verify"]).is_empty(), "no facility, no trail");
    let path = here.folder.path().join("data");
    let key = store::master_key(&format!("file://{}", path.join("master.key").display())).unwrap();
    let url = format!("sqlite://{}", path.join("kadi.db").display());
    let options = store::Options::new(url.clone(), key, abdm::clock::SystemClock::shared());
    let store = store::Store::open(options).await.unwrap();
    let facility = crate::world::id();
    for subject in ["MR-1", "MR-2", "MR-3"] {
        let mut tx = store.begin().await.unwrap();
        tx.put_facility(&crate::world::facility()).await.unwrap();
        tx.audit(&facility, "key 1", "patient stored", subject).await.unwrap();
        tx.commit().await.unwrap();
    }
    let verified = here.lines(&["audit", "verify"]);
    let end: Vec<&str> = verified[0].split('\t').collect();
    assert_eq!((verified.len(), end[0], end[1], end[2].len()), (1, "IN2810014366", "3", 64));
    let exported = here.lines(&["audit", "export", "--facility", "IN2810014366"]);
    let last: serde_json::Value = serde_json::from_str(&exported[2]).unwrap();
    assert_eq!((&last["subject"], &last["hash"]), (&"MR-3".into(), &end[2].into()));
    let noted = end.join(":");
    here.lines(&["audit", "verify", "--expect", &noted]);

    let mut raw = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.unwrap();
    sqlx::query("DELETE FROM audit WHERE seq = 3").execute(&mut raw).await.unwrap();
    let broken = here.run(&["audit", "verify"]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&broken.stderr).contains("ends at line 2, and should at line 3"));
    // Whoever moves the end too is whole again in himself, and not beside what was noted.
    let before: serde_json::Value = serde_json::from_str(&exported[1]).unwrap();
    sqlx::query("UPDATE audit_head SET seq = 2, hash = $1")
        .bind(before["hash"].as_str().unwrap())
        .execute(&mut raw)
        .await
        .unwrap();
    assert_eq!(here.lines(&["audit", "verify"]).len(), 1);
    assert_eq!(here.run(&["audit", "verify", "--expect", &noted]).status.code(), Some(1));
    assert_eq!(here.run(&["audit", "verify", "--facility", "IN0000000009"]).status.code(), Some(1));
}
