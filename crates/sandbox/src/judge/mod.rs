//! Judging raw JSON. Nothing here knows the types of any client: a body is walked by name, and what is wrong with
//! it is said by its place.

pub(crate) mod patient;
pub(crate) mod patterns;
pub(crate) mod reply;

use serde_json::{Map, Value};

/// How a member is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not there, or null.
    Missing,
    /// Of another JSON type.
    Type,
    /// Of the right type with a value that the rules do not allow.
    Value,
}

/// One thing that is wrong in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// JSON pointer.
    pub(crate) at: String,
    pub(crate) fault: Fault,
    pub(crate) why: String,
}

impl Wrong {
    /// `place: what` in one line.
    pub(crate) fn line(&self) -> String {
        format!("{}: {}", self.at, self.why)
    }
}

/// A place in a body.
#[derive(Debug, Clone)]
pub(crate) struct Node<'a> {
    value: &'a Value,
    at: String,
}

type Judged<T> = Result<T, Wrong>;

impl<'a> Node<'a> {
    pub(crate) fn root(value: &'a Value) -> Self {
        Self { value, at: String::new() }
    }

    pub(crate) fn value(&self) -> &'a Value {
        self.value
    }

    /// That this place breaks a rule.
    pub(crate) fn wrong(&self, why: impl Into<String>) -> Wrong {
        self.fault(Fault::Value, why)
    }

    fn fault(&self, fault: Fault, why: impl Into<String>) -> Wrong {
        let at = if self.at.is_empty() { "/".to_owned() } else { self.at.clone() };
        Wrong { at, fault, why: why.into() }
    }

    /// The members of an object.
    pub(crate) fn members(&self) -> Judged<&'a Map<String, Value>> {
        self.value
            .as_object()
            .ok_or_else(|| self.fault(Fault::Type, format!("must be an object, is {}", kind(self.value))))
    }

    /// A member, if it is there and not null.
    pub(crate) fn maybe(&self, name: &str) -> Judged<Option<Node<'a>>> {
        let at = format!("{}/{name}", self.at);
        Ok(self.members()?.get(name).filter(|value| !value.is_null()).map(|value| Node { value, at }))
    }

    /// A member that must be there.
    pub(crate) fn member(&self, name: &str) -> Judged<Node<'a>> {
        let at = format!("{}/{name}", self.at);
        self.maybe(name)?.ok_or_else(|| Wrong { at, fault: Fault::Missing, why: "is required".into() })
    }

    pub(crate) fn as_text(&self) -> Judged<&'a str> {
        self.value
            .as_str()
            .ok_or_else(|| self.fault(Fault::Type, format!("must be a string, is {}", kind(self.value))))
    }

    /// A string member that is not empty.
    pub(crate) fn text(&self, name: &str) -> Judged<&'a str> {
        let member = self.member(name)?;
        let text = member.as_text()?;
        if text.trim().is_empty() { Err(member.wrong("is blank")) } else { Ok(text) }
    }

    /// A string member, if there.
    pub(crate) fn maybe_text(&self, name: &str) -> Judged<Option<&'a str>> {
        self.maybe(name)?.map(|member| member.as_text()).transpose()
    }

    /// A string member that fits a documented pattern.
    pub(crate) fn matching(&self, name: &str, pattern: &patterns::Pattern) -> Judged<&'a str> {
        let text = self.text(name)?;
        if pattern.fits(text) { Ok(text) } else { Err(self.member(name)?.wrong(pattern.says())) }
    }

    /// A string member out of a list.
    pub(crate) fn one_of(&self, name: &str, allowed: &[&str]) -> Judged<&'a str> {
        let text = self.text(name)?;
        if allowed.contains(&text) {
            return Ok(text);
        }
        Err(self.member(name)?.wrong(format!("must be one of {}", allowed.join(", "))))
    }

    /// An integer member; text is of the wrong type.
    pub(crate) fn integer(&self, name: &str) -> Judged<i64> {
        let member = self.member(name)?;
        member.value.as_i64().ok_or_else(|| {
            member.fault(Fault::Type, format!("must be an integer, is {}", kind(member.value)))
        })
    }

    /// The items of an array member.
    pub(crate) fn items(&self, name: &str) -> Judged<Vec<Node<'a>>> {
        let member = self.member(name)?;
        let Some(items) = member.value.as_array() else {
            return Err(member.fault(Fault::Type, format!("must be an array, is {}", kind(member.value))));
        };
        Ok(items
            .iter()
            .enumerate()
            .map(|(n, value)| Node { value, at: format!("{}/{n}", member.at) })
            .collect())
    }

    /// Places of members that no schema knows.
    pub(crate) fn strangers(&self, known: &[&str]) -> Vec<String> {
        let names = self.value.as_object().into_iter().flat_map(Map::keys);
        names
            .filter(|name| !known.contains(&name.as_str()))
            .map(|name| format!("{}/{name}", self.at))
            .collect()
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
