//! Code systems are searched in spite of how people type; a load is all or nothing.

use std::fs;
use std::path::Path;

use proptest::test_runner::TestRunner;
use store::terminology::{Builder, Index, IndexOptions, NewEntry, Search, TerminologyError};

use crate::world::{START, at};

const SNOMED: &str = "http://snomed.info/sct";
const LOINC: &str = "http://loinc.org";

/// Code, display, kind, other names.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str]);

const FINDINGS: [Row; 11] = [
    ("1", "Fever", "finding", &["Pyrexia", "Febrile"]),
    ("2", "Yellow fever", "disorder", &[]),
    ("3", "Family history of yellow fever", "situation", &[]),
    ("4", "Myocardial infarction", "disorder", &["Heart attack", "Infarction of heart", "MI"]),
    ("5", "Chest pain", "finding", &["Pain in chest"]),
    ("6", "Type 2 diabetes mellitus", "disorder", &["Diabetes mellitus type 2"]),
    ("7", "Diabetes mellitus", "disorder", &[]),
    ("8", "Oedema of lower extremity", "finding", &["Edema of lower extremity"]),
    ("9", "Feverfew", "organism", &[]),
    ("10", "Haemoglobin level", "procedure", &[]),
    ("11", "बुखार की जाँच", "procedure", &[]),
];

/// In the order of how common they are.
const TESTS: [Row; 4] = [
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "HEM/BC", &["Hemoglobin", "Hgb Bld-mCnc"]),
    ("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "CHEM", &["Creatinine", "Creat SerPl-mCnc"]),
    ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "HEM/BC", &["Hemoglobin A1c", "HbA1c MFr Bld"]),
    ("1742-6", "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma", "CHEM", &[]),
];

fn builder(system: &str, rows: &[Row], standing: impl Fn(usize, &Row) -> u32) -> Builder {
    let mut builder = Builder::new("20260101");
    for (place, row) in rows.iter().enumerate() {
        let (code, display, kind, names) = *row;
        builder.add(&NewEntry { system, code, display, kind, names, standing: standing(place, row) });
    }
    builder
}

fn snomed() -> Builder {
    builder(SNOMED, &FINDINGS, |_, row| u32::try_from(row.1.len()).unwrap())
}

fn loinc() -> Builder {
    builder(LOINC, &TESTS, |place, _| u32::try_from(place).unwrap())
}

fn index(folder: &Path) -> Index {
    Index::new(IndexOptions {
        folder: Some(folder.join("terminology")),
        builtin: Some(|| {
            vec![
                (SNOMED, "1", "Fever, as it is built in"),
                (SNOMED, "50", "Vital signs"),
                (LOINC, "8867-4", "Heart rate"),
            ]
        }),
        abbreviations: &[("sgpt", "alanine aminotransferase"), ("hb", "haemoglobin")],
    })
}

async fn load(index: &Index, name: &str, builder: Builder) {
    index.replace(name, builder, at(START), &mut |_| {}).await.unwrap();
}

async fn both(folder: &Path) -> Index {
    let index = index(folder);
    load(&index, "snomed", snomed()).await;
    load(&index, "loinc", loinc()).await;
    index
}

async fn codes(index: &Index, text: &str, system: Option<&str>) -> Vec<String> {
    let found = index.search(Search { text, system, limit: 3 }).await.unwrap();
    found.into_iter().map(|found| found.code).collect()
}

#[tokio::test]
async fn the_best_match_comes_first_however_it_is_typed() {
    let folder = tempfile::tempdir().unwrap();
    let index = both(folder.path()).await;
    for (text, best) in [
        ("fever", "1"),
        ("FEVER", "1"),
        ("feve", "1"),
        ("fevr", "1"),
        ("pyrexia", "1"),
        ("pirexia", "1"),
        ("yello fevr", "2"),
        ("heart attack", "4"),
        ("hart atack", "4"),
        ("MI", "4"),
        ("pain of the chest", "5"),
        ("diabetes", "7"),
        ("diabetes type 2", "6"),
        ("diabetis melitus", "7"),
        ("edema lower", "8"),
        ("oedema extremity", "8"),
        ("haemoglobin", "718-7"),
        ("hemoglobin a1c", "4548-4"),
        ("HbA1c", "4548-4"),
        ("sgpt", "1742-6"),
        ("S. Creatinine (Jaffe)", "2160-0"),
        ("creatinine zzqqxx", "2160-0"),
        ("जाँच", "11"),
        ("heart rate", "8867-4"),
    ] {
        assert_eq!(codes(&index, text, None).await.first().map(String::as_str), Some(best), "{text}");
    }
}

#[tokio::test]
async fn what_nothing_matches_finds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let index = both(folder.path()).await;
    for text in ["", "  ", "zzqqxx", "\"", "* (*)", "' ; DROP TABLE concept", "\u{0}"] {
        assert!(codes(&index, text, None).await.is_empty(), "{text:?}");
    }
    let found = index.search(Search { text: "fever", system: None, limit: 0 }).await.unwrap();
    assert!(found.is_empty());
    assert!(codes(&index, "fever", Some("urn:unknown")).await.is_empty());
}

