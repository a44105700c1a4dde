//! The readers against files as they are, and as they should not be.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::synthetic::{sctid, write_loinc, write_rf2};
use super::*;

/// An entry without borrowed text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Read {
    code: String,
    display: String,
    kind: String,
    names: Vec<String>,
    standing: u32,
}

impl From<&Entry<'_>> for Read {
    fn from(entry: &Entry<'_>) -> Self {
        Self {
            code: entry.code.to_owned(),
            display: entry.display.to_owned(),
            kind: entry.kind.to_owned(),
            names: entry.names.iter().map(|name| (*name).to_owned()).collect(),
            standing: entry.standing,
        }
    }
}

#[derive(Default)]
struct Told {
    bytes: u64,
    bad: Vec<(String, u64)>,
    words: Vec<String>,
}

impl Watch for Told {
    fn read(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    fn bad(&mut self, line: BadLine) {
        let file = line.file.file_name().unwrap().to_str().unwrap();
        self.bad.push((file.split('_').nth(1).unwrap_or(file).to_owned(), line.line));
        self.words.push(line.to_string());
    }
}

/// A release whose files hold these lines below their headers.
struct Release(TempDir);

impl Release {
    fn new(concepts: &[String], descriptions: &[String], languages: &[String]) -> Self {
        let release = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(release.path("deeper/Snapshot")).unwrap();
        let write = |name: &str, columns: &str, lines: &[String]| {
            let text = format!("{}\r\n{}", columns.replace(' ', "\t"), lines.concat());
            std::fs::write(release.path(name), text).unwrap();
        };
        let (concept, description, language) = (
            "id effectiveTime active moduleId definitionStatusId",
            "id effectiveTime active moduleId conceptId languageCode typeId term caseSignificanceId",
            "id effectiveTime active moduleId refsetId referencedComponentId acceptabilityId",
        );
        write("deeper/Snapshot/xsct2_Concept_Snapshot_INT_20260101.txt", concept, concepts);
        write("deeper/sct2_Description_Snapshot-en_INT_20260101.txt", description, descriptions);
        write("der2_cRefset_LanguageSnapshot-en_INT_20260101.txt", language, languages);
        // Not read: the wrong kinds of files.
        std::fs::write(release.path("sct2_Concept_Full_INT_20260101.txt"), "x").unwrap();
        std::fs::write(release.path("sct2_TextDefinition_Snapshot-en_INT_20260101.txt"), "x").unwrap();
        release
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self) -> (Vec<Read>, Told) {
        let release = Rf2Release::find(&[self.0.path().to_path_buf()]).unwrap();
        assert_eq!(release.version(), "20260101");
        let (mut found, mut told) = (Vec::new(), Told::default());
        let count = snomed(&release, &mut told, &mut |entry| found.push(entry.into())).unwrap();
        assert_eq!((count, told.bytes), (found.len(), release.bytes()));
        (found, told)
    }
}

fn concept(number: u64, active: u8) -> String {
    format!("{}\t20260101\t{active}\t900000000000207008\t900000000000074008\r\n", sctid(number, "00"))
}

fn description(number: u64, concept: u64, kind: &str, term: &str) -> String {
    let (id, concept) = (sctid(number, "01"), sctid(concept, "00"));
    format!("{id}\t20260101\t1\t900000000000207008\t{concept}\ten\t{kind}\t{term}\t900000000000448009\r\n")
}

fn preferred(description: u64, refset: &str) -> String {
    let id = sctid(description, "01");
    format!("x\t20260101\t1\t900000000000207008\t{refset}\t{id}\t900000000000548007\r\n")
}

const FULL: &str = "900000000000003001";
const SYNONYM: &str = "900000000000013009";
const GB: &str = "900000000000508004";
const US: &str = "900000000000509007";

#[test]
fn a_concept_has_its_preferred_name_its_kind_and_all_others() {
    let concepts = [concept(1, 1), concept(2, 0), concept(3, 1), concept(4, 1)];
    let descriptions = [
        description(10, 1, FULL, "Haemoglobin level (procedure)"),
        description(11, 1, SYNONYM, "Hemoglobin level"),
        description(12, 1, SYNONYM, "Haemoglobin level"),
        description(13, 1, SYNONYM, "Hb"),
        description(14, 2, SYNONYM, "Retired"),
        description(15, 3, FULL, "Fever (finding)"),
        description(16, 3, "900000000000550004", "A long definition that is no name"),
        description(17, 4, SYNONYM, "Pain"),
    ];
    let languages = [preferred(11, US), preferred(12, GB)];
    let (found, told) = Release::new(&concepts, &descriptions, &languages).read();
    let expected = Read {
        code: sctid(1, "00"),
        display: "Haemoglobin level".into(),
        kind: "procedure".into(),
        names: vec!["Hemoglobin level".into(), "Hb".into()],
        standing: 2,
    };
    assert_eq!(found[0], expected, "British before American");
    assert_eq!(
        (&*found[1].display, &*found[1].kind),
        ("Fever", "finding"),
        "without a synonym its full name"
    );
    assert_eq!((&*found[2].display, &*found[2].kind), ("Pain", ""));
    assert_eq!((found.len(), told.bad.len()), (3, 0), "{:?}", told.words);
}

#[test]
fn bad_lines_are_told_by_file_and_line_and_cost_nothing_else() {
    let wrong_digit = concept(1, 1).replacen(&sctid(1, "00"), &sctid(1, "00").replace('1', "2"), 1);
    let concepts = [wrong_digit, "a\tb\r\n".into(), "\r\n".into(), concept(1, 1), concept(2, 7)];
    let mut descriptions =
        vec![description(9, 1, SYNONYM, ""), description(10, 1, SYNONYM, "Kept, \"as\" it is")];
    descriptions.push(description(11, 1, SYNONYM, &"x".repeat(5000)));
    descriptions.push(description(12, 1, SYNONYM, &"x".repeat(MAX_LINE)));
    descriptions.push("last line without an end".into());
    let languages = [preferred(10, "12345"), preferred(10, GB)];
    let (found, told) = Release::new(&concepts, &descriptions, &languages).read();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].display, "Kept, \"as\" it is", "RF2 has no quotes");
    let expected = [
        ("Concept", 2),
        ("Concept", 3),
        ("Concept", 4),
        ("Concept", 6),
        ("cRefset", 2),
        ("Description", 2),
        ("Description", 4),
        ("Description", 5),
        ("Description", 6),
    ];
    assert_eq!(told.bad, expected.map(|(file, line)| (file.to_owned(), line)), "{:#?}", told.words);
    assert!(told.words.iter().all(|words| !words.contains("xxx")), "a line's content is not repeated");
}

