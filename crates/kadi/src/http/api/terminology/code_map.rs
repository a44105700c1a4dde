//! What a facility's codes stand for: one by one, and as a list.

use std::path::PathBuf;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use nrces::terminology::{BadLine, LoadError, Watch, check_code, facility_codes_from, system_uri};
use serde::{Deserialize, Serialize};
use store::terminology::{LocalCode, LocalMapping};
use utoipa::{IntoParams, ToSchema};

use super::super::check::{self, Check};
use super::super::created_or_ok;
use super::super::path::IdPath;
use super::failed;
use crate::http::App;
use crate::http::auth::{Caller, InFacility};
use crate::http::body::{Body, Whole};
use crate::http::paging::{List, PageParams, Params};
use crate::http::problem::{Code, Problem};
use crate::terminology;

/// The longest code or system.
const MAX_CODE: usize = 255;
/// How many bad lines are told one by one.
const MAX_TOLD: usize = 100;

/// A facility's code as path, query or a page's end name it.
pub(super) fn local(code: &str, system: Option<&str>) -> LocalCode {
    let system = system.map(str::trim).filter(|system| !system.is_empty());
    LocalCode { system: system.map(str::to_owned), code: code.trim().to_owned() }
}

/// What a facility's code stands for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LocalMapping)]
pub struct MappingView {
    /// The facility's code.
    #[schema(example = "HB")]
    pub local_code: String,
    /// The system that is named beside it; without one it holds under any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_system: Option<String>,
    /// The standard code's system.
    #[schema(example = "http://loinc.org")]
    pub system: String,
    /// The standard code.
    #[schema(example = "718-7")]
    pub code: String,
    /// What its system calls it.
    #[schema(example = "Hemoglobin [Mass/volume] in Blood")]
    pub display: String,
}

impl From<LocalMapping> for MappingView {
    fn from(mapping: LocalMapping) -> Self {
        let LocalMapping { local, system, code, display } = mapping;
        Self { local_code: local.code, local_system: local.system, system, code, display }
    }
}

/// What a facility's code is to stand for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LocalMappingBody)]
pub struct MappingBody {
    /// `snomed`, `loinc`, `icd-10` or a URI.
    #[schema(example = "loinc")]
    system: String,
    /// The standard code.
    #[schema(example = "718-7")]
    code: String,
    /// What its system calls it; may be left out for a code of a loaded code system.
    #[serde(default)]
    display: Option<String>,
}

/// Under which system.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct LocalSystem {
    /// The system that is named beside the code; without it the mapping holds under any that has none of its own.
    local_system: Option<String>,
}

/// The facility's code that path and query name.
#[derive(Debug)]
pub struct Named(LocalCode);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let code = IdPath::<String>::from_request_parts(parts, state).await;
        let IdPath(code) = code.map_err(IntoResponse::into_response)?;
        let Params(LocalSystem { local_system }) = Params::from_request_parts(parts, state).await?;
        Ok(Self(local(&code, local_system.as_deref())))
    }
}

/// Say what a code stands for
///
/// In records that come from now on, and in those that are put again, the facility's code becomes the standard one; the words
/// stay as they were written.
#[utoipa::path(put, path = "/v1/facilities/{facilityId}/code-map/{localCode}", tag = "Terminology",
    operation_id = "putLocalMapping",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("localCode" = String, Path, description = "The facility's code, percent-encoded", example = "HB"),
        LocalSystem,
    ),
    request_body = MappingBody,
    responses(
        (status = 200, description = "It stood for something and stands for this now", body = MappingView),
        (status = 201, description = "It stood for nothing", body = MappingView),
        (status = 422, description = "`invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn put(
    State(app): State<App>,
    caller: Caller,
    InFacility(facility): InFacility,
    Named(local): Named,
    Body(body): Body<MappingBody>,
) -> Result<(StatusCode, Json<MappingView>), Problem> {
    let mapping = body.read(&app, local).await?;
    let mut tx = app.store.begin().await?;
    let made = tx.put_local_mapping(&facility.id, &mapping).await?;
    tx.audit(&facility.id, &caller.actor(), "local code mapped", &mapping.local.code).await?;
    tx.commit().await?;
    Ok((created_or_ok(made), Json(mapping.into())))
}

impl MappingBody {
    async fn read(self, app: &App, local: LocalCode) -> Result<LocalMapping, Problem> {
        let mut check = Check::default();
        let local_code = check.take("/localCode", text(local.code));
        let local_system = local.system.map(|system| check.take("/localSystem", text(system)));
        let system = check.take("/system", text(self.system)).map(|system| system_uri(&system).to_owned());
        if system.as_ref().is_some_and(|system| !system.contains(':')) {
            check.wrong("/system", "must be snomed, loinc, icd-10 or a URI");
        }
        let code = check.take("/code", text(self.code));
        if let (Some(system), Some(code)) = (&system, &code) {
            check.take("/code", check_code(system, code));
        }
        let named = self.display.is_some();
        let display = match (self.display, &system, &code) {
            (Some(display), ..) => check.take("/display", check::text(display)),
            (None, Some(system), Some(code)) => {
                app.terminology.display(system, code).await.map_err(failed)?
            }
            _ => None,
        };
        if display.is_none() && !named {
            check.wrong("/display", "is required for a code of a code system that is not loaded");
        }
        let mapping = match (local_code, system, code, display) {
            (Some(local), Some(system), Some(code), Some(display)) => {
                let local = LocalCode { system: local_system.flatten(), code: local };
                Some(LocalMapping { local, system, code, display })
            }
            _ => None,
        };
        check.end(mapping)
    }
}

fn text(text: String) -> Result<String, &'static str> {
    let text = check::text(text)?;
    if text.chars().count() > MAX_CODE { Err("must have at most 255 characters") } else { Ok(text) }
}

