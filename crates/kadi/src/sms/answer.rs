//! Whether a provider took a message, and what it calls it: read from its answer as the configuration says.

use serde_json::Value;

/// When a message counts as taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Success {
    /// `status 2xx`.
    Any2xx,
    /// `status 202`.
    Status(u16),
    /// `/pointer = value`: a 2xx, and this value there in the JSON answer.
    Value(String, String),
}

impl std::str::FromStr for Success {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str =
            "expected `status 2xx`, `status 202`, or a JSON pointer and a value: `/type = success`";
        let text = text.trim();
        if let Some(status) = text.strip_prefix("status ") {
            return match status.trim() {
                "2xx" => Ok(Self::Any2xx),
                number => number
                    .parse()
                    .ok()
                    .filter(|status| (200..300).contains(status))
                    .map(Self::Status)
                    .ok_or(FORM),
            };
        }
        let (pointer, value) = text.split_once('=').ok_or(FORM)?;
        let (pointer, value) = (pointer.trim(), value.trim().trim_matches('"'));
        if pointer.starts_with('/') && !value.is_empty() {
            Ok(Self::Value(pointer.to_owned(), value.to_owned()))
        } else {
            Err(FORM)
        }
    }
}

impl Success {
    /// Whether this answer says so.
    #[must_use]
    pub fn holds(&self, status: u16, body: &[u8]) -> bool {
        let accepted = (200..300).contains(&status);
        match self {
            Self::Any2xx => accepted,
            Self::Status(expected) => status == *expected,
            Self::Value(pointer, expected) => {
                accepted && scalar_at(body, pointer).is_some_and(|value| value == *expected)
            }
        }
    }
}

/// Where an answer names the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryId {
    /// A JSON pointer.
    Pointer(String),
    /// An XML element.
    Element(String),
}

impl std::str::FromStr for DeliveryId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.starts_with('/') {
            return Ok(Self::Pointer(text.to_owned()));
        }
        let name = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
        let plain = |name: &&str| !name.is_empty() && name.chars().all(char::is_alphanumeric);
        name.filter(plain)
            .map(|name| Self::Element(name.to_owned()))
            .ok_or("expected a JSON pointer such as `/request_id`, or an XML element such as `<MessageId>`")
    }
}

/// Longer ids are cut: nobody's support asks for more.
const LONGEST: usize = 128;

impl DeliveryId {
    /// The id in this answer, if it is there.
    #[must_use]
    pub fn find(&self, body: &[u8]) -> Option<String> {
        let found = match self {
            Self::Pointer(pointer) => scalar_at(body, pointer)?,
            Self::Element(name) => {
                let text = std::str::from_utf8(body).ok()?;
                let (_, rest) = text.split_once(&format!("<{name}>"))?;
                rest.split_once('<')?.0.trim().to_owned()
            }
        };
        let kept = found.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect::<String>();
        (!kept.is_empty()).then_some(kept)
    }
}

fn scalar_at(body: &[u8], pointer: &str) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    match body.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_success_as_the_configuration_says() {
        let holds = |condition: &str, status, body: &str| {
            condition.parse::<Success>().unwrap().holds(status, body.as_bytes())
        };
        assert!(holds("status 2xx", 202, "") && !holds("status 2xx", 302, ""));
        assert!(holds("status 202", 202, "") && !holds("status 202", 200, ""));
        let said = r#"{"type":"success","n":1,"ok":true,"sms":[{"status":"queued"}]}"#;
        assert!(holds("/type = success", 200, said));
        assert!(holds("/type=\"success\"", 200, said));
        assert!(holds("/n = 1", 200, said) && holds("/ok = true", 200, said));
        assert!(holds("/sms/0/status = queued", 200, said));
        assert!(!holds("/type = success", 500, said), "the status counts too");
        assert!(!holds("/type = error", 200, said) && !holds("/other = x", 200, said));
        assert!(!holds("/type = success", 200, "success"), "not JSON");
        for wrong in ["", "2xx", "status", "status 500", "type = success", "/type =", "/type"] {
            assert!(wrong.parse::<Success>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_id_is_found_in_json_and_in_xml() {
        let find = |place: &str, body: &str| place.parse::<DeliveryId>().unwrap().find(body.as_bytes());
        assert_eq!(find("/message", r#"{"message":"57a4"}"#).as_deref(), Some("57a4"));
        assert_eq!(find("/id", r#"{"id":42}"#).as_deref(), Some("42"));
        assert_eq!(find("<MessageId>", "<R><MessageId>0f-1</MessageId></R>").as_deref(), Some("0f-1"));
        assert_eq!(find("<MessageId>", "<R/>"), None);
        assert_eq!(find("/id", "no json"), None);
        assert_eq!(find("/id", r#"{"id":""}"#), None);
        for wrong in ["", "id", "<>", "<a b>"] {
            assert!(wrong.parse::<DeliveryId>().is_err(), "{wrong}");
        }
    }
}
