//! Tables read from their text. Errors name the line.

use std::rc::Rc;

use serde_json::Value;

use super::RulesError;
use super::names::{long_profile, long_set, long_system};
use super::row::{
    BindRow, Card, Definition, InvariantRow, Kind, Members, Row, SetRow, SlicingRow, SystemRow, Tables,
    TypeRow,
};

/// How deep rows may nest: deeper than any FHIR definition.
const MAX_LEVELS: usize = 24;

/// Which block the lines that follow belong to.
enum Block {
    None,
    Definition,
    Set,
    System,
}

/// Adds what `text` says to `tables`.
pub(crate) fn read(text: &str, tables: &mut Tables) -> Result<(), RulesError> {
    let mut block = Block::None;
    // Rows that are still open, outermost first.
    let mut open: Vec<Row> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let fault = |what: &str| RulesError::Line { line: index + 1, what: what.to_owned() };
        let body = line.trim_start_matches(' ');
        if body.is_empty() || body.starts_with('#') {
            continue;
        }
        let level = (line.len() - body.len()) / 2;
        if level == 0 {
            close(&mut open, 0, tables);
            block = heading(body, tables).map_err(|e| fault(&e))?;
            continue;
        }
        match block {
            Block::Definition if level <= open.len() + 1 && level <= MAX_LEVELS => {
                close(&mut open, level - 1, tables);
                open.push(row(body).map_err(|e| fault(&e))?);
            }
            Block::Set => set_line(body, tables).ok_or_else(|| fault("not a line of a value set"))?,
            Block::System => system_line(body, tables).ok_or_else(|| fault("not a line of a code system"))?,
            Block::Definition => return Err(fault("a row is indented more than one level below the last")),
            Block::None => return Err(fault("a row before any heading")),
        }
    }
    close(&mut open, 0, tables);
    Ok(())
}

/// Ends the open rows down to `level`, each becoming a child of the one above.
fn close(open: &mut Vec<Row>, level: usize, tables: &mut Tables) {
    while open.len() > level {
        let Some(row) = open.pop() else { return };
        match (open.last_mut(), tables.definitions.last_mut()) {
            (Some(parent), _) => parent.children.push(Rc::new(row)),
            (None, Some(definition)) => definition.rows.push(Rc::new(row)),
            (None, None) => {}
        }
    }
}

fn heading(body: &str, tables: &mut Tables) -> Result<Block, String> {
    let mut words = body.split_ascii_whitespace();
    let word = words.next().unwrap_or_default();
    let name = words.next().ok_or("a heading without a name")?;
    match word {
        "invariant" => {
            let warning = words.next() == Some("warning");
            let print = words.next().and_then(|p| u32::from_str_radix(p, 16).ok()).ok_or("no fingerprint")?;
            tables.invariants.push(InvariantRow { key: name.to_owned(), warning, print });
            Ok(Block::None)
        }
        "type" | "resource" | "profile" => {
            tables.definitions.push(definition(word, name, words)?);
            Ok(Block::Definition)
        }
        "set" => {
            tables.sets.push(SetRow { url: long_set(name), members: Vec::new() });
            Ok(Block::Set)
        }
        "system" => {
            let complete = words.next() == Some("complete");
            tables.systems.push(SystemRow { url: long_system(name), complete, codes: Vec::new() });
            Ok(Block::System)
        }
        _ => Err("an unknown heading".to_owned()),
    }
}

fn definition<'a>(
    word: &str,
    name: &str,
    mut words: impl Iterator<Item = &'a str>,
) -> Result<Definition, String> {
    let kind = match word {
        "type" => Kind::Type,
        "resource" => Kind::Resource,
        _ => Kind::Profile,
    };
    let name = if kind == Kind::Profile { long_profile(name) } else { name.to_owned() };
    let mut d = Definition { kind, name, of: None, invariants: Vec::new(), rows: Vec::new() };
    while let Some(word) = words.next() {
        if word == "of" {
            d.of = words.next().map(str::to_owned);
        } else if let Some(keys) = word.strip_prefix('?') {
            d.invariants = keys.split(',').map(str::to_owned).collect();
        } else {
            return Err(format!("`{word}` in a heading"));
        }
    }
    Ok(d)
}

