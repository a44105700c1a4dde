//! A bare file as a record.

use serde_json::{Value, json};

use crate::context::Context;

/// The input of a HealthDocumentRecord that holds one file: a PDF or an image,
/// in base64. Everything else comes from the context; its visit gives the date.
pub fn from_file(content_type: &str, data: &str, title: &str, context: &Context) -> Value {
    let visit = context.visit.as_ref();
    json!({
        "careContextReference": visit.map(|v| v.reference.as_str()),
        "authoredOn": visit.map(|v| v.date.as_str()),
        "documents": [{ "type": title, "title": title, "contentType": content_type, "data": data }]
    })
}
