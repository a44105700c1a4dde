//! One result: an OBX with its notes, as an observation of the clinical JSON.

use serde_json::{Value, json};

use super::concept;
use super::fault::{Condition, Notice};
use super::json::object;
use super::message::Segment;
use super::time;
use super::value::{Found, number};

/// An OBX with what belongs to it.
#[derive(Debug, Clone)]
pub struct Line<'a> {
    /// The segment.
    pub obx: Segment<'a>,
    /// More lines of the same text.
    pub more: Vec<Segment<'a>>,
    /// Its notes (NTE).
    pub notes: Vec<String>,
}

impl<'a> Line<'a> {
    /// A result without notes yet.
    pub fn new(obx: Segment<'a>) -> Self {
        Self { obx, more: Vec::new(), notes: Vec::new() }
    }

    /// Whether this segment is the next line of the same text: laboratories send long text as one OBX a line.
    pub fn goes_on_in(&self, next: &Segment<'_>) -> bool {
        let kind = |obx: &Segment<'_>| obx.text(2).unwrap_or_default().to_ascii_uppercase();
        let same = |field| self.obx.whole(field).raw() == next.whole(field).raw();
        let bare = |obx: &Segment<'_>| (6..=8).all(|field| obx.whole(field).is_blank());
        match kind(next).as_str() {
            "TX" | "FT" => self.notes.is_empty() && same(2) && same(3),
            "ST" => self.notes.is_empty() && same(2) && same(3) && same(4) && bare(&self.obx) && bare(next),
            _ => false,
        }
    }

    /// What it says.
    pub fn found(&self) -> Found {
        match Found::read(&self.obx) {
            Found::Text(mut text, unit) => {
                for more in &self.more {
                    if let Found::Text(line, _) = Found::read(more) {
                        text.push('\n');
                        text.push_str(&line);
                    }
                }
                Found::Text(text, unit)
            }
            // A text may begin with an empty line.
            Found::Nothing => {
                let mut lines = self.more.iter().filter_map(|more| match Found::read(more) {
                    Found::Text(line, _) => Some(line),
                    _ => None,
                });
                let Some(first) = lines.next() else { return Found::Nothing };
                Found::Text(lines.fold(first, |text, line| text + "\n" + &line), None)
            }
            found => found,
        }
    }

    /// Whether the laboratory took it back (OBX-11 `D`).
    pub fn is_deleted(&self) -> bool {
        self.obx.text(11).as_deref() == Some("D")
    }

    /// As an observation. `facility` is who keeps the record: another laboratory that did the work is named.
    pub fn observation(&self, found: Found, facility: &str, notices: &mut Vec<Notice>) -> Value {
        let obx = &self.obx;
        let (mut result, mut unit, mut quantity, mut code) = (None, None, Value::Null, Value::Null);
        match found {
            Found::Quantity(value) => quantity = value,
            Found::Code(value) => code = value,
            Found::Text(text, written) => (result, unit) = (Some(text), written),
            Found::File(_) | Found::Nothing | Found::Elsewhere => {}
        }
        let is_number = quantity != Value::Null;
        let has_value = is_number || code != Value::Null || result.is_some();
        let status = obx.text(11);
        object([
            ("observation", concept::of_components(obx.get(3))),
            ("result", json!(result)),
            ("unit", json!(unit)),
            ("valueQuantity", quantity),
            ("valueCode", code),
            ("status", json!(status_of(status.as_deref()))),
            ("date", json!(when(obx, notices))),
            ("interpretation", interpretation(obx)),
            ("referenceRange", reference_range(obx, is_number)),
            ("method", concept::of_components(obx.get(17))),
            ("dataAbsentReason", if has_value { Value::Null } else { absent(status.as_deref()) }),
            ("note", json!(self.note(facility))),
        ])
    }

    fn note(&self, facility: &str) -> Option<String> {
        let mut notes = self.notes.clone();
        let laboratory = self.obx.text(23).or_else(|| concept::said(self.obx.get(15)));
        if let Some(laboratory) = laboratory.filter(|name| !name.eq_ignore_ascii_case(facility)) {
            notes.push(format!("Performed at {laboratory}"));
        }
        (!notes.is_empty()).then(|| notes.join("\n"))
    }
}

/// HL7 table 0085 in the words of FHIR.
fn status_of(code: Option<&str>) -> Option<&'static str> {
    Some(match code? {
        "F" | "U" => "final",
        "C" => "corrected",
        "A" | "B" => "amended",
        "P" | "R" | "S" => "preliminary",
        "I" | "O" => "registered",
        "X" | "N" => "cancelled",
        "W" => "entered-in-error",
        _ => return None,
    })
}

/// Why there is no value, where table 0085 says so.
fn absent(code: Option<&str>) -> Value {
    concept::words(match code {
        Some("I") => Some("Specimen in the laboratory, result pending"),
        Some("X") => Some("Result cannot be obtained"),
        Some("N") => Some("Not asked"),
        _ => None,
    })
}

/// OBX-14, else OBX-19. A time that is none is left out, and the sender told.
fn when(obx: &Segment<'_>, notices: &mut Vec<Notice>) -> Option<String> {
    let field = if obx.whole(14).is_blank() { 19 } else { 14 };
    optional_time(obx, field, "OBX", notices)
}

