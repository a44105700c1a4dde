//! A FHIR resource while it is being built: JSON whose keys are known words and
//! whose texts are borrowed from the input, so that nothing is copied or hashed.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Number;

use crate::bytes::{below, equal, first};

/// A JSON value.
pub(crate) enum Node<'a> {
    Text(Cow<'a, str>),
    /// A text that stands in many places: an address within the document, a name.
    Shared(Arc<str>),
    /// A page of [`crate::narrative`], which is well formed whatever its words are.
    Narrative(String),
    Bool(bool),
    Number(Number),
    List(Vec<Node<'a>>),
    Map(Map<'a>),
}

/// A JSON object; keys keep the order in which they were put.
#[derive(Default)]
pub(crate) struct Map<'a>(Vec<(&'static str, Node<'a>)>);

impl<'a> Map<'a> {
    #[inline]
    pub fn with_capacity(keys: usize) -> Self {
        Self(Vec::with_capacity(keys))
    }

    /// Puts a member; an empty list is none, since FHIR knows no empty ones.
    #[inline]
    pub fn put(&mut self, key: &'static str, value: impl Into<Node<'a>>) {
        let value = value.into();
        if !value.is_empty() {
            self.0.push((key, value));
        }
    }

    /// Puts a member if there is one.
    #[inline]
    pub fn put_some<T: Into<Node<'a>>>(&mut self, key: &'static str, value: Option<T>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Puts a list of one if there is one.
    #[inline]
    pub fn put_one<T: Into<Node<'a>>>(&mut self, key: &'static str, value: Option<T>) {
        if let Some(value) = value {
            self.put(key, vec![value.into()]);
        }
    }

    /// The same with a member more.
    #[inline]
    pub fn with(mut self, key: &'static str, value: impl Into<Node<'a>>) -> Self {
        self.put(key, value);
        self
    }

    /// The same with a member more, if there is one.
    #[inline]
    pub fn with_some<T: Into<Node<'a>>>(mut self, key: &'static str, value: Option<T>) -> Self {
        self.put_some(key, value);
        self
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All members, in order.
    #[inline]
    pub fn members(&self) -> &[(&'static str, Node<'a>)] {
        &self.0
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Puts a member before the one at `at`, or last.
    pub fn insert(&mut self, at: usize, key: &'static str, value: impl Into<Node<'a>>) {
        let value = value.into();
        if !value.is_empty() {
            self.0.insert(at.min(self.0.len()), (key, value));
        }
    }
}

impl Node<'_> {
    #[inline]
    fn is_empty(&self) -> bool {
        match self {
            Self::List(items) => items.is_empty(),
            Self::Map(map) => map.is_empty(),
            Self::Text(_) | Self::Shared(_) | Self::Narrative(_) | Self::Bool(_) | Self::Number(_) => false,
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

impl From<Arc<str>> for Node<'_> {
    fn from(text: Arc<str>) -> Self {
        Self::Shared(text)
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

impl Map<'_> {
    /// The object as JSON text, for which `expected` bytes are made ready.
    pub fn to_json(&self, expected: usize) -> String {
        let mut out = String::with_capacity(expected);
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        out.push('{');
        for (n, (key, node)) in self.0.iter().enumerate() {
            out.push_str(if n == 0 { "\"" } else { ",\"" });
            // Keys are words of FHIR: nothing in them needs an escape.
            out.push_str(key);
            out.push_str("\":");
            node.write(out);
        }
        out.push('}');
    }
}

impl Node<'_> {
    fn write(&self, out: &mut String) {
        match self {
            Self::Text(text) => quote(text, out),
            Self::Shared(text) => quote(text, out),
            Self::Narrative(text) => quote(text, out),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(number) => {
                let written = write!(out, "{number}");
                debug_assert!(written.is_ok(), "a String takes every write");
            }
            Self::Map(map) => map.write(out),
            Self::List(items) => {
                out.push('[');
                for (n, item) in items.iter().enumerate() {
                    if n > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
        }
    }
}

/// Appends a text as a JSON string (RFC 8259, section 7).
fn quote(text: &str, out: &mut String) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut rest = text;
    while let Some((plain, tail)) = first_to_escape(rest).and_then(|at| rest.split_at_checked(at)) {
        out.push_str(plain);
        let byte = tail.bytes().next().unwrap_or_default();
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            _ => {
                let written = write!(out, "\\u{byte:04x}");
                debug_assert!(written.is_ok(), "a String takes every write");
            }
        }
        rest = tail.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
    out.push('"');
}

/// Long texts are looked through in pieces, of which the processor compares many bytes at once; most have none.
fn first_to_escape(text: &str) -> Option<usize> {
    const PIECE: usize = 32;
    let special = |b: u8| b < 0x20 || b == b'"' || b == b'\\';
    let (pieces, _) = text.as_bytes().as_chunks::<PIECE>();
    let plain =
        pieces.iter().take_while(|piece| !piece.iter().fold(false, |any, b| any | special(*b))).count();
    let start = plain * PIECE;
    let rest = text.as_bytes().get(start..)?;
    let at = first(rest, |eight| below(eight, b' ') | equal(eight, b'"') | equal(eight, b'\\'))?;
    Some(start + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_written_as_serde_json_writes_it() {
        let all: String = (0..0x300).filter_map(char::from_u32).collect();
        let late = format!("{}\"{}\\", "x".repeat(31), "बुखार ".repeat(20));
        for text in ["", "plain", "a\"b\\c\nd", "\u{0}\u{1f}\u{7f}", "\u{2028}", &all, &late] {
            let mut out = String::new();
            quote(text, &mut out);
            assert_eq!(out, serde_json::to_string(text).unwrap());
        }
    }

    #[test]
    fn a_tree_is_written_in_its_order_and_without_what_is_empty() {
        let list = vec![Node::from(1), Node::from(true), Map::default().with("a", "b").into()];
        let map =
            Map::default().with("z", list).with("none", Vec::<Node<'_>>::new()).with("y", Arc::from("é"));
        let number: Number = serde_json::from_str("1.50").unwrap();
        let json = map.with("n", number).to_json(0);
        assert_eq!(json, r#"{"z":[1,true,{"a":"b"}],"y":"é","n":1.5}"#);
    }
}
