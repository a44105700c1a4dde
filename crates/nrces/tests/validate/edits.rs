//! Random single edits of valid documents: whatever is dropped, doubled,
//! retyped or swapped, the validator answers, and never `ok` where an element
//! became mandatory-missing, unknown or mistyped.

use std::sync::LazyLock;

use nrces::Issue;
use nrces::validate::{Mode, validate};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::support::{VALID, document, put, take, told};

/// A valid document and the pointers of everything in it.
struct Subject {
    name: &'static str,
    bundle: Value,
    places: Vec<String>,
}

static SUBJECTS: LazyLock<Vec<Subject>> = LazyLock::new(|| {
    let of = |name: &'static str| {
        let bundle = document(name);
        let mut places = Vec::new();
        below(&bundle, String::new(), &mut places);
        Subject { name, bundle, places }
    };
    VALID.iter().map(|(name, _)| of(name)).collect()
});

fn below(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, v)| below(v, format!("{at}/{key}"), into)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, v)| below(v, format!("{at}/{n}"), into));
        }
        _ => {}
    }
    if !at.is_empty() {
        into.push(at);
    }
}

/// What must stand in each resource, from the guide's own tables.
const MANDATORY: &[(&str, &[&str])] = &[
    ("Composition", &["status", "type", "subject", "date", "author", "title", "section"]),
    ("Patient", &["identifier"]),
    ("Practitioner", &["identifier"]),
    ("Organization", &["identifier", "name"]),
    ("Encounter", &["status", "class"]),
    ("Condition", &["code", "subject"]),
    ("Observation", &["status", "code"]),
    ("DiagnosticReport", &["status", "code", "conclusion", "resultsInterpreter"]),
    ("ServiceRequest", &["status", "intent", "subject", "requester"]),
    ("Specimen", &["receivedTime"]),
    ("Medication", &["code"]),
    (
        "MedicationRequest",
        &[
            "status",
            "intent",
            "medicationCodeableConcept",
            "subject",
            "authoredOn",
            "requester",
            "dosageInstruction",
        ],
    ),
    ("MedicationStatement", &["status", "medicationCodeableConcept", "subject"]),
    ("Procedure", &["status", "code", "subject"]),
    ("AllergyIntolerance", &["code", "patient"]),
    ("Appointment", &["status", "start", "end", "participant"]),
    ("CarePlan", &["status", "intent", "subject"]),
    ("Immunization", &["status", "vaccineCode", "patient", "occurrenceDateTime"]),
    ("ImmunizationRecommendation", &["patient", "date", "recommendation"]),
    ("DocumentReference", &["status", "content"]),
    ("Binary", &["contentType", "data"]),
    ("ImagingStudy", &["status", "subject"]),
    ("Media", &["status", "content"]),
    ("FamilyMemberHistory", &["status", "patient", "relationship", "condition"]),
    ("ChargeItem", &["status", "code", "subject", "quantity", "productReference"]),
    ("Invoice", &["status", "identifier", "type", "subject", "date", "lineItem", "totalNet", "totalGross"]),
    ("Bundle", &["identifier", "type", "timestamp", "meta", "entry"]),
];

/// What must stand below an element of this name, wherever it is.
const MANDATORY_BELOW: &[(&str, &[&str])] = &[
    ("attachment", &["contentType", "data"]),
    ("text", &["status", "div"]),
    ("dosageInstruction", &[]),
    ("priceComponent", &["type", "code", "amount"]),
    ("telecom", &["system", "value"]),
    ("name", &["text"]),
    ("attester", &["mode"]),
    ("subject", &["reference"]),
    ("entry", &["resource", "fullUrl", "reference"]),
    ("participant", &["status"]),
    ("protocolApplied", &["doseNumberPositiveInt"]),
    ("reaction", &["manifestation"]),
];

/// Whether a place must stand, as far as the two tables know.
fn mandatory(bundle: &Value, at: &str) -> bool {
    let Some((parent, key)) = at.rsplit_once('/') else { return false };
    let holder = bundle.pointer(parent).expect("a parent");
    let kind = holder["resourceType"].as_str().unwrap_or_default();
    if MANDATORY.iter().any(|(k, keys)| *k == kind && keys.contains(&key)) || key == "resourceType" {
        return true;
    }
    // The name of the parent, without the index of its repetition.
    let mut names = parent.rsplit('/').filter(|s| s.parse::<usize>().is_err());
    let name = names.next().unwrap_or_default();
    MANDATORY_BELOW.iter().any(|(k, keys)| *k == name && keys.contains(&key)) && kind.is_empty()
}

