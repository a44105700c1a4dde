//! The description of the API.

use serde_json::Value;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

#[test]
fn the_description_that_is_kept_is_current() {
    let kept = std::fs::read_to_string(KEPT).unwrap_or_default();
    let made = kadi::http::api::document_text().unwrap();
    assert!(kept.trim_end() == made.trim_end(), "run: cargo run -- openapi > docs/openapi.json");
}

#[test]
fn every_operation_is_named_grouped_and_says_what_it_answers() {
    let document: Value = serde_json::from_str(&kadi::http::api::document_text().unwrap()).unwrap();
    let groups: Vec<_> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(operation["operationId"].is_string(), "{place}");
            assert!(operation["summary"].as_str().is_some_and(|summary| !summary.ends_with('.')), "{place}");
            assert!(groups.contains(&&operation["tags"][0]), "{place}");
            assert!(
                operation["responses"].as_object().is_some_and(|responses| !responses.is_empty()),
                "{place}"
            );
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{place} {parameter}");
            }
        }
    }
}
