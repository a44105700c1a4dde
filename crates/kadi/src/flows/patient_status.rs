//! A patient's ABHA was deactivated or deleted, or they want no part in the exchange any more: nothing may rest on it.
//!
//! NHA's rule for an HIP (M2, storing consents): remove all references to the ABHA address, its consents and its links with
//! patient and records; never the patient or the records. What is under way stops where it stands: a transfer at its next
//! page, the patient's own link at its next step, a link call that has not left. What ABDM has linked it cannot unlink;
//! here the visits count as not linked, and may be linked to another ABHA.
//!
//! One that is taken up again gives nothing back: the patient links again, or the HMIS names the address.

use abdm::id::AbhaAddress;
use abdm::path::{Callback, Operation};
use abdm::wire;
use abdm::wire::patient_status::{Abha, PatientStatus, PatientStatusNotify, PatientStatusOnNotify};
use domain::exchange::ExchangeState;
use domain::facility::Facility;
use domain::link_request::LinkRequestState;
use domain::patient::Patient;
use domain::problem::Problem;
use domain::reference::PatientRef;
use store::{Received, Tx};

use super::user_link::init::give_up;
use super::{Answer, FlowError, Result, consent};

/// Calls about a patient that are called off.
const CALLS: [&str; 2] = [Operation::GenerateToken.path(), Operation::LinkCareContexts.path()];

/// What becomes of an ABHA.
pub(super) async fn on_notify(tx: &mut Tx, facility: &Facility, received: &Received) -> Result<()> {
    let message: PatientStatusNotify = wire::read(&received.body)?;
    let (status, whose) = (message.notification.status, message.notification.whose()?);
    let patient = find(tx, facility, &whose).await?;
    if status.ends_it() {
        end(tx, facility, (status, &whose), patient).await?;
    } else if let Some(patient) = patient {
        let action = format!("ABHA {status}");
        tx.audit(&facility.id, "ABDM", &action, patient.reference.as_str()).await?;
    }
    let reply = Callback::from_path(&received.kind).and_then(Callback::reply);
    let reply = reply.ok_or_else(|| FlowError::Unknown(received.kind.clone()))?;
    let body = PatientStatusOnNotify::known(super::response_to(received)?);
    super::reply(tx, received, reply, Answer::Yes, serde_json::to_vec(&body)?).await
}

/// Whose ABHA it is here; their row is locked.
async fn find(tx: &mut Tx, facility: &Facility, whose: &Abha) -> Result<Option<Patient>> {
    let found = match whose {
        Abha::Address(address) => tx.patient_by_address(&facility.id, address).await?,
        Abha::Number(number) => tx.patient_by_number(&facility.id, *number).await?,
    };
    let Some(found) = found else { return Ok(None) };
    let locked = tx.lock_current_patient(&facility.id, &found.reference).await?;
    // They may have been given another while the lock was waited for.
    let still = |patient: &Patient| match whose {
        Abha::Address(address) => patient.abha_address.as_ref().is_some_and(|own| own.key() == address.key()),
        Abha::Number(number) => patient.abha_number == Some(*number),
    };
    Ok(locked.filter(still))
}

async fn end(
    tx: &mut Tx,
    facility: &Facility,
    (status, whose): (PatientStatus, &Abha),
    patient: Option<Patient>,
) -> Result<()> {
    let address = match whose {
        Abha::Address(address) => Some(address.clone()),
        Abha::Number(_) => patient.as_ref().and_then(|patient| patient.abha_address.clone()),
    };
    if let Some(patient) = patient {
        let mut references = tx.merged_with(&facility.id, &patient.reference).await?;
        references.push(patient.reference.clone());
        for reference in &references {
            call_off(tx, facility, reference, status).await?;
            end_own_links(tx, facility, reference).await?;
        }
        tx.forget_links(&facility.id, &patient.reference).await?;
        tx.set_address_learnt(&facility.id, &patient.reference, false).await?;
        let patient = Patient { abha_address: None, abha_number: None, ..patient };
        tx.put_patient(&facility.id, &patient).await?;
        let action = format!("ABHA removed: {status}");
        tx.audit(&facility.id, "ABDM", &action, patient.reference.as_str()).await?;
    }
    match address {
        Some(address) => forget(tx, facility, &address).await,
        None => Ok(()),
    }
}

async fn forget(tx: &mut Tx, facility: &Facility, address: &AbhaAddress) -> Result<()> {
    tx.forget_link_token(&facility.id, address).await?;
    consent::end_all(tx, facility, address).await
}

/// What has not left does not leave any more.
async fn call_off(
    tx: &mut Tx,
    facility: &Facility,
    patient: &PatientRef,
    status: PatientStatus,
) -> Result<()> {
    let problem = Problem {
        code: "abha_ended".to_owned(),
        message: format!("The ABHA is {status}"),
        explanation:
            "ABDM told that the patient's ABHA was deactivated or deleted before this call was made. \
                      Nothing was sent."
                .to_owned(),
        at: tx.now(),
        until: None,
    };
    for exchange in tx.call_off(&facility.id, &CALLS, patient.as_str()).await? {
        tx.move_exchange(exchange, ExchangeState::Refused, None, Some(&problem)).await?;
    }
    Ok(())
}

/// The patient's own links that are not done never will be.
async fn end_own_links(tx: &mut Tx, facility: &Facility, patient: &PatientRef) -> Result<()> {
    tx.forget_discoveries(&facility.id, patient).await?;
    for mut request in tx.open_link_requests(&facility.id, patient).await? {
        let to = match request.state {
            LinkRequestState::Sending => {
                give_up(tx, facility, request, "the ABHA was deactivated or deleted").await?;
                continue;
            }
            LinkRequestState::Confirmed => LinkRequestState::Refused,
            _ => LinkRequestState::Failed,
        };
        let Ok(state) = request.state.step(to) else { continue };
        request.state = state;
        tx.put_link_request(&facility.id, &request).await?;
    }
    Ok(())
}
