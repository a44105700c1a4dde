//! Reading an input: every wrong type is told with its JSON pointer, every
//! field that nothing reads is a warning, and no message repeats a value.

use std::cell::Cell;
use std::fmt::Write as _;

use serde::de::{DeserializeOwned, Error as _};
use serde_json::Value;
use serde_json::error::Category;

use super::watched::Watched;
use crate::issue::Issue;
use crate::pointer::Escaped;

/// An input before it is read.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    Value(&'a Value),
    Raw(&'a [u8]),
}

impl Source<'_> {
    /// How long the text is; 0 where there is none.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Value(_) => 0,
            Self::Raw(bytes) => bytes.len(),
        }
    }
}

/// Reads a record. The error is the one problem that stopped the reading.
pub(crate) fn read<T: DeserializeOwned>(source: Source<'_>, warnings: &mut Vec<Issue>) -> Result<T, Issue> {
    let passed_over = Cell::new(false);
    let result = match source {
        Source::Value(value) => T::deserialize(Watched::new(value, &passed_over)),
        // Read as bytes, every string would be checked for itself.
        Source::Raw(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => {
                let mut reader = serde_json::Deserializer::from_str(text);
                T::deserialize(Watched::new(&mut reader, &passed_over)).and_then(|record| {
                    reader.end()?;
                    Ok(record)
                })
            }
            Err(_) => {
                passed_over.set(true);
                let read: Result<Value, serde_json::Error> = serde_json::from_slice(bytes);
                read.and_then(|_| Err(serde_json::Error::custom("no UTF-8")))
            }
        },
    };
    // Paths cost time, so they are followed only when there is something to tell.
    if passed_over.get() {
        unknown_fields::<T>(source, warnings);
    }
    result.map_err(|error| locate::<T>(source, &error))
}

/// Reads once more, to tell the fields that nothing reads; up to a problem, if there is one.
fn unknown_fields<T: DeserializeOwned>(source: Source<'_>, warnings: &mut Vec<Issue>) {
    let mut ignored = |path: serde_ignored::Path<'_>| warnings.push(unknown_field(&path));
    let again: Result<T, serde_json::Error> = match source {
        Source::Value(value) => serde_ignored::deserialize(value, &mut ignored),
        Source::Raw(bytes) => {
            serde_ignored::deserialize(&mut serde_json::Deserializer::from_slice(bytes), &mut ignored)
        }
    };
    drop(again);
}

fn locate<T: DeserializeOwned>(source: Source<'_>, first: &serde_json::Error) -> Issue {
    let traced = match source {
        Source::Value(value) => serde_path_to_error::deserialize::<_, T>(value),
        Source::Raw(bytes) => {
            serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(bytes))
        }
    };
    match traced {
        Err(error) => issue(&pointer(error.path()), error.inner()),
        Ok(_) => issue("", first),
    }
}

fn issue(path: &str, error: &serde_json::Error) -> Issue {
    let text = error.to_string();
    match error.classify() {
        Category::Data => Issue::error(path, "input.type", data_message(&text)),
        Category::Io => Issue::error("", "input.json", "The input could not be read."),
        Category::Syntax | Category::Eof => Issue::error(
            "",
            "input.json",
            format!(
                "This is not JSON: {} at line {}, column {}.",
                text.split(" at line ").next().unwrap_or("unexpected text"),
                error.line(),
                error.column()
            ),
        ),
    }
}

/// What serde says, without the value that it says it about.
fn data_message(text: &str) -> String {
    let text = text.split(" at line ").next().unwrap_or(text);
    if let Some((found, expected)) = text.rsplit_once(", expected ") {
        let found = found.strip_prefix("invalid type: ").and_then(|f| f.split([' ', '`']).next());
        return match found {
            Some(found) => format!("Expected {expected} here, found {}.", kind(found)),
            None => format!("Expected {expected} here."),
        };
    }
    match text.split_once('`') {
        Some(("duplicate field ", _)) => "This field is given twice; send it once.".to_owned(),
        _ if text.starts_with("expected ") => format!("{}{}.", "E", text.trim_start_matches('e')),
        _ => "This value cannot be read; see the schema of this record.".to_owned(),
    }
}

fn kind(found: &str) -> &str {
    match found {
        "map" => "an object",
        "sequence" => "a list",
        "string" => "text",
        "integer" | "floating" => "a number",
        "boolean" => "true or false",
        "null" | "unit" => "null",
        _ => "something else",
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        let written = match segment {
            Segment::Seq { index } => write!(pointer, "/{index}"),
            Segment::Map { key } => write!(pointer, "/{}", Escaped(key)),
            Segment::Enum { .. } | Segment::Unknown => Ok(()),
        };
        debug_assert!(written.is_ok(), "a String takes every write");
    }
    pointer
}

fn unknown_field(path: &serde_ignored::Path<'_>) -> Issue {
    let mut pointer = String::new();
    write_pointer(path, &mut pointer);
    Issue::warning(
        pointer,
        "input.unknown",
        "Nothing reads this field, so it is not in the record; check its spelling against the schema.",
    )
}

fn write_pointer(path: &serde_ignored::Path<'_>, pointer: &mut String) {
    use serde_ignored::Path;
    let (parent, step) = match path {
        Path::Root => return,
        Path::Seq { parent, index } => (parent, format!("/{index}")),
        Path::Map { parent, key } => (parent, format!("/{}", Escaped(key))),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            (parent, String::new())
        }
    };
    write_pointer(parent, pointer);
    pointer.push_str(&step);
}
