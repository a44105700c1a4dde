//! The value of a result: OBX-5 by the type that OBX-2 names, with its unit.

use serde_json::{Value, json};

use super::attachment::File;
use super::concept;
use super::json::object;
use super::message::{Part, Segment};
use super::time;

/// What OBX-5 says.
#[derive(Clone, PartialEq, Eq)]
pub enum Found {
    /// A number with its unit, as a quantity of the clinical JSON.
    Quantity(Value),
    /// A coded value.
    Code(Value),
    /// Words, with the unit that stands beside them.
    Text(String, Option<String>),
    /// A file.
    File(File),
    /// Nothing.
    Nothing,
    /// A pointer to something elsewhere, which can't be carried.
    Elsewhere,
}

impl Found {
    /// Reads OBX-5.
    pub fn read(obx: &Segment<'_>) -> Self {
        let kind = obx.text(2).unwrap_or_default();
        let value = obx.get(5);
        if obx.whole(5).is_blank() {
            return Self::Nothing;
        }
        let only_one = obx.all(5).nth(1).is_none();
        match kind.to_ascii_uppercase().as_str() {
            "NM" if only_one => numeric(obx),
            "SN" if only_one => structured(obx),
            "CE" | "CWE" | "CNE" | "CF" if only_one => match concept::of_components(value) {
                Value::Null => Self::Nothing,
                code => Self::Code(code),
            },
            "CE" | "CWE" | "CNE" | "CF" => Self::words(obx, concept::said, "; "),
            "ED" => File::read(value, concept::said(obx.get(3))).map_or(Self::Nothing, Self::File),
            "RP" => Self::Elsewhere,
            "DT" | "TS" | "DTM" => Self::words(obx, time_words, "; "),
            "TM" => Self::words(obx, clock_words, "; "),
            "ST" | "TX" | "FT" | "" | "IS" | "ID" | "SI" => Self::words(obx, plain_words, "\n"),
            // Addresses, names, ranges and the like: their parts, in order.
            _ => Self::words(obx, |part| part.text().map(|text| text.replace('^', " ")), "\n"),
        }
    }

    fn words(obx: &Segment<'_>, read: impl Fn(Part<'_>) -> Option<String>, between: &str) -> Self {
        let words: Vec<String> = obx.all(5).filter_map(read).collect();
        if words.is_empty() { Self::Nothing } else { Self::Text(words.join(between), unit(obx).0) }
    }
}

fn plain_words(part: Part<'_>) -> Option<String> {
    part.text()
}

fn time_words(part: Part<'_>) -> Option<String> {
    time::fhir(part).or_else(|| part.text())
}

fn clock_words(part: Part<'_>) -> Option<String> {
    let text = part.text()?;
    Some(time::clock(&text).unwrap_or(text))
}

fn numeric(obx: &Segment<'_>) -> Found {
    let Some(text) = obx.get(5).text() else { return Found::Nothing };
    // Laboratories write bounds of their methods into NM, though it has none.
    let bounds = ["<=", ">=", "<", ">"];
    let (bound, rest) = bounds
        .iter()
        .find_map(|bound| text.strip_prefix(bound).map(|rest| (Some(*bound), rest)))
        .unwrap_or((None, &text));
    match number(rest) {
        Some(number) => quantity(&number, bound, obx),
        None => Found::Text(text, unit(obx).0),
    }
}

/// `>^100`, `^1^:^128`, `^10^-^20`, `^2^+`.
fn structured(obx: &Segment<'_>) -> Found {
    let part = |number| obx.get(5).component(number).text().unwrap_or_default();
    let (bound, first, between, second) = (part(1), part(2), part(3), part(4));
    let known = ["<", ">", "<=", ">="].contains(&bound.as_str()).then_some(bound.as_str());
    if between.is_empty()
        && second.is_empty()
        && (known.is_some() || bound.is_empty() || bound == "=")
        && let Some(number) = number(&first)
    {
        return quantity(&number, known, obx);
    }
    let words = format!("{bound}{first}{between}{second}");
    if words.is_empty() { Found::Nothing } else { Found::Text(words, unit(obx).0) }
}

fn quantity(number: &str, bound: Option<&str>, obx: &Segment<'_>) -> Found {
    let (unit, code) = unit(obx);
    Found::Quantity(object([
        ("value", json!(number)),
        ("comparator", json!(bound)),
        ("unit", json!(unit)),
        ("code", json!(code)),
    ]))
}

