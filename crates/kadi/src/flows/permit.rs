//! What is found out about a health information request before `domain::consent::decide` decides on it: when it
//! arrives, and again before every page.
//!
//! An artefact never changes once it is stored, so a transfer reads it once. What may change between two pages is asked
//! for each: whether the consent stands, the time, whose the visits are, and what has become of the record.

use std::collections::HashMap;

use abdm::id::{FacilityId, ServiceId};
use abdm::push::check_push_url;
use abdm::wire::health_information::{HealthInformationRequest, KeyMaterial};
use domain::consent::{Artefact, Asked, ConsentStatus, Held, Refusal, Unusable, Whose, decide};
use domain::facility::Facility;
use domain::reference::{CareContextRef, PatientRef};
use domain::transfer::{Candidate, Covered, Visit, select};
use fidelius::{Nonce, PublicKey, Tolerances};
use jiff::Timestamp;
use store::{Page, PageEntry, Tx};

use super::{Ctx, Findings, Result, consent};

/// Whether a request that has arrived may be served: the artefact that it may be served under.
pub(super) async fn on_arrival(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    message: &HealthInformationRequest,
    findings: &Findings,
) -> Result<Result<Artefact, Refusal>> {
    let stored = tx.lock_consent(&facility.id, &message.hi_request.consent.id).await?;
    let artefact = stored.as_ref().map(consent::artefact).transpose()?.flatten();
    let held = stored.as_ref().map(|stored| Held { status: stored.status, artefact: artefact.as_ref() });
    let now = tx.now();
    let mut unusable = unusable(message, ctx.rules.allow_insecure, now);
    if findings.push_refused {
        unusable = unusable.or(Some(Unusable::PushAddress));
    }
    let whose = match &artefact {
        Some(artefact) => whose_all(tx, &facility.id, artefact).await?,
        None => Whose::NotTheirs,
    };
    let hiu = hiu_of(message);
    let verdict = decide(held, &asked(facility, message, (hiu.as_ref(), unusable, whose)), now);
    Ok(match (verdict, artefact) {
        (Ok(()), Some(artefact)) => Ok(artefact),
        (Err(refusal), _) => Err(refusal),
        (Ok(()), None) => Err(Refusal::Unknown),
    })
}

fn asked<'a>(
    facility: &'a Facility,
    message: &HealthInformationRequest,
    (hiu_id, unusable, whose): (Option<&'a ServiceId>, Option<Unusable>, Whose),
) -> Asked<'a> {
    let range = message.hi_request.date_range;
    Asked { hip_id: &facility.hip_id, hiu_id, from: range.from.0, to: range.to.0, unusable, whose }
}

fn hiu_of(message: &HealthInformationRequest) -> Option<ServiceId> {
    message.hi_request.hiu.as_ref()?.id.as_ref()?.parse().ok()
}

/// What makes key material or push address useless, as far as their text tells. Names are resolved elsewhere: before the
/// request is decided on, and for every connection.
fn unusable(message: &HealthInformationRequest, allow_insecure: bool, now: Timestamp) -> Option<Unusable> {
    let request = &message.hi_request;
    let address = || check_push_url(&request.data_push_url, allow_insecure).err();
    unusable_key(&request.key_material, now).or_else(|| address().map(|_| Unusable::PushAddress))
}

fn unusable_key(key: &KeyMaterial, now: Timestamp) -> Option<Unusable> {
    let tolerances = Tolerances::default();
    if !key.is_supported() {
        Some(Unusable::Algorithm)
    } else if key.dh_public_key.expiry.is_some_and(|expiry| expiry.0 <= now) {
        Some(Unusable::KeyExpired)
    } else if PublicKey::parse(&key.dh_public_key.key_value, &tolerances).is_err() {
        Some(Unusable::Point)
    } else if Nonce::parse_with(&key.nonce, &tolerances).is_err() {
        Some(Unusable::Nonce)
    } else {
        None
    }
}

/// Whether every care context that the artefact names is its patient's, and it names one at least.
async fn whose_all(tx: &mut Tx, facility: &FacilityId, artefact: &Artefact) -> Result<Whose> {
    let mut owners: HashMap<&str, bool> = HashMap::new();
    for named in &artefact.care_contexts {
        if !owners.contains_key(named.patient.as_str()) {
            let theirs = is_theirs(tx, facility, &named.patient, artefact).await?;
            owners.insert(&named.patient, theirs);
        }
    }
    let theirs = !owners.is_empty() && owners.values().all(|theirs| *theirs);
    Ok(if theirs { Whose::Theirs } else { Whose::NotTheirs })
}

/// Whether a patient's reference, in an artefact, is that of the artefact's patient. ABDM goes on naming a patient who was
/// merged into another as it always did.
async fn is_theirs(tx: &mut Tx, facility: &FacilityId, named: &str, artefact: &Artefact) -> Result<bool> {
    let Ok(reference) = named.parse::<PatientRef>() else { return Ok(false) };
    let patient = tx.current_patient(facility, &reference).await?;
    let address = patient.and_then(|patient| patient.abha_address);
    Ok(address.is_some_and(|address| address.key() == artefact.abha_address.key()))
}

/// What a transfer's pages are held to.
pub struct Permit {
    artefact: Option<Artefact>,
    hiu: Option<ServiceId>,
    allow_insecure: bool,
}

