//! Value sets and code systems of a package as table rows.

use std::collections::BTreeMap;

use serde_json::Value;

use super::row::{ANY_SYSTEM, Members, SetRow, SystemRow};
use super::snapshot::{items, text, unversioned};
use super::source::Package;

/// How deep value sets may include each other.
const MAX_NESTING: u32 = 8;

/// Members by system while a value set is put together.
#[derive(Default)]
struct Gathered(Vec<(String, Members)>);

impl Gathered {
    fn add(&mut self, system: &str, members: Members) {
        let same = self.0.iter_mut().filter(|(s, _)| s == system);
        for (_, held) in same {
            match (held, &members) {
                (Members::Codes(have), Members::Codes(new)) => {
                    for code in new {
                        if !have.contains(code) {
                            have.push(code.clone());
                        }
                    }
                    return;
                }
                (held, new) if *held == *new => return,
                _ => {}
            }
        }
        self.0.push((system.to_owned(), members));
    }
}

/// Every value set of the package.
pub(super) fn sets(package: &Package) -> Vec<SetRow> {
    let listed = package.expanded.iter().map(|(url, entry)| expanded(url, entry));
    let composed = package.value_sets.iter().map(|(url, set)| {
        let mut gathered = Gathered::default();
        compose(set, package, &mut gathered, MAX_NESTING);
        SetRow { url: url.clone(), members: gathered.0 }
    });
    listed.chain(composed).filter(|set| !set.members.is_empty()).collect()
}

fn expanded(url: &str, entry: &Value) -> SetRow {
    let codes =
        |v: &Value| v.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let systems = entry.get("systems").and_then(Value::as_object).into_iter().flatten();
    let mut members: Vec<_> =
        systems.map(|(system, list)| (system.clone(), Members::Codes(codes(list)))).collect();
    let open = items(entry, "open").filter_map(Value::as_str);
    members.extend(open.map(|system| (system.to_owned(), Members::Some)));
    SetRow { url: url.to_owned(), members }
}

fn compose(set: &Value, package: &Package, into: &mut Gathered, nesting: u32) {
    if let Some(contains) = set.pointer("/expansion/contains").and_then(Value::as_array) {
        let each = contains.iter().filter_map(|c| Some((text(c, "system")?, text(c, "code")?)));
        each.for_each(|(system, code)| into.add(system, Members::Codes(vec![code.to_owned()])));
        return;
    }
    let Some(compose_) = set.get("compose") else { return };
    // What is taken out again is rare: its system then cannot be told apart.
    for exclude in items(compose_, "exclude") {
        into.add(text(exclude, "system").unwrap_or(ANY_SYSTEM), Members::Some);
    }
    for include in items(compose_, "include") {
        for url in items(include, "valueSet").filter_map(Value::as_str) {
            let inner = package.value_sets.get(unversioned(url)).filter(|_| nesting > 0);
            match inner {
                Some(inner) => compose(inner, package, into, nesting - 1),
                None => into.add(ANY_SYSTEM, Members::Some),
            }
        }
        let Some(system) = text(include, "system") else { continue };
        let codes: Vec<String> =
            items(include, "concept").filter_map(|c| text(c, "code")).map(str::to_owned).collect();
        let members = if include.get("filter").is_some() {
            Members::Some
        } else if codes.is_empty() {
            Members::All
        } else {
            Members::Codes(codes)
        };
        into.add(system, members);
    }
}

/// Code systems of the package, and the codes with displays that its value
/// sets name of other systems.
pub(super) fn systems(package: &Package) -> Vec<SystemRow> {
    let mut found: BTreeMap<String, SystemRow> = BTreeMap::new();
    for (url, system) in &package.code_systems {
        let mut codes = Vec::new();
        concepts(system, &mut codes, MAX_NESTING);
        let complete = text(system, "content").is_none_or(|c| c == "complete");
        found.insert(url.clone(), SystemRow { url: url.clone(), complete, codes });
    }
    for (url, displays) in &package.displays {
        let codes = displays.as_object().into_iter().flatten();
        let codes = codes.filter_map(|(c, d)| Some((c.clone(), d.as_str()?.to_owned()))).collect();
        found.entry(url.clone()).or_insert(SystemRow { url: url.clone(), complete: true, codes });
    }
    for set in package.value_sets.values() {
        for include in set.pointer("/compose/include").and_then(Value::as_array).into_iter().flatten() {
            named(include, &mut found);
        }
    }
    found.into_values().filter(|s| !s.codes.is_empty()).collect()
}

fn concepts(system: &Value, into: &mut Vec<(String, String)>, nesting: u32) {
    for concept in items(system, "concept") {
        if let Some(code) = text(concept, "code") {
            into.push((code.to_owned(), text(concept, "display").unwrap_or_default().to_owned()));
        }
        if nesting > 0 {
            concepts(concept, into, nesting - 1);
        }
    }
}

fn named(include: &Value, found: &mut BTreeMap<String, SystemRow>) {
    let Some(url) = text(include, "system") else { return };
    for concept in items(include, "concept") {
        let (Some(code), Some(display)) = (text(concept, "code"), text(concept, "display")) else { continue };
        let row = found.entry(url.to_owned()).or_insert_with(|| SystemRow {
            url: url.to_owned(),
            complete: false,
            codes: Vec::new(),
        });
        if !row.complete && !row.codes.iter().any(|(c, _)| c == code) {
            row.codes.push((code.to_owned(), display.to_owned()));
        }
    }
}
