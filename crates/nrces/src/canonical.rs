//! The content of a record as bytes that do not depend on how it was written:
//! white space, order of members, absent or empty fields. Ids are derived from it.

use std::fmt::{self, Write as _};

use serde::ser::{
    self, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, Serializer,
};

/// Appends `value`'s canonical form. What is empty leaves no trace, so that a
/// field which is added to a type later changes no id.
pub(crate) fn write(value: &impl Serialize, out: &mut Vec<u8>) {
    let mut out = Out { bytes: out, pending: Vec::with_capacity(16), number: String::new() };
    let result = value.serialize(Writer(&mut out));
    debug_assert!(result.is_ok(), "inputs hold texts, numbers, lists and structs only");
}

/// What is written, and what has to stand before it once there is something to write: most fields of a record are empty,
/// and their names are never written.
struct Out<'a> {
    bytes: &'a mut Vec<u8>,
    pending: Vec<Pending>,
    /// Work space.
    number: String,
}

enum Pending {
    Key(&'static str),
    Open,
}

impl Out<'_> {
    #[inline]
    fn put(&mut self, mark: u8, text: &[u8]) {
        self.settle();
        append(self.bytes, mark, text);
    }

    #[inline]
    fn mark(&mut self, mark: u8) {
        self.settle();
        self.bytes.push(mark);
    }

    #[inline]
    fn settle(&mut self) {
        for pending in self.pending.drain(..) {
            match pending {
                Pending::Key(key) => append(self.bytes, b'k', key.as_bytes()),
                Pending::Open => self.bytes.push(b'{'),
            }
        }
    }
}

/// A mark, a length in eight bytes, a text.
#[inline]
fn append(out: &mut Vec<u8>, mark: u8, text: &[u8]) {
    out.reserve(1 + size_of::<u64>() + text.len());
    out.push(mark);
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text);
}

struct Writer<'a, 'o>(&'a mut Out<'o>);

impl Writer<'_, '_> {
    /// Writes a member, unless its value writes nothing.
    fn member<T: Serialize + ?Sized>(self, key: &'static str, value: &T) -> Result<(), Unsupported> {
        let before = self.0.pending.len();
        self.0.pending.push(Pending::Key(key));
        value.serialize(Writer(self.0))?;
        // It is still pending if nothing was written.
        self.0.pending.truncate(before);
        Ok(())
    }
}

/// A shape that no input has.
#[derive(Debug)]
struct Unsupported;

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this shape of value has no canonical form")
    }
}

impl std::error::Error for Unsupported {}

impl ser::Error for Unsupported {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

macro_rules! numbers {
    ($($method:ident: $type:ty),* $(,)?) => {
        $( fn $method(self, value: $type) -> Result<(), Unsupported> {
            let mut text = std::mem::take(&mut self.0.number);
            text.clear();
            let written = write!(text, "{value}");
            debug_assert!(written.is_ok(), "a String takes every write");
            self.0.put(b'n', text.as_bytes());
            self.0.number = text;
            Ok(())
        } )*
    };
}

impl<'a, 'o> Serializer for Writer<'a, 'o> {
    type Ok = ();
    type Error = Unsupported;
    type SerializeSeq = Items<'a, 'o>;
    type SerializeTuple = Items<'a, 'o>;
    type SerializeTupleStruct = Impossible<(), Unsupported>;
    type SerializeTupleVariant = Impossible<(), Unsupported>;
    type SerializeMap = Members<'a, 'o>;
    type SerializeStruct = Members<'a, 'o>;
    type SerializeStructVariant = Impossible<(), Unsupported>;

    numbers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64, serialize_char: char, serialize_bool: bool,
    }