fn row(body: &str) -> Result<Row, String> {
    let mut row = Row::default();
    let mut rest = body;
    let mut first = true;
    while !rest.is_empty() {
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        if first {
            let name = word.strip_prefix(':');
            row.slice = name.is_some();
            name.unwrap_or(word).clone_into(&mut row.name);
            first = false;
        } else if word == "=" || word == "~" {
            let value: Value = serde_json::from_str(after).map_err(|e| format!("value: {e}"))?;
            *(if word == "=" { &mut row.fixed } else { &mut row.pattern }) = Some(value);
            return Ok(row);
        } else {
            row_word(&mut row, word)?;
        }
        rest = after;
    }
    Ok(row)
}

fn row_word(row: &mut Row, word: &str) -> Result<(), String> {
    let bad = || format!("`{word}` is not understood");
    let json = |text: &str| serde_json::from_str::<Value>(text).map_err(|_| bad());
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        row.card = Some(card(word).ok_or_else(bad)?);
    } else if let Some(path) = word.strip_prefix('@') {
        row.same_as = Some(path.to_owned());
    } else if let Some(set) = word.strip_prefix('!') {
        row.bind = Some(BindRow { required: true, set: long_set(set) });
    } else if let Some(set) = word.strip_prefix('+') {
        row.bind = Some(BindRow { required: false, set: long_set(set) });
    } else if let Some(keys) = word.strip_prefix('?') {
        row.invariants = keys.split(',').map(str::to_owned).collect();
    } else if let Some(by) = word.strip_prefix("by(").and_then(|w| w.strip_suffix(')')) {
        row.slicing = Some(slicing(by).ok_or_else(bad)?);
    } else if let Some(n) = word.strip_prefix("len:") {
        row.limits.length = Some(n.parse().map_err(|_| bad())?);
    } else if let Some(v) = word.strip_prefix("min:") {
        row.limits.min = Some(json(v)?);
    } else if let Some(v) = word.strip_prefix("max:") {
        row.limits.max = Some(json(v)?);
    } else {
        row.types = Some(types(word));
    }
    Ok(())
}

fn card(word: &str) -> Option<Card> {
    let (min, max) = word.split_once("..")?;
    let max = if max == "*" { None } else { Some(max.parse().ok()?) };
    Some(Card { min: min.parse().ok()?, max })
}

fn slicing(text: &str) -> Option<SlicingRow> {
    let mut parts = text.split(';');
    let by = parts.next()?.split(',').filter_map(|d| d.split_once(':'));
    let by = by.map(|(kind, path)| (kind.to_owned(), path.to_owned())).collect();
    Some(SlicingRow { by, rules: parts.next()?.to_owned(), ordered: parts.next() == Some("ordered") })
}

/// `A|B(C|D)|E<F>`.
fn types(word: &str) -> Vec<TypeRow> {
    let mut depth = 0_u32;
    let outer = word.split(move |c| {
        match c {
            '(' | '<' => depth += 1,
            ')' | '>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == '|' && depth == 0
    });
    outer.map(one_type).collect()
}

fn one_type(text: &str) -> TypeRow {
    let code = text.split(['(', '<']).next().unwrap_or_default().to_owned();
    let list = |open: char, close: char| -> Vec<String> {
        let inner = text.split_once(open).and_then(|(_, rest)| rest.split_once(close));
        inner.map(|(urls, _)| urls.split('|').map(long_profile).collect()).unwrap_or_default()
    };
    TypeRow { code, profiles: list('<', '>'), targets: list('(', ')') }
}

fn set_line(body: &str, tables: &mut Tables) -> Option<()> {
    let set = tables.sets.last_mut()?;
    let (system, rest) = body.split_once(' ')?;
    let members = match rest {
        "*" => Members::All,
        "?" => Members::Some,
        _ => {
            let codes = rest.strip_prefix('=')?.split_ascii_whitespace();
            Members::Codes(codes.map(|c| c.replace("\\s", " ")).collect())
        }
    };
    set.members.push((long_system(system), members));
    Some(())
}

fn system_line(body: &str, tables: &mut Tables) -> Option<()> {
    let system = tables.systems.last_mut()?;
    let (code, display) = body.split_once(' ').unwrap_or((body, ""));
    system.codes.push((code.replace("\\s", " "), display.to_owned()));
    Some(())
}
