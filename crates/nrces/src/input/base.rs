//! The small types that inputs are made of. They read what hospital systems
//! really send: blank text and `null` are absent, a number may stand for text.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Free text without surrounding white space. Blank text, `null` and an unfilled
/// template (`{{name}}`) are absent. Control characters, which FHIR forbids, are
/// left out.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text(Box<str>);

impl Text {
    /// The text, unless there is none.
    #[inline]
    pub fn get(&self) -> Option<&str> {
        (!self.0.is_empty() && !self.is_template()).then_some(&*self.0)
    }

    /// Whether this is a template variable that nobody filled in.
    #[inline]
    pub fn is_template(&self) -> bool {
        self.0.starts_with("{{") && self.0.ends_with("}}")
    }
}

fn is_forbidden(c: char) -> bool {
    (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{FFFE}' | '\u{FFFF}')
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        let text = text.trim();
        if text.contains(is_forbidden) {
            return Self(text.replace(is_forbidden, "").trim().into());
        }
        Self(text.into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        if text.trim().len() == text.len() && !text.contains(is_forbidden) {
            return Self(text.into_boxed_str());
        }
        text.as_str().into()
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Self::from)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_unit<E: Error>(self) -> Result<String, E> {
        Ok(String::new())
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "null"] })
    }
}

/// A number, or a text that holds nothing but a number.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Decimal(serde_json::Number);

impl Decimal {
    /// As JSON writes it.
    pub fn number(&self) -> &serde_json::Number {
        &self.0
    }

    /// As a floating point number.
    pub fn as_f64(&self) -> f64 {
        self.0.as_f64().unwrap_or_default()
    }

    /// Reads a plain decimal number such as `13.5`; no exponent, no sign but `-`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let starts = digits.bytes().next().is_some_and(|b| b.is_ascii_digit());
        if !plain || !starts || digits.ends_with('.') || digits.len() > 18 {
            return None;
        }
        if let Ok(whole) = text.parse::<i64>() {
            return Some(Self(whole.into()));
        }
        serde_json::Number::from_f64(text.parse().ok()?).map(Self)
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self(number.into())
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DecimalVisitor)
    }
}

struct DecimalVisitor;

impl Visitor<'_> for DecimalVisitor {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Decimal, E> {
        Ok(Decimal(number.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Decimal, E> {
        Ok(Decimal(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Decimal, E> {
        serde_json::Number::from_f64(number).map(Decimal).ok_or_else(|| E::custom("expected a finite number"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Decimal, E> {
        // The text itself stays out of the message: it may be clinical.
        Decimal::parse(text).ok_or_else(|| E::custom("expected a number, found other text"))
    }
}

impl JsonSchema for Decimal {
    fn schema_name() -> Cow<'static, str> {
        "Decimal".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "number" },
            { "type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$" }
        ] })
    }
}

/// A list; `null` is an empty one.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct List<T>(Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(items: Vec<T>) -> Self {
        Self(items)
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            // Most lists are of one item, and items are large: room is made for one, and then in large steps, since all that
            // is there is moved each time.
            if items.is_empty() {
                items.reserve_exact(seq.size_hint().map_or(1, |rest| rest + 1));
            } else if items.len() == items.capacity() {
                items.reserve(items.len() * 4 + 3);
            }
            items.push(item);
        }
        Ok(List(items))
    }

    fn visit_unit<E: Error>(self) -> Result<List<T>, E> {
        Ok(List::default())
    }
}

impl<T: JsonSchema> JsonSchema for List<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("List_{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["array", "null"], "items": generator.subschema_for::<T>() })
    }
}

/// Reads a list, or one object as a list of one.
pub(super) fn one_or_many<'de, D, T>(deserializer: D) -> Result<List<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct OneOrMany<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
        type Value = List<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object or a list of them")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<List<T>, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(|one| List(vec![one]))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<List<T>, A::Error> {
            ListVisitor(PhantomData).visit_seq(seq)
        }

        fn visit_unit<E: Error>(self) -> Result<List<T>, E> {
            Ok(List::default())
        }
    }

    deserializer.deserialize_any(OneOrMany(PhantomData))
}

/// Lets the schema of a list take one object too.
pub(super) fn or_one(schema: &mut Schema) {
    let Some(items) = schema.get("items").cloned() else { return };
    let list = schema.clone();
    *schema = json_schema!({ "anyOf": [items, list] });
}

/// A type that may be written as plain text where that says enough.
pub trait FromText: Sized {
    /// What the text means.
    fn from_text(text: &str) -> Self;
}

/// A type that is read from an object.
pub(super) trait FromObject: Sized {
    /// Reads the object.
    fn from_object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// Reads an object and nothing else; serde would take a list of its fields too.
pub(super) fn read_object<'de, D: Deserializer<'de>, T: FromObject>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(ObjectVisitor(PhantomData))
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: FromObject> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::from_object(MapAccessDeserializer::new(map))
    }
}

/// Reads `T` from its object form or from plain text.
pub(super) fn read_text_or_object<'de, D: Deserializer<'de>, T: FromObject + FromText>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_any(Either(PhantomData))
}

struct Either<T>(PhantomData<T>);

impl<'de, T: FromObject + FromText> Visitor<'de> for Either<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or an object")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok(T::from_text(text))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        Ok(T::from_text(&number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        Ok(T::from_text(&number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        Ok(T::from_text(&number.to_string()))
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok(T::from_text(""))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::from_object(MapAccessDeserializer::new(map))
    }
}

/// Lets the schema of an object take plain text too.
pub(super) fn or_text(schema: &mut Schema) {
    schema.insert("type".to_owned(), serde_json::json!(["object", "string", "number", "null"]));
}

/// Serde's traits of an input type, read by a function of this module. The type
/// derives them with `remote = "Self"`, which makes them functions of its own.
macro_rules! read_by {
    ($read:ident: $($name:ident),* $(,)?) => { $(
        impl $crate::input::base::FromObject for $name {
            fn from_object<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::deserialize(deserializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::input::base::$read(deserializer)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }
    )* };
}
pub(super) use read_by;