/// A time that the report can do without.
pub fn optional_time(
    segment: &Segment<'_>,
    field: u32,
    name: &'static str,
    notices: &mut Vec<Notice>,
) -> Option<String> {
    let part = usize::try_from(field).ok().map(|field| segment.get(field)).filter(|part| !part.is_blank())?;
    let time = time::fhir(part);
    if time.is_none() {
        let message = "this is no time of HL7's; the report is stored without it";
        notices.push(Notice::new(Condition::DataType, message).at(name, segment.sequence(), field));
    }
    time
}

/// OBX-8 (table 0078). The letters that the profiles know go as they are, others with their meaning.
fn interpretation(obx: &Segment<'_>) -> Value {
    let flags: Vec<String> = obx.all(8).filter_map(|part| part.component(1).text()).collect();
    let flag = flags.first().map(|flag| match flag.as_str() {
        "<" => "Below absolute low-off instrument scale",
        ">" => "Above absolute high-off instrument scale",
        "U" => "Significant change up",
        "D" => "Significant change down",
        "B" => "Better",
        "W" => "Worse",
        "MS" => "Moderately susceptible",
        "VS" => "Very susceptible",
        "null" => "",
        other => other,
    });
    concept::words(flag)
}

/// OBX-7: bounds where it says them plainly, and the words wherever they say more.
fn reference_range(obx: &Segment<'_>, is_number: bool) -> Value {
    let Some(text) = obx.whole(7).text() else { return Value::Null };
    let bounds = if is_number { bounds(&text) } else { None };
    let range = match bounds {
        Some((Some(low), Some(high))) => json!({"low": low, "high": high}),
        Some((low, high)) => object([("low", json!(low)), ("high", json!(high)), ("text", json!(text))]),
        None => json!({"text": text}),
    };
    json!([range])
}

type Bounds = (Option<String>, Option<String>);

fn bounds(text: &str) -> Option<Bounds> {
    for (mark, low) in [("<=", false), (">=", true), ("<", false), (">", true)] {
        if let Some(rest) = text.strip_prefix(mark) {
            let bound = number(rest);
            return bound.map(|bound| if low { (Some(bound), None) } else { (None, Some(bound)) });
        }
    }
    // The first dash may be the sign of the lower bound.
    let (at, mark) = text.char_indices().skip(1).find(|(_, c)| matches!(c, '-' | '–'))?;
    let (low, high) = (text.get(..at)?, text.get(at + mark.len_utf8()..)?);
    Some((Some(number(low)?), Some(number(high)?)))
}

#[cfg(test)]
mod tests {
    use super::super::message::Message;
    use super::*;

    fn made(obx: &str) -> (Value, Vec<Notice>) {
        let text = format!("MSH|^~\\&|LIS\r{obx}");
        let message = Message::read(&text).unwrap();
        let line = Line::new(message.first("OBX").unwrap());
        let mut notices = Vec::new();
        (line.observation(line.found(), "City Hospital", &mut notices), notices)
    }

    #[test]
    fn a_numeric_result_has_all_that_the_segment_says() {
        let obx = "OBX|1|NM|718-7^Hemoglobin^LN||10.4|g/dL|12.0 - 15.0|L|||C|||20260120101500|||^Colorimetry||||||City Hospital";
        assert_eq!(
            made(obx).0,
            json!({
                "observation": {"text": "Hemoglobin", "system": "loinc", "code": "718-7", "display": "Hemoglobin"},
                "valueQuantity": {"value": "10.4", "unit": "g/dL"},
                "status": "corrected",
                "date": "2026-01-20T10:15:00+05:30",
                "interpretation": "L",
                "referenceRange": [{"low": "12.0", "high": "15.0"}],
                "method": "Colorimetry",
            })
        );
    }

    #[test]
    fn another_laboratory_is_named() {
        let obx = "OBX|1|ST|X^Test^L||Positive||||||F||||||||||||Reference Lab, Mumbai";
        assert_eq!(made(obx).0["note"], "Performed at Reference Lab, Mumbai");
    }

    #[test]
    fn ranges_are_bounds_only_where_they_say_so_plainly() {
        for (text, low, high) in [
            ("13-17", Some("13"), Some("17")),
            ("-2.5 - 2.5", Some("-2.5"), Some("2.5")),
            ("0.35 – 4.94", Some("0.35"), Some("4.94")),
            ("<= 5.0", None, Some("5.0")),
            (">40", Some("40"), None),
        ] {
            let expected = Some((low.map(str::to_owned), high.map(str::to_owned)));
            assert_eq!(bounds(text), expected, "{text}");
        }
        for text in ["upto 40", "13-17 g/dL", "Negative", "1-2-3", "<", "-", "M: 13-17"] {
            assert_eq!(bounds(text), None, "{text}");
        }
    }

    #[test]
    fn a_missing_value_has_the_reason_that_the_status_gives() {
        assert_eq!(made("OBX|1|NM|X^T^L||||||||X").0["dataAbsentReason"], "Result cannot be obtained");
        assert_eq!(made("OBX|1|NM|X^T^L||||||||F").0.get("dataAbsentReason"), None);
    }

    #[test]
    fn a_time_that_is_none_is_left_out_and_told() {
        let (observation, notices) = made("OBX|1|ST|X^T^L||A||||||F|||soon");
        assert_eq!(observation.get("date"), None);
        assert_eq!(notices[0].location.map(|at| (at.segment, at.field)), Some(("OBX", 14)));
    }
}
