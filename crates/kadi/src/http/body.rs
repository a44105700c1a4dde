//! Reading JSON bodies, so that a wrong one is answered with what is wrong and where, and never with what it held.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse as _, Response};
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_path_to_error::{Path, Segment};

use super::problem::{Code, Problem};

/// A JSON body of the type. What is not JSON or has the wrong type is answered 400, what is too large 413, a value
/// that its type does not take 422.
#[derive(Debug, Clone)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let bytes = match Bytes::from_request(request, state).await {
            Ok(bytes) => bytes,
            Err(rejection) => return Err(unread(rejection.status())),
        };
        parse(&bytes).map(Self).map_err(axum::response::IntoResponse::into_response)
    }
}

/// A body as it is. What is too large is answered 413, what was cut off 400.
#[derive(Debug, Clone)]
pub struct Whole(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Whole {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        Bytes::from_request(request, state).await.map(Self).map_err(|rejection| unread(rejection.status()))
    }
}

fn unread(status: axum::http::StatusCode) -> Response {
    let code = if status == Code::TooLarge.status() { Code::TooLarge } else { Code::Malformed };
    Problem::new(code).into_response()
}

/// Reads JSON; a problem names the line and column, or the field and the type that it should have.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer(error.path());
        malformed(&pointer, error.inner())
    })?;
    deserializer.end().map_err(|error| malformed("", &error))?;
    Ok(value)
}

fn malformed(pointer: &str, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        let place = format!("not JSON, at line {} column {}", error.line(), error.column());
        return Problem::new(Code::Malformed).detail(place);
    }
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(&*message, |(message, _)| message);
    if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return Problem::new(Code::Invalid).field(format!("{pointer}/{name}"), "is required");
    }
    // Of serde's words only what was expected: the rest repeats the value.
    let expected = message.rsplit_once("expected ").map(|(_, expected)| plain_type(expected));
    match expected {
        Some(expected) if message.starts_with("invalid type") => {
            Problem::new(Code::Malformed).field(pointer, format!("expected {expected}"))
        }
        Some(expected) => Problem::new(Code::Invalid).field(pointer, format!("expected {expected}")),
        // What an identifier's own reader says; it never repeats the text.
        None => Problem::new(Code::Invalid).field(pointer, message),
    }
}

fn plain_type(expected: &str) -> &str {
    match expected {
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "an array",
        "a map" => "an object",
        _ if expected.starts_with("struct ") => "an object",
        _ => expected,
    }
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&["/", &index.to_string()].concat()),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// A field of a `PUT` body: what is absent is kept, `null` removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// Not in the body.
    #[default]
    Keep,
    /// `null`.
    Remove,
    /// A value.
    Set(T),
}

impl<T> Patch<T> {
    /// What the field is afterwards, if it was `before`.
    pub fn or(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Remove => None,
            Self::Set(value) => Some(value),
        }
    }

    /// The same with its value read by `read`.
    pub fn try_map<U, E>(self, read: impl FnOnce(T) -> Result<U, E>) -> Result<Patch<U>, E> {
        Ok(match self {
            Self::Keep => Patch::Keep,
            Self::Remove => Patch::Remove,
            Self::Set(value) => Patch::Set(read(value)?),
        })
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Option::deserialize(deserializer)? {
            None => Self::Remove,
            Some(value) => Self::Set(value),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::problem::FieldError;
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Typed {
        #[expect(dead_code, reason = "only whether it is read matters")]
        hi_type: abdm::id::HiType,
    }

    #[test]
    fn a_value_that_its_type_does_not_take_is_invalid() {
        let problem = parse::<Typed>(br#"{"hiType":"PLANTED"}"#).unwrap_err();
        assert_eq!((problem.code, &*problem.errors[0].pointer), (Code::Invalid, "/hiType"));
        assert!(!format!("{problem:?}").contains("PLANTED"), "{problem:?}");
        let problem = parse::<Typed>(b"{}").unwrap_err();
        assert_eq!((problem.code, &*problem.errors[0].pointer), (Code::Invalid, "/hiType"));
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase")]
    struct Sample {
        #[serde(default)]
        full_name: Patch<String>,
        #[serde(default)]
        counts: Vec<u32>,
    }

    fn problem(text: &str) -> Problem {
        parse::<Sample>(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn absent_null_and_value_are_three_things() {
        let read = |text: &str| parse::<Sample>(text.as_bytes()).unwrap().full_name;
        assert_eq!(read("{}"), Patch::Keep);
        assert_eq!(read(r#"{"fullName":null}"#), Patch::Remove);
        assert_eq!(read(r#"{"fullName":"A"}"#), Patch::Set("A".to_owned()));
        assert_eq!(Patch::Keep.or(Some(1)), Some(1));
        assert_eq!(Patch::Remove.or(Some(1)), None);
        assert_eq!(Patch::Set(2).or(Some(1)), Some(2));
    }

    #[test]
    fn what_is_not_json_is_told_by_line_and_column() {
        for text in ["", "{", "{\"fullName\":\n", "nonsense", "{} {}"] {
            let problem = problem(text);
            assert_eq!(problem.code, Code::Malformed);
            assert!(problem.detail.unwrap().starts_with("not JSON, at line "), "{text}");
        }
    }

    #[test]
    fn a_wrong_type_is_told_by_pointer_without_the_value() {
        let problem = problem(r#"{"counts":[1,"planted"]}"#);
        assert_eq!(problem.errors, [FieldError::new("/counts/1", "expected a whole number")]);
        let problem = self::problem(r#"{"fullName":{"planted":1}}"#);
        assert_eq!(problem.errors, [FieldError::new("/fullName", "expected a string")]);
        let problem = self::problem(r#""planted""#);
        assert_eq!(problem.errors, [FieldError::new("", "expected an object")]);
    }
}
