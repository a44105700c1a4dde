//! The content of a record as bytes that do not depend on how it was written:
//! white space, order of members, absent or empty fields. Ids are derived from it.

use std::fmt;

use serde::ser::{
    self, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, Serializer,
};

/// Appends `value`'s canonical form. What is empty leaves no trace, so that a
/// field which is added to a type later changes no id.
pub(crate) fn write(value: &impl Serialize, out: &mut Vec<u8>) {
    let result = value.serialize(Writer(out));
    debug_assert!(result.is_ok(), "inputs hold texts, numbers, lists and structs only");
}

struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    fn bytes(&mut self, mark: u8, bytes: &[u8]) {
        self.0.reserve(1 + size_of::<usize>() + bytes.len());
        self.0.push(mark);
        self.0.extend_from_slice(&bytes.len().to_le_bytes());
        self.0.extend_from_slice(bytes);
    }

    /// Writes a member; takes its key back if the value wrote nothing.
    fn member<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Unsupported> {
        let start = self.0.len();
        self.bytes(b'k', key.as_bytes());
        let after_key = self.0.len();
        value.serialize(Writer(self.0))?;
        if self.0.len() == after_key {
            self.0.truncate(start);
        }
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
        $( fn $method(mut self, value: $type) -> Result<(), Unsupported> {
            self.bytes(b'n', value.to_string().as_bytes());
            Ok(())
        } )*
    };
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Unsupported;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Impossible<(), Unsupported>;
    type SerializeTupleVariant = Impossible<(), Unsupported>;
    type SerializeMap = Members<'a>;
    type SerializeStruct = Members<'a>;
    type SerializeStructVariant = Impossible<(), Unsupported>;

    numbers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64, serialize_char: char, serialize_bool: bool,
    }

    fn serialize_str(mut self, text: &str) -> Result<(), Unsupported> {
        if !text.is_empty() {
            self.bytes(b's', text.as_bytes());
        }
        Ok(())
    }

    fn serialize_bytes(mut self, bytes: &[u8]) -> Result<(), Unsupported> {
        self.bytes(b'b', bytes);
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
        mut self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<(), Unsupported> {
        self.member(name, value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>, Unsupported> {
        Ok(Items(self.0))
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a>, Unsupported> {
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

    fn serialize_map(self, _: Option<usize>) -> Result<Members<'a>, Unsupported> {
        Ok(Members::open(self.0))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members<'a>, Unsupported> {
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
struct Items<'a>(&'a mut Vec<u8>);

impl SerializeSeq for Items<'_> {
    type Ok = ();
    type Error = Unsupported;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Unsupported> {
        self.0.push(b'i');
        item.serialize(Writer(self.0))
    }

    fn end(self) -> Result<(), Unsupported> {
        Ok(())
    }
}

impl SerializeTuple for Items<'_> {
    type Ok = ();
    type Error = Unsupported;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Unsupported> {
        SerializeSeq::serialize_element(self, item)
    }

    fn end(self) -> Result<(), Unsupported> {
        Ok(())
    }
}

/// An object, bracketed; the brackets go if nothing stands between them.
struct Members<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Members<'a> {
    fn open(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        out.push(b'{');
        Self { out, start }
    }

    fn close(self) {
        if self.out.len() == self.start + 1 {
            self.out.truncate(self.start);
        } else {
            self.out.push(b'}');
        }
    }
}

impl SerializeStruct for Members<'_> {
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

impl SerializeMap for Members<'_> {
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
}