#[test]
fn a_folder_or_file_that_is_none_of_a_release_is_refused_with_what_to_give() {
    let empty = tempfile::tempdir().unwrap();
    let missing = Rf2Release::find(&[empty.path().to_path_buf()]).unwrap_err();
    assert!(missing.to_string().contains("sct2_Concept_*Snapshot*.txt"), "{missing}");
    assert!(matches!(Rf2Release::find(&[empty.path().join("nowhere")]), Err(LoadError::Io { .. })));

    let release = Release::new(&[], &[], &[]);
    std::fs::write(release.path("deeper/sct2_Description_Snapshot-en_INT_20260101.txt"), "id\tterm\n")
        .unwrap();
    let found = Rf2Release::find(&[release.0.path().to_path_buf()]).unwrap();
    let refused = snomed(&found, &mut Told::default(), &mut |_| {}).unwrap_err();
    assert!(refused.to_string().contains("conceptId"), "{refused}");

    let csv = empty.path().join("other.csv");
    for text in ["", "a,b\n1,2\n", "\u{0}"] {
        std::fs::write(&csv, text).unwrap();
        let table = LoincTable::find(&csv).unwrap();
        assert!(matches!(loinc(&table, &mut Told::default(), &mut |_| {}), Err(LoadError::Header { .. })));
        let codes = facility_codes(&csv, &mut Told::default(), &mut |_| {});
        assert!(matches!(codes, Err(LoadError::Header { .. })), "{text:?}");
    }
    assert!(matches!(LoincTable::find(empty.path()), Err(LoadError::Missing { .. })));
}

