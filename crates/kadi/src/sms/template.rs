//! Texts with places such as `{otp}`. Only known places are places: a JSON body is full of other braces.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::PLACES;

/// RFC 3986: these are the same encoded or not, and providers that compare strings want them plain.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How what stands in a place is written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// Inside a JSON string.
    Json,
    /// In a URL, or in a form.
    Percent,
    /// In XML text or an attribute.
    Xml,
    /// On one line: control characters become spaces.
    Line,
    /// As it is.
    None,
}

impl Escape {
    /// What a body of this content type needs.
    #[must_use]
    pub fn of_content_type(content_type: &str) -> Self {
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/x-www-form-urlencoded" => Self::Percent,
            json if json.ends_with("/json") || json.ends_with("+json") => Self::Json,
            xml if xml.ends_with("/xml") || xml.ends_with("+xml") => Self::Xml,
            _ => Self::Line,
        }
    }

    fn write(self, out: &mut String, value: &str) {
        match self {
            Self::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                out.push_str(quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default());
            }
            Self::Percent => out.extend(utf8_percent_encode(value, UNRESERVED)),
            Self::Xml => value.chars().for_each(|letter| match letter {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&apos;"),
                other => out.push(if other.is_control() { ' ' } else { other }),
            }),
            Self::Line => {
                out.extend(value.chars().map(|letter| if letter.is_control() { ' ' } else { letter }));
            }
            Self::None => out.push_str(value),
        }
    }
}

/// A text and its places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(&'static str),
}

impl Template {
    /// Reads a text. What looks like a place and is none stays as it is.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let place = rest.strip_prefix('{').and_then(|inner| {
                PLACES
                    .into_iter()
                    .find(|place| inner.strip_prefix(place).is_some_and(|after| after.starts_with('}')))
            });
            let used = match place {
                Some(place) => {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    pieces.push(Piece::Place(place));
                    place.len() + "{}".len()
                }
                None => {
                    plain.push(letter);
                    letter.len_utf8()
                }
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        pieces.push(Piece::Text(plain));
        Self(pieces)
    }

    /// The text with every place filled.
    pub fn fill<'v>(&self, escape: Escape, value: impl Fn(&str) -> &'v str) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Place(place) => escape.write(&mut out, value(place)),
            }
        }
        out
    }

    /// Whether it has this place.
    #[must_use]
    pub fn has(&self, place: &str) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Place(name) if *name == place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, escape: Escape, value: &str) -> String {
        Template::new(text).fill(escape, |_| value)
    }

    #[test]
    fn what_is_filled_in_cannot_break_out_of_its_place() {
        let odd = "A \"B\" & <C>\n=1;\\ ü";
        assert_eq!(filled(r#"{"t":"{text}"}"#, Escape::Json, odd), r#"{"t":"A \"B\" & <C>\n=1;\\ ü"}"#);
        assert_eq!(
            filled("https://x/?t={text}&u=1", Escape::Percent, odd),
            "https://x/?t=A%20%22B%22%20%26%20%3CC%3E%0A%3D1%3B%5C%20%C3%BC&u=1"
        );
        assert_eq!(
            filled("<t>{text}</t>", Escape::Xml, odd),
            "<t>A &quot;B&quot; &amp; &lt;C&gt; =1;\\ ü</t>"
        );
        assert_eq!(filled("{text}", Escape::Line, "a\r\nX-Evil: 1"), "a  X-Evil: 1");
        assert_eq!(filled(r#"{"t":"{text}"}"#, Escape::Json, "\"\""), r#"{"t":"\"\""}"#);
    }

    #[test]
    fn only_known_places_are_places() {
        assert_eq!(filled(r#"{"a":{"b":"{otp}"}}"#, Escape::Json, "1"), r#"{"a":{"b":"1"}}"#);
        assert_eq!(filled("{unknown} {otp {otp} {", Escape::None, "1"), "{unknown} {otp 1 {");
        assert_eq!(filled("{dlt.entity_id}", Escape::None, "1"), "1");
        assert_eq!(filled("{otp}", Escape::None, "{mobile}"), "{mobile}", "what is filled in is no template");
        assert!(Template::new("x{otp}").has("otp") && !Template::new("x").has("otp"));
    }

    #[test]
    fn escaping_follows_the_content_type() {
        for (content_type, escape) in [
            ("application/json; charset=utf-8", Escape::Json),
            ("application/vnd.provider+json", Escape::Json),
            ("application/x-www-form-urlencoded", Escape::Percent),
            ("text/xml", Escape::Xml),
            ("text/plain", Escape::Line),
            ("", Escape::Line),
        ] {
            assert_eq!(Escape::of_content_type(content_type), escape, "{content_type}");
        }
    }
}
