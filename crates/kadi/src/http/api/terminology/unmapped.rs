//! A facility's codes that stand for nothing yet, each with what it may stand for.

use abdm::id::FacilityId;
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use nrces::terminology::{LOINC, SNOMED};
use serde::{Deserialize, Serialize};
use store::terminology::{Search, UnmappedCode, UnmappedKey};
use utoipa::{IntoParams, ToSchema};

use super::code_map::local;
use super::{FoundView, MAX_TYPED, failed};
use crate::http::App;
use crate::http::auth::Caller;
use crate::http::paging::{List, PageParams, Params};
use crate::http::problem::Problem;

/// How many codes are suggested for an unmapped one, of LOINC and of SNOMED CT.
const SUGGESTED: [(&str, usize); 2] = [(LOINC, 3), (SNOMED, 2)];

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
