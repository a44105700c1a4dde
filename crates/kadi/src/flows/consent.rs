//! Consent notices: stored with their whole life, acknowledged for every status.
//!
//! A notice is idempotent by its content: an artefact that has ended stays ended, one that is stored is never
//! overwritten by a notice without detail. A grant without detail is remembered too; nothing is sent on it until the
//! detail has come. The acknowledgement repeats the same body ids each time, and ABDM drops
//! what it has.

use abdm::id::{AbhaAddress, ConsentId, FacilityId, ServiceId};
use abdm::path::Operation;
use abdm::wire;
use abdm::wire::consent::{ConsentNotify, ConsentOnNotify};
use abdm::wire::error::ErrorObject;
use domain::consent::{Artefact, ConsentStatus, Named, Signature};
use domain::event::EventType;
use domain::facility::Facility;
use jiff::Timestamp;
use store::{Received, StoredConsent, Tx};

use super::{Answer, Findings, FlowError, Result};

/// A consent was granted, denied, revoked, or has expired.
pub(super) async fn on_notify(
    tx: &mut Tx,
    facility: &Facility,
    received: &Received,
    findings: &Findings,
) -> Result<()> {
    let message: ConsentNotify = wire::read(&received.body)?;
    let notice = &message.notification;
    let response = super::response_to(received)?;
    let known = tx.lock_consent(&facility.id, &notice.consent_id).await?;
    let detail = notice.detail()?;
    let status = to_domain(notice.status);
    if status == ConsentStatus::Granted && detail.is_some() {
        if findings.signature == Signature::Invalid {
            alarm(tx, facility, &notice.consent_id).await?;
        }
        if findings.signature_required && findings.signature != Signature::Verified {
            return refuse(tx, received, response).await;
        }
    }
    let after = known.as_ref().map_or(status, |known| known.status.after(status));
    let moved = known.as_ref().is_none_or(|known| known.status != after);
    // A grant that came without its artefact may get it later.
    let completed = status == ConsentStatus::Granted && detail.is_some() && !after.has_ended();
    let changed = moved || known.as_ref().is_some_and(|known| completed && known.artefact.is_none());
    if changed {
        let known_artefact = known.as_ref().and_then(|known| known.artefact.clone());
        // Only a grant grants: what comes along with another status is no artefact to go by.
        let granted = status == ConsentStatus::Granted && detail.is_some();
        let stored = merge(tx, known, after, &notice.consent_id, granted.then_some(&received.body));
        let newly = granted && known_artefact.is_none();
        let stored = StoredConsent {
            signature: if newly { findings.signature } else { stored.signature },
            erase_at: detail.as_ref().map(|detail| detail.permission.data_erase_at.0).or(stored.erase_at),
            ..stored
        };
        let address = detail.as_ref().map(|detail| &detail.patient.id);
        tx.put_consent(&facility.id, &stored, address).await?;
        if moved {
            announce(tx, facility, &notice.consent_id, after).await?;
        }
    }
    let body = ConsentOnNotify::known(notice.consent_id.clone(), response);
    super::reply(tx, received, Operation::ConsentOnNotify, Answer::Yes, serde_json::to_vec(&body)?).await
}

/// The artefact's signature is wrong. Whether it is taken all the same is the operator's to say: how ABDM signs is not
/// documented.
async fn alarm(tx: &mut Tx, facility: &Facility, id: &ConsentId) -> Result<()> {
    tracing::error!(
        consent.id = %id, facility.id = %facility.id,
        "the signature under a consent is not valid under [consent] signature_key_file; either the key or algorithm \
         configured is not ABDM's, or somebody forges consents"
    );
    Ok(tx.audit(&facility.id, "ABDM", "consent signature invalid", id.as_str()).await?)
}

/// An artefact that is not known to be ABDM's is not taken: ABDM is told so, and nothing is granted.
async fn refuse(tx: &mut Tx, received: &Received, response: wire::ResponseTo) -> Result<()> {
    let error = ErrorObject::new("ABDM-1031", "Invalid request: the consent signature could not be verified");
    let why = "The artefact's signature is missing or not valid, and [consent] require_signature is set. Nothing is granted.";
    super::note_refusal(tx, received, &error, why).await?;
    let body = serde_json::to_vec(&ConsentOnNotify::refused(error, response))?;
    super::reply(tx, received, Operation::ConsentOnNotify, Answer::No, body).await
}

