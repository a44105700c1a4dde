//! Two patients who are one: `POST .../merge`, and what a reference answers that is gone.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use domain::facility::Facility;
use domain::reference::PatientRef;
use serde::Deserialize;
use store::Tx;
use utoipa::ToSchema;

use super::super::App;
use super::super::auth::{Caller, InFacility};
use super::super::body::Body;
use super::super::problem::Problem;
use super::path::PatientPath;
use super::patient_body::PatientView;
use super::patients::flow_problem;
use crate::flows::Ctx;
use crate::flows::merge::{self, Conflict};

/// The patient who stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeBody {
    /// Their reference.
    #[schema(value_type = String, example = "MRD-4711")]
    into: PatientRef,
}

/// Merge a patient into another
///
/// Visits with their records and links, shares and whatever is under way with ABDM are the other's from now on; of ABHA,
/// mobile and identifiers the other gains what they lack. The old reference answers 301 to a `GET`, also below it, and 409 to
/// whatever would change something. ABDM goes on naming linked visits by the old reference, and is understood. The same merge
/// again answers the same.
#[utoipa::path(post, path = "/v1/facilities/{facilityId}/patients/{patientRef}/merge", tag = "Patients",
    operation_id = "mergePatient",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("patientRef" = String, Path, description = "The facility's reference of the patient who is gone then"),
    ),
    request_body = MergeBody,
    responses(
        (status = 200, description = "The patient who stays", body = PatientView),
        (status = 404, description = "`not_found`: there is no such patient", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: they can't be one; `detail` says why", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid`: there is no patient `into`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn merge(
    State(app): State<App>,
    caller: Caller,
    InFacility(facility): InFacility,
    PatientPath(from): PatientPath,
    Body(body): Body<MergeBody>,
) -> Result<Json<PatientView>, Problem> {
    let ctx = Ctx { rules: &app.rules, chance: app.chance() };
    let mut tx = app.store.begin().await?;
    let merged = merge::merge(&ctx, &mut tx, &facility, (&from, &body.into), &caller.actor()).await;
    let survivor = merged.map_err(flow_problem)?.map_err(told)?;
    tx.commit().await?;
    Ok(Json(survivor.into()))
}

fn told(conflict: Conflict) -> Problem {
    let conflict_at_into =
        |detail: String| Problem::conflict(detail).field("/into", "is not a patient to merge this one into");
    match conflict {
        Conflict::Unknown => Problem::not_found(),
        Conflict::IntoUnknown => {
            Problem::invalid(Vec::new()).field("/into", "the facility has no patient with this reference")
        }
        Conflict::Itself => conflict_at_into("a patient cannot be merged into themselves".to_owned()),
        Conflict::Before(into) => Problem::conflict(format!("the patient was merged before, into {into}")),
        Conflict::IntoGone(into) => conflict_at_into(format!(
            "the patient named in `into` was merged themselves, into {into}: name that one"
        )),
        Conflict::OtherNumber => Problem::conflict(
            "each of the two has an ABHA number, and they differ: they are not one person, or one number is wrong; \
             correct or remove it first",
        ),
        Conflict::OtherAddress => Problem::conflict(
            "each of the two has an ABHA address, and they differ; remove the one that shall not be used any more first",
        ),
        Conflict::Visits(references) => Problem::conflict(format!(
            "both have visits under the same reference which are not the same visits: {}; store those of one of the two \
             under another reference first",
            references.join(", ")
        )),
        Conflict::BeingLinked(reference) => Problem::conflict(format!(
            "both have the visit {reference}, and ABDM is being asked to link it just now; try again in a minute"
        )),
    }
}

/// Whether a call only reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does<'a> {
    /// It may go on, from this address, to where the patient is now.
    Read(&'a Uri),
    /// It must not change somebody whom the caller did not name.
    Change,
}

/// What is said about a patient who is not there under this reference: 404; if they were merged, 301 with the same address
/// below the survivor for whoever reads, 409 for whoever would change something.
pub async fn missing(tx: &mut Tx, facility: &Facility, reference: &PatientRef, does: Does<'_>) -> Problem {
    let survivor = match tx.survivor(&facility.id, reference).await {
        Ok(survivor) if survivor != *reference => survivor,
        Ok(_) => return Problem::not_found(),
        Err(error) => return error.into(),
    };
    let detail = format!("the patient was merged into {survivor}");
    match does {
        Does::Read(uri) => Problem::moved(moved_to(uri, &survivor)).detail(detail),
        Does::Change => Problem::conflict(format!("{detail}: use that reference")),
    }
}

/// The same address with another patient: `/v1/facilities/{f}/patients/{here}/...`.
fn moved_to(uri: &Uri, patient: &PatientRef) -> String {
    const PATIENT: usize = 5;
    let encoded = percent_encode(patient.as_str());
    let segments = uri.path().split('/').enumerate();
    let segments = segments.map(|(place, segment)| if place == PATIENT { encoded.as_str() } else { segment });
    let path = segments.collect::<Vec<&str>>().join("/");
    match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    }
}

/// A reference as one segment of a path (RFC 3986): of its characters only `/` and `:` are not plain there.
fn percent_encode(reference: &str) -> String {
    reference.replace('/', "%2F").replace(':', "%3A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_patient_of_an_address_changes() {
        let patient: PatientRef = "UHID/2026:7".parse().unwrap();
        for (from, to) in [
            ("/v1/facilities/IN1/patients/P1", "/v1/facilities/IN1/patients/UHID%2F2026%3A7"),
            (
                "/v1/facilities/IN1/patients/a%2Fb/care-contexts/patients%2F1?limit=1&from=2026-01-01",
                "/v1/facilities/IN1/patients/UHID%2F2026%3A7/care-contexts/patients%2F1?limit=1&from=2026-01-01",
            ),
        ] {
            assert_eq!(moved_to(&from.parse().unwrap(), &patient), to);
        }
    }
}
