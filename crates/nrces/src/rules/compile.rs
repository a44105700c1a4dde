//! A FHIR package turned into tables: the base types in full, a profile by
//! what it changes of the type that it constrains.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value;

use super::merge::{Bases, Difference};
use super::row::{CORE, Definition, InvariantRow, Kind, Row, Tables};
use super::snapshot::{snapshot, text};
use super::source::Package;
use super::{Rules, RulesError, TABLES, read, terminology, write};

/// Tables as text, in the two files that a package gives.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// Definitions and invariants.
    pub rules: String,
    /// Value sets and code systems.
    pub codes: String,
    /// What of the package was left out, each as a sentence.
    pub notes: Vec<String>,
}

/// Rules of a package of NRCeS profiles, over the built-in base of R4.
pub fn compile(package: &Package) -> Result<Rules, RulesError> {
    let [base, base_codes, ..] = TABLES;
    let compiled = compile_text(package, &[base, base_codes])?;
    let mut rules = Rules::from_tables(&[base, base_codes, &compiled.rules, &compiled.codes])?;
    rules.add_notes(compiled.notes);
    Ok(rules)
}

/// The tables of a package of profiles, over the base tables given as text.
pub fn compile_text(package: &Package, base: &[&str]) -> Result<Compiled, RulesError> {
    let mut known = Tables::default();
    for text in base {
        read::read(text, &mut known)?;
    }
    let mut bases = Bases::default();
    known.definitions.iter().for_each(|d| bases.add(d));
    let mut tables = Tables::default();
    let mut notes = Vec::new();
    for structure in package.structures.values().filter(|s| text(s, "derivation") != Some("specialization")) {
        let of = text(structure, "type").unwrap_or_default();
        if !bases.has(of) {
            let name = text(structure, "url").unwrap_or_default();
            notes.push(format!(
                "the profile {name} constrains {of}, which is not known here; it is not checked"
            ));
            continue;
        }
        let (definition, invariants) = profile(structure, &bases)?;
        tables.definitions.push(definition);
        add_invariants(&mut tables, invariants, &known.invariants);
    }
    let codes = Tables {
        sets: terminology::sets(package),
        systems: terminology::systems(package),
        ..Tables::default()
    };
    Ok(Compiled { rules: write::write(&tables), codes: write::write(&codes), notes })
}

fn profile(structure: &Value, bases: &Bases) -> Result<(Definition, Vec<InvariantRow>), RulesError> {
    let url = text(structure, "url").unwrap_or_default().to_owned();
    let fault = |what: String| RulesError::Definition { name: url.clone(), what };
    let of = text(structure, "type").unwrap_or_default().to_owned();
    let full = snapshot(structure)?;
    let root = bases.rows(&of);
    let mut at = Difference { root, unknown: Vec::new() };
    let rows = bases.differences(root, full.rows.iter(), &mut at);
    if let Some(name) = at.unknown.first() {
        return Err(fault(format!("has an element `{name}` that {of} does not have")));
    }
    let known = bases.invariants(&of);
    let invariants = full.root_invariants.into_iter().filter(|k| !known.contains(k)).collect();
    let definition = Definition { kind: Kind::Profile, name: url, of: Some(of), invariants, rows };
    Ok((definition, full.invariants))
}

/// The tables of R4's own types and resources.
pub fn compile_base(package: &Package) -> Result<Compiled, RulesError> {
    let mut all = BTreeMap::new();
    let mut found = Vec::new();
    for structure in package.structures.values() {
        let Some((definition, invariants)) = base_definition(structure)? else { continue };
        all.insert(definition.name.clone(), definition);
        found.extend(invariants);
    }
    let mut tables = Tables::default();
    for name in in_order(&all) {
        let Some(definition) = all.get(&name) else { continue };
        tables.definitions.push(definition.clone());
    }
    let used: BTreeSet<String> = tables.definitions.iter().flat_map(keys).collect();
    add_invariants(&mut tables, found.into_iter().filter(|i| used.contains(&i.key)).collect(), &[]);
    let codes = Tables {
        sets: terminology::sets(package),
        systems: terminology::systems(package),
        ..Tables::default()
    };
    Ok(Compiled { rules: write::write(&tables), codes: write::write(&codes), notes: Vec::new() })
}

