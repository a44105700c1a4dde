//! Bytes to a message and back, with errors that name the place and never the value.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A body that is not the message it should be. Holds no value of the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {problem}", pointer = if .pointer.is_empty() { "body" } else { .pointer })]
pub struct BodyError {
    /// JSON pointer of the field, empty for the whole body.
    pub pointer: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Reads a message from a body.
///
/// # Errors
/// The body is not JSON, nested too deeply, or not of the message's shape.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, BodyError> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let message = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| BodyError { pointer: pointer(error.path()), problem: problem(error.inner()) })?;
    deserializer.end().map_err(|error| BodyError { pointer: String::new(), problem: problem(&error) })?;
    Ok(message)
}

/// Writes a message of ours.
///
/// # Errors
/// Never for the messages of this crate; a serialiser may always fail.
pub fn write<T: Serialize>(message: &T) -> Result<Bytes, BodyError> {
    serde_json::to_vec(message)
        .map(Bytes::from)
        .map_err(|error| BodyError { pointer: String::new(), problem: problem(&error) })
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => pointer.push_str(variant),
            Segment::Unknown => pointer.push('?'),
        }
    }
    pointer
}

/// The parser's words without the offending value, which it puts before ", expected".
fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = match text.rfind(" at line ") {
        Some(end) if error.is_data() => text.get(..end).unwrap_or(&text),
        _ => &text,
    };
    match text.rsplit_once(", expected ") {
        Some((_, expected)) if error.is_data() => format!("expected {expected}"),
        _ => text.to_owned(),
    }
}