/// Forget what a code stands for
#[utoipa::path(delete, path = "/v1/facilities/{facilityId}/code-map/{localCode}", tag = "Terminology",
    operation_id = "deleteLocalMapping",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("localCode" = String, Path, description = "The facility's code, percent-encoded"),
        LocalSystem,
    ),
    responses(
        (status = 204, description = "It stands for nothing now"),
        (status = 404, description = "`not_found`: it stood for nothing", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    InFacility(facility): InFacility,
    Named(local): Named,
) -> Result<StatusCode, Problem> {
    let mut tx = app.store.begin().await?;
    if !tx.delete_local_mapping(&facility.id, &local).await? {
        return Err(Problem::not_found());
    }
    tx.audit(&facility.id, &caller.actor(), "local code unmapped", &local.code).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List what a facility's codes stand for
#[utoipa::path(get, path = "/v1/facilities/{facilityId}/code-map", tag = "Terminology", operation_id = "listLocalMappings",
    params(("facilityId" = String, Path, description = "The facility"), PageParams),
    responses((status = 200, description = "A page of codes, in alphabetical order", body = List<MappingView>)))]
pub async fn list(
    State(app): State<App>,
    InFacility(facility): InFacility,
    Params(page): Params<PageParams>,
) -> Result<Json<List<MappingView>>, Problem> {
    let page = page.read()?;
    let after = page.after.as_deref().map(|key| {
        let (code, system) = key.split_once('\n').unwrap_or((key, ""));
        local(code, Some(system))
    });
    let mut tx = app.store.read().await?;
    let mappings = tx.local_mappings(&facility.id, after.as_ref(), page.read_limit()).await?;
    let key = |mapping: &LocalMapping| {
        format!("{}\n{}", mapping.local.code, mapping.local.system.as_deref().unwrap_or_default())
    };
    Ok(Json(page.list(mappings, key, MappingView::from)))
}

/// What became of a list of codes.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LocalMappingImport)]
pub struct ImportView {
    /// How many lines were taken.
    pub stored: u64,
    /// How many lines were not.
    pub rejected: u64,
    /// The first hundred of those, with why.
    pub problems: Vec<LineProblem>,
}

/// A line that was not taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineProblem {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it and how to mend it.
    pub message: String,
}

impl Watch for ImportView {
    fn read(&mut self, _bytes: u64) {}

    fn bad(&mut self, line: BadLine) {
        self.rejected += 1;
        if self.problems.len() < MAX_TOLD {
            self.problems.push(LineProblem { line: line.line, message: line.what });
        }
    }
}

/// Say what many codes stand for
///
/// A CSV file whose first line names the columns `local_code`, `system`, `code` and `display`; `local_system` may be there too.
/// The good lines are stored together; codes that the file does not name are kept.
#[utoipa::path(post, path = "/v1/facilities/{facilityId}/code-map", tag = "Terminology",
    operation_id = "importLocalMappings",
    params(("facilityId" = String, Path, description = "The facility")),
    request_body(content = String, content_type = "text/csv"),
    responses(
        (status = 200, description = "What became of the lines", body = ImportView),
        (status = 422, description = "`invalid`: the first line does not name the columns", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn import(
    State(app): State<App>,
    caller: Caller,
    InFacility(facility): InFacility,
    Whole(body): Whole,
) -> Result<Json<ImportView>, Problem> {
    let read = tokio::task::spawn_blocking(move || {
        let (mut view, mut codes) = (ImportView::default(), Vec::new());
        let read = facility_codes_from(&*body, "list", &mut view, &mut |code| codes.push(code));
        read.map(|_| (view, codes))
    });
    let read = read.await.map_err(|_| Problem::new(Code::Internal))?;
    let (mut view, codes) = read.map_err(|error| match error {
        LoadError::Header { wanted, .. } => {
            Problem::new(Code::Invalid).field("", format!("the first line must name the columns {wanted}"))
        }
        _ => Problem::new(Code::Malformed),
    })?;
    let (mappings, nameless) = terminology::mappings(&app.terminology, codes).await.map_err(failed)?;
    for line in nameless {
        view.bad(BadLine { file: PathBuf::new(), line, what: terminology::NAMELESS.to_owned() });
    }
    view.problems.sort_by_key(|problem| problem.line);
    let mut tx = app.store.begin().await?;
    for mapping in &mappings {
        tx.put_local_mapping(&facility.id, mapping).await?;
        view.stored += 1;
    }
    let stored = view.stored.to_string();
    tx.audit(&facility.id, &caller.actor(), "local codes mapped from a list", &stored).await?;
    tx.commit().await?;
    Ok(Json(view))
}
