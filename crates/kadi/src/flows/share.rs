//! A patient scans a counter's code and shares their profile; their app waits 30 seconds for a queue token.
//!
//! ```text
//! share ──> patient found, or made provisionally ──> token held here? the same, with the time it has left
//!                                                └──> the counter's next number, event share.arrived
//!                                                         └──> on-share
//! ```
//! Patient and counter are locked meanwhile, in this order, so no number is given twice and a patient who scans
//! twice at once gets one token. What a scan was answered with is kept by its exchange: the same message run again gets
//! the same answer. A reply that ABDM has not taken within the 30 seconds is given up; the patient stays in the queue.

use std::time::Duration;

use abdm::error::Failure;
use abdm::id::{AbhaAddress, Gender};
use abdm::path::Operation;
use abdm::wire;
use abdm::wire::error::{ErrorObject, hip};
use abdm::wire::share::{OnShare, ProfileShare, ShareToken, SharedPatient};
use domain::event::EventType;
use domain::exchange::ExchangeState;
use domain::facility::Facility;
use domain::patient::Patient;
use domain::problem::Problem;
use domain::queue::{Place, QueueState, is_counter, place};
use domain::reference::PatientRef;
use store::{Received, Sending, Share, StoreError, Tx};
use uuid::Uuid;

use super::outcome::{self, Verdict};
use super::profile::Profile;
use super::{Answer, Ctx, FlowError, Result, adoption};

/// How long the patient's app waits for a token (ABDM V3, scan and share).
pub const APP_WAITS: Duration = Duration::from_secs(30);
/// What to say of a reply that nobody waits for any more.
const GIVEN_UP: &str = "ABDM did not take our reply while the patient's app was waiting. The patient has their place in the \
                        queue; scanning again within half an hour shows them the same token.";
/// What references of ours begin with.
const OURS: &str = "kadi-";

/// A profile was shared.
pub(super) async fn on_share(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    received: &Received,
) -> Result<()> {
    let message: ProfileShare = wire::read(&received.body)?;
    let response = super::response_to(received)?;
    let refusal = if !message.is_profile_share() {
        Some((hip::intent_not_supported(), "Only profiles are taken at a counter, no records or payments."))
    } else if !is_counter(&message.meta_data.context) {
        let error = ErrorObject::new("ABDM-1050", "Invalid Profile Share Metadata Keys");
        Some((error, "The counter's name is too long or holds signs that cannot be shown."))
    } else {
        None
    };
    if let Some((error, explanation)) = refusal {
        super::note_refusal(tx, received, &error, explanation).await?;
        let body = serde_json::to_vec(&OnShare::refused(error, response))?;
        return super::reply(tx, received, Operation::OnShare, Answer::No, body).await;
    }
    let (share, seconds) = match tx.scan(&facility.id, received.exchange).await? {
        Some(answered) => answered,
        None => scan(ctx, tx, facility, (received.exchange, &message)).await?,
    };
    let token = ShareToken {
        context: message.meta_data.context,
        token_number: share.token.number.to_string(),
        expiry: seconds.to_string(),
    };
    let body = OnShare::given(message.profile.patient.abha_address, token, response);
    super::reply(tx, received, Operation::OnShare, Answer::Yes, serde_json::to_vec(&body)?).await
}