impl Permit {
    /// For a transfer that is (again) taken up.
    pub async fn load(
        tx: &mut Tx,
        facility: &Facility,
        message: &HealthInformationRequest,
        allow_insecure: bool,
    ) -> Result<Self> {
        let stored = tx.consent(&facility.id, &message.hi_request.consent.id).await?;
        let artefact = stored.as_ref().map(consent::artefact).transpose()?.flatten();
        Ok(Self { artefact, hiu: hiu_of(message), allow_insecure })
    }

    /// Whether the consent stands, and the receiver's key and address are good still; if not, in words for the gateway and the
    /// HMIS.
    pub async fn stands(
        &self,
        tx: &mut Tx,
        facility: &Facility,
        message: &HealthInformationRequest,
    ) -> Result<Result<(), &'static str>> {
        Ok(self.standing(tx, facility, message, Whose::Theirs).await?.map_err(stopped))
    }

    async fn standing(
        &self,
        tx: &mut Tx,
        facility: &Facility,
        message: &HealthInformationRequest,
        whose: Whose,
    ) -> Result<Result<(), Refusal>> {
        let now = tx.now();
        let standing = tx.consent_standing(&facility.id, &message.hi_request.consent.id).await?;
        // Without its artefact it had ended when the transfer was taken up.
        let held =
            standing.map(|(status, _): (ConsentStatus, _)| Held { status, artefact: self.artefact.as_ref() });
        let unusable = unusable(message, self.allow_insecure, now);
        let asked = asked(facility, message, (self.hiu.as_ref(), unusable, whose));
        Ok(decide(held, &asked, now))
    }

    /// Whether a page may leave now; if not, in words for the gateway and the HMIS.
    pub async fn page(
        &self,
        tx: &mut Tx,
        facility: &Facility,
        message: &HealthInformationRequest,
        page: &Page,
    ) -> Result<Result<(), &'static str>> {
        let mut whose = Whose::Theirs;
        for entry in &page.entries {
            if let Some(artefact) = &self.artefact
                && !is_theirs(tx, &facility.id, &entry.patient, artefact).await?
            {
                whose = Whose::NotTheirs;
            }
        }
        if let Err(refusal) = self.standing(tx, facility, message, whose).await? {
            return Ok(Err(stopped(refusal)));
        }
        let Some(artefact) = &self.artefact else { return Ok(Err(stopped(Refusal::Unknown))) };
        let range = message.hi_request.date_range;
        let covered = Covered { hi_types: &artefact.hi_types, from: range.from.0, to: range.to.0 };
        for entry in &page.entries {
            if let Err(why) = still_covered(tx, &facility.id, entry, &covered).await? {
                return Ok(Err(why));
            }
        }
        Ok(Ok(()))
    }
}

/// Whether a record that was chosen when the transfer began is still to be sent: the visit may have been withdrawn since,
/// or given another date, and the record replaced.
async fn still_covered(
    tx: &mut Tx,
    facility: &FacilityId,
    entry: &PageEntry,
    covered: &Covered<'_>,
) -> Result<Result<(), &'static str>> {
    let (Ok(patient), Ok(reference)) =
        (entry.patient.parse::<PatientRef>(), entry.care_context.parse::<CareContextRef>())
    else {
        return Ok(Err(domain::transfer::Nothing::Missing.description()));
    };
    let patient = tx.survivor(facility, &patient).await?;
    let context = tx.care_context(facility, &patient, &reference).await?;
    let visit = context.as_ref().map(|context| Visit { date: &context.date, withdrawn: context.withdrawn });
    let records = tx.records(facility, &patient, &reference).await?;
    let record = records.iter().find(|record| record.id == entry.record);
    let candidate = record.map(|record| Candidate { hi_type: record.hi_type, valid: record.valid });
    let chosen = select(visit, candidate.as_slice(), covered);
    Ok(match chosen {
        Ok(_) => Ok(()),
        Err(domain::transfer::Nothing::NoSuchType) if record.is_none() => Err("The record was replaced"),
        Err(nothing) => Err(nothing.description()),
    })
}

/// Why the pages that are left will not be sent.
fn stopped(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Expired => "Consent expired during the transfer",
        Refusal::NotGranted | Refusal::Unknown => "Consent revoked during the transfer",
        Refusal::WrongCareContexts => "Care context is not the patient's any more",
        Refusal::RangeOutside => "Consent no longer allows it",
        Refusal::Unusable(Unusable::PushAddress) => "Push address is not public",
        Refusal::Unusable(_) => "Key of the receiver expired during the transfer",
    }
}

/// Why a request is refused, for the journal.
pub(super) fn explain(refusal: Refusal) -> String {
    match refusal {
        Refusal::Unknown => {
            "The request names a consent that was never granted here. Nothing was sent.".to_owned()
        }
        Refusal::NotGranted => {
            "The consent was revoked or denied, or was given to another requester. Nothing was sent.".to_owned()
        }
        Refusal::Expired => "The consent has expired. Nothing was sent.".to_owned(),
        Refusal::RangeOutside => {
            "The request asks for a time outside the range that the patient allowed. Nothing was sent."
                .to_owned()
        }
        Refusal::WrongCareContexts => {
            "The consent names another facility, or care contexts that are not this patient's here. Nothing was sent."
                .to_owned()
        }
        Refusal::Unusable(what) => format!("The request can't be served: {}. Nothing was sent.", what.as_str()),
    }
}