fn loinc_of(text: &[u8]) -> (Vec<Read>, Told) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("LoincTable")).unwrap();
    std::fs::write(folder.path().join("LoincTable/Loinc.csv"), text).unwrap();
    let table = LoincTable::find(folder.path()).unwrap();
    let (mut found, mut told) = (Vec::new(), Told::default());
    loinc(&table, &mut told, &mut |entry| found.push(entry.into())).unwrap();
    assert_eq!(told.bytes, table.bytes());
    (found, told)
}

#[test]
fn loincs_table_gives_its_codes_with_all_their_names() {
    let text = "\u{FEFF}\"LOINC_NUM\",\"COMPONENT\",\"CLASS\",\"STATUS\",\"SHORTNAME\",\"RELATEDNAMES2\",\"LONG_COMMON_NAME\",\"COMMON_TEST_RANK\"\r\n\
        \"718-7\",\"Hemoglobin\",\"HEM/BC\",\"ACTIVE\",\"Hgb Bld-mCnc\",\"Hb; HGB; Hemoglobin; Mass, \"\"quoted\"\"\",\"Hemoglobin [Mass/volume] in Blood\",\"7\"\r\n\
        \"2345-7\",\"Glucose\",\"CHEM\",\"DISCOURAGED\",\"\",\"\",\"\",\"0\"\r\n\
        \"8867-4\",\"Heart rate\",\"\",\"DEPRECATED\",\"\",\"\",\"Heart rate\",\"1\"\r\n\
        \"718-8\",\"Misprint\",\"\",\"ACTIVE\",\"\",\"\",\"Misprint\",\"1\"\r\n\
        \"718-7\"\r\n";
    let (found, told) = loinc_of(text.as_bytes());
    let names = ["Hemoglobin", "Hgb Bld-mCnc", "Hb", "HGB", "Mass, \"quoted\""];
    let expected = Read {
        code: "718-7".into(),
        display: "Hemoglobin [Mass/volume] in Blood".into(),
        kind: "HEM/BC".into(),
        names: names.map(str::to_owned).to_vec(),
        standing: 7,
    };
    assert_eq!(found[0], expected);
    assert_eq!((&*found[1].display, found.len()), ("Glucose", 2), "without a long name the component");
    assert!(found[1].standing > 100_000, "discouraged ones come last");
    assert_eq!(told.bad.iter().map(|(_, line)| *line).collect::<Vec<_>>(), [5, 6]);
}

fn codes_of(text: &[u8]) -> (Vec<FacilityCode>, Told) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("codes.csv");
    std::fs::write(&path, text).unwrap();
    let (mut found, mut told) = (Vec::new(), Told::default());
    facility_codes(&path, &mut told, &mut |code| found.push(code)).unwrap();
    (found, told)
}

#[test]
fn a_facilitys_list_is_taken_as_people_write_it() {
    let spellings = [
        "local_code,system,code,display\nHB,loinc,718-7,Hemoglobin\n",
        "\u{FEFF}Local Code;System;Code;Display\r\n HB ;LOINC;718-7;\"Hemoglobin\"\r\n",
        "display\tcode\tsystem\tlocalCode\tremarks\nHemoglobin\t718-7\thttp://loinc.org\tHB\tours\n\n",
    ];
    for text in spellings {
        let (found, told) = codes_of(text.as_bytes());
        let standard =
            StandardCode { system: LOINC.into(), code: "718-7".into(), display: "Hemoglobin".into() };
        let expected = FacilityCode { line: 2, local_system: None, local_code: "HB".into(), standard };
        assert_eq!(found, [expected], "{text}");
        assert!(told.bad.is_empty(), "{:?}", told.words);
    }
}

#[test]
fn lines_of_a_facilitys_list_that_make_no_sense_are_told() {
    let long = "x".repeat(300);
    let text = format!(
        "local_system,local_code,system,code,display\n\
         lab,HB,loinc,718-8,misprint\n\
         lab,HB,ours,718-7,system is none\n\
         lab,,loinc,718-7,no local code\n\
         lab,HB,snomed,38341003,fine\n\
         lab,{long},loinc,718-7,too long\n\
         lab,HB,snomed,,none\n\
         ,GLU,icd-10,E11.9,\n\
         lab\n"
    );
    let (found, told) = codes_of(text.as_bytes());
    assert_eq!(found.iter().map(|code| &*code.local_code).collect::<Vec<_>>(), ["HB", "GLU"]);
    assert_eq!(found[0].local_system.as_deref(), Some("lab"));
    assert_eq!(told.bad.iter().map(|(_, line)| *line).collect::<Vec<_>>(), [2, 3, 4, 6, 7, 9]);
}

