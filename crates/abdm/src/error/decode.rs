//! ABDM's many error bodies, read into code and words.

use serde_json::{Map, Value};

/// What an error body says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded {
    /// The code without a trailing `": "`; none if the body has none.
    pub code: Option<String>,
    /// The words; none if the body has none.
    pub message: Option<String>,
}

/// Reads code and words out of whatever came: nested in `error`, in a list, flat, a text per field, the body of a
/// web framework, plain text, nothing, or the page of a load balancer (which has neither).
#[must_use]
pub fn decode(body: &[u8]) -> Decoded {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => from_value(&value, 0),
        Err(_) => from_text(&String::from_utf8_lossy(body)),
    }
}

/// How deep `error` and lists are followed.
const MAX_DEPTH: u8 = 4;

fn from_value(value: &Value, depth: u8) -> Decoded {
    if depth > MAX_DEPTH {
        return Decoded::default();
    }
    match value {
        Value::Array(entries) => {
            entries.iter().map(|entry| from_value(entry, depth + 1)).find(is_some).unwrap_or_default()
        }
        Value::Object(fields) => from_object(fields, depth),
        Value::String(text) => from_text(text),
        _ => Decoded::default(),
    }
}

fn is_some(decoded: &Decoded) -> bool {
    decoded.code.is_some() || decoded.message.is_some()
}

/// The most telling place first: the registry's details, a nested error, the fields themselves.
fn from_object(fields: &Map<String, Value>, depth: u8) -> Decoded {
    for key in ["details", "error", "errors"] {
        if let Some(inner @ (Value::Array(_) | Value::Object(_))) = fields.get(key) {
            let inner = from_value(inner, depth + 1);
            if is_some(&inner) {
                return inner;
            }
        }
    }
    let code = ["code", "errorCode", "Code"].iter().find_map(|key| scalar(fields.get(*key)?));
    let message = ["message", "Message", "errorMessage", "error_description", "error", "description"]
        .iter()
        .find_map(|key| scalar(fields.get(*key)?));
    if code.is_none() && message.is_none() {
        return Decoded { code: None, message: field_text(fields) };
    }
    Decoded { code: code.as_deref().and_then(normalise_code), message }
}

/// `{"<field>": "text", "timestamp": ...}`: the field's name belongs to the words.
fn field_text(fields: &Map<String, Value>) -> Option<String> {
    let told = fields
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "timestamp" | "path" | "status" | "requestId"));
    let texts: Vec<String> = told
        .filter_map(|(key, value)| {
            Some(format!("{key}: {}", value.as_str().filter(|text| !text.is_empty())?))
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

fn scalar(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The most that is taken of a plain text.
const MAX_TEXT: usize = 500;

fn from_text(text: &str) -> Decoded {
    let text = text.trim();
    if text.is_empty() || text.starts_with('<') {
        return Decoded::default();
    }
    let code = normalise_code(text).filter(|code| code.contains('-'));
    let words = code.as_deref().and_then(|code| text.strip_prefix(code)).unwrap_or(text);
    let words: String = words.trim_start_matches([':', ' ']).chars().take(MAX_TEXT).collect();
    Decoded { code, message: (!words.is_empty()).then_some(words) }
}

/// The code at the begin of a text: `ABDM-1027: ` is `ABDM-1027`, `900901` is itself. None if the text begins with
/// no such code; other short words are kept as they are (`HIS-400`, `SRV_DOWN`).
#[must_use]
pub fn normalise_code(text: &str) -> Option<String> {
    let text = text.trim();
    let letters = text.bytes().take_while(u8::is_ascii_uppercase).count();
    let rest = text.get(letters..)?;
    let rest = if letters > 0 { rest.strip_prefix('-') } else { Some(rest) };
    let digits = rest.map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    if digits > 0 {
        let end = letters + usize::from(letters > 0) + digits;
        return text.get(..end).map(str::to_owned);
    }
    let word = text.trim_end_matches([':', ' ']);
    let plain = !word.is_empty() && word.len() <= 32 && !word.contains(' ');
    plain.then(|| word.to_owned())
}
