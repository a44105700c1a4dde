//! JSON as it is looked at: a view of what was parsed, or of what was built here and has never been text. Both are
//! validated alike, and neither is copied for it.
//!
//! Fields are looked for one by one where they are few, as in most objects of a document: that takes less time than
//! hashing their name.

use serde_json::{Number, Value};

use crate::bytes::same;
use crate::fhir::{self, Node};

/// Up to so many names are looked through.
const FEW: usize = 12;

/// A JSON value.
#[derive(Clone, Copy)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(&'a Number),
    Text(&'a str),
    /// A narrative that was written here.
    Narrative(&'a str),
    List(List<'a>),
    Map(Map<'a>),
}

/// A JSON array.
#[derive(Clone, Copy)]
pub(crate) enum List<'a> {
    Parsed(&'a [Value]),
    Built(&'a [Node<'a>]),
}

/// A JSON object.
#[derive(Clone, Copy)]
pub(crate) enum Map<'a> {
    Parsed(&'a serde_json::Map<String, Value>),
    Built(&'a fhir::Map<'a>),
}

impl<'a> From<&'a Value> for Json<'a> {
    #[inline]
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::List(List::Parsed(items)),
            Value::Object(map) => Self::Map(Map::Parsed(map)),
        }
    }
}

impl<'a> From<&'a Node<'a>> for Json<'a> {
    #[inline]
    fn from(node: &'a Node<'a>) -> Self {
        match node {
            Node::Bool(value) => Self::Bool(*value),
            Node::Number(number) => Self::Number(number),
            Node::Text(text) => Self::Text(text),
            Node::Shared(text) => Self::Text(text),
            Node::Narrative(text) => Self::Narrative(text),
            Node::List(items) => Self::List(List::Built(items)),
            Node::Map(map) => Self::Map(Map::Built(map)),
        }
    }
}

impl<'a> From<&'a fhir::Map<'a>> for Json<'a> {
    #[inline]
    fn from(map: &'a fhir::Map<'a>) -> Self {
        Self::Map(Map::Built(map))
    }
}

impl<'a> Json<'a> {
    #[inline]
    pub(crate) fn as_str(self) -> Option<&'a str> {
        if let Self::Text(text) | Self::Narrative(text) = self { Some(text) } else { None }
    }

    #[inline]
    pub(crate) fn as_number(self) -> Option<&'a Number> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    pub(crate) fn as_f64(self) -> Option<f64> {
        self.as_number().and_then(Number::as_f64)
    }

    pub(crate) fn as_u64(self) -> Option<u64> {
        self.as_number().and_then(Number::as_u64)
    }

    #[inline]
    pub(crate) fn as_list(self) -> Option<List<'a>> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    #[inline]
    pub(crate) fn as_map(self) -> Option<Map<'a>> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }

    #[inline]
    pub(crate) fn is_map(self) -> bool {
        matches!(self, Self::Map(_))
    }

    #[inline]
    pub(crate) fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }

    /// A field of an object.
    #[inline]
    pub(crate) fn field(self, name: &str) -> Option<Json<'a>> {
        self.as_map()?.get(name)
    }

    /// A string field of an object.
    #[inline]
    pub(crate) fn text(self, name: &str) -> Option<&'a str> {
        self.field(name)?.as_str()
    }

    /// The items of an array field, none if it is not there.
    #[inline]
    pub(crate) fn items(self, name: &str) -> List<'a> {
        self.field(name).and_then(Json::as_list).unwrap_or_default()
    }

    /// Whether both are one and the same object, not only an equal one.
    pub(crate) fn is_same(self, other: Json<'_>) -> bool {
        match (self, other) {
            (Self::Map(Map::Parsed(one)), Json::Map(Map::Parsed(other))) => std::ptr::eq(one, other),
            (Self::Map(Map::Built(one)), Json::Map(Map::Built(other))) => std::ptr::addr_eq(one, other),
            _ => false,
        }
    }

    /// Whether it says the same as `other`.
    pub(crate) fn equals(self, other: &Value) -> bool {
        match (self, other) {
            (Self::Map(map), Value::Object(other)) => {
                let held = |(name, value): (&String, &Value)| map.get(name).is_some_and(|v| v.equals(value));
                map.len() == other.len() && other.iter().all(held)
            }
            (Self::List(items), Value::Array(other)) => {
                items.len() == other.len() && items.iter().zip(other).all(|(item, other)| item.equals(other))
            }
            (Self::Text(text) | Self::Narrative(text), Value::String(other)) => text == other,
            (Self::Number(number), Value::Number(other)) => number == other,
            (Self::Bool(value), Value::Bool(other)) => value == *other,
            (Self::Null, Value::Null) => true,
            _ => false,
        }
    }

    /// Whether it has everything that `pattern` says.
    pub(crate) fn contains(self, pattern: &Value) -> bool {
        match (self, pattern) {
            (Self::Map(map), Value::Object(pattern)) => {
                pattern.iter().all(|(name, p)| map.get(name).is_some_and(|v| v.contains(p)))
            }
            (Self::List(items), Value::Array(patterns)) => {
                patterns.iter().all(|p| items.iter().any(|item| item.contains(p)))
            }
            _ => self.equals(pattern),
        }
    }
}

impl Default for List<'_> {
    #[inline]
    fn default() -> Self {
        Self::Parsed(&[])
    }
}

impl<'a> List<'a> {
    #[inline]
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Parsed(items) => items.len(),
            Self::Built(items) => items.len(),
        }
    }

    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(crate) fn get(self, at: usize) -> Option<Json<'a>> {
        match self {
            Self::Parsed(items) => items.get(at).map(Json::from),
            Self::Built(items) => items.get(at).map(Json::from),
        }
    }

    #[inline]
    pub(crate) fn iter(self) -> impl ExactSizeIterator<Item = Json<'a>> + Clone {
        (0..self.len()).map(move |at| self.get(at).unwrap_or(Json::Null))
    }
}

impl<'a> Map<'a> {
    #[inline]
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Parsed(map) => map.len(),
            Self::Built(map) => map.members().len(),
        }
    }

    #[inline]
    pub(crate) fn get(self, name: &str) -> Option<Json<'a>> {
        match self {
            Self::Parsed(map) if map.len() > FEW => map.get(name).map(Json::from),
            Self::Parsed(map) => {
                let named = |(key, _): &(&String, &Value)| same(key.as_bytes(), name.as_bytes());
                map.iter().find(named).map(|(_, value)| value.into())
            }
            Self::Built(map) => {
                let named = |(key, _): &&(&'static str, Node<'a>)| same(key.as_bytes(), name.as_bytes());
                map.members().iter().find(named).map(|(_, node)| node.into())
            }
        }
    }

    #[inline]
    pub(crate) fn iter(self) -> Members<'a> {
        match self {
            Self::Parsed(map) => Members::Parsed(map.iter()),
            Self::Built(map) => Members::Built(map.members().iter()),
        }
    }

    #[inline]
    pub(crate) fn keys(self) -> impl Iterator<Item = &'a str> {
        self.iter().map(|(key, _)| key)
    }
}

/// The members of an object, in order.
pub(crate) enum Members<'a> {
    Parsed(serde_json::map::Iter<'a>),
    Built(std::slice::Iter<'a, (&'static str, Node<'a>)>),
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Json<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Parsed(members) => members.next().map(|(key, value)| (key.as_str(), value.into())),
            Self::Built(members) => members.next().map(|(key, node)| (*key, node.into())),
        }
    }
}
