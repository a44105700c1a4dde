//! Coded elements (CE, CWE, CNE) as concepts: words, with their codes beside them.
//!
//! The code systems that the profiles know are named; a code of the laboratory's own (`L`, `99...`, none) stays one of
//! its own, beside the words. A code is never made from words nor words from a code.

use serde_json::{Value, json};

use super::json::object;
use super::message::Part;

/// A coded element whose parts are components.
pub fn of_components(field: Part<'_>) -> Value {
    concept(|number| field.component(number).text())
}

/// A coded element whose parts are the subcomponents of a component.
pub fn of_subcomponents(component: Part<'_>) -> Value {
    concept(|number| component.subcomponent(number).text())
}

/// A concept of words alone; `null` of none.
pub fn words(text: Option<impl Into<String>>) -> Value {
    text.map_or(Value::Null, |text| Value::String(text.into()))
}

/// The words of a concept, if it has any.
pub fn words_of(concept: &Value) -> Option<String> {
    let of = |key: &str| concept.get(key).and_then(Value::as_str);
    concept.as_str().or_else(|| of("text")).map(str::to_owned)
}

/// The words by which a reader knows a coded element.
pub fn said(field: Part<'_>) -> Option<String> {
    let part = |number| field.component(number).text();
    part(9).or_else(|| part(2)).or_else(|| part(5)).or_else(|| part(1))
}

fn concept(part: impl Fn(usize) -> Option<String>) -> Value {
    let (code, display) = (part(1), part(2));
    let text = part(9).or_else(|| display.clone()).or_else(|| part(5));
    let other = coding(part(4), part(5).as_deref(), part(6));
    match code {
        Some(code) => object([
            ("text", json!(text)),
            ("system", json!(system(part(3)))),
            ("code", json!(code)),
            ("display", json!(display)),
            ("codings", other.map_or(Value::Null, |other| json!([other]))),
        ]),
        None if other.is_some() => object([("text", json!(text)), ("codings", json!([other]))]),
        None => words(text),
    }
}

fn coding(code: Option<String>, display: Option<&str>, named: Option<String>) -> Option<Value> {
    let code = code?;
    Some(object([("system", json!(system(named))), ("code", json!(code)), ("display", json!(display))]))
}

/// The code system of HL7's table 0396, as the clinical JSON names it; `None` for the sender's own without a name.
fn system(named: Option<String>) -> Option<String> {
    let named = named?;
    let known = match named.to_ascii_uppercase().as_str() {
        "LN" | "LOINC" => "loinc",
        "SCT" | "SNOMED-CT" | "SNOMEDCT" | "SCTINT" => "snomed",
        "I10" | "ICD10" | "ICD-10" => "icd-10",
        "L" | "LOCAL" => return None,
        upper => {
            let table = upper.strip_prefix("HL7").filter(|rest| rest.len() == 4);
            let table = table.filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
            return Some(
                table.map_or(named, |table| format!("http://terminology.hl7.org/CodeSystem/v2-{table}")),
            );
        }
    };
    Some(known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::message::Message;
    use super::*;

    fn read(field: &str) -> Value {
        let text = format!("MSH|^~\\&|LIS\rOBX|1|NM|{field}");
        of_components(Message::read(&text).unwrap().first("OBX").unwrap().get(3))
    }

    #[test]
    fn known_systems_are_named_and_local_codes_stay_local() {
        assert_eq!(
            read("718-7^Hemoglobin [Mass/volume] in Blood^LN^HB^Haemoglobin^L"),
            json!({"text": "Hemoglobin [Mass/volume] in Blood", "system": "loinc", "code": "718-7",
                "display": "Hemoglobin [Mass/volume] in Blood", "codings": [{"code": "HB", "display": "Haemoglobin"}]})
        );
        assert_eq!(
            read("TLC^Total leucocyte count^99LAB"),
            json!({"text": "Total leucocyte count", "system": "99LAB", "code": "TLC", "display": "Total leucocyte count"})
        );
        assert_eq!(read("TLC^Total leucocyte count^L")["system"], Value::Null);
        assert_eq!(read("112283007^E. coli^SCT")["system"], "snomed");
        assert_eq!(read("F^Female^HL70001")["system"], "http://terminology.hl7.org/CodeSystem/v2-0001");
    }

    #[test]
    fn words_without_a_code_are_words_and_a_code_without_words_has_none() {
        assert_eq!(read("^Peripheral smear"), json!("Peripheral smear"));
        assert_eq!(read("HB"), json!({"code": "HB"}));
        assert_eq!(
            read("^^^HB^Haemoglobin^L"),
            json!({"text": "Haemoglobin", "codings": [{"code": "HB", "display": "Haemoglobin"}]})
        );
        assert_eq!(read(""), Value::Null);
    }
}
