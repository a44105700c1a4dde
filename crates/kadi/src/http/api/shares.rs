//! Profiles that patients shared at the facility's counters, with their places in the queue.

use axum::Json;
use axum::extract::State;
use domain::reference::PatientRef;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Share, ShareFilter};
use utoipa::{IntoParams, ToSchema};

use super::super::App;
use super::super::auth::InFacility;
use super::super::paging::{List, PageParams, Params};
use super::super::problem::{Code, Problem};
use super::check::Check;
use crate::flows::profile::Profile;

/// A profile shared at a counter. A patient who scans again while the token lives adds none.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Share)]
pub struct ShareView {
    /// Its id; sorts by time.
    pub share_id: String,
    /// The place in the counter's queue: 1, 2, 3 per counter and day, as the patient's app shows it.
    #[schema(example = "14")]
    pub token_number: String,
    /// The counter whose code was scanned.
    #[schema(example = "OPD1")]
    pub counter: String,
    /// The patient. While they are provisional, the reference is of our making.
    #[schema(required)]
    pub patient_ref: Option<String>,
    /// What was shared. It can be put as a patient as it is.
    pub profile: Profile,
    /// `waiting`, or `called` to the desk.
    #[schema(example = "waiting")]
    pub state: &'static str,
    /// When it was shared.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Until when a scan shows the same token.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// A stored profile.
pub fn profile(share: &Share) -> Result<Profile, Problem> {
    serde_json::from_slice(&share.profile).map_err(|error| {
        tracing::error!(share.id = %share.id, error = %error, "a stored profile cannot be read");
        Problem::new(Code::Internal)
    })
}

fn view(share: Share) -> Result<ShareView, Problem> {
    Ok(ShareView {
        profile: profile(&share)?,
        share_id: share.id.to_string(),
        token_number: share.token.number.to_string(),
        counter: share.counter,
        patient_ref: share.patient.map(|patient| patient.to_string()),
        state: share.state.as_str(),
        at: share.at,
        expires_at: share.token.expires_at,
    })
}

/// Which shares a list shows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Those at this counter.
    counter: Option<String>,
    /// Those of this patient.
    patient_ref: Option<String>,
    /// How many items at most; 1 to 200, usually 50.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List shared profiles
#[utoipa::path(get, path = "/v1/facilities/{facilityId}/shares", tag = "Scan and share", operation_id = "listShares",
    params(("facilityId" = String, Path, description = "The facility"), Filter),
    responses(
        (status = 200, description = "A page of shared profiles", body = List<ShareView>),
        (status = 422, description = "`invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn list(
    State(app): State<App>,
    InFacility(facility): InFacility,
    Params(filter): Params<Filter>,
) -> Result<Json<List<ShareView>>, Problem> {
    let page = PageParams { limit: filter.limit, cursor: filter.cursor }.read()?;
    let mut check = Check::default();
    let patient = filter.patient_ref.and_then(|text| check.take("/patientRef", text.parse::<PatientRef>()));
    let wanted = check.end(Some(ShareFilter { counter: filter.counter, patient, since: None }))?;
    let mut tx = app.store.read().await?;
    let shares = tx.shares(&facility.id, &wanted, page.after()?, page.read_limit()).await?;
    let List { items, next } = page.list(shares, |share| share.id.to_string(), view);
    let items = items.into_iter().collect::<Result<_, _>>()?;
    Ok(Json(List { items, next }))
}
