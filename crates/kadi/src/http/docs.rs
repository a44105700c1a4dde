//! The API's description: the OpenAPI document, and a page made from it, which loads nothing from elsewhere.

use std::fmt::Write as _;
use std::sync::LazyLock;

use askama::Template;
use axum::Router;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use serde_json::Value;

use super::App;
use super::problem::{Code, Problem};
use super::{api, console};

/// `/openapi.json` and `/docs`.
pub fn router() -> Router<App> {
    let page = console::with_headers(Router::new().route("/docs", get(page)));
    Router::new().route("/openapi.json", get(openapi)).merge(page)
}

async fn openapi() -> Result<impl IntoResponse, Problem> {
    let text = api::document_text().map_err(|error| {
        tracing::error!(error = %error, "the OpenAPI document could not be written");
        Problem::new(Code::Internal)
    })?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text))
}

/// The same for everybody, and until the next version.
static PAGE: LazyLock<Option<String>> = LazyLock::new(|| {
    let document = serde_json::to_value(api::document()).ok()?;
    Manual::of(&document).render().ok()
});

async fn page() -> Result<Html<&'static str>, Problem> {
    PAGE.as_deref().map(Html).ok_or_else(|| Problem::new(Code::Internal))
}

#[derive(Template)]
#[template(path = "docs/manual.html")]
struct Manual {
    intro: Vec<String>,
    groups: Vec<Group>,
    types: Vec<Type>,
}

struct Group {
    name: String,
    text: String,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    name: String,
    method: String,
    path: String,
    text: Vec<String>,
    parameters: Vec<Field>,
    body: Option<String>,
    answers: Vec<Answer>,
}

struct Field {
    name: String,
    kind: String,
    required: bool,
    text: String,
}

struct Answer {
    status: String,
    text: String,
    kind: Option<String>,
}

struct Type {
    name: String,
    text: Vec<String>,
    fields: Vec<Field>,
    values: Vec<String>,
}

impl Manual {
    fn of(document: &Value) -> Self {
        let groups = list(&document["tags"]).iter().map(|tag| Group {
            name: text(&tag["name"]),
            text: inline(&text(&tag["description"])),
            operations: operations(document, &tag["name"]),
        });
        let types = members(at(document, "/components/schemas")).map(|(name, schema)| type_of(name, schema));
        Self {
            intro: paragraphs(at(document, "/info/description")),
            groups: groups.collect(),
            types: types.collect(),
        }
    }
}

fn operations(document: &Value, group: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, methods) in members(&document["paths"]) {
        for (method, operation) in members(methods) {
            if operation["tags"].get(0) == Some(group) {
                found.push(operation_of(path, method, operation));
            }
        }
    }
    found
}

fn operation_of(path: &str, method: &str, operation: &Value) -> Operation {
    let parameters = list(&operation["parameters"]).iter().map(|parameter| Field {
        name: text(&parameter["name"]),
        kind: format!("{}, {}", text(&parameter["in"]), kind(&parameter["schema"])),
        required: parameter["required"] == true,
        text: inline(&text(&parameter["description"])),
    });
    let answers = members(&operation["responses"]).map(|(status, answer)| Answer {
        status: status.to_owned(),
        text: inline(&text(&answer["description"])),
        kind: content_kind(answer),
    });
    Operation {
        id: text(&operation["operationId"]),
        name: text(&operation["summary"]),
        method: method.to_owned(),
        path: path.to_owned(),
        text: paragraphs(&operation["description"]),
        parameters: parameters.collect(),
        body: content_kind(&operation["requestBody"]),
        answers: answers.collect(),
    }
}

fn content_kind(holder: &Value) -> Option<String> {
    members(&holder["content"]).next().map(|(_, content)| kind(&content["schema"]))
}

fn type_of(name: &str, schema: &Value) -> Type {
    let mut fields = Vec::new();
    let parts = list(&schema["allOf"]).iter().chain(list(&schema["oneOf"])).chain(std::iter::once(schema));
    for part in parts {
        for (field, schema) in members(&part["properties"]) {
            fields.push(Field {
                name: field.to_owned(),
                kind: kind(schema),
                required: list(&part["required"]).iter().any(|required| required == field),
                text: inline(&text(&schema["description"])),
            });
        }
    }
    let values =
        list(&schema["enum"]).iter().chain(list(&schema["oneOf"]).iter().flat_map(|one| list(&one["enum"])));
    Type {
        name: name.to_owned(),
        text: paragraphs(&schema["description"]),
        fields,
        values: values.map(text).collect(),
    }
}

/// A schema's type in a few words, as HTML: a named one is a link to it.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let name = escape(name);
        return format!("<a href=\"#type-{name}\">{name}</a>");
    }
    let alternatives =
        list(&schema["oneOf"]).iter().chain(list(&schema["allOf"])).filter(|one| one["type"] != "null");
    let alternatives: Vec<_> = alternatives.map(kind).collect();
    if !alternatives.is_empty() {
        return alternatives.join(" or ");
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).filter(|kind| kind != "null").collect(),
        one => vec![text(one)],
    };
    match kinds.first().map(String::as_str) {
        Some("array") => format!("list of {}", kind(&schema["items"])),
        Some("") | None => "any JSON".to_owned(),
        Some(kind) => match schema["format"].as_str() {
            Some(format @ ("date" | "date-time")) => escape(format),
            _ => escape(kind),
        },
    }
}

fn at<'a>(document: &'a Value, pointer: &str) -> &'a Value {
    document.pointer(pointer).unwrap_or(&Value::Null)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn paragraphs(value: &Value) -> Vec<String> {
    let text = value.as_str().unwrap_or_default();
    text.split("\n\n").map(str::trim).filter(|one| !one.is_empty()).map(inline).collect()
}

/// Text as HTML, with what stands between backticks as code.
fn inline(text: &str) -> String {
    let mut html = String::new();
    for (place, part) in text.split('`').enumerate() {
        let part = escape(part);
        let _ = if place % 2 == 1 { write!(html, "<code>{part}</code>") } else { write!(html, "{part}") };
    }
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_every_operation_and_leads_to_every_type_it_names() {
        let html = PAGE.as_deref().unwrap();
        let document = serde_json::to_value(api::document()).unwrap();
        for (_, methods) in members(&document["paths"]) {
            for (_, operation) in members(methods) {
                let id = operation["operationId"].as_str().unwrap();
                assert!(html.contains(&format!("id=\"{id}\"")), "{id}");
            }
        }
        for link in html.split("href=\"#").skip(1) {
            let target = link.split('"').next().unwrap();
            assert!(html.contains(&format!("id=\"{target}\"")), "#{target} leads nowhere");
        }
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let html = PAGE.as_deref().unwrap();
        for attribute in ["src=\"", "href=\""] {
            for link in html.split(attribute).skip(1) {
                assert!(
                    link.starts_with('/') || link.starts_with('#'),
                    "{}",
                    link.split('"').next().unwrap()
                );
            }
        }
        assert_eq!(inline("a `<b>` & c"), "a <code>&lt;b&gt;</code> &amp; c");
    }
}
