//! `kadi terminology` as a process, on code systems with made-up content.

use std::path::Path;
use std::process::{Command, Output};

use nrces::terminology::synthetic::{loinc_code, sctid, word, write_loinc, write_rf2};
use store::{Key, Options};

struct Here(tempfile::TempDir);

impl Here {
    fn new() -> Self {
        let here = Self(tempfile::tempdir().unwrap());
        let path = here.0.path().display();
        let text =
            format!("[store]\nurl = 'sqlite://{path}/kadi.db'\n[keys]\nurl = 'file://{path}/master.key'\n");
        std::fs::write(here.path("kadi.toml"), text).unwrap();
        here
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kadi"));
        command.arg("terminology").args(args).current_dir(self.0.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KADI_") {
                command.env_remove(name);
            }
        }
        command.output().unwrap()
    }

    fn lines(&self, args: &[&str]) -> Vec<String> {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// Standard error of a command that fails.
    fn refused(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

/// The name of a concept in a made-up release.
fn name_of(folder: &Path, concept: &str) -> String {
    let file = folder.join("Snapshot/Terminology/sct2_Description_Snapshot-en_INT_20260101.txt");
    let text = std::fs::read_to_string(file).unwrap();
    let mut rows = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let row = rows.find(|row| row[4] == concept && row[6] == "900000000000013009").unwrap();
    row[7].to_owned()
}

#[test]
fn a_release_is_loaded_searched_and_listed() {
    let here = Here::new();
    write_rf2(&here.path("snomed"), 300, 1).unwrap();
    write_loinc(&here.path("Loinc.csv"), 50, 1).unwrap();
    let loaded = here.run(&["load", "--snomed", "snomed"]);
    let told = String::from_utf8(loaded.stderr).unwrap();
    assert!(loaded.status.success() && loaded.stdout.is_empty(), "{told}");
    assert!(told.contains("read 100%\n") && told.ends_with("snomed: 300 codes loaded\n"), "{told}");
    here.lines(&["load", "--loinc", "Loinc.csv"]);
    let listed = here.lines(&["list"]);
    assert!(
        listed[0].starts_with("loinc\t-\t50\t") && listed[1].starts_with("snomed\t20260101\t300\t"),
        "{listed:?}"
    );

    let concept = sctid(7, "00");
    let name = name_of(&here.path("snomed"), &concept);
    let found = here.lines(&["search", "--system", "snomed", "--limit", "3", &name]);
    let expected = format!("http://snomed.info/sct\t{concept}\t{name}\t");
    assert!(found[0].starts_with(&expected) && found.len() <= 3, "{found:?} {expected}");
    assert!(here.lines(&["search", "zzqqxx"]).is_empty());
    assert!(!here.lines(&["search", &word(0)]).is_empty());
}

#[test]
fn without_a_load_the_profiles_own_codes_are_found() {
    let here = Here::new();
    let found = here.lines(&["search", "hart", "rate"]);
    assert!(found[0].starts_with("http://loinc.org\t8867-4\tHeart rate"), "{found:?}");
    assert!(here.lines(&["list"]).is_empty());
    assert!(!here.path("kadi.db").exists(), "searching makes no store");
}

#[test]
fn what_cannot_be_loaded_is_told_and_leaves_what_was_there() {
    let here = Here::new();
    write_rf2(&here.path("snomed"), 40, 1).unwrap();
    here.lines(&["load", "--snomed", "snomed"]);
    let before = here.lines(&["list"]);
    std::fs::create_dir(here.path("empty")).unwrap();
    std::fs::write(here.path("release.zip"), "PK").unwrap();
    std::fs::write(here.path("other.csv"), "a,b\n1,2\n").unwrap();
    std::fs::write(here.path("none.csv"), "LOINC_NUM,COMPONENT,STATUS,LONG_COMMON_NAME\n").unwrap();
    for (args, words) in [
        (["--snomed", "empty"], "sct2_Concept_*Snapshot*.txt"),
        (["--snomed", "nowhere"], "nowhere: cannot be read"),
        (["--snomed", "release.zip"], "unzip"),
        (["--loinc", "other.csv"], "LOINC_NUM"),
        (["--loinc", "none.csv"], "holds no code"),
    ] {
        let told = here.refused(&["load", args[0], args[1]]);
        assert!(told.contains(words), "{args:?}: {told}");
    }
    let concepts = here.path("snomed/Snapshot/Terminology/sct2_Concept_Snapshot_INT_20260101.txt");
    let text = std::fs::read_to_string(&concepts).unwrap();
    std::fs::write(&concepts, text.replace("\t1\t", "\t2\t")).unwrap();
    let told = here.refused(&["load", "--snomed", "snomed"]);
    assert!(told.contains("INT_20260101.txt:2: `active` is neither 0 nor 1"), "{told}");
    assert!(told.contains("too many lines make no sense"), "{told}");
    assert_eq!(here.lines(&["list"]), before);
}

#[tokio::test]
async fn a_facilitys_list_is_stored_for_a_facility_that_is_known() {
    let here = Here::new();
    let code = loinc_code(4);
    let list = format!(
        "local_code,system,code,display\nHB,loinc,{code},Made up\nXX,loinc,1-1,misprint\nYY,urn:a,1,\n"
    );
    std::fs::write(here.path("codes.csv"), list).unwrap();
    let told = here.refused(&["load", "--map", "IN2810014366", "codes.csv"]);
    assert!(told.contains("no facility IN2810014366"), "{told}");

    let key = store::master_key(&format!("file://{}", here.path("master.key").display())).unwrap();
    let url = format!("sqlite://{}", here.path("kadi.db").display());
    let options = Options::new(url, Key::new(*key), abdm::clock::SystemClock::shared());
    let store = store::Store::open(options).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.put_facility(&crate::world::facility()).await.unwrap();
    tx.commit().await.unwrap();
    let loaded = here.run(&["load", "--map", "IN2810014366", "codes.csv"]);
    let told = String::from_utf8(loaded.stderr).unwrap();
    assert!(loaded.status.success(), "{told}");
    assert!(told.contains("codes.csv:3: ") && told.contains("codes.csv:4: display is empty"), "{told}");
    assert!(told.ends_with("IN2810014366: 1 codes mapped\n"), "{told}");
    let mapped = store.read().await.unwrap().local_mappings(&crate::world::id(), None, 9).await.unwrap();
    assert_eq!(mapped.len(), 1);
    assert_eq!((&*mapped[0].local.code, &*mapped[0].code), ("HB", &*code));
}
