//! A provisional patient, made by a profile share, becomes the HMIS's own: the first patient stored with the same ABHA
//! takes their place, with their share.

use abdm::id::{AbhaAddress, AbhaNumber, FacilityId};
use domain::patient::Patient;
use store::Tx;

use super::Result;

/// The patient with this ABHA address, or else with this ABHA number.
pub async fn by_abha(
    tx: &mut Tx,
    facility: &FacilityId,
    (address, number): (Option<&AbhaAddress>, Option<AbhaNumber>),
) -> Result<Option<Patient>> {
    if let Some(address) = address
        && let Some(patient) = tx.patient_by_address(facility, address).await?
    {
        return Ok(Some(patient));
    }
    match number {
        Some(number) => Ok(tx.patient_by_number(facility, number).await?),
        None => Ok(None),
    }
}

/// The provisional patients who are this one by their ABHA: one, or two if they shared under an address and under a
/// number. Their rows are locked. Those whom the HMIS has used as its own, by storing visits of theirs, are left out.
pub async fn provisional(tx: &mut Tx, facility: &FacilityId, patient: &Patient) -> Result<Vec<Patient>> {
    let address = by_abha(tx, facility, (patient.abha_address.as_ref(), None)).await?;
    let number = by_abha(tx, facility, (None, patient.abha_number)).await?;
    let mut found: Vec<Patient> = Vec::new();
    for one in [address, number].into_iter().flatten() {
        let known = found.iter().any(|other| other.reference == one.reference);
        if known || !is_free(tx, facility, &one).await? || one.reference == patient.reference {
            continue;
        }
        found.extend(tx.lock_patient(facility, &one.reference).await?.filter(|one| one.provisional));
    }
    Ok(found)
}

/// Whether a patient was made by a profile share and the HMIS has stored nothing of theirs.
pub async fn is_free(tx: &mut Tx, facility: &FacilityId, patient: &Patient) -> Result<bool> {
    Ok(patient.provisional && !tx.has_visits(facility, &patient.reference).await?)
}

/// Lets a patient take the place of these provisional ones. Store the patient next.
pub async fn adopt(
    tx: &mut Tx,
    facility: &FacilityId,
    provisional: &[Patient],
    by: &Patient,
    actor: &str,
) -> Result<()> {
    for one in provisional {
        tx.adopt(facility, &one.reference, &by.reference).await?;
        let subject = format!("{} {}", one.reference, by.reference);
        tx.audit(facility, actor, "provisional patient adopted", &subject).await?;
    }
    Ok(())
}
