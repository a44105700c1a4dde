//! Codes: what a facility's own ones stand for, looked up before its records are built; and the searchable code systems,
//! with what is built in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use abdm::id::FacilityId;
use nrces::LocalCode;
use nrces::terminology::{CodeMap, FacilityCode, LOINC, SNOMED, StandardCode, Terminology as _, system_uri};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use store::Tx;
use store::terminology::{Index, IndexOptions, LocalMapping, NewUnmapped, TerminologyError};

use crate::config::Config;
use crate::records::RecordInput;

/// How many different codes are looked up for one call. A record that holds more keeps the rest as text.
const MAX_CODES: usize = 5_000;
/// A facility's code is no longer than this, in characters; a longer one is no code that anyone maps.
const MAX_LOCAL: usize = 255;
/// What is kept of the words beside a code, in characters.
const MAX_LABEL: usize = 200;

/// The code systems of this installation. Nothing is opened before it is searched.
pub fn index(config: &Config) -> Index {
    Index::new(IndexOptions {
        folder: folder(config),
        builtin: Some(|| nrces::terminology::builtin().collect()),
        abbreviations: nrces::terminology::abbreviations(),
    })
}

/// The configured folder, or one beside the SQLite file.
fn folder(config: &Config) -> Option<PathBuf> {
    let beside = || {
        let file = config.store.url.expose_secret().strip_prefix("sqlite://")?;
        Some(Path::new(file).parent()?.join("terminology"))
    };
    config.terminology.folder.clone().or_else(beside)
}

/// A code as it stands in a record.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Written {
    code: String,
    system: Option<String>,
    has_display: bool,
}

/// What is known of the codes of these records: what the facility says that they stand for, and what a loaded code system
/// calls those that came without its words.
pub async fn codes<'a>(
    tx: &mut Tx,
    index: &Index,
    facility: &FacilityId,
    records: impl Iterator<Item = &'a RecordInput>,
) -> store::Result<CodeMap> {
    let mut written = BTreeSet::new();
    for record in records {
        if let Some(data) = &record.data {
            collect(&serde_json::from_str(data.get()).unwrap_or_default(), &mut written);
        }
    }
    let mut codes = CodeMap::default();
    if tx.has_local_mappings(facility).await? {
        let distinct: BTreeSet<&str> = written.iter().map(|written| written.code.as_str()).collect();
        for code in distinct {
            for known in tx.local_mappings_of(facility, code).await? {
                let standard =
                    StandardCode { system: known.system, code: known.code, display: known.display };
                codes.add(known.local.system.as_deref(), code, standard);
            }
        }
    }
    displays(index, &written, &mut codes).await;
    Ok(codes)
}

/// A record can be stored without these words, so a broken index hinders nothing.
async fn displays(index: &Index, written: &BTreeSet<Written>, codes: &mut CodeMap) {
    let nameless = written.iter().filter(|written| !written.has_display);
    for Written { code, system, .. } in nameless {
        let Some(system) = system.as_deref().map(system_uri) else { continue };
        if system != SNOMED && system != LOINC {
            continue;
        }
        match index.display(system, code).await {
            Ok(Some(display)) => codes.add_display(system, code, &display),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "codes could not be looked up; their own words are used");
                return;
            }
        }
    }
}

/// Everything in a record that looks like a code.
fn collect(value: &Value, into: &mut BTreeSet<Written>) {
    match value {
        Value::Object(object) => {
            let text = |key: &str| match object.get(key) {
                Some(Value::String(text)) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
                Some(Value::Number(number)) => Some(number.to_string()),
                _ => None,
            };
            if let Some(code) = text("code").filter(|_| into.len() < MAX_CODES) {
                into.insert(Written { code, system: text("system"), has_display: text("display").is_some() });
            }
            object.values().for_each(|value| collect(value, into));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        _ => {}
    }
}

/// Codes that stand for nothing, counted. One that is mapped to a system that its place does not take is none.
pub fn unmapped(codes: Vec<LocalCode>, known: &CodeMap) -> Vec<NewUnmapped> {
    let mut counted: BTreeMap<store::terminology::LocalCode, NewUnmapped> = BTreeMap::new();
    for LocalCode { system, code, label, .. } in codes {
        let is_code = |text: &str| text.chars().count() <= MAX_LOCAL && !text.contains(char::is_control);
        let fits = is_code(&code) && system.as_deref().is_none_or(is_code);
        if !fits || known.map(system.as_deref(), &code).is_some() {
            continue;
        }
        let local = store::terminology::LocalCode { system, code };
        let new = NewUnmapped { local: local.clone(), label: None, count: 0 };
        let new = counted.entry(local).or_insert(new);
        new.count += 1;
        new.label = label.map(|label| label.chars().take(MAX_LABEL).collect()).or(new.label.take());
    }
    counted.into_values().collect()
}

/// What is wrong with a line of a list that names a code without its words.
pub const NAMELESS: &str =
    "display is empty, and the code is of no code system that is loaded; write what the code means";

/// The lines of a facility's list as they are stored, and the numbers of those that lack words which nobody knows.
pub async fn mappings(
    index: &Index,
    codes: Vec<FacilityCode>,
) -> Result<(Vec<LocalMapping>, Vec<u64>), TerminologyError> {
    let (mut mappings, mut nameless) = (Vec::with_capacity(codes.len()), Vec::new());
    for FacilityCode { line, local_system, local_code, standard } in codes {
        let StandardCode { system, code, display } = standard;
        let display = match Some(display).filter(|display| !display.is_empty()) {
            Some(display) => Some(display),
            None => index.display(&system, &code).await?,
        };
        match display {
            Some(display) => {
                let local = store::terminology::LocalCode { system: local_system, code: local_code };
                mappings.push(LocalMapping { local, system, code, display });
            }
            None => nameless.push(line),
        }
    }
    Ok((mappings, nameless))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn local(code: &str, label: Option<&str>) -> LocalCode {
        LocalCode { system: None, code: code.into(), label: label.map(str::to_owned), path: String::new() }
    }

    #[test]
    fn codes_are_found_wherever_they_stand() {
        let record = json!({
            "diagnostics": [{ "result": [
                { "observation": { "text": "Hb", "code": " HB " } },
                { "observation": { "codings": [{ "system": "loinc", "code": "718-7" }] } },
            ]}],
            "other": { "code": 4711, "display": "A number" }, "code": null, "empty": { "code": "" },
        });
        let mut found = BTreeSet::new();
        collect(&record, &mut found);
        let found: Vec<_> =
            found.iter().map(|it| (&*it.code, it.system.as_deref(), it.has_display)).collect();
        assert_eq!(found, [("4711", None, true), ("718-7", Some("loinc"), false), ("HB", None, false)]);
    }

    #[test]
    fn codes_that_stand_for_nothing_are_counted_with_their_last_words() {
        let mut known = CodeMap::default();
        let standard = StandardCode { system: LOINC.into(), code: "718-7".into(), display: "Hb".into() };
        known.add(None, "HB", standard);
        let long = "x".repeat(300);
        let codes = vec![
            local("TLC", Some("Total count")),
            local("TLC", None),
            local("HB", None),
            local(&long, None),
            local("a\nb", None),
            local("ESR", Some(&long)),
        ];
        let found = unmapped(codes, &known);
        let shown: Vec<_> = found.iter().map(|new| (&*new.local.code, new.count)).collect();
        assert_eq!(shown, [("ESR", 1), ("TLC", 2)]);
        assert_eq!(found[1].label.as_deref(), Some("Total count"));
        assert_eq!(found[0].label.as_ref().map(String::len), Some(MAX_LABEL));
    }
}
