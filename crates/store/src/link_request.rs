//! Linking by the patient: what was offered, what was chosen, and the count of passwords. What is personal is sealed;
//! of a password only a keyed hash is kept.

use abdm::id::{AbhaAddress, FacilityId, HiType, LinkReference, TransactionId};
use domain::link_request::LinkRequestState;
use domain::otp::{Issued, OtpDesk};
use domain::reference::{CareContextRef, PatientRef};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::database::{Row, Tx, args};
use crate::error::{Result, StoreError};

const DISCOVERY: &str = "discovery";
const LINK_REQUEST: &str = "link request";

/// A visit as it was offered or chosen. `Debug` shows its reference.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// The facility's reference of the visit.
    pub reference: CareContextRef,
    /// How it was shown.
    pub display: String,
    /// With which types.
    pub hi_types: Vec<HiType>,
}

impl std::fmt::Debug for Offered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offered").field("reference", &self.reference).finish_non_exhaustive()
    }
}

/// A discovery that found somebody.
#[derive(Clone, PartialEq)]
pub struct Discovered {
    /// ABDM's id of it.
    pub transaction: TransactionId,
    /// Who was found.
    pub patient: PatientRef,
    /// How they were shown.
    pub display: String,
    /// Who asked.
    pub address: AbhaAddress,
    /// By what they were found, in ABDM's words.
    pub matched_by: Vec<String>,
    /// What was offered.
    pub offered: Vec<Offered>,
    /// When.
    pub at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct SealedDiscovery {
    display: String,
    address: AbhaAddress,
    matched_by: Vec<String>,
    offered: Vec<Offered>,
}

/// A message that waits for the answer: its exchange, its kind and the id that the answer names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asker {
    /// Its exchange.
    pub exchange: Uuid,
    /// Its kind, as in the inbox.
    pub kind: String,
    /// Its `REQUEST-ID`.
    pub request_id: String,
}

/// A patient's own link. `Debug` shows ids.
#[derive(Clone, PartialEq)]
pub struct LinkRequest {
    /// What confirm knows it by: unguessable.
    pub reference: LinkReference,
    /// The discovery's id.
    pub transaction: TransactionId,
    /// Whose.
    pub patient: PatientRef,
    /// How far it is.
    pub state: LinkRequestState,
    /// How the patient was shown.
    pub display: String,
    /// What the visits are linked to.
    pub address: AbhaAddress,
    /// What was chosen.
    pub chosen: Vec<Offered>,
    /// The password, once one is drawn.
    pub issued: Option<Issued>,
    /// Hashes of what was typed and taken for wrong: repeats of these are repeats of the message.
    pub tried: Vec<String>,
    /// Inits that wait for their answer.
    pub askers: Vec<Asker>,
    /// The provider's name for the SMS.
    pub delivery_id: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for LinkRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkRequest")
            .field("transaction", &self.transaction)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct SealedRequest {
    display: String,
    address: AbhaAddress,
    chosen: Vec<Offered>,
    issued: Option<Issued>,
    tried: Vec<String>,
    askers: Vec<Asker>,
}

macro_rules! columns {
    () => {
        "reference, transaction_id, patient_reference, state, sealed, delivery_id, created_at"
    };
}

impl Tx {
    /// Stores what a discovery found. A second one under the same id changes nothing.
    pub async fn put_discovery(&mut self, facility: &FacilityId, found: &Discovered) -> Result<()> {
        let sealed = self.seal_json(
            DISCOVERY,
            &SealedDiscovery {
                display: found.display.clone(),
                address: found.address.clone(),
                matched_by: found.matched_by.clone(),
                offered: found.offered.clone(),
            },
        )?;
        self.execute(
            "INSERT INTO discovery (facility_id, transaction_id, patient_reference, sealed, created_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (facility_id, transaction_id) DO NOTHING",
            args![facility.as_str(), found.transaction.as_str(), found.patient.as_str(), sealed, found.at],
        )
        .await?;
        Ok(())
    }

