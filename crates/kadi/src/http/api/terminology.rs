//! Codes: searching code systems, a facility's codes that stand for nothing yet, and what its codes stand for.

use std::path::PathBuf;

use abdm::id::FacilityId;
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use nrces::terminology::{
    BadLine, LOINC, LoadError, SNOMED, Watch, check_code, facility_codes_from, system_uri,
};
use serde::{Deserialize, Serialize};
use store::terminology::{
    Found, LocalCode, LocalMapping, Search, TerminologyError, UnmappedCode, UnmappedKey,
};
use utoipa::{IntoParams, ToSchema};

use super::super::App;
use super::super::auth::{Caller, InFacility};
use super::super::body::{Body, Whole};
use super::super::paging::{List, PageParams, Params};
use super::super::problem::{Code, FieldError, Problem};
use super::check::{self, Check};
use super::path::IdPath;
use crate::terminology;

/// The longest code or system.
const MAX_CODE: usize = 255;
/// What is read of a search: nobody types more.
const MAX_TYPED: usize = 200;
const DEFAULT_FOUND: u32 = 20;
const MAX_FOUND: u32 = 100;
/// How many codes are suggested for an unmapped one, of LOINC and of SNOMED CT.
const SUGGESTED: [(&str, usize); 2] = [(LOINC, 3), (SNOMED, 2)];
/// How many bad lines are told one by one.
const MAX_TOLD: usize = 100;

/// A code of a code system.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FoundCode)]
pub struct FoundView {
    /// The code system's URI.
    #[schema(example = "http://loinc.org")]
    pub system: String,
    /// The code.
    #[schema(example = "718-7")]
    pub code: String,
    /// What the code system calls it.
    #[schema(example = "Hemoglobin [Mass/volume] in Blood")]
    pub display: String,
    /// What kind of thing it is, in the code system's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "HEM/BC")]
    pub kind: Option<String>,
    /// The name that was met, if it was another than the display.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<String>,
}

impl From<Found> for FoundView {
    fn from(found: Found) -> Self {
        let Found { system, code, display, kind, matched } = found;
        Self { system, code, display, kind, matched }
    }
}

/// What is searched.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchParams {
    /// What was typed: words or their beginnings, in any order. Typing errors and synonyms are understood.
    #[param(example = "haemoglob")]
    q: String,
    /// Only codes of this system: `snomed`, `loinc` or a URI.
    system: Option<String>,
    /// How many at most; 1 to 100, usually 20.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
}

