//! `kadi bundle` as a process: what it prints where, and how it exits.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn kadi(folder: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kadi"))
        .arg("bundle")
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Who refuses the command line does not read.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn visit() -> Value {
    json!({
        "id": "opd-2026-0042",
        "patient": {"name": "आशा देवी", "patientReference": "MR-1", "gender": "female", "birthDate": "1985-07-23"},
        "practitioners": [{"name": "Dr. Rakesh Menon", "practitionerId": "TSMC-22140"}],
        "visitDate": "2026-01-15",
        "careContextReference": "OPD-42",
        "chiefComplaints": [{"complaint": "Fever for three days", "recordedDate": "2026-01-15"}],
    })
}

fn built(folder: &Path) -> Vec<u8> {
    let output = kadi(folder, &["build", "OPConsultation"], visit().to_string().as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    output.stdout
}

#[test]
fn a_record_is_built_to_standard_output_alone_and_validates() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = built(folder.path());
    let document: Value = serde_json::from_slice(&bundle).unwrap();
    assert_eq!(document["entry"][0]["resource"]["title"], "OP Consultation");
    assert!(text(&bundle).contains("आशा देवी"));
    assert_eq!(bundle, built(folder.path()), "an id in the record decides every other");

    std::fs::write(folder.path().join("visit one.json"), &bundle).unwrap();
    let output = kadi(folder.path(), &["validate", "visit one.json", "-"], &bundle);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    let told: Vec<_> = lines.iter().filter(|line| !line.contains(": warning: ")).copied().collect();
    assert_eq!(told, ["visit one.json: ok", "-: ok"]);
}

#[test]
fn what_cannot_be_built_is_told_on_standard_error_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut record = visit();
    record["patient"].as_object_mut().unwrap().remove("name");
    let output = kadi(folder.path(), &["build", "OPConsultation"], record.to_string().as_bytes());
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(text(&output.stderr).contains("/patient/name"), "{}", text(&output.stderr));
    let output = kadi(folder.path(), &["build", "OPConsultation"], b"{");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    let output = kadi(folder.path(), &["build", "XRay"], b"{}");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
}

#[test]
fn each_problem_is_one_line_of_its_file_and_files_are_told_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let bundle = built(folder.path());
    let mut wrong: Value = serde_json::from_slice(&bundle).unwrap();
    wrong["entry"][0]["resource"].as_object_mut().unwrap().remove("status");
    std::fs::write(path("good.json"), &bundle).unwrap();
    std::fs::write(path("wrong.json"), wrong.to_string()).unwrap();
    std::fs::write(path("torn.json"), &bundle[..bundle.len() / 2]).unwrap();
    std::fs::write(path("other.json"), "{\"resourceType\":\"Patient\"}").unwrap();
    let files = ["wrong.json", "gone.json", "torn.json", "other.json", "good.json"];
    let output = kadi(folder.path(), &[&["validate"], &files[..]].concat(), b"");
    assert_eq!(output.status.code(), Some(1));
    let out = text(&output.stdout);
    let of: Vec<&str> = out.lines().filter_map(|line| line.split_once(':')).map(|(file, _)| file).collect();
    let mut order = of.clone();
    order.dedup();
    assert_eq!(order, files, "{out}");
    let errors =
        |file: &str| out.lines().filter(|line| line.starts_with(&format!("{file}: error: "))).count();
    assert_eq!(errors("wrong.json"), 1, "{out}");
    assert!(out.contains("wrong.json: error: Bundle.entry[0].resource"), "{out}");
    assert_eq!((errors("gone.json"), errors("torn.json"), errors("good.json")), (1, 1, 0), "{out}");
    assert!(errors("other.json") >= 1 && out.ends_with("good.json: ok\n"), "{out}");
}

#[test]
fn machines_get_json_lines() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = built(folder.path());
    let output = kadi(folder.path(), &["validate", "--json", "-"], &bundle);
    assert_eq!(output.status.code(), Some(0));
    for line in text(&output.stdout).lines() {
        let told: Value = serde_json::from_str(line).unwrap();
        assert_eq!(told["file"], "-", "{line}");
    }
}
