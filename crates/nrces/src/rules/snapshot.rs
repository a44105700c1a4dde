//! The snapshot of one StructureDefinition as a tree of rows.

use std::rc::Rc;

use serde_json::Value;

use super::RulesError;
use super::row::{BindRow, Card, InvariantRow, LimitsRow, Row, Rows, SlicingRow, TypeRow};

/// Where R4 names the data type of ids, urls and primitive values.
const SYSTEM_TYPE: &str = "http://hl7.org/fhirpath/System.";
/// Holds for every element and is checked as such, so it is never listed.
const EVERYWHERE: &str = "ele-1";

/// A definition's listing.
pub(super) struct Snapshot {
    pub root_invariants: Vec<String>,
    pub rows: Rows,
    pub invariants: Vec<InvariantRow>,
}

/// Reads the snapshot of `structure`.
pub(super) fn snapshot(structure: &Value) -> Result<Snapshot, RulesError> {
    let name = text(structure, "url").unwrap_or("?").to_owned();
    let fault = |what: String| RulesError::Definition { name: name.clone(), what };
    let elements = structure
        .pointer("/snapshot/element")
        .and_then(Value::as_array)
        .ok_or_else(|| fault("has no snapshot; use the package's published form".to_owned()))?;
    let mut root = Row::default();
    let mut invariants = Vec::new();
    for element in elements {
        let id = text(element, "id").or_else(|| text(element, "path")).unwrap_or_default();
        let mut row = element_row(element);
        for c in items(element, "constraint") {
            invariants.extend(invariant(c));
        }
        let Some((_, below)) = id.split_once('.') else {
            root.invariants = row.invariants;
            continue;
        };
        let mut parent = &mut root;
        let segments: Vec<(bool, &str)> = below.split('.').flat_map(segment).collect();
        let Some(((slice, last), above)) = segments.split_last() else { continue };
        for (slice, name) in above {
            let found = parent.children.iter_mut().find(|c| c.slice == *slice && c.name == *name);
            parent = Rc::make_mut(found.ok_or_else(|| fault(format!("{id} stands before its parent")))?);
        }
        row.slice = *slice;
        (*last).clone_into(&mut row.name);
        if id.ends_with("xtension") || id.rsplit_once(':').is_some_and(|(of, _)| of.ends_with("xtension")) {
            // Said of the type Extension once and for all.
            row.invariants.retain(|k| k != "ext-1");
        }
        parent.children.push(Rc::new(row));
    }
    Ok(Snapshot { root_invariants: root.invariants, rows: root.children, invariants })
}

/// `coding:LOINC` is the element `coding` and in it the slice `LOINC`.
fn segment(text: &str) -> Vec<(bool, &str)> {
    match text.split_once(':') {
        Some((name, slice)) => vec![(false, name), (true, slice)],
        None => vec![(false, text)],
    }
}

fn element_row(element: &Value) -> Row {
    let types: Vec<TypeRow> = items(element, "type").map(type_row).collect();
    let reference = text(element, "contentReference").and_then(|r| r.split_once('.')).map(|(_, p)| p);
    let id_type = text(element, "path").is_some_and(|p| p == "Resource.id" || p == "DomainResource.id");
    let base_is_resource = element.pointer("/base/path").and_then(Value::as_str) == Some("Resource.id");
    let types = if id_type || base_is_resource { vec![plain("id")] } else { types };
    Row {
        card: card(element),
        types: (!types.is_empty()).then_some(types),
        same_as: reference.map(str::to_owned),
        bind: bind(element),
        invariants: items(element, "constraint")
            .filter_map(|c| text(c, "key"))
            .filter(|key| *key != EVERYWHERE)
            .map(str::to_owned)
            .collect(),
        slicing: element.get("slicing").map(slicing),
        fixed: prefixed(element, "fixed"),
        pattern: prefixed(element, "pattern"),
        limits: LimitsRow {
            min: prefixed(element, "minValue"),
            max: prefixed(element, "maxValue"),
            length: element.get("maxLength").and_then(Value::as_u64),
        },
        ..Row::default()
    }
}

fn plain(code: &str) -> TypeRow {
    TypeRow { code: code.to_owned(), profiles: Vec::new(), targets: Vec::new() }
}

fn type_row(value: &Value) -> TypeRow {
    let code = text(value, "code").unwrap_or_default();
    let code = match code.strip_prefix(SYSTEM_TYPE) {
        // Only `Element.id` and `Extension.url` are of these types.
        Some(_) => items(value, "extension").find_map(|e| text(e, "valueUrl")).unwrap_or("string"),
        None => code,
    };
    // Targets of a canonical are definitions, which no clinical document holds.
    let targets = if code == "canonical" { Vec::new() } else { urls(value, "targetProfile") };
    TypeRow { code: code.to_owned(), profiles: urls(value, "profile"), targets }
}

fn urls(value: &Value, key: &str) -> Vec<String> {
    items(value, key).filter_map(Value::as_str).map(|u| unversioned(u).to_owned()).collect()
}

fn card(element: &Value) -> Option<Card> {
    let min = element.get("min").and_then(Value::as_u64).and_then(|m| u32::try_from(m).ok())?;
    let max = text(element, "max")?;
    Some(Card { min, max: if max == "*" { None } else { Some(max.parse().ok()?) } })
}

fn bind(element: &Value) -> Option<BindRow> {
    let binding = element.get("binding")?;
    let required = match text(binding, "strength")? {
        "required" => true,
        "extensible" => false,
        _ => return None,
    };
    Some(BindRow { required, set: unversioned(text(binding, "valueSet")?).to_owned() })
}

/// `url|version` without its version.
pub(super) fn unversioned(url: &str) -> &str {
    url.split('|').next().unwrap_or(url)
}

fn slicing(value: &Value) -> SlicingRow {
    let by = items(value, "discriminator")
        .map(|d| {
            (text(d, "type").unwrap_or_default().to_owned(), text(d, "path").unwrap_or_default().to_owned())
        })
        .collect();
    SlicingRow {
        by,
        rules: text(value, "rules").unwrap_or("open").to_owned(),
        ordered: value.get("ordered").and_then(Value::as_bool).unwrap_or(false),
    }
}

fn invariant(constraint: &Value) -> Option<InvariantRow> {
    let key = text(constraint, "key").filter(|k| *k != EVERYWHERE)?.to_owned();
    let print = fingerprint(text(constraint, "expression").unwrap_or_default());
    Some(InvariantRow { key, warning: text(constraint, "severity") == Some("warning"), print })
}

/// FNV-1a of an expression without its white space.
fn fingerprint(expression: &str) -> u32 {
    let bytes = expression.bytes().filter(|b| !b.is_ascii_whitespace());
    bytes.fold(0x811c_9dc5, |hash: u32, b| (hash ^ u32::from(b)).wrapping_mul(0x0100_0193))
}

/// The value of `fixedUri`, `fixedCode`, ... whatever its type.
fn prefixed(element: &Value, prefix: &str) -> Option<Value> {
    let typed = |key: &str| {
        key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
    };
    element.as_object()?.iter().find(|(key, _)| typed(key)).map(|(_, value)| value.clone())
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

pub(super) fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default().iter()
}
