//! JSON Schemas of the inputs, generated from their types.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::hi_type::HiType;
use crate::input::{
    DiagnosticReport, DischargeSummary, HealthDocumentRecord, ImmunizationRecord, Invoice, OPConsultation,
    Prescription, WellnessRecord,
};

/// The JSON Schema (draft 2020-12) of the clinical JSON of a record type.
pub fn input_schema(hi_type: HiType) -> Value {
    let mut schema = match hi_type {
        HiType::Prescription => generate::<Prescription>(),
        HiType::DiagnosticReport => generate::<DiagnosticReport>(),
        HiType::OPConsultation => generate::<OPConsultation>(),
        HiType::DischargeSummary => generate::<DischargeSummary>(),
        HiType::ImmunizationRecord => generate::<ImmunizationRecord>(),
        HiType::HealthDocumentRecord => generate::<HealthDocumentRecord>(),
        HiType::WellnessRecord => generate::<WellnessRecord>(),
        HiType::Invoice => generate::<Invoice>(),
    };
    drop_defaults(&mut schema);
    if let Some(map) = schema.as_object_mut() {
        map.insert("title".to_owned(), json!(hi_type.as_str()));
    }
    schema
}

fn generate<T: JsonSchema>() -> Value {
    let generator = SchemaGenerator::new(SchemaSettings::draft2020_12());
    generator.into_root_schema_for::<T>().to_value()
}

/// An absent field is just absent: a default of `""` beside each would only
/// hide that.
fn drop_defaults(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.contains_key("type") || map.contains_key("$ref") || map.contains_key("anyOf") {
                map.shift_remove("default");
            }
            map.values_mut().for_each(drop_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_defaults),
        _ => {}
    }
}
