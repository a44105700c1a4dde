//! A patient searches the facility. What was found is kept under the transaction, so that init can be held to it, and
//! so that the same discovery gets the same reply.

use abdm::id::{Gender, HiType};
use abdm::wire;
use abdm::wire::discover::{Discover, Identifier, IdentifierType, OnDiscover};
use abdm::wire::error::{ErrorObject, hip};
use abdm::wire::link::MAX_CARE_CONTEXTS;
use domain::discovery::{self, Asked, Found, Identifiers};
use domain::facility::Facility;
use store::{Discovered, Offered, Received, Tx};

use super::super::{Answer, Ctx, Result};

/// Finds who asks, and offers them what is not linked yet.
pub(in super::super) async fn on_discover(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    received: &Received,
) -> Result<()> {
    let message: Discover = wire::read(&received.body)?;
    let found = match tx.discovery(&facility.id, &message.transaction_id).await? {
        Some(known) => Ok(known),
        None => search(ctx, tx, facility, &message).await?,
    };
    let asker = super::asker(received);
    let response = super::response_to(&asker)?;
    let (answer, body) = match found {
        Ok(found) => {
            tx.put_discovery(&facility.id, &found).await?;
            let entries = super::entries(&found.patient, &found.display, &found.offered)?;
            let matched_by = found.matched_by.iter().filter_map(|by| by.parse::<IdentifierType>().ok());
            let matched_by = matched_by.collect();
            (Answer::Yes, OnDiscover::found(message.transaction_id, entries, matched_by, response))
        }
        Err((error, explanation)) => {
            super::note(tx, &asker, &error, explanation).await?;
            (Answer::No, OnDiscover::refused(message.transaction_id, error, response))
        }
    };
    super::reply(tx, &facility.id, &asker, (answer, ""), serde_json::to_vec(&body)?).await
}

type Refusal = (ErrorObject, &'static str);

/// Nobody, several and nothing to link are told apart by nothing but ABDM's text; who exists is told to nobody.
async fn search(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    message: &Discover,
) -> Result<Result<Discovered, Refusal>> {
    let asked = asked(message);
    let candidates = tx.discovery_candidates(&facility.id, &asked).await?;
    let (patient, matched_by) = match discovery::decide(&asked, &candidates, ctx.rules.discovery) {
        Found::One { patient, matched_by } => (patient, matched_by),
        Found::None => return Ok(Err((hip::patient_not_found(), "No patient of the facility fits."))),
        Found::Several => {
            let explanation = "Several patients fit equally well. A hospital number in the search tells them apart; if \
                               they are one person, merge them.";
            return Ok(Err((hip::several_patients(), explanation)));
        }
    };
    let offered = within_limits(tx.offerable_visits(&facility.id, &patient).await?);
    let known = candidates.iter().find(|candidate| candidate.reference == patient);
    let Some(known) = known.filter(|_| !offered.is_empty()) else {
        let explanation = "The patient has no visit to link: each is linked already, held, withdrawn, or without a \
                           valid record.";
        return Ok(Err((hip::patient_not_found(), explanation)));
    };
    Ok(Ok(Discovered {
        transaction: message.transaction_id.clone(),
        display: known.name.clone(),
        patient,
        address: message.patient.id.clone(),
        matched_by: matched_by.iter().map(|by| by.as_str().to_owned()).collect(),
        offered,
        at: tx.now(),
    }))
}

/// The newest visits, as many as an entry of each of their types takes. What is left out is offered next time.
fn within_limits(visits: Vec<Offered>) -> Vec<Offered> {
    let mut offered: Vec<Offered> = Vec::new();
    for visit in visits {
        let full = |hi_type: &HiType| {
            offered.iter().filter(|other| other.hi_types.contains(hi_type)).count() >= MAX_CARE_CONTEXTS
        };
        if !visit.hi_types.iter().any(full) {
            offered.push(visit);
        }
    }
    offered
}

fn asked(message: &Discover) -> Asked {
    let patient = &message.patient;
    Asked {
        abha_address: patient.id.clone(),
        name: patient.name.as_ref().map_or_else(String::new, |name| name.as_str().to_owned()),
        gender: patient.gender.unwrap_or(Gender::Unknown),
        year_of_birth: patient.year_of_birth.and_then(|year| i16::try_from(year).ok()),
        verified: identifiers(&patient.verified_identifiers),
        unverified: identifiers(&patient.unverified_identifiers),
    }
}

fn identifiers(list: &[Identifier]) -> Identifiers {
    Identifiers::read(list.iter().filter_map(|one| Some((one.kind?.as_str(), one.value.as_ref()?.as_str()))))
}