#[tokio::test]
async fn a_code_is_told_with_its_kind_and_the_name_that_was_met() {
    let folder = tempfile::tempdir().unwrap();
    let index = both(folder.path()).await;
    let found = index.search(Search { text: "heart attack", system: Some(SNOMED), limit: 1 }).await.unwrap();
    assert_eq!((&*found[0].display, found[0].kind.as_deref()), ("Myocardial infarction", Some("disorder")));
    assert_eq!(found[0].matched.as_deref(), Some("Heart attack"));
    let found = index.search(Search { text: "fever", system: Some(SNOMED), limit: 9 }).await.unwrap();
    assert_eq!((&*found[0].display, found[0].matched.as_deref()), ("Fever", None));
    let of_one = found.iter().filter(|found| found.code == "1").count();
    assert_eq!(of_one, 1, "what is loaded hides the same code built in");
    assert_eq!(codes(&index, "hemoglobin", Some(LOINC)).await, ["718-7", "4548-4"]);
    assert_eq!(index.display(LOINC, "718-7").await.unwrap().unwrap(), "Hemoglobin [Mass/volume] in Blood");
    assert_eq!(index.display(SNOMED, "718-7").await.unwrap(), None);
    assert_eq!(index.display(LOINC, "8867-4").await.unwrap().unwrap(), "Heart rate");
}

#[tokio::test]
async fn without_any_load_the_built_in_codes_are_searched() {
    let folder = tempfile::tempdir().unwrap();
    let here = index(folder.path());
    assert_eq!(codes(&here, "vitl sign", None).await, ["50"]);
    assert!(here.loaded().await.unwrap().is_empty());
    assert!(!folder.path().join("terminology").exists(), "searching makes no folder");
    let nowhere = Index::new(IndexOptions::default());
    assert!(codes(&nowhere, "fever", None).await.is_empty());
    let refused = nowhere.replace("snomed", snomed(), at(START), &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, TerminologyError::NoFolder), "{refused:?}");
}

#[tokio::test]
async fn a_new_release_takes_the_place_of_the_old_one_under_those_who_search() {
    let folder = tempfile::tempdir().unwrap();
    let searching = index(folder.path());
    assert_eq!(codes(&searching, "fever", None).await, ["1"], "built in");
    // Another process, as far as the first can tell.
    let loading = index(folder.path());
    let mut told = 0;
    loading.replace("snomed", snomed(), at(START), &mut |done| told = done).await.unwrap();
    assert_eq!(told, FINDINGS.len() as u64);
    assert_eq!(codes(&searching, "fever", None).await, ["1", "2", "9"]);
    let about = searching.loaded().await.unwrap().remove(0);
    assert_eq!((&*about.name, &*about.version, about.loaded_at), ("snomed", "20260101", at(START)));
    assert_eq!((about.entries, about.names, about.systems), (11, 19, vec![SNOMED.to_owned()]));

    load(&loading, "snomed", builder(SNOMED, &[("77", "Fever of another release", "", &[])], |_, _| 0)).await;
    assert_eq!(codes(&searching, "fever another", None).await, ["77"]);
    assert!(
        codes(&searching, "heart attack", Some(SNOMED)).await.is_empty(),
        "nothing of the old one is left"
    );
}

#[tokio::test]
async fn a_load_that_fails_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let index = both(folder.path()).await;
    let path = folder.path().join("terminology");
    // What a killed load leaves, and what the disk may do to a file.
    fs::write(path.join("snomed.new"), "half a file").unwrap();
    assert_eq!(codes(&index, "heart attack", None).await, ["4"]);
    let lock = fs::File::create(path.join("snomed.lock")).unwrap();
    lock.lock().unwrap();
    let refused = index.replace("snomed", snomed(), at(START), &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, TerminologyError::Busy(_)), "{refused:?}");
    drop(lock);
    assert_eq!(codes(&index, "heart attack", None).await, ["4"]);
    load(&index, "snomed", snomed()).await;
    assert!(!path.join("snomed.new").exists());

    fs::write(path.join("loinc.db"), "no database at all").unwrap();
    fs::write(path.join("empty.db"), "").unwrap();
    assert_eq!(codes(&index, "heart attack", None).await, ["4"], "the others are searched");
    assert_eq!(index.loaded().await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_two_entries_with_one_code_the_better_stands_and_control_characters_break_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let index = index(folder.path());
    let rows: [Row; 3] = [
        ("1", "First", "", &[]),
        ("1", "Second", "", &[]),
        ("2", "Odd\u{1F}name\nhere", "\t", &["x\ny", ""]),
    ];
    load(&index, "ours", builder("urn:ours", &rows, |place, _| u32::try_from(place).unwrap())).await;
    let ours = |text| codes(&index, text, Some("urn:ours"));
    assert_eq!(ours("first").await, ["1"]);
    assert!(ours("second").await.is_empty());
    assert_eq!(ours("odd name here").await, ["2"]);
    assert_eq!(ours("x y").await, ["2"]);
    load(&index, "ours", Builder::new("")).await;
    assert!(ours("first").await.is_empty(), "an empty code system is one");
}

#[tokio::test]
async fn many_search_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let index = both(folder.path()).await;
    let searches = (0..40).map(|number| {
        let index = index.clone();
        async move { codes(&index, if number % 2 == 0 { "fever" } else { "hb" }, None).await }
    });
    for found in futures_util::future::join_all(searches).await {
        assert!(!found.is_empty());
    }
}

#[test]
fn whatever_is_typed_is_answered() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let index = runtime.block_on(both(folder.path()));
    let typed = "\\PC{0,40}|[a-z \"*():^-]{0,60}|(NOT|AND|NEAR|fevr|hb| |\"){0,12}";
    let answered = TestRunner::default().run(&typed, |text| {
        runtime.block_on(codes(&index, &text, None));
        runtime.block_on(codes(&index, &text, Some(LOINC)));
        Ok(())
    });
    answered.unwrap();
}