/// A consent as it stands at this moment: one whose time is over has expired, whether or not anybody has noted that yet.
#[must_use]
pub fn as_of(stored: StoredConsent, now: Timestamp) -> StoredConsent {
    match stored.erase_at {
        Some(end) if stored.status == ConsentStatus::Granted && end <= now => {
            StoredConsent { status: ConsentStatus::Expired, ended_at: Some(end), artefact: None, ..stored }
        }
        _ => stored,
    }
}

/// The ABHA that a patient's consents rest on is no more: they have ended, as if taken back.
pub(super) async fn end_all(tx: &mut Tx, facility: &Facility, address: &AbhaAddress) -> Result<()> {
    for id in tx.live_consents_of(&facility.id, address).await? {
        let Some(known) = tx.lock_consent(&facility.id, &id).await? else { continue };
        if known.status.has_ended() {
            continue;
        }
        let status = ConsentStatus::Revoked;
        let ended = StoredConsent { status, ended_at: Some(tx.now()), ..known };
        tx.put_consent(&facility.id, &ended, None).await?;
        announce(tx, facility, &id, status).await?;
    }
    Ok(())
}

/// The time of a consent is over, and no notice came.
pub async fn expire(tx: &mut Tx, facility: &FacilityId, id: &ConsentId) -> Result<()> {
    let Some(known) = tx.lock_consent(facility, id).await? else { return Ok(()) };
    if known.status != ConsentStatus::Granted {
        return Ok(());
    }
    let ended = as_of(known, tx.now());
    if ended.status != ConsentStatus::Expired {
        return Ok(());
    }
    tx.put_consent(facility, &ended, None).await?;
    let facility = tx.facility(facility).await?.ok_or(FlowError::NoFacility)?;
    announce(tx, &facility, id, ConsentStatus::Expired).await
}

/// What a stored consent allows; `None` if it has no artefact (any more).
pub fn artefact(stored: &StoredConsent) -> Result<Option<Artefact>> {
    let Some(body) = &stored.artefact else { return Ok(None) };
    let message: ConsentNotify = wire::read(body)?;
    let Some(detail) = message.notification.detail()? else { return Ok(None) };
    let service =
        |party: Option<wire::consent::Party>| party.and_then(|party| party.id?.parse::<ServiceId>().ok());
    let named = detail.care_contexts.iter().map(|named| Named {
        patient: named.patient_reference.as_str().to_owned(),
        care_context: named.care_context_reference.as_str().to_owned(),
    });
    let care_contexts = named.collect();
    Ok(Some(Artefact {
        id: stored.id.clone(),
        abha_address: detail.patient.id,
        hip_id: service(detail.hip),
        hiu_id: service(detail.hiu),
        care_contexts,
        hi_types: detail.hi_types,
        from: detail.permission.date_range.from.0,
        to: detail.permission.date_range.to.0,
        erase_at: detail.permission.data_erase_at.0,
    }))
}

fn merge(
    tx: &Tx,
    known: Option<StoredConsent>,
    status: ConsentStatus,
    id: &ConsentId,
    body: Option<&Vec<u8>>,
) -> StoredConsent {
    let now = tx.now();
    let known = known.unwrap_or(StoredConsent {
        id: id.clone(),
        status,
        artefact: None,
        signature: Signature::default(),
        erase_at: None,
        received_at: now,
        ended_at: None,
    });
    let artefact = known.artefact.clone().or_else(|| body.cloned());
    let ended_at = known.ended_at.or_else(|| status.has_ended().then_some(now));
    StoredConsent { status, artefact, ended_at, ..known }
}

async fn announce(tx: &mut Tx, facility: &Facility, id: &ConsentId, status: ConsentStatus) -> Result<()> {
    let event = match status {
        ConsentStatus::Granted => EventType::ConsentGranted,
        ConsentStatus::Requested => return Ok(()),
        ConsentStatus::Denied | ConsentStatus::Revoked | ConsentStatus::Expired => EventType::ConsentEnded,
    };
    tx.audit(&facility.id, "ABDM", &format!("consent {}", status.as_str()), id.as_str()).await?;
    let data = serde_json::json!({"consentId": id, "state": status.as_str()});
    Ok(tx.raise(&facility.id, event, data).await?)
}

fn to_domain(status: wire::consent::ConsentStatus) -> ConsentStatus {
    match status {
        wire::consent::ConsentStatus::Granted => ConsentStatus::Granted,
        wire::consent::ConsentStatus::Revoked => ConsentStatus::Revoked,
        wire::consent::ConsentStatus::Expired => ConsentStatus::Expired,
        wire::consent::ConsentStatus::Denied => ConsentStatus::Denied,
        wire::consent::ConsentStatus::Requested => ConsentStatus::Requested,
    }
}
