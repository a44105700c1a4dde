//! Any bytes as the files of code systems: a first line names the reader (`map`, `loinc` or `rf2`), and of an RF2
//! release `=` lines stand between its three files. No panic, no hang, and at most as many lines as there are.

#![no_main]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nrces::terminology::{BadLine, LoincTable, Rf2Release, Watch, facility_codes_from, loinc, snomed};

/// Where the readers that want files find them.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

#[derive(Default)]
struct Count {
    bad: usize,
    read: u64,
}

impl Watch for Count {
    fn read(&mut self, bytes: u64) {
        self.read += bytes;
    }

    fn bad(&mut self, line: BadLine) {
        assert!(!line.what.is_empty() && line.line > 0);
        self.bad += 1;
    }
}

fuzz_target!(|data: &[u8]| {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return };
    let (name, rest) = (&data[..end], &data[end + 1..]);
    let mut count = Count::default();
    let found = match name {
        b"map" => facility_codes_from(rest, "map.csv", &mut count, &mut |_| {}).unwrap_or_default(),
        b"loinc" => table(rest, &mut count),
        b"rf2" => release(rest, &mut count),
        _ => return,
    };
    let lines = rest.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
    assert!(found + count.bad <= lines, "{found} codes and {} bad of {lines} lines", count.bad);
    assert!(count.read <= rest.len() as u64, "{} bytes read of {}", count.read, rest.len());
});

fn put(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.path().join(name);
    std::fs::write(&path, bytes).expect("written");
    path
}

fn table(bytes: &[u8], count: &mut Count) -> usize {
    let table = LoincTable::find(&put("Loinc.csv", bytes)).expect("it is there");
    loinc(&table, count, &mut |entry| assert!(!entry.code.is_empty())).unwrap_or_default()
}

fn release(bytes: &[u8], count: &mut Count) -> usize {
    const NAMES: [&str; 3] = [
        "sct2_Concept_Snapshot_INT_20260101.txt",
        "sct2_Description_Snapshot-en_INT_20260101.txt",
        "der2_cRefset_LanguageSnapshot-en_INT_20260101.txt",
    ];
    let mut parts = bytes.split(|byte| *byte == b'=');
    for name in NAMES {
        let part = parts.next().unwrap_or_default();
        put(name, part.strip_prefix(b"\n").unwrap_or(part));
    }
    let folder: &Path = FOLDER.path();
    let release = Rf2Release::find(&[folder.to_path_buf()]).expect("it is there");
    snomed(&release, count, &mut |entry| assert!(!entry.code.is_empty())).unwrap_or_default()
}