#[test]
fn made_up_releases_are_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    write_rf2(folder.path(), 300, 1).unwrap();
    let release = Rf2Release::find(&[folder.path().to_path_buf()]).unwrap();
    let (mut told, mut kinds) = (Told::default(), std::collections::BTreeSet::new());
    let count = snomed(&release, &mut told, &mut |entry| {
        assert!(check_code(SNOMED, entry.code).is_ok());
        kinds.insert(entry.kind.to_owned());
    });
    assert_eq!((count.unwrap(), kinds.len(), told.bad.len()), (300, 4, 0), "{:?}", told.words.first());

    let path = folder.path().join("Loinc.csv");
    write_loinc(&path, 100, 1).unwrap();
    let count = loinc(&LoincTable::find(&path).unwrap(), &mut told, &mut |entry| {
        assert!(check_code(LOINC, entry.code).is_ok() && entry.names.len() > 5);
    });
    assert_eq!((count.unwrap(), told.bad.len()), (100, 0), "{:?}", told.words.first());
}

#[test]
fn abbreviations_are_written_as_they_are_searched() {
    for (short, long) in abbreviations() {
        assert!(!short.is_empty() && short != long || *short == "aptt", "{short}");
        for text in [short, long] {
            assert!(
                text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b' '),
                "{text}"
            );
        }
    }
}

/// Bytes that are mostly of a file's own alphabet.
fn bytes(alphabet: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let mixed = prop_oneof![8 => proptest::sample::select(alphabet), 1 => any::<u8>()];
    proptest::collection::vec(mixed, 0..600)
}

/// A real file with some bytes altered, dropped or repeated.
fn damaged(text: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let edits = proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..3_u8), 0..8);
    edits.prop_map(move |edits| {
        let mut text = text.clone();
        for (place, byte, kind) in edits {
            let at = place.index(text.len());
            match kind {
                0 => text[at] = byte,
                1 => drop(text.drain(at..(at + usize::from(byte)).min(text.len() - 1))),
                _ => text.insert(at, b"\"\t\n,"[usize::from(byte) % 4]),
            }
        }
        text
    })
}

fn sample(make: impl Fn(&Path), file: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path());
    std::fs::read(folder.path().join(file)).unwrap()
}

const DESCRIPTIONS: &str = "Snapshot/Terminology/sct2_Description_Snapshot-en_INT_20260101.txt";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_in_a_list_make_the_readers_panic(
        loinc in bytes(b"718-7,\"\";\r\n\tab"), codes in bytes(b"HB,loinc718-7\"\r\n")
    ) {
        let mut text = b"LOINC_NUM,COMPONENT,STATUS,LONG_COMMON_NAME,RELATEDNAMES2\n".to_vec();
        text.extend(loinc);
        let (found, _) = loinc_of(&text);
        prop_assert!(found.iter().all(|entry| is_loinc(&entry.code) && !entry.display.is_empty()));
        let mut text = b"local_code,system,code,display\n".to_vec();
        text.extend(codes);
        let (found, _) = codes_of(&text);
        prop_assert!(found.iter().all(|code| !code.local_code.is_empty()));
    }

    #[test]
    fn a_damaged_release_gives_what_is_whole_and_tells_the_rest(
        text in damaged(sample(|folder| write_rf2(folder, 20, 7).unwrap(), DESCRIPTIONS))
    ) {
        let folder = tempfile::tempdir().unwrap();
        write_rf2(folder.path(), 20, 7).unwrap();
        let lines = text.split(|byte| *byte == b'\n').count();
        std::fs::write(folder.path().join(DESCRIPTIONS), text).unwrap();
        let release = Rf2Release::find(&[folder.path().to_path_buf()]).unwrap();
        let mut told = Told::default();
        let mut names = 0;
        let read = snomed(&release, &mut told, &mut |entry| names += 1 + entry.names.len());
        if read.is_ok() {
            prop_assert!(names + told.bad.len() <= lines);
        }
    }

    #[test]
    fn a_damaged_table_gives_what_is_whole_and_tells_the_rest(
        text in damaged(sample(|folder| write_loinc(&folder.join("Loinc.csv"), 20, 7).unwrap(), "Loinc.csv"))
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Loinc.csv");
        std::fs::write(&path, text).unwrap();
        let mut found = 0;
        let read = loinc(&LoincTable::find(&path).unwrap(), &mut Told::default(), &mut |_| found += 1);
        if let Ok(count) = read {
            prop_assert_eq!(count, found);
        }
    }
}

