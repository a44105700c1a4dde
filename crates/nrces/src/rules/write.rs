//! Tables as text: one line an element, two spaces a level, nothing repeated.
//! The notation is described in `rules/README.md`.

use std::fmt::Write as _;

use super::names::{short_profile, short_set, short_system};
use super::row::{Definition, Kind, LimitsRow, Members, Row, SetRow, SystemRow, Tables, TypeRow};

/// The text of tables; [`super::read::read`] reads it back.
pub(crate) fn write(tables: &Tables) -> String {
    let mut out = String::new();
    for i in &tables.invariants {
        let severity = if i.warning { "warning" } else { "error" };
        let _ = writeln!(out, "invariant {} {severity} {:08x}", i.key, i.print);
    }
    for definition in &tables.definitions {
        write_definition(&mut out, definition);
    }
    for set in &tables.sets {
        write_set(&mut out, set);
    }
    for system in &tables.systems {
        write_system(&mut out, system);
    }
    out
}

fn write_definition(out: &mut String, d: &Definition) {
    let (word, name) = match d.kind {
        Kind::Type => ("type", d.name.clone()),
        Kind::Resource => ("resource", d.name.clone()),
        Kind::Profile => ("profile", short_profile(&d.name)),
    };
    let _ = write!(out, "\n{word} {name}");
    if let Some(of) = &d.of {
        let _ = write!(out, " of {of}");
    }
    write_keys(out, &d.invariants);
    out.push('\n');
    for row in &d.rows {
        write_row(out, row, 1);
    }
}

fn write_keys(out: &mut String, keys: &[String]) {
    if !keys.is_empty() {
        let _ = write!(out, " ?{}", keys.join(","));
    }
}

fn write_row(out: &mut String, row: &Row, depth: usize) {
    let _ = write!(out, "{:indent$}{}{}", "", if row.slice { ":" } else { "" }, row.name, indent = depth * 2);
    if let Some(card) = row.card {
        let _ = match card.max {
            Some(max) => write!(out, " {}..{max}", card.min),
            None => write!(out, " {}..*", card.min),
        };
    }
    if let Some(types) = &row.types {
        let types: Vec<String> = types.iter().map(type_text).collect();
        let _ = write!(out, " {}", types.join("|"));
    }
    if let Some(path) = &row.same_as {
        let _ = write!(out, " @{path}");
    }
    if let Some(bind) = &row.bind {
        let _ = write!(out, " {}{}", if bind.required { '!' } else { '+' }, short_set(&bind.set));
    }
    write_keys(out, &row.invariants);
    if let Some(s) = &row.slicing {
        let by: Vec<String> = s.by.iter().map(|(kind, path)| format!("{kind}:{path}")).collect();
        let ordered = if s.ordered { ";ordered" } else { "" };
        let _ = write!(out, " by({};{}{ordered})", by.join(","), s.rules);
    }
    write_limits(out, &row.limits);
    if let Some(value) = &row.fixed {
        let _ = write!(out, " = {value}");
    } else if let Some(value) = &row.pattern {
        let _ = write!(out, " ~ {value}");
    }
    out.push('\n');
    for child in &row.children {
        write_row(out, child, depth + 1);
    }
}

fn write_limits(out: &mut String, limits: &LimitsRow) {
    if let Some(length) = limits.length {
        let _ = write!(out, " len:{length}");
    }
    if let Some(min) = &limits.min {
        let _ = write!(out, " min:{min}");
    }
    if let Some(max) = &limits.max {
        let _ = write!(out, " max:{max}");
    }
}

fn type_text(t: &TypeRow) -> String {
    let list = |urls: &[String]| urls.iter().map(|u| short_profile(u)).collect::<Vec<_>>().join("|");
    let mut text = t.code.clone();
    if !t.profiles.is_empty() {
        let _ = write!(text, "<{}>", list(&t.profiles));
    }
    if !t.targets.is_empty() {
        let _ = write!(text, "({})", list(&t.targets));
    }
    text
}

fn write_set(out: &mut String, set: &SetRow) {
    let _ = writeln!(out, "\nset {}", short_set(&set.url));
    for (system, members) in &set.members {
        let _ = write!(out, "  {}", short_system(system));
        let _ = match members {
            Members::All => writeln!(out, " *"),
            Members::Some => writeln!(out, " ?"),
            Members::Codes(codes) => {
                let codes: Vec<String> = codes.iter().map(|c| c.replace(' ', "\\s")).collect();
                writeln!(out, " = {}", codes.join(" "))
            }
        };
    }
}

fn write_system(out: &mut String, system: &SystemRow) {
    let complete = if system.complete { "complete" } else { "part" };
    let _ = writeln!(out, "\nsystem {} {complete}", short_system(&system.url));
    for (code, display) in &system.codes {
        let _ = writeln!(out, "  {} {}", code.replace(' ', "\\s"), display.replace(['\n', '\r'], " "));
    }
}
