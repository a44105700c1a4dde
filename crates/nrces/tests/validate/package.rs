//! Packages compiled from disk at run time, as a newer guide would be.

use std::fs::{self, File};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use nrces::Issue;
use nrces::rules::{Package, Rules, RulesError, compile};
use nrces::validate::{Options, validate_with};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{apply, document, location, remove, set, told};

const NRCES: &str = "https://nrces.in/ndhm/fhir/r4/StructureDefinition/";

/// A guide of one profile: a Patient whose birth date must be told, whose
/// gender's codes are a set of its own, and whose identifiers are sliced.
fn patient() -> Value {
    let element = |id: &str, card: (u32, &str), more: Value| {
        let mut element = json!({"id": id, "path": id.split(':').next(), "min": card.0, "max": card.1});
        for (key, value) in more.as_object().expect("an object") {
            element[key] = value.clone();
        }
        element
    };
    let of = |code: &str| json!({"type": [{"code": code}]});
    json!({
        "resourceType": "StructureDefinition", "url": format!("{NRCES}Patient"), "name": "Patient",
        "kind": "resource", "type": "Patient", "derivation": "constraint",
        "snapshot": {"element": [
            element("Patient", (0, "*"), json!({"constraint": [{"key": "new-1", "severity": "error", "expression": "true"}]})),
            element("Patient.identifier", (1, "*"), json!({
                "type": [{"code": "Identifier"}],
                "slicing": {"discriminator": [{"type": "pattern", "path": "type"}], "rules": "open"},
            })),
            element("Patient.identifier:abha", (1, "1"), of("Identifier")),
            element("Patient.identifier:abha.type", (1, "1"), json!({
                "type": [{"code": "CodeableConcept"}], "patternCodeableConcept": {"coding": [{"code": "HIN"}]},
            })),
            element("Patient.gender", (0, "1"), json!({
                "type": [{"code": "code"}], "binding": {"strength": "required", "valueSet": "https://guide.example/vs/gender|2"},
            })),
            element("Patient.birthDate", (1, "1"), of("date")),
        ]},
    })
}

fn gender() -> Value {
    json!({
        "resourceType": "ValueSet", "url": "https://guide.example/vs/gender",
        "compose": {"include": [{"system": "https://guide.example/cs/gender"}]},
    })
}

fn codes() -> Value {
    json!({
        "resourceType": "CodeSystem", "url": "https://guide.example/cs/gender", "content": "complete",
        "concept": [{"code": "female", "display": "Female", "concept": [{"code": "trans-female"}]}],
    })
}

fn folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for (name, value) in [
        ("StructureDefinition-Patient", patient()),
        ("ValueSet-gender", gender()),
        ("CodeSystem-gender", codes()),
    ] {
        fs::write(folder.path().join(format!("{name}.json")), value.to_string()).expect("written");
    }
    fs::write(folder.path().join("README.md"), "not JSON").expect("written");
    folder
}

/// The folder as an npm-style package, with an example beside it.
fn archive(folder: &Path) -> TempDir {
    let out = TempDir::new().expect("a folder");
    let file = File::create(out.path().join("guide.tgz")).expect("a file");
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
    archive.append_dir_all("package", folder).expect("packed");
    let example = br#"{"resourceType": "StructureDefinition", "url": "https://guide.example/broken"}"#;
    let mut header = tar::Header::new_gnu();
    header.set_size(example.len() as u64);
    header.set_cksum();
    archive.append_data(&mut header, "package/example/broken.json", &example[..]).expect("packed");
    archive.into_inner().expect("packed").finish().expect("packed");
    out
}

fn found(rules: &Rules, bundle: &Value) -> Vec<Issue> {
    validate_with(rules, bundle, Options::default()).into_iter().filter(Issue::is_error).collect()
}

#[test]
fn a_guide_of_ones_own_is_held_to_from_folder_and_archive() {
    let folder = folder();
    let archive = archive(folder.path());
    for path in [folder.path().to_owned(), archive.path().join("guide.tgz")] {
        let rules = compile(&Package::open(&path).expect("a package")).expect("rules");
        let bundle = document("prescription");
        assert!(found(&rules, &bundle).is_empty(), "{}", told(&found(&rules, &bundle)));
        for (edit, rule, at) in [
            (remove("Patient/birthDate"), "cardinality-min", "Patient.birthDate"),
            (set("Patient/gender", "male"), "binding-required", "Patient.gender"),
            (remove("Patient/identifier/0"), "slice-min", "Patient.identifier"),
        ] {
            let mut bundle = bundle.clone();
            let at = location(&bundle, at);
            apply(&mut bundle, edit);
            let issues = found(&rules, &bundle);
            assert!(
                issues.iter().any(|i| i.rule == rule && i.path == at),
                "no {rule} at {at}:{}",
                told(&issues)
            );
        }
    }
}

