//! The three layers put on top of each other. Each key is held against the default, which is the schema: it names
//! what may be set and of which type; and it is remembered where each value came from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::problem::{Origin, Problem};

/// Tables whose keys are the operator's own; their values are text.
const FREE: [&str; 2] = ["gateway.callback_claims", "sms.headers"];

/// The values so far, where each came from, and what was wrong.
pub(super) struct Layers {
    schema: Table,
    pub merged: Table,
    /// By key (`gateway.rate`); what is not here is the default.
    pub origins: BTreeMap<String, Origin>,
    pub problems: Vec<Problem>,
}

/// What stands at a key of the default.
enum Place {
    Free,
    Table,
    Leaf(Value),
    Unknown,
}

impl Layers {
    pub fn defaults() -> Self {
        let mut problems = Vec::new();
        let schema = super::DEFAULT.parse::<Table>().unwrap_or_else(|error| {
            // A test reads the embedded default, so this is for the one who is editing it.
            problems.push(Problem { origin: Origin::Default, message: format!("default.toml: {error}") });
            Table::new()
        });
        Self { merged: schema.clone(), schema, origins: BTreeMap::new(), problems }
    }

    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }

    /// Adds a problem with the value of `key`.
    pub fn complain(&mut self, key: &str, message: impl std::fmt::Display) {
        let problem = Problem { origin: self.origin(key), message: format!("{key}: {message}") };
        self.problems.push(problem);
    }

    pub fn add_file(&mut self, path: &Path, text: &str) {
        let at = |offset: usize| Origin::File { path: path.to_owned(), line: line_of(text, offset) };
        match DeTable::parse(text) {
            Ok(table) => self.add_table("", table.get_ref(), &at),
            Err(error) => {
                let origin = at(error.span().map_or(0, |span| span.start));
                self.problems.push(Problem { origin, message: format!("not TOML: {}", error.message()) });
            }
        }
    }

    fn add_table(&mut self, prefix: &str, table: &DeTable<'_>, at: &dyn Fn(usize) -> Origin) {
        for (name, value) in table {
            let key = join(prefix, name.get_ref());
            let origin = at(name.span().start);
            match (self.place(&key), value.get_ref()) {
                (Place::Unknown, _) => self.unknown(&key, origin),
                (Place::Table | Place::Free, DeValue::Table(inner)) => {
                    self.origins.insert(key.clone(), origin);
                    self.add_table(&key, inner, at);
                }
                (Place::Table | Place::Free, _) => self.mistyped(&key, origin, "a table"),
                (Place::Leaf(like), value) => match same_type(value, &like) {
                    Some(value) => self.set(&key, value, origin),
                    None => self.mistyped(&key, origin, type_name(&like)),
                },
            }
        }
    }

    /// Takes `KADI_SECTION__KEY` variables; others, `KADI_CONFIG` among them, are no keys.
    pub fn add_environment(&mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) {
        for (name, value) in variables {
            let Some(name) = name.to_str() else { continue };
            let Some(key) = name.strip_prefix("KADI_").filter(|rest| rest.contains("__")) else { continue };
            let key = key.to_lowercase().replace("__", ".");
            let origin = Origin::Variable(name.to_owned());
            match value.to_str() {
                Some(raw) => self.add_variable(&key, raw, origin),
                None => self.mistyped(&key, origin, "text in UTF-8"),
            }
        }
    }

    fn add_variable(&mut self, key: &str, raw: &str, origin: Origin) {
        match self.place(key) {
            Place::Unknown => self.unknown(key, origin),
            Place::Leaf(like) => match read_as(raw, &like) {
                Some(value) => self.set(key, value, origin),
                None => self.mistyped(key, origin, type_name(&like)),
            },
            Place::Table | Place::Free => {
                let text = format!("table = {raw}");
                let parsed = DeTable::parse(&text).ok();
                match parsed
                    .as_ref()
                    .and_then(|outer| outer.get_ref().get("table"))
                    .map(toml::Spanned::get_ref)
                {
                    Some(DeValue::Table(inner)) => self.add_table(key, inner, &|_| origin.clone()),
                    _ => self.mistyped(key, origin, "a table such as { name = \"value\" }"),
                }
            }
        }
    }

    fn place(&self, key: &str) -> Place {
        if FREE.contains(&key) {
            return Place::Free;
        }
        let in_free = key.rsplit_once('.').is_some_and(|(parent, _)| FREE.contains(&parent));
        if in_free {
            return Place::Leaf(Value::String(String::new()));
        }
        let mut table = &self.schema;
        let mut parts = key.split('.').peekable();
        while let Some(part) = parts.next() {
            match table.get(part) {
                Some(Value::Table(_)) if parts.peek().is_none() => return Place::Table,
                Some(Value::Table(inner)) => table = inner,
                Some(leaf) if parts.peek().is_none() => return Place::Leaf(leaf.clone()),
                _ => return Place::Unknown,
            }
        }
        Place::Unknown
    }

    fn set(&mut self, key: &str, value: Value, origin: Origin) {
        let mut table = &mut self.merged;
        let (parents, name) = key.rsplit_once('.').unwrap_or(("", key));
        for part in parents.split('.').filter(|part| !part.is_empty()) {
            match table.entry(part).or_insert_with(|| Value::Table(Table::new())) {
                Value::Table(inner) => table = inner,
                _ => return,
            }
        }
        table.insert(name.to_owned(), value);
        self.origins.insert(key.to_owned(), origin);
    }

    fn unknown(&mut self, key: &str, origin: Origin) {
        let mut known = Vec::new();
        collect_keys("", &self.schema, &mut known);
        let nearest = known.iter().map(|other| (strsim::levenshtein(key, other), other)).min();
        let hint = match nearest {
            Some((distance, other)) if distance <= 3 => format!("did you mean {other}?"),
            _ => "`kadi config default` prints all of them".to_owned(),
        };
        self.problems
            .push(Problem { origin, message: format!("{key} is no key of the configuration; {hint}") });
    }

    fn mistyped(&mut self, key: &str, origin: Origin, expected: &str) {
        self.problems.push(Problem { origin, message: format!("{key}: expected {expected}") });
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn collect_keys(prefix: &str, table: &Table, keys: &mut Vec<String>) {
    for (name, value) in table {
        let key = join(prefix, name);
        if let Value::Table(inner) = value {
            collect_keys(&key, inner, keys);
        }
        keys.push(key);
    }
}

/// The value, if it has the type of `like`.
fn same_type(value: &DeValue<'_>, like: &Value) -> Option<Value> {
    match (value, like) {
        (DeValue::String(text), Value::String(_)) => Some(Value::String(text.to_string())),
        (DeValue::Boolean(truth), Value::Boolean(_)) => Some(Value::Boolean(*truth)),
        (DeValue::Integer(number), Value::Integer(_)) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::Integer)
        }
        _ => None,
    }
}

/// A variable's text, read as the type of `like`.
fn read_as(raw: &str, like: &Value) -> Option<Value> {
    match like {
        Value::Integer(_) => raw.trim().parse().ok().map(Value::Integer),
        Value::Boolean(_) => raw.trim().parse().ok().map(Value::Boolean),
        _ => Some(Value::String(raw.to_owned())),
    }
}

fn type_name(like: &Value) -> &'static str {
    match like {
        Value::Integer(_) => "a whole number",
        Value::Boolean(_) => "true or false",
        _ => "text in quotes",
    }
}