fn errors(bundle: &Value) -> Vec<Issue> {
    // Every mode has to stand every edit.
    let of_others = validate(bundle, Mode::Receive);
    let ours = validate(bundle, Mode::Send);
    assert_eq!(of_others.len(), ours.len());
    ours.into_iter().filter(Issue::is_error).collect()
}

/// Which of JSON's kinds a value is.
fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

/// A value of another kind than `value`.
fn retyped(value: &Value, choice: usize) -> Value {
    let first = value.get(0).cloned().unwrap_or_else(|| json!({"text": "x"}));
    let others = [
        json!(null),
        json!(true),
        json!(7),
        json!("x"),
        json!(["x"]),
        json!({"text": "x"}),
        json!({}),
        first,
    ];
    let mut of_other_kind = others.into_iter().filter(|o| kind(o) != kind(value)).cycle().skip(choice % 7);
    of_other_kind.next().expect("another kind")
}

fn place(subject: &Subject, at: Index) -> &str {
    at.get::<String>(&subject.places)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn dropping_what_is_mandatory_is_never_ok(subject in any::<Index>(), at in any::<Index>()) {
        let subject = subject.get(SUBJECTS.as_slice());
        let at = place(subject, at);
        let wanted = mandatory(&subject.bundle, at);
        let mut bundle = subject.bundle.clone();
        take(&mut bundle, at);
        let found = errors(&bundle);
        prop_assert!(!wanted || !found.is_empty(), "{} without {at} is ok", subject.name);
    }

    #[test]
    fn a_name_that_no_element_has_is_never_ok(subject in any::<Index>(), at in any::<Index>(), to in "[a-zA-Z]{1,12}x") {
        let subject = subject.get(SUBJECTS.as_slice());
        let at = place(subject, at);
        let (parent, key) = at.rsplit_once('/').expect("a parent");
        if key.parse::<usize>().is_err() {
            let mut bundle = subject.bundle.clone();
            let value = take(&mut bundle, at);
            put(&mut bundle, &format!("{parent}/{to}"), value);
            prop_assert!(!errors(&bundle).is_empty(), "{}: {at} as {to} is ok", subject.name);
        }
    }

    #[test]
    fn a_value_of_another_kind_is_never_ok(subject in any::<Index>(), at in any::<Index>(), choice in 0_usize..64) {
        let subject = subject.get(SUBJECTS.as_slice());
        let at = place(subject, at);
        let mut bundle = subject.bundle.clone();
        let value = retyped(bundle.pointer(at).expect("a value"), choice);
        put(&mut bundle, at, value.clone());
        prop_assert!(!errors(&bundle).is_empty(), "{}: {at} as {value} is ok", subject.name);
    }

    #[test]
    fn swapping_different_kinds_is_never_ok(subject in any::<Index>(), a in any::<Index>(), b in any::<Index>()) {
        let subject = subject.get(SUBJECTS.as_slice());
        let (a, b) = (place(subject, a), place(subject, b));
        if !format!("{a}/").starts_with(&format!("{b}/")) && !format!("{b}/").starts_with(&format!("{a}/")) {
            let mut bundle = subject.bundle.clone();
            let one = bundle.pointer(a).expect("a value").clone();
            let other = bundle.pointer(b).expect("a value").clone();
            let differ = kind(&one) != kind(&other);
            put(&mut bundle, a, other);
            put(&mut bundle, b, one);
            let found = errors(&bundle);
            prop_assert!(!differ || !found.is_empty(), "{}: {a} and {b} swapped is ok", subject.name);
        }
    }

    #[test]
    fn doubling_is_answered(subject in any::<Index>(), at in any::<Index>()) {
        let subject = subject.get(SUBJECTS.as_slice());
        let at = place(subject, at);
        let (parent, _) = at.rsplit_once('/').expect("a parent");
        let mut bundle = subject.bundle.clone();
        let value = bundle.pointer(at).expect("a value").clone();
        if let Some(list) = bundle.pointer_mut(parent).and_then(Value::as_array_mut) {
            list.push(value);
            let found = errors(&bundle);
            // An entry twice over shares its fullUrl.
            prop_assert!(parent != "/entry" || !found.is_empty(), "{}{}", subject.name, told(&found));
        }
    }

    #[test]
    fn any_json_is_answered(text in "[\\[\\]{}\":,a-z0-9 ]{0,60}") {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            prop_assert!(validate(&value, Mode::Send).iter().any(Issue::is_error));
        }
    }
}
