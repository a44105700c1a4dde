//! Valid documents and how they are spoilt.

use nrces::Issue;
use nrces::validate::{Mode, validate};
use serde_json::Value;

/// Every valid document with its name.
pub const VALID: &[(&str, &str)] = &[
    ("op-consultation", include_str!("../data/valid/op-consultation.json")),
    ("prescription", include_str!("../data/valid/prescription.json")),
    ("diagnostic-report", include_str!("../data/valid/diagnostic-report.json")),
    ("diagnostic-report-imaging", include_str!("../data/valid/diagnostic-report-imaging.json")),
    ("discharge-summary", include_str!("../data/valid/discharge-summary.json")),
    ("immunization-record", include_str!("../data/valid/immunization-record.json")),
    ("health-document", include_str!("../data/valid/health-document.json")),
    ("wellness-record", include_str!("../data/valid/wellness-record.json")),
    ("invoice", include_str!("../data/valid/invoice.json")),
];

pub fn document(name: &str) -> Value {
    let (_, text) = VALID.iter().find(|(n, _)| *n == name).expect("a valid document of this name");
    serde_json::from_str(text).expect("valid documents are JSON")
}

/// One change of a document. Places are `Type/pointer` or `Type[n]/pointer`,
/// for the n-th resource of that type, or `Bundle/pointer`.
pub enum Edit {
    Remove(&'static str),
    Set(&'static str, Value),
    Rename(&'static str, &'static str),
    /// A further repetition.
    Push(&'static str, Value),
    /// A repetition a second time, after itself.
    Repeat(&'static str),
    Swap(&'static str, &'static str),
    /// Several in order.
    All(Vec<Edit>),
}

pub fn remove(at: &'static str) -> Edit {
    Edit::Remove(at)
}

pub fn set(at: &'static str, value: impl Into<Value>) -> Edit {
    Edit::Set(at, value.into())
}

pub fn rename(at: &'static str, to: &'static str) -> Edit {
    Edit::Rename(at, to)
}

pub fn push(at: &'static str, value: impl Into<Value>) -> Edit {
    Edit::Push(at, value.into())
}

pub fn repeat(at: &'static str) -> Edit {
    Edit::Repeat(at)
}

pub fn swap(a: &'static str, b: &'static str) -> Edit {
    Edit::Swap(a, b)
}

pub fn all(edits: impl Into<Vec<Edit>>) -> Edit {
    Edit::All(edits.into())
}

/// `Type[n]` and the rest after `separator`.
fn split(at: &str, separator: char) -> (&str, usize, &str) {
    let (head, rest) = at.split_once(separator).map_or((at, ""), |(h, r)| (h, r));
    match head.split_once('[') {
        Some((kind, n)) => (kind, n.trim_end_matches(']').parse().expect("a number"), rest),
        None => (head, 0, rest),
    }
}

fn entry(bundle: &Value, kind: &str, n: usize) -> usize {
    let entries = bundle["entry"].as_array().expect("entries");
    let of_kind = entries.iter().enumerate().filter(|(_, e)| e["resource"]["resourceType"] == kind);
    of_kind.map(|(at, _)| at).nth(n).unwrap_or_else(|| panic!("no {kind}[{n}]"))
}

fn pointer(bundle: &Value, at: &str) -> String {
    let (kind, n, rest) = split(at, '/');
    match kind {
        "Bundle" => format!("/{rest}"),
        _ => format!("/entry/{}/resource/{rest}", entry(bundle, kind, n)),
    }
}

/// `Type[n].path` as a location in the Bundle; `Bundle...` stays.
pub fn location(bundle: &Value, at: &str) -> String {
    if at.starts_with("Bundle") {
        return at.to_owned();
    }
    let (kind, n, rest) = split(at, '.');
    let resource = format!("Bundle.entry[{}].resource", entry(bundle, kind, n));
    if rest.is_empty() { resource } else { format!("{resource}.{rest}") }
}

pub fn apply(bundle: &mut Value, edit: Edit) {
    match edit {
        Edit::Remove(at) => drop(take(bundle, &pointer(bundle, at))),
        Edit::Set(at, value) => put(bundle, &pointer(bundle, at), value),
        Edit::Rename(at, to) => {
            let from = pointer(bundle, at);
            let value = take(bundle, &from);
            let (parent, _) = from.rsplit_once('/').expect("a parent");
            put(bundle, &format!("{parent}/{to}"), value);
        }
        Edit::Push(at, value) => {
            let at = pointer(bundle, at);
            bundle.pointer_mut(&at).and_then(Value::as_array_mut).expect("an array").push(value);
        }
        Edit::Repeat(at) => {
            let at = pointer(bundle, at);
            let value = bundle.pointer(&at).expect("a repetition").clone();
            let (list, _) = at.rsplit_once('/').expect("a parent");
            bundle.pointer_mut(list).and_then(Value::as_array_mut).expect("an array").push(value);
        }
        Edit::Swap(a, b) => {
            let (a, b) = (pointer(bundle, a), pointer(bundle, b));
            let was = bundle.pointer(&a).expect("first of the swap").clone();
            let other = bundle.pointer(&b).expect("second of the swap").clone();
            put(bundle, &a, other);
            put(bundle, &b, was);
        }
        Edit::All(edits) => edits.into_iter().for_each(|edit| apply(bundle, edit)),
    }
}

pub fn take(bundle: &mut Value, at: &str) -> Value {
    let (parent, last) = at.rsplit_once('/').expect("a parent");
    match bundle.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}")) {
        Value::Object(map) => map.shift_remove(last).unwrap_or_else(|| panic!("no {at}")),
        Value::Array(items) => items.remove(last.parse().expect("a number")),
        _ => panic!("{parent} holds nothing"),
    }
}

pub fn put(bundle: &mut Value, at: &str, value: Value) {
    let (parent, last) = at.rsplit_once('/').expect("a parent");
    match bundle.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}")) {
        Value::Object(map) => drop(map.insert(last.to_owned(), value)),
        Value::Array(items) => items[last.parse::<usize>().expect("a number")] = value,
        _ => panic!("{parent} holds nothing"),
    }
}

pub fn errors(bundle: &Value) -> Vec<Issue> {
    validate(bundle, Mode::Send).into_iter().filter(Issue::is_error).collect()
}

pub fn told(issues: &[Issue]) -> String {
    let each: Vec<String> = issues.iter().map(ToString::to_string).collect();
    format!("\n  {}", each.join("\n  "))
}

/// The document, spoilt so, has an error of this rule at this place.
pub fn caught(name: &str, edit: Edit, rule: &str, at: &str) {
    let mut bundle = document(name);
    let at_before = (!at.starts_with("Bundle")).then(|| location(&bundle, at));
    apply(&mut bundle, edit);
    let at = at_before.unwrap_or_else(|| at.to_owned());
    let issues = errors(&bundle);
    let hit = issues.iter().any(|i| i.rule == rule && i.path == at);
    assert!(hit, "{name}: no {rule} at {at}, but:{}", told(&issues));
}

/// Each line a test: `name: document, edit => rule at place;`.
macro_rules! faults {
    ($($name:ident: $document:literal, $edit:expr => $rule:literal at $place:literal;)*) => {
        $(
            #[test]
            fn $name() {
                $crate::support::caught($document, $edit, $rule, $place);
            }
        )*
    };
}
pub(crate) use faults;
