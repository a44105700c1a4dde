//! Two patients turn out to be one: whoever is gone leaves everything to the other.
//!
//! ABDM goes on naming the visits that it has linked as it always did, for a link cannot be changed there. So each such visit
//! keeps the reference that it was linked under ([`domain::link::Link::linked_as`]), and a reference that is gone leads
//! to the survivor wherever ABDM uses it: in artefacts, in requests, in calls and linkings that are under way. A visit
//! that is in a link call moves with it: the call is known by its own id, and its answer finds the visit.

use domain::care_context::CareContext;
use domain::facility::Facility;
use domain::otp::OtpDesk;
use domain::patient::Patient;
use domain::reference::PatientRef;
use store::Tx;

use super::{Ctx, Result, visits};

/// Why two patients are not merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// There is no such patient.
    Unknown,
    /// There is no such patient to be merged into.
    IntoUnknown,
    /// They are one already.
    Itself,
    /// They were merged into this one before.
    Before(PatientRef),
    /// The other was merged into this one before.
    IntoGone(PatientRef),
    /// Each has an ABHA number of their own.
    OtherNumber,
    /// Each has an ABHA address of their own.
    OtherAddress,
    /// Both have visits under these references, and they are not the same visits.
    Visits(Vec<String>),
    /// Both have this visit, and ABDM is being asked to link it just now.
    BeingLinked(String),
}

/// Merges a patient into another. Again: the same answer.
pub async fn merge(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    (from, into): (&PatientRef, &PatientRef),
    actor: &str,
) -> Result<Result<Patient, Conflict>> {
    if from == into {
        return Ok(Err(Conflict::Itself));
    }
    // Always in one order: two merges that meet do not wait for each other.
    let (first, second) = if from < into { (from, into) } else { (into, from) };
    let first_patient = tx.lock_patient(&facility.id, first).await?;
    let second_patient = tx.lock_patient(&facility.id, second).await?;
    let (gone, stays) =
        if from < into { (first_patient, second_patient) } else { (second_patient, first_patient) };
    let (Some(gone), Some(stays)) = (gone, stays) else {
        return without_both(tx, facility, (from, into)).await;
    };
    let survivor = match union(&gone, &stays) {
        Ok(survivor) => survivor,
        Err(conflict) => return Ok(Err(conflict)),
    };
    if let Err(conflict) = settle_twins(tx, facility, (from, into)).await? {
        return Ok(Err(conflict));
    }
    let desk = tx.otp_desk(&facility.id, from).await?.with(tx.otp_desk(&facility.id, into).await?);
    tx.merge_patients(&facility.id, &gone, &survivor).await?;
    if desk != OtpDesk::default() {
        tx.put_otp_desk(&facility.id, into, &desk).await?;
    }
    tx.audit(&facility.id, actor, "patient merged", &format!("{from} {into}")).await?;
    visits::patient_changed(ctx, tx, facility, into).await?;
    Ok(Ok(survivor))
}

/// One of the two is not there: perhaps because this was done before.
async fn without_both(
    tx: &mut Tx,
    facility: &Facility,
    (from, into): (&PatientRef, &PatientRef),
) -> Result<Result<Patient, Conflict>> {
    let (gone_to, stays) = (tx.survivor(&facility.id, from).await?, tx.survivor(&facility.id, into).await?);
    let Some(patient) = tx.patient(&facility.id, &stays).await? else {
        return Ok(Err(Conflict::IntoUnknown));
    };
    Ok(if gone_to != *from {
        if gone_to == stays { Ok(patient) } else { Err(Conflict::Before(gone_to)) }
    } else if tx.patient(&facility.id, from).await?.is_none() {
        Err(Conflict::Unknown)
    } else if gone_to == stays {
        Err(Conflict::Itself)
    } else {
        Err(Conflict::IntoGone(stays))
    })
}

/// The one who stays, with what only the other had.
fn union(gone: &Patient, stays: &Patient) -> Result<Patient, Conflict> {
    if let (Some(one), Some(other)) = (gone.abha_number, stays.abha_number)
        && one != other
    {
        return Err(Conflict::OtherNumber);
    }
    if let (Some(one), Some(other)) = (&gone.abha_address, &stays.abha_address)
        && one.key() != other.key()
    {
        return Err(Conflict::OtherAddress);
    }
    let mut identifiers = stays.identifiers.clone();
    identifiers.extend(gone.identifiers.iter().filter(|one| !stays.identifiers.contains(one)).cloned());
    Ok(Patient {
        mobile: stays.mobile.or(gone.mobile),
        abha_number: stays.abha_number.or(gone.abha_number),
        abha_address: stays.abha_address.clone().or(gone.abha_address.clone()),
        identifiers,
        provisional: stays.provisional && gone.provisional,
        ..stays.clone()
    })
}

/// Visits that both have: the same visit, stored twice, is kept once, as ABDM has linked it if it has.
async fn settle_twins(
    tx: &mut Tx,
    facility: &Facility,
    (from, into): (&PatientRef, &PatientRef),
) -> Result<Result<(), Conflict>> {
    let twins = tx.visits_of_both(&facility.id, (from, into)).await?;
    let mut different = Vec::new();
    for (one, other) in &twins {
        if !same(tx, facility, one, other).await? {
            different.push(one.reference.to_string());
        }
    }
    if !different.is_empty() {
        return Ok(Err(Conflict::Visits(different)));
    }
    for (one, other) in &twins {
        let id = &facility.id;
        if tx.is_in_link_call(id, from, &one.reference).await?
            || tx.is_in_link_call(id, into, &one.reference).await?
        {
            return Ok(Err(Conflict::BeingLinked(one.reference.to_string())));
        }
        let keep_theirs = !one.link.linked_types.is_empty() && other.link.linked_types.is_empty();
        let gone = if keep_theirs { into } else { from };
        tx.delete_care_context(id, gone, &one.reference).await?;
    }
    Ok(Ok(()))
}

async fn same(tx: &mut Tx, facility: &Facility, one: &CareContext, other: &CareContext) -> Result<bool> {
    let alike = |context: &CareContext| {
        (context.display.clone(), context.date.to_string(), context.hold, context.withdrawn)
    };
    if alike(one) != alike(other) {
        return Ok(false);
    }
    let sources = tx.sources_of(&facility.id, &one.patient, &one.reference).await?;
    Ok(sources == tx.sources_of(&facility.id, &other.patient, &other.reference).await?)
}