mod in_records {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::super::*;
    use crate::{Built, Context, HiType, build};

    fn report(code: &Value) -> Value {
        json!({
            "authoredOn": "2026-01-15",
            "patient": { "name": "Sunita Devi", "patientReference": "OPD-4471" },
            "organisation": { "facilityName": "Asha Clinic", "facilityId": "IN1010000123" },
            "diagnostics": [{
                "serviceName": "Blood", "serviceCategory": "Hematology", "conclusion": "Normal",
                "result": [{ "observation": code, "result": "13", "valueQuantity": { "value": 13, "unit": "g/dL" } }],
            }],
        })
    }

    fn built(code: &Value, map: Option<&CodeMap>) -> Built {
        let terminology = map.map(|map| Arc::new(map.clone()) as Arc<dyn Terminology>);
        let context = Context { terminology, ..Context::default() };
        build(HiType::DiagnosticReport, &report(code), &context).unwrap()
    }

    fn coded(built: &Built) -> Value {
        let bundle = built.value();
        let entries = bundle["entry"].as_array().unwrap();
        let found = entries.iter().find(|entry| entry["resource"]["resourceType"] == "Observation");
        found.unwrap()["resource"]["code"].clone()
    }

    fn map() -> CodeMap {
        let mut map = CodeMap::default();
        let standard = StandardCode {
            system: LOINC.into(),
            code: "718-7".into(),
            display: "Hemoglobin [Mass/volume] in Blood".into(),
        };
        map.add(None, "HB", standard);
        map
    }

    #[test]
    fn a_facilitys_code_becomes_the_standard_one_and_its_words_stay() {
        let sent = json!({ "text": "Haemoglobin", "code": "HB" });
        let built = built(&sent, Some(&map()));
        let expected = json!({
            "coding": [{ "system": LOINC, "code": "718-7", "display": "Hemoglobin [Mass/volume] in Blood" }],
            "text": "Haemoglobin",
        });
        assert_eq!(coded(&built), expected);
        assert!(built.local_codes.is_empty());
    }

    #[test]
    fn an_unmapped_code_stays_text_and_is_told_with_its_words() {
        let sent = json!({ "text": "Total count", "code": "TLC", "system": "urn:lab" });
        for map in [None, Some(&map())] {
            let built = built(&sent, map);
            assert_eq!(coded(&built), json!({ "text": "Total count" }));
            let local = &built.local_codes[0];
            assert_eq!((local.system.as_deref(), &*local.code), (Some("urn:lab"), "TLC"));
            assert_eq!(local.label.as_deref(), Some("Total count"));
        }
    }

    #[test]
    fn a_standard_code_is_called_what_its_system_calls_it() {
        let mut map = CodeMap::default();
        map.add_display(LOINC, "718-7", "Hemoglobin [Mass/volume] in Blood");
        let sent = json!({ "text": "Khoon ki jaanch", "code": "718-7", "system": "loinc" });
        let told = built(&sent, Some(&map));
        assert_eq!(coded(&told)["coding"][0]["display"], "Hemoglobin [Mass/volume] in Blood");
        assert_eq!(coded(&told)["text"], "Khoon ki jaanch");
        let sent = json!({ "code": "718-7", "system": "loinc", "display": "As the lab says it" });
        assert_eq!(coded(&built(&sent, Some(&map)))["coding"][0]["display"], "As the lab says it");
    }

    #[test]
    fn a_document_that_was_coded_differs_in_its_ids_from_one_that_was_not() {
        let sent = json!({ "text": "Haemoglobin", "code": "HB" });
        let id = |map: Option<&CodeMap>| built(&sent, map).value()["identifier"]["value"].clone();
        assert_ne!(id(None), id(Some(&map())));
        assert_eq!(id(Some(&map())), id(Some(&map())));
        assert_eq!(id(None), id(Some(&CodeMap::default())), "nothing known, nothing different");
    }
}