    fn serialize_str(self, text: &str) -> Result<(), Unsupported> {
        if !text.is_empty() {
            self.0.put(b's', text.as_bytes());
        }
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Unsupported> {
        self.0.put(b'b', bytes);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unsupported> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unsupported> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unsupported> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unsupported> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<(), Unsupported> {
        self.serialize_str(name)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unsupported> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<(), Unsupported> {
        self.member(name, value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a, 'o>, Unsupported> {
        Ok(Items(self.0))
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a, 'o>, Unsupported> {
        Ok(Items(self.0))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Unsupported> {
        Err(Unsupported)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unsupported> {
        Err(Unsupported)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Members<'a, 'o>, Unsupported> {
        Ok(Members::open(self.0))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members<'a, 'o>, Unsupported> {
        Ok(Members::open(self.0))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unsupported> {
        Err(Unsupported)
    }
}

/// A list; every item is marked, empty ones too, since their place counts.
struct Items<'a, 'o>(&'a mut Out<'o>);

impl SerializeSeq for Items<'_, '_> {
    type Ok = ();
    type Error = Unsupported;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Unsupported> {
        self.0.mark(b'i');
        item.serialize(Writer(self.0))
    }

    fn end(self) -> Result<(), Unsupported> {
        Ok(())
    }
}

impl SerializeTuple for Items<'_, '_> {
    type Ok = ();
    type Error = Unsupported;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Unsupported> {
        SerializeSeq::serialize_element(self, item)
    }

    fn end(self) -> Result<(), Unsupported> {
        Ok(())
    }
}

/// An object, bracketed if anything stands in it.
struct Members<'a, 'o> {
    out: &'a mut Out<'o>,
    /// How much was pending before it.
    before: usize,
}

impl<'a, 'o> Members<'a, 'o> {
    #[inline]
    fn open(out: &'a mut Out<'o>) -> Self {
        let before = out.pending.len();
        out.pending.push(Pending::Open);
        Self { out, before }
    }

    #[inline]
    fn close(self) {
        if self.out.pending.len() > self.before {
            self.out.pending.truncate(self.before);
        } else {
            self.out.bytes.push(b'}');
        }
    }
}

impl SerializeStruct for Members<'_, '_> {
    type Ok = ();
    type Error = Unsupported;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Unsupported> {
        Writer(self.out).member(key, value)
    }

    fn end(self) -> Result<(), Unsupported> {
        self.close();
        Ok(())
    }
}

impl SerializeMap for Members<'_, '_> {
    type Ok = ();
    type Error = Unsupported;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unsupported> {
        key.serialize(Writer(self.out))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        value.serialize(Writer(self.out))
    }

    fn end(self) -> Result<(), Unsupported> {
        self.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Prescription;

    fn bytes(json: &str) -> Vec<u8> {
        let record: Prescription = serde_json::from_str(json).unwrap();
        let mut out = Vec::new();
        write(&record, &mut out);
        out
    }

    #[test]
    fn the_way_of_writing_does_not_count() {
        let short = r#"{"authoredOn":"2024-01-01","prescriptions":[{"medicine":"A","dosage":"1-0-1"}]}"#;
        let long = r#"{"prescriptions": [{"dosage":"1-0-1", "route": "", "medicine":{"text":"A"}}],
            "encounter": null, "authoredOn":"2024-01-01", "documents":[]}"#;
        assert_eq!(bytes(short), bytes(long));
    }

    #[test]
    fn the_place_of_a_value_counts() {
        let first = r#"{"prescriptions":[{"medicine":"A"},{}]}"#;
        let second = r#"{"prescriptions":[{},{"medicine":"A"}]}"#;
        let other_field = r#"{"prescriptions":[{"dosage":"A"},{}]}"#;
        assert_ne!(bytes(first), bytes(second));
        assert_ne!(bytes(first), bytes(other_field));
    }

    #[test]
    fn what_is_empty_leaves_no_trace_and_the_rest_stands_as_ever() {
        #[derive(serde::Serialize, Default)]
        struct Part {
            before: &'static str,
            list: Vec<Option<Part>>,
            inner: Option<Box<Part>>,
            after: Option<f64>,
        }
        let named = |before| Part { before, ..Part::default() };
        let key = |name: &str, then: &str| {
            format!("k{}{name}{then}", String::from_utf8_lossy(&(name.len() as u64).to_le_bytes()))
        };
        let text =
            |text: &str| format!("s{}{text}", String::from_utf8_lossy(&(text.len() as u64).to_le_bytes()));
        let number = "n\u{3}\0\0\0\0\0\0\x001.5";
        for (part, expected) in [
            (Part::default(), String::new()),
            (named("x"), format!("{{{}}}", key("before", &text("x")))),
            (Part { inner: Some(Part::default().into()), ..Part::default() }, String::new()),
            (
                Part { inner: Some(named("x").into()), after: Some(1.5), ..Part::default() },
                format!(
                    "{{{}{}}}",
                    key("inner", &format!("{{{}}}", key("before", &text("x")))),
                    key("after", number)
                ),
            ),
            (
                Part { list: vec![None, Some(named("y")), Some(Part::default())], ..Part::default() },
                format!("{{{}}}", key("list", &format!("ii{{{}}}i", key("before", &text("y"))))),
            ),
        ] {
            let mut out = Vec::new();
            write(&part, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
