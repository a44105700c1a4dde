//! FHIR's data types in words.

use serde_json::Value;

use crate::time::read_words;

/// A date or time.
pub(super) fn date(text: &str) -> String {
    read_words(text).unwrap_or_else(|| text.to_owned())
}

/// The display of a reference or coding.
pub(super) fn display(value: &Value) -> Option<&str> {
    value["display"].as_str().filter(|d| !d.trim().is_empty())
}

/// A CodeableConcept: its text, else the first display, else the first code.
pub(super) fn concept(value: &Value) -> Option<String> {
    let text = value["text"].as_str().filter(|t| !t.trim().is_empty());
    let codings = || value["coding"].as_array().into_iter().flatten();
    let words =
        text.or_else(|| codings().find_map(display)).or_else(|| codings().find_map(|c| c["code"].as_str()));
    words.map(str::to_owned)
}

/// Several CodeableConcepts.
pub(super) fn concepts(value: &Value) -> Option<String> {
    let list: Vec<String> = value.as_array().into_iter().flatten().filter_map(concept).collect();
    (!list.is_empty()).then(|| list.join(", "))
}

/// A Quantity.
pub(super) fn quantity(value: &Value) -> Option<String> {
    let number = value["value"].as_number()?;
    let comparator = value["comparator"].as_str().unwrap_or_default();
    let unit = value["unit"].as_str().or_else(|| value["code"].as_str()).unwrap_or_default();
    let space = if unit.is_empty() || unit == "%" { "" } else { " " };
    Some(format!("{comparator}{number}{space}{unit}"))
}

/// Money.
pub(super) fn money(value: &Value) -> Option<String> {
    let amount = value["value"].as_f64()?;
    let currency = value["currency"].as_str().unwrap_or("INR");
    Some(if currency == "INR" { format!("₹ {amount:.2}") } else { format!("{currency} {amount:.2}") })
}

/// A Period.
pub(super) fn period(value: &Value) -> Option<String> {
    match (value["start"].as_str().map(date), value["end"].as_str().map(date)) {
        (Some(start), Some(end)) => Some(format!("{start} to {end}")),
        (Some(start), None) => Some(format!("since {start}")),
        (None, Some(end)) => Some(format!("until {end}")),
        (None, None) => None,
    }
}

/// Any `value[x]` or the like: the member of `resource` whose name is `prefix`
/// with a type after it.
pub(super) fn any(resource: &Value, prefix: &str) -> Option<String> {
    let is_type =
        |key: &str| key.strip_prefix(prefix).is_some_and(|t| t.starts_with(|c: char| c.is_ascii_uppercase()));
    let (key, value) = resource.as_object()?.iter().find(|(key, _)| is_type(key))?;
    match key.strip_prefix(prefix)? {
        "Quantity" | "Age" | "Duration" | "SimpleQuantity" => quantity(value),
        "CodeableConcept" => concept(value),
        "Period" => period(value),
        "Range" => range(value),
        "DateTime" | "Date" | "Instant" => value.as_str().map(date),
        "Reference" => display(value).map(str::to_owned),
        _ => scalar(value),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(true) => Some("yes".to_owned()),
        Value::Bool(false) => Some("no".to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A Range, or a reference range.
pub(super) fn range(value: &Value) -> Option<String> {
    if let Some(text) = value["text"].as_str() {
        return Some(text.to_owned());
    }
    let bound = |side: &str| value[side]["value"].as_number().map(ToString::to_string);
    match (bound("low"), bound("high")) {
        (Some(low), Some(high)) => Some(format!("{low} - {high}")),
        (Some(low), None) => Some(format!(">= {low}")),
        (None, Some(high)) => Some(format!("<= {high}")),
        (None, None) => None,
    }
}

/// The notes of a resource.
pub(super) fn notes(resource: &Value) -> Vec<String> {
    let list = resource["note"].as_array().into_iter().flatten();
    list.filter_map(|note| note["text"].as_str()).map(str::to_owned).collect()
}

/// Narrative without its markup: tags become breaks, entities characters. What
/// comes out is text and must be escaped again where it is shown.
pub(super) fn plain(div: &str) -> String {
    let mut out = String::with_capacity(div.len());
    let mut rest = div;
    while let Some(at) = rest.find(['<', '&']) {
        let (text, tail) = rest.split_at(at);
        out.push_str(text);
        rest = if tail.starts_with('<') { skip_tag(tail, &mut out) } else { read_entity(tail, &mut out) };
    }
    out.push_str(rest);
    let lines = out.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n")
}

fn skip_tag<'t>(tail: &'t str, out: &mut String) -> &'t str {
    let name: String =
        tail.chars().skip(1).skip_while(|c| *c == '/').take_while(char::is_ascii_alphanumeric).collect();
    let breaks = ["p", "br", "div", "tr", "li", "table", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6"];
    out.push(if breaks.contains(&name.to_ascii_lowercase().as_str()) { '\n' } else { ' ' });
    tail.find('>').and_then(|end| tail.get(end + 1..)).unwrap_or_default()
}

fn read_entity<'t>(tail: &'t str, out: &mut String) -> &'t str {
    let end = tail.char_indices().take(12).find(|(_, c)| *c == ';').map(|(i, _)| i);
    let Some((name, rest)) = end.and_then(|end| Some((tail.get(1..end)?, tail.get(end + 1..)?))) else {
        out.push('&');
        return tail.get(1..).unwrap_or_default();
    };
    let number = name.strip_prefix('#').and_then(|n| match n.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => n.parse().ok(),
    });
    match (name, number.and_then(char::from_u32)) {
        (_, Some(c)) => out.push(c),
        ("lt", _) => out.push('<'),
        ("gt", _) => out.push('>'),
        ("amp", _) => out.push('&'),
        ("quot", _) => out.push('"'),
        ("apos", _) => out.push('\''),
        _ => out.push(' '),
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn narrative_becomes_lines_of_text() {
        let div = "<div xmlns=\"x\"><p>One &amp; <b>two</b></p><ul><li>a &#x92C;</li><li>b</li></ul></div>";
        assert_eq!(plain(div), "One & two\na ब\nb");
        assert_eq!(plain("no end <b"), "no end");
        assert_eq!(plain("5 & 6 &unknown; &"), "5 & 6 &");
    }

    #[test]
    fn values_are_told_by_their_type() {
        let one = json!({ "valueQuantity": { "value": 98, "unit": "%" } });
        assert_eq!(any(&one, "value").as_deref(), Some("98%"));
        assert_eq!(any(&json!({ "valueBoolean": true }), "value").as_deref(), Some("yes"));
        assert_eq!(any(&json!({ "valueSet": "x" }), "values"), None);
    }
}
