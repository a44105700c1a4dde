//! Consents held as HIP: what patients allowed to be shared.

use abdm::id::ConsentId;
use axum::Json;
use axum::extract::State;
use domain::facility::Facility;
use jiff::Timestamp;
use serde::Serialize;
use store::{StoredConsent, Tx};
use utoipa::ToSchema;

use super::super::App;
use super::super::auth::InFacility;
use super::super::paging::{List, PageParams, Params};
use super::super::problem::Problem;
use super::path::IdPath;
use super::patients::flow_problem;
use crate::flows::consent::{artefact, as_of};

/// A visit that a consent names.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamedVisit {
    /// The facility's reference of the patient.
    pub patient_ref: String,
    /// The facility's reference of the visit.
    pub care_context_ref: String,
}

/// A consent. Of one that has ended only id, status and end are kept.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Consent)]
pub struct ConsentView {
    /// ABDM's id of the artefact.
    pub consent_id: String,
    /// `GRANTED`, `REVOKED`, `EXPIRED`, `DENIED` or `REQUESTED`.
    #[schema(example = "GRANTED")]
    pub status: &'static str,
    /// What it allows, while it does.
    #[serde(flatten)]
    pub allows: Option<Allows>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

/// What a consent allows.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Allows {
    /// The patient, if the facility knows one with the ABHA address.
    #[schema(required)]
    pub patient_ref: Option<String>,
    /// Whose records.
    pub abha_address: String,
    /// Which types of records.
    pub hi_types: Vec<&'static str>,
    /// Of which visits.
    pub care_contexts: Vec<NamedVisit>,
    /// Of visits from this time on.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Of visits up to this time.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// What is known of ABDM's signature under it: `unverified` (no key is configured), `verified` or `invalid`.
    #[schema(example = "unverified")]
    pub signature: &'static str,
    /// Until when it allows anything.
    #[schema(value_type = String, format = DateTime)]
    pub data_erase_at: Timestamp,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
}

/// List consents
#[utoipa::path(get, path = "/v1/facilities/{facilityId}/consents", tag = "Consents and transfers",
    operation_id = "listConsents",
    params(("facilityId" = String, Path, description = "The facility"), PageParams),
    responses((status = 200, description = "A page of consents", body = List<ConsentView>)))]
pub async fn list(
    State(app): State<App>,
    InFacility(facility): InFacility,
    Params(page): Params<PageParams>,
) -> Result<Json<List<ConsentView>>, Problem> {
    let page = page.read()?;
    let mut tx = app.store.read().await?;
    let consents = tx.consents(&facility.id, page.after()?.as_ref(), page.read_limit()).await?;
    let list = page.list(consents, |consent| consent.id.to_string(), |consent| consent);
    let mut items = Vec::with_capacity(list.items.len());
    for consent in list.items {
        items.push(view(&mut tx, &facility, consent).await?);
    }
    Ok(Json(List { items, next: list.next }))
}

/// Read a consent
#[utoipa::path(get, path = "/v1/facilities/{facilityId}/consents/{consentId}", tag = "Consents and transfers",
    operation_id = "getConsent",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("consentId" = String, Path, description = "ABDM's id of the artefact"),
    ),
    responses(
        (status = 200, description = "The consent", body = ConsentView),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn get(
    State(app): State<App>,
    InFacility(facility): InFacility,
    IdPath(id): IdPath<ConsentId>,
) -> Result<Json<ConsentView>, Problem> {
    let mut tx = app.store.read().await?;
    let consent = tx.consent(&facility.id, &id).await?.ok_or_else(Problem::not_found)?;
    view(&mut tx, &facility, consent).await.map(Json)
}

async fn view(tx: &mut Tx, facility: &Facility, consent: StoredConsent) -> Result<ConsentView, Problem> {
    let consent = as_of(consent, tx.now());
    let artefact = if consent.ended_at.is_none() { artefact(&consent).map_err(flow_problem)? } else { None };
    let allows = match artefact {
        None => None,
        Some(artefact) => {
            let patient = tx.patient_by_address(&facility.id, &artefact.abha_address).await?;
            let named = artefact.care_contexts.into_iter();
            Some(Allows {
                patient_ref: patient.map(|patient| patient.reference.to_string()),
                abha_address: artefact.abha_address.to_string(),
                hi_types: artefact.hi_types.iter().map(|hi_type| hi_type.as_str()).collect(),
                care_contexts: named
                    .map(|one| NamedVisit { patient_ref: one.patient, care_context_ref: one.care_context })
                    .collect(),
                from: artefact.from,
                to: artefact.to,
                signature: consent.signature.as_str(),
                data_erase_at: artefact.erase_at,
                received_at: consent.received_at,
            })
        }
    };
    let consent_id = consent.id.to_string();
    Ok(ConsentView { consent_id, status: consent.status.as_str(), allows, ended_at: consent.ended_at })
}
