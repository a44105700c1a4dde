//! Names of people: XPN (patients), XCN and CNN (those who order, interpret and sign).

use serde_json::{Value, json};

use super::json::object;
use super::message::Part;

/// A name as people say it, of the components family, given, further, suffix, prefix beginning at the component `first`.
pub fn full(part: impl Fn(usize) -> Option<String>, first: usize) -> Option<String> {
    let order = [first + 4, first + 1, first + 2, first, first + 3];
    let words: Vec<String> = order.into_iter().filter_map(part).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// A practitioner of an XCN field; `None` without a name, for an id alone tells nobody who it was.
pub fn practitioner(field: Part<'_>) -> Option<Value> {
    let part = |number| field.component(number).subcomponent(1).text();
    build(part, part(13).as_deref())
}

/// The interpreter of an NDL field, whose first component is a CNN; the form of XCN, which many send there, is read too.
pub fn interpreter(field: Part<'_>) -> Option<Value> {
    let first = field.component(1);
    if first.has_subcomponents() {
        return build(|number| first.subcomponent(number).text(), None);
    }
    // The second component of an NDL is a time.
    let second = field.component(2).text().unwrap_or_default();
    if second.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    practitioner(field)
}

/// The name alone.
pub fn practitioner_name(field: Part<'_>) -> Option<String> {
    full(|number| field.component(number).subcomponent(1).text(), 2)
}

fn build(part: impl Fn(usize) -> Option<String>, kind: Option<&str>) -> Option<Value> {
    let name = full(&part, 2)?;
    let id = match kind {
        Some("MD" | "LN") => "registrationNumber",
        Some("HPID" | "HPR") => "hprId",
        _ => "practitionerId",
    };
    Some(object([("name", json!(name)), (id, json!(part(1))), ("qualification", json!(part(7)))]))
}
