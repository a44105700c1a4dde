//! A FHIR resource while it is being built: JSON whose keys are known words and
//! whose texts are borrowed from the input, so that nothing is copied or hashed.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::{Number, Value};

/// A JSON value.
pub(crate) enum Node<'a> {
    Text(Cow<'a, str>),
    Bool(bool),
    Number(Number),
    List(Vec<Node<'a>>),
    Map(Map<'a>),
}

/// A JSON object; keys keep the order in which they were put.
#[derive(Default)]
pub(crate) struct Map<'a>(Vec<(&'static str, Node<'a>)>);

impl<'a> Map<'a> {
    pub fn with_capacity(keys: usize) -> Self {
        Self(Vec::with_capacity(keys))
    }

    /// Puts a member; an empty list is none, since FHIR knows no empty ones.
    pub fn put(&mut self, key: &'static str, value: impl Into<Node<'a>>) {
        let value = value.into();
        if !value.is_empty() {
            self.0.push((key, value));
        }
    }

    /// Puts a member if there is one.
    pub fn put_some<T: Into<Node<'a>>>(&mut self, key: &'static str, value: Option<T>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Puts a list of one if there is one.
    pub fn put_one<T: Into<Node<'a>>>(&mut self, key: &'static str, value: Option<T>) {
        if let Some(value) = value {
            self.put(key, vec![value.into()]);
        }
    }

    /// The same with a member more.
    pub fn with(mut self, key: &'static str, value: impl Into<Node<'a>>) -> Self {
        self.put(key, value);
        self
    }

    /// The same with a member more, if there is one.
    pub fn with_some<T: Into<Node<'a>>>(mut self, key: &'static str, value: Option<T>) -> Self {
        self.put_some(key, value);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn append(&mut self, other: Map<'a>) {
        self.0.extend(other.0);
    }
}

impl Node<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Self::List(items) => items.is_empty(),
            Self::Map(map) => map.is_empty(),
            Self::Text(_) | Self::Bool(_) | Self::Number(_) => false,
        }
    }
}

impl<'a> From<&'a str> for Node<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Node<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Node<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Node<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Number> for Node<'_> {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<u64> for Node<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

impl<'a> From<Map<'a>> for Node<'a> {
    fn from(map: Map<'a>) -> Self {
        Self::Map(map)
    }
}

impl<'a> From<Vec<Node<'a>>> for Node<'a> {
    fn from(items: Vec<Node<'a>>) -> Self {
        Self::List(items)
    }
}

impl<'a> From<Vec<Map<'a>>> for Node<'a> {
    fn from(items: Vec<Map<'a>>) -> Self {
        Self::List(items.into_iter().map(Node::Map).collect())
    }
}

impl<'a> From<Vec<&'a str>> for Node<'a> {
    fn from(items: Vec<&'a str>) -> Self {
        Self::List(items.into_iter().map(Node::from).collect())
    }
}

impl Node<'_> {
    /// The same as serde_json's tree.
    pub fn into_value(self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.into_owned()),
            Self::Bool(value) => Value::Bool(value),
            Self::Number(number) => Value::Number(number),
            Self::List(items) => items.into_iter().map(Node::into_value).collect(),
            Self::Map(map) => map.into_value(),
        }
    }
}

impl Map<'_> {
    /// The same as serde_json's tree.
    pub fn into_value(self) -> Value {
        let mut map = serde_json::Map::with_capacity(self.0.len());
        for (key, node) in self.0 {
            map.insert(key.to_owned(), node.into_value());
        }
        Value::Object(map)
    }
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::Map(map) => map.serialize(serializer),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
        }
    }
}

impl Serialize for Map<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
