//! What the HMIS changes: a visit is stored, withdrawn, asked for again; a patient is corrected. Each ends in a plan
//! of what can be linked now.

use abdm::id::{FacilityId, HiType};
use domain::care_context::CareContext;
use domain::facility::Facility;
use domain::link::{Link, LinkState};
use domain::patient::Patient;
use domain::reference::{CareContextRef, PatientRef};
use store::{NewRecord, Record, Tx};

use super::{Ctx, Result, context_notify, link, sms};

/// A stored visit.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The visit and where it stands.
    pub context: CareContext,
    /// Its records, in the order sent.
    pub records: Vec<Record>,
    /// Whether it was not there before.
    pub created: bool,
}

/// Stores a visit of a patient whose row is locked. Without `records` those it has are kept.
pub async fn put(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    (patient, context): (&Patient, &CareContext),
    records: Option<Vec<NewRecord>>,
) -> Result<Stored> {
    let (id, owner, reference) = (&facility.id, &context.patient, &context.reference);
    let before = tx.care_context(id, owner, reference).await?;
    let old_records = tx.records(id, owner, reference).await?;
    let created = tx.put_care_context(id, context).await?;
    let records = match records {
        Some(records) => tx.replace_records(id, owner, reference, records).await?,
        None => old_records.clone(),
    };
    let changed = before.as_ref() != Some(context) || records != old_records;
    if changed {
        let new: Vec<_> =
            records.iter().filter(|record| record.valid && !old_records.contains(record)).collect();
        let new: Vec<_> = new.into_iter().map(|record| record.hi_type).collect();
        follow_up(tx, facility, patient, before.as_ref().unwrap_or(context), &new).await?;
        if let Some(before) = before.filter(|before| before.hold && !context.hold) {
            release(tx, facility, &before).await?;
        }
        link::plan(ctx, tx, facility, owner).await?;
        sms::visit_stored(ctx, tx, facility, (patient, context, &records)).await?;
    }
    let context = tx.care_context(id, owner, reference).await?.unwrap_or_else(|| context.clone());
    Ok(Stored { context, records, created })
}

/// A held visit was released: it was offered to nobody before, so whenever it was stored it is the hospital's to link.
async fn release(tx: &mut Tx, facility: &Facility, before: &CareContext) -> Result<()> {
    if before.link.state == LinkState::Unlinked {
        let link = before.link.clone().wait(None, None);
        tx.put_link(&facility.id, &before.patient, &before.reference, &link).await?;
    }
    Ok(())
}

/// What a change means for the link: a refused visit waits again, a linked one is linked with its new types, and the
/// patient's apps hear of new records of types that are linked already.
async fn follow_up(
    tx: &mut Tx,
    facility: &Facility,
    patient: &Patient,
    context: &CareContext,
    new_types: &[HiType],
) -> Result<()> {
    let now = tx.now();
    let link = context.link.clone();
    let link = match link.state {
        LinkState::Failed => link.wait(None, None),
        LinkState::Linked if new_types.iter().any(|hi_type| !link.linked_types.contains(hi_type)) => {
            Link { due_at: Some(now), ..link }
        }
        _ => link,
    };
    if link != context.link {
        tx.put_link(&facility.id, &context.patient, &context.reference, &link).await?;
    }
    let mut known = new_types.to_vec();
    known.retain(|hi_type| link.linked_types.contains(hi_type));
    known.sort_unstable_by_key(|hi_type| hi_type.as_str());
    known.dedup();
    match &patient.abha_address {
        Some(address) if link.state == LinkState::Linked => {
            context_notify::tell(tx, facility, context, address, &known).await
        }
        _ => Ok(()),
    }
}

/// What became of a visit that was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenBack {
    /// ABDM never heard of it: it is gone.
    Deleted,
    /// ABDM cannot unlink it: its records are never sent again, and a request for them says so.
    Withdrawn,
}

/// Takes a visit back. `None` if there is no such visit.
pub async fn take_back(
    tx: &mut Tx,
    facility: &FacilityId,
    patient: &PatientRef,
    reference: &CareContextRef,
) -> Result<Option<TakenBack>> {
    tx.lock_patient(facility, patient).await?;
    let Some(context) = tx.care_context(facility, patient, reference).await? else { return Ok(None) };
    let unheard = matches!(context.link.state, LinkState::Unlinked | LinkState::Failed);
    if unheard && !tx.is_in_link_call(facility, patient, reference).await? {
        tx.delete_care_context(facility, patient, reference).await?;
        return Ok(Some(TakenBack::Deleted));
    }
    let withdrawn = CareContext { withdrawn: true, ..context };
    tx.put_care_context(facility, &withdrawn).await?;
    tx.replace_records(facility, patient, reference, Vec::new()).await?;
    Ok(Some(TakenBack::Withdrawn))
}

/// A patient was stored or corrected: what was refused because of their data is asked again.
pub async fn patient_changed(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    patient: &PatientRef,
) -> Result<()> {
    tx.forgive_refusals(&facility.id, patient).await?;
    link::plan(ctx, tx, facility, patient).await
}