#[test]
fn a_code_below_another_is_a_code_of_the_system() {
    let folder = folder();
    let rules = compile(&Package::open(folder.path()).expect("a package")).expect("rules");
    let mut bundle = document("prescription");
    apply(&mut bundle, set("Patient/gender", "trans-female"));
    assert!(found(&rules, &bundle).is_empty(), "{}", told(&found(&rules, &bundle)));
}

#[test]
fn what_of_a_guide_is_not_checked_is_told() {
    let folder = folder();
    let rules = compile(&Package::open(folder.path()).expect("a package")).expect("rules");
    assert_eq!(rules.notes(), ["the invariant new-1 is not checked"]);
    let issues = validate_with(&rules, &document("prescription"), Options::default());
    assert!(
        issues.iter().any(|i| i.rule == "profile-unknown" && i.path.ends_with("type")),
        "{}",
        told(&issues)
    );
}

#[test]
fn a_profile_of_an_unknown_type_is_left_out_and_told() {
    let folder = folder();
    let mut spaceship = patient();
    spaceship["url"] = json!(format!("{NRCES}Spaceship"));
    spaceship["type"] = json!("Spaceship");
    fs::write(folder.path().join("b.json"), spaceship.to_string()).expect("written");
    let rules = compile(&Package::open(folder.path()).expect("a package")).expect("rules");
    assert!(rules.notes().iter().any(|n| n.contains("Spaceship")), "{:?}", rules.notes());
}

#[test]
fn a_set_that_includes_an_unknown_one_takes_any_code() {
    let folder = folder();
    let mut gender = gender();
    gender["compose"]["include"] = json!([{"valueSet": ["https://elsewhere.example/vs"]}]);
    fs::write(folder.path().join("ValueSet-gender.json"), gender.to_string()).expect("written");
    let rules = compile(&Package::open(folder.path()).expect("a package")).expect("rules");
    let mut bundle = document("prescription");
    apply(&mut bundle, set("Patient/gender", "whatever"));
    assert!(found(&rules, &bundle).is_empty(), "{}", told(&found(&rules, &bundle)));
}

#[test]
fn what_is_no_package_is_refused_with_its_reason() {
    let empty = TempDir::new().expect("a folder");
    assert!(matches!(Package::open(empty.path()), Err(RulesError::Empty { .. })));
    assert!(matches!(Package::open(&empty.path().join("none.tgz")), Err(RulesError::Io { .. })));
    let plain = empty.path().join("plain.tgz");
    fs::write(&plain, "not an archive").expect("written");
    assert!(matches!(Package::open(&plain), Err(RulesError::Io { .. })));

    let broken = folder();
    fs::write(broken.path().join("x.json"), "{").expect("written");
    assert!(matches!(Package::open(broken.path()), Err(RulesError::Json { .. })));
}

#[test]
fn a_definition_that_cannot_be_compiled_is_named() {
    let mut without_snapshot = patient();
    without_snapshot.as_object_mut().expect("an object").remove("snapshot");
    let mut with_unknown_element = patient();
    with_unknown_element["snapshot"]["element"][5]["id"] = json!("Patient.shoeSize");
    for broken in [without_snapshot, with_unknown_element] {
        let folder = TempDir::new().expect("a folder");
        fs::write(folder.path().join("a.json"), broken.to_string()).expect("written");
        let refused = compile(&Package::open(folder.path()).expect("a package"));
        assert!(
            matches!(&refused, Err(RulesError::Definition { name, .. }) if name.ends_with("/Patient")),
            "{refused:?}"
        );
    }
}

#[test]
fn tables_that_are_damaged_name_the_line() {
    for (text, line) in [
        ("type A\n      deep 0..1", 2),
        ("  row 0..1", 1),
        ("type A\n  row 0..x", 2),
        ("nonsense B", 1),
        ("type A\n  row 0..1 code = {", 2),
        ("set a\n  b c", 2),
        ("invariant a error xyz", 1),
    ] {
        let refused = Rules::from_tables(&[text]);
        assert!(matches!(refused, Err(RulesError::Line { line: l, .. }) if l == line), "{text}: {refused:?}");
    }
}
