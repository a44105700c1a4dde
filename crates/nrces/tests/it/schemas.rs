//! The schemas in the repository are those of the types.

use nrces::HiType;

use super::support::path;

/// `UPDATE_SCHEMAS=1 cargo test -p nrces` writes them anew.
#[test]
fn the_schema_files_are_up_to_date() {
    for hi_type in HiType::ALL {
        let mut text = serde_json::to_string_pretty(&nrces::input_schema(hi_type)).unwrap();
        text.push('\n');
        let file = path(&format!("schemas/{}.json", hi_type.slug()));
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(stored == text, "{} is stale; run with UPDATE_SCHEMAS=1", file.display());
    }
}

#[test]
fn every_field_of_the_examples_is_in_the_schema() {
    for hi_type in HiType::ALL {
        let schema = nrces::input_schema(hi_type);
        let properties = schema["properties"].as_object().unwrap();
        for (key, _) in super::support::example_value(hi_type, "maximal").as_object().unwrap() {
            assert!(properties.contains_key(key), "{hi_type}: {key}");
        }
    }
}

#[test]
fn texts_may_be_coded_and_say_so() {
    let schema = nrces::input_schema(HiType::Prescription);
    let medicine = &schema["$defs"]["Medication"]["properties"]["medicine"];
    assert!(medicine["$ref"].as_str().unwrap().ends_with("/Concept"), "{medicine}");
    let types = schema["$defs"]["Concept"]["type"].as_array().unwrap();
    assert!(types.contains(&"string".into()) && types.contains(&"object".into()));
}
