//! Codes: searching code systems, a facility's codes that stand for nothing yet, and what its codes stand for.

mod code_map;
mod unmapped;

use axum::Json;
use axum::extract::State;
use nrces::terminology::system_uri;
use serde::{Deserialize, Serialize};
use store::terminology::{Found, Search, TerminologyError};
use utoipa::{IntoParams, ToSchema};

pub use code_map::*;
pub use unmapped::*;

use super::super::App;
use super::super::auth::Caller;
use super::super::paging::{List, Params};
use super::super::problem::{Code, FieldError, Problem};

/// What is read of a search: nobody types more.
const MAX_TYPED: usize = 200;
const DEFAULT_FOUND: u32 = 20;
const MAX_FOUND: u32 = 100;

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