    /// The discovery with this id.
    pub async fn discovery(
        &mut self,
        facility: &FacilityId,
        transaction: &TransactionId,
    ) -> Result<Option<Discovered>> {
        let row = self
            .optional(
                "SELECT patient_reference, sealed, created_at FROM discovery \
                 WHERE facility_id = $1 AND transaction_id = $2",
                args![facility.as_str(), transaction.as_str()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let sealed: SealedDiscovery = self.open_json(DISCOVERY, &row)?;
        Ok(Some(Discovered {
            transaction: transaction.clone(),
            patient: row.parse("patient_reference")?,
            display: sealed.display,
            address: sealed.address,
            matched_by: sealed.matched_by,
            offered: sealed.offered,
            at: row.time("created_at")?,
        }))
    }

    /// What can be offered to a patient, newest first: visits that are not linked, held or withdrawn, each with the types
    /// of its valid records. Of very many the newest.
    pub async fn offerable_visits(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
    ) -> Result<Vec<Offered>> {
        const MOST_ROWS: u32 = 2000;
        let rows = self
            .all(
                "SELECT c.reference, c.sealed, r.hi_type FROM care_context c \
                 JOIN record r ON r.facility_id = c.facility_id AND r.patient_reference = c.patient_reference \
                   AND r.care_context_reference = c.reference AND r.valid = 1 \
                 WHERE c.facility_id = $1 AND c.patient_reference = $2 AND c.link_state <> 'linked' \
                   AND c.hold = 0 AND c.withdrawn_at IS NULL \
                 ORDER BY c.starts_at DESC, c.reference, r.hi_type LIMIT $3",
                args![facility.as_str(), patient.as_str(), MOST_ROWS],
            )
            .await?;
        let mut visits: Vec<Offered> = Vec::new();
        for row in &rows {
            let (reference, hi_type): (CareContextRef, HiType) =
                (row.parse("reference")?, row.parse("hi_type")?);
            match visits.last_mut().filter(|last| last.reference == reference) {
                Some(last) if last.hi_types.contains(&hi_type) => {}
                Some(last) => last.hi_types.push(hi_type),
                None => {
                    let display = self.open_display(&row.bytes("sealed")?)?;
                    visits.push(Offered { reference, display, hi_types: vec![hi_type] });
                }
            }
        }
        Ok(visits)
    }

    /// Stores a link request, or how far it is now.
    pub async fn put_link_request(&mut self, facility: &FacilityId, request: &LinkRequest) -> Result<()> {
        let sealed = self.seal_json(
            LINK_REQUEST,
            &SealedRequest {
                display: request.display.clone(),
                address: request.address.clone(),
                chosen: request.chosen.clone(),
                issued: request.issued.clone(),
                tried: request.tried.clone(),
                askers: request.askers.clone(),
            },
        )?;
        let now = self.now();
        self.execute(
            "INSERT INTO link_request (facility_id, reference, transaction_id, patient_reference, state, sealed, \
             delivery_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (facility_id, reference) DO UPDATE SET state = excluded.state, \
             sealed = excluded.sealed, delivery_id = excluded.delivery_id, updated_at = excluded.updated_at",
            args![
                facility.as_str(),
                request.reference.as_str(),
                request.transaction.as_str(),
                request.patient.as_str(),
                request.state.as_str(),
                sealed,
                request.delivery_id.clone(),
                request.created_at,
                now
            ],
        )
        .await?;
        Ok(())
    }

    /// The link request that confirm means. Lock the patient, and read it again, before it is changed.
    pub async fn link_request(
        &mut self,
        facility: &FacilityId,
        reference: &LinkReference,
    ) -> Result<Option<LinkRequest>> {
        let row = self
            .optional(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM link_request WHERE facility_id = $1 AND reference = $2"
                ),
                args![facility.as_str(), reference.as_str()],
            )
            .await?;
        row.map(|row| self.read_link_request(&row)).transpose()
    }

    /// The last link request of a discovery.
    pub async fn link_request_of(
        &mut self,
        facility: &FacilityId,
        transaction: &TransactionId,
    ) -> Result<Option<LinkRequest>> {
        let row = self
            .optional(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM link_request WHERE facility_id = $1 AND transaction_id = $2 \
                     ORDER BY created_at DESC, reference DESC LIMIT 1"
                ),
                args![facility.as_str(), transaction.as_str()],
            )
            .await?;
        row.map(|row| self.read_link_request(&row)).transpose()
    }

    /// A patient's own links that are not done. Lock the patient first.
    pub async fn open_link_requests(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
    ) -> Result<Vec<LinkRequest>> {
        let rows = self
            .all(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM link_request WHERE facility_id = $1 AND patient_reference = $2 \
                     AND state IN ('sending', 'sent', 'confirmed') ORDER BY created_at, reference"
                ),
                args![facility.as_str(), patient.as_str()],
            )
            .await?;
        rows.iter().map(|row| self.read_link_request(row)).collect()
    }

