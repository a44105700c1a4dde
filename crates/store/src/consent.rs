//! Consent artefacts held as HIP. Once ended, only the fact remains.

use abdm::id::{AbhaAddress, ConsentId, FacilityId};
use domain::consent::{ConsentStatus, Signature};
use jiff::Timestamp;

use crate::database::{Row, Tx, args};
use crate::error::Result;

const ARTEFACT: &str = "consent artefact";

macro_rules! columns {
    () => {
        "consent_id, status, artefact, erase_at, received_at, ended_at, signature"
    };
}

/// A consent as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredConsent {
    /// Its id.
    pub id: ConsentId,
    /// Its status.
    pub status: ConsentStatus,
    /// The notification as it came, exact bytes, with the artefact's signature; gone once the consent has ended.
    pub artefact: Option<Vec<u8>>,
    /// What is known of that signature.
    pub signature: Signature,
    /// When the consent ends.
    pub erase_at: Option<Timestamp>,
    /// When it was first heard of.
    pub received_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Tx {
    /// The consent with this id; nobody else changes it, or makes it if it is not there yet, until this transaction
    /// ends. Otherwise a grant that was slow to be stored could undo the revocation that overtook it.
    pub async fn lock_consent(
        &mut self,
        facility: &FacilityId,
        id: &ConsentId,
    ) -> Result<Option<StoredConsent>> {
        // It may have no row to lock yet. A few hundred names serve all consents.
        let bucket = id.as_str().bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        self.lock_name(&format!("consents {bucket}")).await?;
        let row = self
            .optional(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM consent WHERE facility_id = $1 AND consent_id = $2 {for update}"
                ),
                args![facility.as_str(), id.as_str()],
            )
            .await?;
        row.map(|row| self.read_consent(&row)).transpose()
    }

    /// The consent with this id.
    pub async fn consent(&mut self, facility: &FacilityId, id: &ConsentId) -> Result<Option<StoredConsent>> {
        let row = self
            .optional(
                concat!("SELECT ", columns!(), " FROM consent WHERE facility_id = $1 AND consent_id = $2"),
                args![facility.as_str(), id.as_str()],
            )
            .await?;
        row.map(|row| self.read_consent(&row)).transpose()
    }

    /// Stores a consent. One that has ended loses its artefact: ABDM wants it deleted on revocation and expiry.
    pub async fn put_consent(
        &mut self,
        facility: &FacilityId,
        consent: &StoredConsent,
        address: Option<&AbhaAddress>,
    ) -> Result<()> {
        let artefact = consent.artefact.as_ref().filter(|_| !consent.status.has_ended());
        let artefact =
            artefact.map(|artefact| self.inner.keys()?.seal_packed(ARTEFACT, artefact)).transpose()?;
        let address = address.map(|address| self.address_hash(address)).transpose()?;
        self.execute(
            "INSERT INTO consent (facility_id, consent_id, status, artefact, abha_address_hash, erase_at, \
             received_at, ended_at, signature) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (facility_id, consent_id) DO UPDATE SET status = excluded.status, \
             artefact = excluded.artefact, abha_address_hash = COALESCE(excluded.abha_address_hash, \
             consent.abha_address_hash), erase_at = excluded.erase_at, ended_at = excluded.ended_at, \
             signature = excluded.signature",
            args![
                facility.as_str(),
                consent.id.as_str(),
                consent.status.as_str(),
                artefact,
                address,
                consent.erase_at,
                consent.received_at,
                consent.ended_at,
                consent.signature.as_str()
            ],
        )
        .await?;
        Ok(())
    }

    /// Where a consent stands and when it ends by itself, without opening its artefact.
    pub async fn consent_standing(
        &mut self,
        facility: &FacilityId,
        id: &ConsentId,
    ) -> Result<Option<(ConsentStatus, Option<Timestamp>)>> {
        let row = self
            .optional(
                "SELECT status, erase_at FROM consent WHERE facility_id = $1 AND consent_id = $2",
                args![facility.as_str(), id.as_str()],
            )
            .await?;
        row.map(|row| Ok((row.parse("status")?, row.opt_time("erase_at")?))).transpose()
    }

    /// The consents of an ABHA address that have not ended.
    pub async fn live_consents_of(
        &mut self,
        facility: &FacilityId,
        address: &AbhaAddress,
    ) -> Result<Vec<ConsentId>> {
        let hash = self.address_hash(address)?;
        let rows = self
            .all(
                "SELECT consent_id FROM consent WHERE facility_id = $1 AND abha_address_hash = $2 \
                 AND status IN ('GRANTED', 'REQUESTED') ORDER BY consent_id",
                args![facility.as_str(), hash],
            )
            .await?;
        rows.iter().map(|row| row.parse("consent_id")).collect()
    }

    /// Up to `limit` consents, newest first, after the one with the id `after`.
    pub async fn consents(
        &mut self,
        facility: &FacilityId,
        after: Option<&ConsentId>,
        limit: u32,
    ) -> Result<Vec<StoredConsent>> {
        let rows = self
            .all(
                "SELECT c.consent_id, c.status, c.artefact, c.erase_at, c.received_at, c.ended_at, c.signature FROM consent c \
                 LEFT JOIN consent a ON a.facility_id = c.facility_id AND a.consent_id = $2 \
                 WHERE c.facility_id = $1 AND ($2 = '' OR c.received_at < a.received_at \
                   OR (c.received_at = a.received_at AND c.consent_id < a.consent_id)) \
                 ORDER BY c.received_at DESC, c.consent_id DESC LIMIT $3",
                args![facility.as_str(), after.map_or("", ConsentId::as_str), limit],
            )
            .await?;
        rows.iter().map(|row| self.read_consent(row)).collect()
    }

    /// Consents whose time is over though no notice came: `(facility, consent)`, up to `limit`.
    pub async fn consents_past_their_end(&mut self, limit: u32) -> Result<Vec<(FacilityId, ConsentId)>> {
        let now = self.now();
        let rows = self
            .all(
                "SELECT facility_id, consent_id FROM consent WHERE status = 'GRANTED' AND erase_at <= $1 LIMIT $2",
                args![now, limit],
            )
            .await?;
        rows.iter().map(|row| Ok((row.parse("facility_id")?, row.parse("consent_id")?))).collect()
    }

    fn read_consent(&self, row: &Row) -> Result<StoredConsent> {
        let artefact = row.opt_bytes("artefact")?;
        let artefact =
            artefact.map(|sealed| self.inner.keys()?.open_packed(ARTEFACT, &sealed)).transpose()?;
        Ok(StoredConsent {
            id: row.parse("consent_id")?,
            status: row.parse("status")?,
            artefact,
            signature: row.parse("signature")?,
            erase_at: row.opt_time("erase_at")?,
            received_at: row.time("received_at")?,
            ended_at: row.opt_time("ended_at")?,
        })
    }
}