/// Search codes
///
/// Searches what was loaded by `kadi terminology load`, and the codes that the NRCeS profiles name, best match first. There is no
/// next page: type more.
#[utoipa::path(get, path = "/v1/terminology/search", tag = "Terminology", operation_id = "searchTerminology",
    params(SearchParams),
    responses(
        (status = 200, description = "The best matches", body = List<FoundView>),
        (status = 422, description = "`invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn search(
    State(app): State<App>,
    _caller: Caller,
    Params(params): Params<SearchParams>,
) -> Result<Json<List<FoundView>>, Problem> {
    let limit = params.limit.unwrap_or(DEFAULT_FOUND);
    if !(1..=MAX_FOUND).contains(&limit) {
        return Err(Problem::invalid(vec![FieldError::new("/limit", "must be 1 to 100")]));
    }
    let text: String = params.q.chars().take(MAX_TYPED).collect();
    let system = params.system.as_deref().map(str::trim).filter(|system| !system.is_empty()).map(system_uri);
    let limit = usize::try_from(limit).unwrap_or_default();
    let found = app.terminology.search(Search { text: &text, system, limit }).await.map_err(failed)?;
    Ok(Json(List { items: found.into_iter().map(FoundView::from).collect(), next: None }))
}

#[expect(clippy::needless_pass_by_value, reason = "errors are handed over at the end of `map_err`")]
fn failed(error: TerminologyError) -> Problem {
    tracing::error!(error = %error, "the terminology index could not answer");
    Problem::new(Code::Unavailable).detail("the terminology index does not answer")
}

/// A facility's code that stands for nothing yet.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UnmappedCode)]
pub struct UnmappedView {
    /// Whose.
    pub facility_id: String,
    /// The code.
    #[schema(example = "HB")]
    pub local_code: String,
    /// The system that was named beside it, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_system: Option<String>,
    /// The words that stood beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Haemoglobin")]
    pub label: Option<String>,
    /// In how many places of records it has come.
    pub count: u64,
    /// When it came last.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen: Timestamp,
    /// What it may stand for, by its words: LOINC codes first, then SNOMED CT.
    pub suggestions: Vec<FoundView>,
}

/// Which unmapped codes a list shows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct UnmappedParams {
    /// Those of this facility; an administrator's key without it sees all.
    facility_id: Option<String>,
    /// How many items at most; 1 to 200, usually 50.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List codes that stand for nothing yet
///
/// A facility's own codes that came in records and of which nobody has said what they stand for, the commonest first, each with
/// suggestions. Records with them are valid: they show the words. Say what one stands for with a `PUT` to the facility's code
/// map; it is coded in records that come from then on, and a record that is put again.
#[utoipa::path(get, path = "/v1/terminology/unmapped", tag = "Terminology", operation_id = "listUnmappedCodes",
    params(UnmappedParams),
    responses(
        (status = 200, description = "A page of codes, the commonest first", body = List<UnmappedView>),
        (status = 404, description = "`not_found`: the facility is another's", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn unmapped(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<UnmappedParams>,
) -> Result<Json<List<UnmappedView>>, Problem> {
    let page = PageParams { limit: params.limit, cursor: params.cursor }.read()?;
    let asked = params.facility_id.map(|text| text.parse::<FacilityId>());
    let asked = asked.transpose().map_err(|_| Problem::not_found())?;
    if asked.as_ref().is_some_and(|facility| !caller.scope.opens(facility)) {
        return Err(Problem::not_found());
    }
    let facility = asked.or_else(|| caller.scope.facility().cloned());
    let after: Option<After> = page.after()?;
    let mut tx = app.store.read().await?;
    let after = after.map(|After(key)| key);
    let codes = tx.unmapped_codes(facility.as_ref(), after.as_ref(), page.read_limit()).await?;
    drop(tx);
    let List { items, next } = page.list(codes, |code| After(code.key()).to_string(), |code| code);
    let mut shown = Vec::with_capacity(items.len());
    for code in items {
        shown.push(show_unmapped(&app, code).await?);
    }
    Ok(Json(List { items: shown, next }))
}

async fn show_unmapped(app: &App, code: UnmappedCode) -> Result<UnmappedView, Problem> {
    let UnmappedCode { facility, local, label, count, last_seen } = code;
    let text: String = label.as_deref().unwrap_or(&local.code).chars().take(MAX_TYPED).collect();
    let mut suggestions = Vec::new();
    for (system, limit) in SUGGESTED {
        let search = Search { text: &text, system: Some(system), limit };
        let found = app.terminology.search(search).await.map_err(failed)?;
        suggestions.extend(found.into_iter().map(FoundView::from));
    }
    Ok(UnmappedView {
        facility_id: facility.to_string(),
        local_code: local.code,
        local_system: local.system,
        label,
        count,
        last_seen,
        suggestions,
    })
}

/// The last code that was shown. None of its parts holds a line break.
struct After(UnmappedKey);

impl std::fmt::Display for After {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let UnmappedKey { count, facility, local } = &self.0;
        write!(f, "{count}\n{facility}\n{}\n{}", local.code, local.system.as_deref().unwrap_or_default())
    }
}

impl std::str::FromStr for After {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<&str> = text.split('\n').collect();
        let [count, facility, code, system] = parts.as_slice() else { return Err(()) };
        Ok(Self(UnmappedKey {
            count: count.parse().map_err(drop)?,
            facility: facility.parse().map_err(drop)?,
            local: local(code, Some(system)),
        }))
    }
}

fn local(code: &str, system: Option<&str>) -> LocalCode {
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
    Ok((super::created_or_ok(made), Json(mapping.into())))
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
