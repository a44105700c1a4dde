//! Hostile and odd input: markup, scripts of India, depth, random edits.

use nrces::{Context, HiType};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{build, bundle, example_value, resources};

/// Puts markup into every text of an input but those that are read as codes.
fn poison(value: &mut Value, key: &str) {
    const KEPT: [&str; 30] = [
        "data",
        "contentType",
        "system",
        "code",
        "codings",
        "status",
        "gender",
        "class",
        "clinicalStatus",
        "verificationStatus",
        "category",
        "criticality",
        "severity",
        "priority",
        "intent",
        "periodUnit",
        "bundleType",
        "currency",
        "invoiceStatus",
        "chargeType",
        "abhaNumber",
        "timeOfDay",
        "when",
        "type",
        "unit",
        "uid",
        "studyUid",
        "modality",
        "display",
        "comparator",
    ];
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| poison(value, key)),
        Value::Array(items) => items.iter_mut().for_each(|value| poison(value, key)),
        Value::String(text) if !KEPT.contains(&key) && !is_date(text) => {
            text.push_str("<script>alert('x')</script><img src=x onerror=alert(1)>&amp;\"'");
        }
        _ => {}
    }
}

fn is_date(text: &str) -> bool {
    text.len() >= 4 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit)
}

#[test]
fn markup_in_any_text_is_inert_in_every_narrative() {
    for hi_type in HiType::ALL {
        let mut data = example_value(hi_type, "maximal");
        poison(&mut data, "");
        let bundle = match build(hi_type, &data) {
            Ok(built) => built.value(),
            Err(issues) => panic!("{hi_type}: {issues:#?}"),
        };
        let mut divs = 0;
        each_div(&bundle, &mut |div| {
            divs += 1;
            assert!(!div.contains("<script") && !div.contains("<img"), "{div}");
        });
        assert!(divs > 3, "{hi_type}");
        let page = nrces::render_html(&bundle);
        assert!(!page.contains("<script") && !page.contains("<img src=x"), "{hi_type}");
    }
}

fn each_div(value: &Value, check: &mut impl FnMut(&str)) {
    match value {
        Value::Object(map) => {
            if let Some(div) = map.get("div").and_then(Value::as_str) {
                check(div);
            }
            map.values().for_each(|value| each_div(value, check));
        }
        Value::Array(items) => items.iter().for_each(|value| each_div(value, check)),
        _ => {}
    }
}

#[test]
fn hindi_survives_in_values_and_narrative() {
    let mut data = example_value(HiType::OPConsultation, "minimal");
    data["chiefComplaints"] = json!(["तीन दिन से बुखार और खाँसी"]);
    let bundle = bundle(HiType::OPConsultation, &data);
    let condition = resources(&bundle, "Condition")[0];
    assert_eq!(condition["code"]["text"], "तीन दिन से बुखार और खाँसी");
    assert!(condition["text"]["div"].as_str().unwrap().contains("तीन दिन से बुखार और खाँसी"));
    let section = &bundle["entry"][0]["resource"]["section"][0];
    assert!(section["text"]["div"].as_str().unwrap().contains("बुखार"));
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(nrces::build_slice(HiType::Invoice, deep.as_bytes(), &Context::default()).is_err());
    let mut data = example_value(HiType::DiagnosticReport, "minimal");
    let mut panel = json!({ "observation": "x", "result": "y" });
    for _ in 0..20 {
        panel = json!({ "observation": "x", "members": [panel] });
    }
    data["diagnostics"][0]["result"] = json!([panel]);
    let issues = build(HiType::DiagnosticReport, &data).err().unwrap();
    assert_eq!(issues[0].rule, "input.depth");
}

#[test]
fn control_characters_never_reach_the_document() {
    let mut data = example_value(HiType::OPConsultation, "minimal");
    data["chiefComplaints"] = json!(["Fe\u{0}ver\u{1b}\u{7}"]);
    let bundle = bundle(HiType::OPConsultation, &data);
    assert_eq!(resources(&bundle, "Condition")[0]["code"]["text"], "Fever");
}

/// All pointers of a tree.
fn pointers(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| pointers(value, &format!("{at}/{key}"), out));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, value)| pointers(value, &format!("{at}/{i}"), out));
        }
        _ => {}
    }
}

fn junk() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        Just(json!([])),
        Just(json!([[]])),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("2026-02-30")),
        Just(json!("1-1-1")),
        Just(json!("999999999999-1-d")),
        Just(json!({ "value": 1e308, "unit": "kg" })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Whatever one value of an input becomes, the builder answers, and what it
    /// hands out has been found valid.
    #[test]
    fn one_changed_value_never_panics(which in 0usize..8, place in any::<prop::sample::Index>(), value in junk()) {
        let hi_type = HiType::ALL[which];
        let mut data = example_value(hi_type, "maximal");
        let mut all = Vec::new();
        pointers(&data, "", &mut all);
        *data.pointer_mut(&all[place.index(all.len())]).unwrap() = value;
        if let Ok(built) = build(hi_type, &data) {
            prop_assert!(built.issues.iter().all(|i| !i.is_error()));
            let _ = nrces::render_html(&built.value());
        }
    }
}