/// A type or resource; nothing for primitives, which are checked natively.
fn base_definition(structure: &Value) -> Result<Option<(Definition, Vec<InvariantRow>)>, RulesError> {
    let name = text(structure, "name").unwrap_or_default().to_owned();
    let kind = match text(structure, "kind") {
        Some("resource") => Kind::Resource,
        Some("complex-type") => Kind::Type,
        _ => return Ok(None),
    };
    if text(structure, "url").is_none_or(|url| url.strip_prefix(CORE) != Some(name.as_str())) {
        return Ok(None);
    }
    let full = snapshot(structure)?;
    let of = parent(&name, kind, &full.rows);
    let inherited: &[&str] = match of {
        None => &[],
        Some("Element") => &["id", "extension"],
        Some("BackboneElement") => &["id", "extension", "modifierExtension"],
        Some("Resource") => &["id", "meta", "implicitRules", "language"],
        Some(_) => &[
            "id",
            "meta",
            "implicitRules",
            "language",
            "text",
            "contained",
            "extension",
            "modifierExtension",
        ],
    };
    let rows = full.rows.into_iter().filter(|r| !inherited.contains(&r.name.as_str())).map(trimmed).collect();
    let inherited: &[&str] =
        if of == Some("DomainResource") { &["dom-2", "dom-3", "dom-4", "dom-5", "dom-6"] } else { &[] };
    let invariants = full.root_invariants.into_iter().filter(|k| !inherited.contains(&k.as_str())).collect();
    let definition = Definition { kind, name, of: of.map(str::to_owned), invariants, rows };
    Ok(Some((definition, full.invariants)))
}

/// The definition that brings the rows which all of its kind share.
fn parent(name: &str, kind: Kind, rows: &[Rc<Row>]) -> Option<&'static str> {
    let extensible = rows.iter().any(|r| r.name == "modifierExtension");
    match (name, kind, extensible) {
        ("Element" | "Resource", ..) => None,
        ("BackboneElement", ..) => Some("Element"),
        ("DomainResource", ..) | (_, Kind::Resource, false) => Some("Resource"),
        (_, Kind::Resource, true) => Some("DomainResource"),
        (_, _, true) => Some("BackboneElement"),
        _ => Some("Element"),
    }
}

/// Without the slicing that every extension has, and without the rows that
/// every backbone has.
fn trimmed(row: Rc<Row>) -> Rc<Row> {
    let mut row = Rc::unwrap_or_clone(row);
    row.slicing = None;
    row.children.retain(|c| !matches!(c.name.as_str(), "id" | "extension" | "modifierExtension"));
    row.children = row.children.into_iter().map(trimmed).collect();
    Rc::new(row)
}

/// Names of the definitions that resources reach, each after its parent.
fn in_order(all: &BTreeMap<String, Definition>) -> Vec<String> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<String> =
        all.values().filter(|d| d.kind == Kind::Resource).map(|d| d.name.clone()).collect();
    while let Some(name) = open.pop() {
        let Some(definition) = all.get(&name).filter(|_| reached.insert(name.clone())) else { continue };
        open.extend(definition.of.clone());
        definition.rows.iter().for_each(|row| types_below(row, &mut open));
    }
    let rank = |name: &str| match name {
        "Element" => 0,
        "BackboneElement" => 1,
        "Resource" => 3,
        "DomainResource" => 4,
        _ if all.get(name).is_some_and(|d| d.kind == Kind::Type) => 2,
        _ => 5,
    };
    let mut names: Vec<String> = reached.into_iter().filter(|n| all.contains_key(n)).collect();
    names.sort_by_key(|name| (rank(name), name.clone()));
    names
}

fn types_below(row: &Row, into: &mut Vec<String>) {
    for t in row.types.iter().flatten() {
        into.push(t.code.clone());
        into.extend(t.profiles.iter().filter_map(|p| p.strip_prefix(CORE)).map(str::to_owned));
    }
    row.children.iter().for_each(|child| types_below(child, into));
}

fn keys(definition: &Definition) -> Vec<String> {
    fn below(row: &Row, into: &mut Vec<String>) {
        into.extend(row.invariants.iter().cloned());
        row.children.iter().for_each(|child| below(child, into));
    }
    let mut found = definition.invariants.clone();
    definition.rows.iter().for_each(|row| below(row, &mut found));
    found
}

/// Adds those that are new or mean something else than `known` says.
fn add_invariants(tables: &mut Tables, found: Vec<InvariantRow>, known: &[InvariantRow]) {
    for row in found {
        if !known.contains(&row) && !tables.invariants.contains(&row) {
            tables.invariants.push(row);
        }
    }
    tables.invariants.sort_by(|a, b| a.key.cmp(&b.key));
}
