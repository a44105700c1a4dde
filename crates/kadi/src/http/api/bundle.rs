//! FHIR documents without keeping anything: clinical JSON in, a bundle out. Bodies as NHA's `fhir-mapper` takes them are
//! taken as they are, so that its users may point here instead.

use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, response::Result as Answer};
use nrces::{Context, HiType, Issue, Seed};
use serde_json::Value;
use uuid::Uuid;

use super::super::problem::{Code, FieldError, Problem};

/// Build a FHIR document
///
/// Nothing is stored. The body is the clinical JSON of the record type, as `GET` on `/v1/bundle/{recordType}/schema`
/// describes it; NHA's `fhir-mapper` bodies are such JSON. With an `id` in the body the same body gives the same bundle;
/// without one every bundle has ids of its own. `errors[]` names what hinders the document by its place in the body.
#[utoipa::path(post, path = "/v1/bundle/{recordType}", tag = "Documents",
    operation_id = "buildBundle",
    params(("recordType" = String, Path, description = "op-consultation, prescription, diagnostic-report, \
        discharge-summary, immunization, health-document, wellness-record or invoice", example = "prescription")),
    request_body(content = Value, description = "Clinical JSON of the record type"),
    responses(
        (status = 201, description = "The document, a FHIR R4 Bundle", body = Value, content_type = "application/fhir+json"),
        (status = 400, description = "`malformed`: not JSON, or a wrong type", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: no such record type", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`too_large`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid`: the document would not be valid", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn build(
    Path(slug): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Answer<Response, Problem> {
    let hi_type = HiType::from_slug(&slug).ok_or_else(Problem::not_found)?;
    let body = body.map_err(|rejection| unread(&rejection))?;
    let context = Context { seed: Seed::Random(Uuid::new_v4()), ..Context::default() };
    // Attachments make bodies of many megabytes, which would hold up others on this thread.
    let built = tokio::task::spawn_blocking(move || nrces::build_slice(hi_type, &body, &context)).await;
    match built.map_err(|_| Problem::new(Code::Internal))? {
        Ok(built) => {
            let kind = [(header::CONTENT_TYPE, "application/fhir+json")];
            Ok((StatusCode::CREATED, kind, built.json).into_response())
        }
        Err(issues) => Err(refusal(&issues)),
    }
}

/// What a record type's clinical JSON looks like
///
/// JSON Schema (draft 2020-12).
#[utoipa::path(get, path = "/v1/bundle/{recordType}/schema", tag = "Documents",
    operation_id = "bundleSchema",
    params(("recordType" = String, Path, description = "As for building", example = "prescription")),
    responses(
        (status = 200, description = "The schema", body = Value),
        (status = 404, description = "`not_found`: no such record type", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn schema(Path(slug): Path<String>) -> Answer<Json<Value>, Problem> {
    let hi_type = HiType::from_slug(&slug).ok_or_else(Problem::not_found)?;
    Ok(Json(nrces::input_schema(hi_type)))
}

fn unread(rejection: &BytesRejection) -> Problem {
    let too_large = rejection.status() == Code::TooLarge.status();
    Problem::new(if too_large { Code::TooLarge } else { Code::Malformed })
}

/// 400 for what could not be read, 422 for what would not be valid. Warnings alone refuse nothing and are left out.
fn refusal(issues: &[Issue]) -> Problem {
    let errors: Vec<&Issue> = issues.iter().filter(|issue| issue.is_error()).collect();
    let unread = errors.iter().any(|issue| matches!(issue.rule.as_str(), "input.json" | "input.type"));
    let code = if unread { Code::Malformed } else { Code::Invalid };
    let fields = errors.into_iter().map(|issue| FieldError::new(&issue.path, &issue.message));
    Problem { errors: fields.collect(), ..Problem::new(code) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_400_and_what_is_not_valid_is_422() {
        let wrong_type = [Issue::error("/patient", "input.type", "Expected an object here.")];
        assert_eq!(refusal(&wrong_type).code, Code::Malformed);
        let missing = [
            Issue::warning("/x", "input.unknown", "unknown"),
            Issue::error("/patient/name", "input.required", "missing"),
        ];
        let problem = refusal(&missing);
        assert_eq!(problem.code, Code::Invalid);
        assert_eq!(problem.errors, [FieldError::new("/patient/name", "missing")]);
    }
}
