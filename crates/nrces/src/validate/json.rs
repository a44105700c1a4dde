//! Fields of JSON objects. Most objects of a document are small, and looking
//! through their few names takes less time than hashing one.

use serde_json::{Map, Value};

/// Up to so many names are looked through.
const FEW: usize = 12;

/// A field of an object.
pub(crate) fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => entry(map, name),
        _ => None,
    }
}

/// A string field of an object.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    field(value, name).and_then(Value::as_str)
}

/// The items of an array field, none if it is not there.
pub(crate) fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    field(value, name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(crate) fn entry<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if map.len() > FEW {
        return map.get(name);
    }
    map.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}