    /// Forgets what was offered to a patient in discoveries.
    pub async fn forget_discoveries(&mut self, facility: &FacilityId, patient: &PatientRef) -> Result<()> {
        self.execute(
            "DELETE FROM discovery WHERE facility_id = $1 AND patient_reference = $2",
            args![facility.as_str(), patient.as_str()],
        )
        .await?;
        Ok(())
    }

    /// The count of a patient's passwords. Lock the patient first: the desk is theirs.
    pub async fn otp_desk(&mut self, facility: &FacilityId, patient: &PatientRef) -> Result<OtpDesk> {
        let row = self
            .optional(
                "SELECT desk FROM otp_desk WHERE facility_id = $1 AND patient_reference = $2",
                args![facility.as_str(), patient.as_str()],
            )
            .await?;
        let Some(row) = row else { return Ok(OtpDesk::default()) };
        serde_json::from_str(&row.text("desk")?).map_err(|error| StoreError::corrupt("OTP desk", error))
    }

    /// Stores the count of a patient's passwords.
    pub async fn put_otp_desk(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
        desk: &OtpDesk,
    ) -> Result<()> {
        let desk = serde_json::to_string(desk).map_err(|error| StoreError::corrupt("OTP desk", error))?;
        self.execute(
            "INSERT INTO otp_desk (facility_id, patient_reference, desk) VALUES ($1, $2, $3) \
             ON CONFLICT (facility_id, patient_reference) DO UPDATE SET desk = excluded.desk",
            args![facility.as_str(), patient.as_str(), desk],
        )
        .await?;
        Ok(())
    }

    /// The keyed hash of a password under its link's reference.
    pub fn otp_hash(&self, reference: &LinkReference, otp: &str) -> Result<String> {
        Ok(self.inner.keys()?.look_up("otp", &format!("{reference} {otp}")))
    }

    /// Notes that a patient's ABHA address was learnt now from their own link, or, with `false`, that the HMIS has it
    /// from elsewhere.
    pub async fn set_address_learnt(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
        learnt: bool,
    ) -> Result<()> {
        let now = self.now();
        self.execute(
            "UPDATE patient SET address_learnt_at = $3 WHERE facility_id = $1 AND reference = $2",
            args![facility.as_str(), patient.as_str(), learnt.then_some(now)],
        )
        .await?;
        Ok(())
    }

    /// Whether a patient's ABHA address was learnt from their own link.
    pub async fn is_address_learnt(&mut self, facility: &FacilityId, patient: &PatientRef) -> Result<bool> {
        let row = self
            .optional(
                "SELECT address_learnt_at FROM patient WHERE facility_id = $1 AND reference = $2",
                args![facility.as_str(), patient.as_str()],
            )
            .await?;
        Ok(row.map(|row| row.opt_int("address_learnt_at")).transpose()?.flatten().is_some())
    }

    /// The references of a patient's visits that were there when their ABHA address was learnt from their own link:
    /// linking those is theirs.
    pub async fn visits_before_address(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
    ) -> Result<Vec<CareContextRef>> {
        let rows = self
            .all(
                "SELECT c.reference FROM patient p JOIN care_context c ON c.facility_id = p.facility_id \
                   AND c.patient_reference = p.reference AND c.created_at <= p.address_learnt_at \
                 WHERE p.facility_id = $1 AND p.reference = $2",
                args![facility.as_str(), patient.as_str()],
            )
            .await?;
        rows.iter().map(|row| row.parse("reference")).collect()
    }

    fn seal_json<T: Serialize>(&self, what: &'static str, value: &T) -> Result<Vec<u8>> {
        let text = serde_json::to_vec(value).map_err(|error| StoreError::corrupt(what, error))?;
        self.inner.keys()?.seal_packed(what, &text)
    }

    fn open_json<T: DeserializeOwned>(&self, what: &'static str, row: &Row) -> Result<T> {
        let text = self.inner.keys()?.open_packed(what, &row.bytes("sealed")?)?;
        serde_json::from_slice(&text).map_err(|error| StoreError::corrupt(what, error))
    }

    fn read_link_request(&self, row: &Row) -> Result<LinkRequest> {
        let sealed: SealedRequest = self.open_json(LINK_REQUEST, row)?;
        Ok(LinkRequest {
            reference: row.parse("reference")?,
            transaction: row.parse("transaction_id")?,
            patient: row.parse("patient_reference")?,
            state: row.parse("state")?,
            display: sealed.display,
            address: sealed.address,
            chosen: sealed.chosen,
            issued: sealed.issued,
            tried: sealed.tried,
            askers: sealed.askers,
            delivery_id: row.opt_text("delivery_id")?,
            created_at: row.time("created_at")?,
        })
    }
}