/// Gives the patient their place in the queue: the share, and how many seconds its token still lives.
async fn scan(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    (exchange, message): (Uuid, &ProfileShare),
) -> Result<(Share, u32)> {
    let (counter, person) = (&message.meta_data.context, &message.profile.patient);
    let patient = patient_of(tx, facility, person).await?;
    let numbers = tx.lock_numbers(&facility.id, counter).await?;
    let whose = (&person.abha_address, patient.as_ref());
    let held = tx.last_share(&facility.id, counter, whose).await?;
    let now = tx.now();
    let share = match place(held.as_ref().map(|share| share.token), numbers, now, ctx.rules.token_life) {
        Place::Kept(token) => held.filter(|share| share.token == token),
        Place::New(token) => {
            let share = Share {
                id: tx.new_id(),
                counter: counter.clone(),
                token,
                patient,
                profile: serde_json::to_vec(&Profile::of(person, now))?,
                state: QueueState::Waiting,
                at: now,
            };
            arrive(tx, facility, &share, &person.abha_address).await?;
            Some(share)
        }
    };
    let share = share.ok_or(FlowError::Store(StoreError::Contended))?;
    let seconds = share.token.seconds_left(now).unwrap_or_default();
    tx.put_scan(&facility.id, exchange, (share.id, seconds)).await?;
    tx.set_exchange_subject(exchange, &format!("{counter} {}", share.token.number)).await?;
    Ok((share, seconds))
}

async fn arrive(tx: &mut Tx, facility: &Facility, share: &Share, address: &AbhaAddress) -> Result<()> {
    tx.put_share(&facility.id, share, address).await?;
    tx.audit(&facility.id, "ABDM", "profile shared", &share.id.to_string()).await?;
    let data = serde_json::json!({
        "shareId": share.id, "counter": share.counter, "tokenNumber": share.token.number.to_string(),
        "patientRef": share.patient, "state": share.state,
    });
    Ok(tx.raise(&facility.id, EventType::ShareArrived, data).await?)
}

/// The patient whose profile it is, known by ABHA address or number; else a provisional one, whom the HMIS adopts by
/// storing a patient with the same ABHA. Their row is locked.
///
/// `None`: the profile lacks what a patient needs.
async fn patient_of(tx: &mut Tx, facility: &Facility, person: &SharedPatient) -> Result<Option<PatientRef>> {
    let known = adoption::by_abha(tx, &facility.id, (Some(&person.abha_address), person.abha_number)).await?;
    if let Some(known) = known {
        // Another transaction may have adopted them meanwhile; then the next look finds who they are now.
        let known = tx.lock_patient(&facility.id, &known.reference).await?;
        return Ok(Some(known.ok_or(StoreError::Contended)?.reference));
    }
    let Some(birth) = Profile::of(person, tx.now()).birth() else { return Ok(None) };
    let reference = format!("{OURS}{}", tx.new_id().simple());
    let patient = Patient {
        reference: reference.parse().map_err(|_| FlowError::Unknown("reference".to_owned()))?,
        name: person.name.as_str().to_owned(),
        gender: person.gender.unwrap_or(Gender::Unknown),
        birth,
        mobile: person.phone_number,
        abha_number: person.abha_number,
        abha_address: Some(person.abha_address.clone()),
        identifiers: Vec::new(),
        provisional: true,
    };
    // Two at once make the same patient: whoever comes second looks again and finds them.
    let stored = tx.put_patient(&facility.id, &patient).await;
    stored.map_err(|error| if error.is_duplicate() { StoreError::Contended } else { error })?;
    tx.audit(&facility.id, "ABDM", "provisional patient made", &reference).await?;
    Ok(Some(patient.reference))
}

/// The reply was sent, or could not be.
pub(super) async fn on_reply_sent(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    sending: &Sending,
    outcome: &Result<(), Failure>,
) -> Result<()> {
    let now = tx.now();
    let exchange = tx.exchange(sending.exchange).await?;
    if let (Verdict::Again(failure), Some(exchange)) = (outcome::judge(outcome), exchange)
        && outcome::due_at(ctx, failure, sending.attempts, now) > exchange.started_at + APP_WAITS
    {
        tx.finish_sending(sending.lease, false).await?;
        let error = Problem { explanation: GIVEN_UP.to_owned(), ..super::problem(failure, now) };
        tx.move_exchange(sending.exchange, ExchangeState::Refused, None, Some(&error)).await?;
        return Ok(());
    }
    super::on_reply_sent(ctx, tx, sending, outcome).await.map(drop)
}