/// A plain number as the clinical JSON takes it: `+5`, `.5` and `5.` get what they lack.
pub fn number(text: &str) -> Option<String> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let any = !(whole.is_empty() && fraction.is_empty());
    if !any || !plain(whole) || !plain(fraction) || digits.len() > 17 {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// The unit as written, and its UCUM code if OBX-6 says that it is one.
pub fn unit(obx: &Segment<'_>) -> (Option<String>, Option<String>) {
    let field = obx.get(6);
    let (code, words, system) =
        (field.component(1).text(), field.component(2).text(), field.component(3).text());
    if let (Some(first), Some(second)) = (&code, &words)
        && first.ends_with("10")
        && second.starts_with(|c: char| c.is_ascii_digit())
    {
        // 10^3/uL whose power was not escaped.
        return (field.text(), None);
    }
    match system.as_deref() {
        Some("UCUM") => (words.or_else(|| code.clone()), code),
        _ => (code.or(words), None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Message;
    use super::*;

    fn read(kind: &str, value: &str, unit: &str) -> Value {
        let text = format!("MSH|^~\\&|LIS\rOBX|1|{kind}|X||{value}|{unit}");
        match Found::read(&Message::read(&text).unwrap().first("OBX").unwrap()) {
            Found::Quantity(quantity) => quantity,
            Found::Code(code) => json!({"code": code}),
            Found::Text(text, unit) => json!([text, unit]),
            Found::File(file) => json!(file.content_type),
            Found::Nothing => Value::Null,
            Found::Elsewhere => json!("elsewhere"),
        }
    }

    #[test]
    fn numbers_are_quantities_with_bound_and_unit() {
        assert_eq!(read("NM", "10.40", "g/dL"), json!({"value": "10.40", "unit": "g/dL"}));
        assert_eq!(read("NM", "<0.5", "ng/mL"), json!({"value": "0.5", "comparator": "<", "unit": "ng/mL"}));
        assert_eq!(read("NM", "+.5", ""), json!({"value": "0.5"}));
        assert_eq!(
            read("SN", ">=^100", "mg/dL"),
            json!({"value": "100", "comparator": ">=", "unit": "mg/dL"})
        );
        assert_eq!(
            read("NM", "5", "10*3/uL^thousand per microlitre^UCUM"),
            json!({"value": "5", "unit": "thousand per microlitre", "code": "10*3/uL"})
        );
        assert_eq!(read("NM", "5", "10^3/uL")["unit"], "10^3/uL", "the power was not escaped");
        assert_eq!(read("NM", "5", "x10^6/cumm")["unit"], "x10^6/cumm");
    }

    #[test]
    fn what_is_no_number_stays_words() {
        assert_eq!(read("NM", "Not detected", ""), json!(["Not detected", null]));
        assert_eq!(read("NM", "1.2.3", "mg"), json!(["1.2.3", "mg"]));
        assert_eq!(read("NM", "1e5", "mg"), json!(["1e5", "mg"]));
        assert_eq!(read("SN", "^1^:^128", ""), json!(["1:128", null]));
        assert_eq!(read("SN", "^2^+", ""), json!(["2+", null]));
        assert_eq!(
            read("NM", "5~6", "mg"),
            json!(["5\n6", "mg"]).as_array().map(|_| json!(["5\n6", "mg"])).unwrap()
        );
    }

    #[test]
    fn text_keeps_its_lines_and_loses_nothing() {
        assert_eq!(read("TX", "No growth~after 48 h", ""), json!(["No growth\nafter 48 h", null]));
        assert_eq!(read("FT", "a\\.br\\b", ""), json!(["a\nb", null]));
        assert_eq!(read("ST", "A^B & C", ""), json!(["A^B & C", null]));
        assert_eq!(read("", "Positive", ""), json!(["Positive", null]));
        assert_eq!(read("DT", "20260120", ""), json!(["2026-01-20", null]));
        assert_eq!(read("TM", "1430", ""), json!(["14:30", null]));
        assert_eq!(read("XPN", "Rao^Sita", ""), json!(["Rao Sita", null]));
    }

    #[test]
    fn codes_files_pointers_and_blanks_are_told_apart() {
        assert_eq!(read("CE", "112283007^Escherichia coli^SCT", "")["code"]["system"], "snomed");
        assert_eq!(read("CWE", "A^One~B^Two", ""), json!(["One; Two", null]));
        assert_eq!(read("ED", "^application^pdf^Base64^JVBERi0x", ""), json!("application/pdf"));
        assert_eq!(read("RP", "http://pacs/1", ""), json!("elsewhere"));
        assert_eq!((read("NM", "", "g"), read("ST", "\"\"", "")), (Value::Null, Value::Null));
    }
}
