//! The patients who may be the person that a discovery is about.

use abdm::id::{FacilityId, Mobile};
use domain::discovery::Asked;
use domain::patient::Patient;

use crate::database::{Tx, args};
use crate::error::Result;

/// More people than this do not share a mobile number: it is a number that a desk types in for want of one. Who has it
/// is no candidate then, for no decision among some of them could be trusted.
const MOST_BY_MOBILE: u32 = 1000;
/// ABDM sends one identifier of a type. More than these are left out.
const MOST_OF_A_TYPE: usize = 3;

impl Tx {
    /// Everybody at the facility who has a verified identifier of the person who asks, for
    /// [`domain::discovery::decide`]. Those with the mobile number only if nobody has the ABHA: then they don't count.
    pub async fn discovery_candidates(
        &mut self,
        facility: &FacilityId,
        asked: &Asked,
    ) -> Result<Vec<Patient>> {
        let by_abha = self.candidates_by_abha(facility, asked).await?;
        if !by_abha.is_empty() {
            return Ok(by_abha);
        }
        let mut found = Vec::new();
        for mobile in asked.verified.mobiles.iter().take(MOST_OF_A_TYPE) {
            found.extend(self.candidates_by_mobile(facility, *mobile).await?);
        }
        Ok(found)
    }

    async fn candidates_by_abha(&mut self, facility: &FacilityId, asked: &Asked) -> Result<Vec<Patient>> {
        let addresses = asked.verified.abha_addresses.iter().take(MOST_OF_A_TYPE);
        let mut hashes = std::iter::once(&asked.abha_address)
            .chain(addresses)
            .map(|address| self.address_hash(address))
            .collect::<Result<Vec<_>>>()?
            .into_iter();
        let keys = self.inner.keys()?;
        let numbers = asked.verified.abha_numbers.iter().take(MOST_OF_A_TYPE);
        let mut numbers = numbers.map(|number| keys.look_up("abha number", &number.to_string()));
        let (mut address, mut number) =
            (|| hashes.next().unwrap_or_default(), || numbers.next().unwrap_or_default());
        let values = args![
            facility.as_str(),
            address(),
            address(),
            address(),
            address(),
            number(),
            number(),
            number()
        ];
        let rows = self
            .all(
                "SELECT reference, sealed, provisional FROM patient WHERE facility_id = $1 \
                 AND abha_address_hash IN ($2, $3, $4, $5) AND merged_into IS NULL \
                 UNION ALL \
                 SELECT reference, sealed, provisional FROM patient WHERE facility_id = $1 \
                 AND abha_number_hash IN ($6, $7, $8) AND merged_into IS NULL",
                values,
            )
            .await?;
        rows.iter().map(|row| self.read_patient(row)).collect()
    }

    async fn candidates_by_mobile(&mut self, facility: &FacilityId, mobile: Mobile) -> Result<Vec<Patient>> {
        let hash = self.inner.keys()?.look_up("mobile", &mobile.to_string());
        let rows = self
            .all(
                "SELECT reference, sealed, provisional FROM patient \
                 WHERE facility_id = $1 AND mobile_hash = $2 AND merged_into IS NULL LIMIT $3",
                args![facility.as_str(), hash, MOST_BY_MOBILE + 1],
            )
            .await?;
        if u32::try_from(rows.len()).unwrap_or(u32::MAX) > MOST_BY_MOBILE {
            tracing::warn!(
                facility.id = %facility,
                "more than {MOST_BY_MOBILE} patients have the mobile number of a discovery: it finds none of them. \
                 Leave the number empty for patients who gave none"
            );
            return Ok(Vec::new());
        }
        rows.iter().map(|row| self.read_patient(row)).collect()
    }
}
