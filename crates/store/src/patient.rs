//! Patients. What is personal is sealed as one value; mobile and ABHA are found by keyed hash.

use std::sync::LazyLock;

use abdm::id::{AbhaAddress, AbhaNumber, FacilityId, Gender, Mobile};
use domain::patient::{Birth, Identifier, Patient};
use domain::reference::PatientRef;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::database::{Row, Tx, Value, args};
use crate::error::{Result, StoreError};
use crate::place::Place;

const SEALED: &str = "patient";
/// Patients of one statement.
const ROWS: usize = 50;
const COLUMNS: &str = "facility_id, reference, sealed, mobile_hash, abha_number_hash, abha_address_hash, \
                       provisional, created_at, updated_at";

static INSERT_ROW: LazyLock<String> = LazyLock::new(|| insert(1));
static INSERT_ROWS: LazyLock<String> = LazyLock::new(|| insert(ROWS));

fn insert(rows: usize) -> String {
    let rows: Vec<_> = (0..rows)
        .map(|row| {
            let mut places: Vec<_> = (1..=8).map(|place| format!("${}", row * 8 + place)).collect();
            places.extend(places.last().cloned());
            format!("({})", places.join(", "))
        })
        .collect();
    format!("INSERT INTO patient ({COLUMNS}) VALUES {}", rows.join(", "))
}

/// What of a patient is sealed.
#[derive(Serialize, Deserialize)]
struct Person {
    name: String,
    gender: Gender,
    birth: Birth,
    mobile: Option<Mobile>,
    abha_number: Option<AbhaNumber>,
    abha_address: Option<AbhaAddress>,
    identifiers: Vec<Identifier>,
}

/// Which patients a list shows.
#[derive(Debug, Clone, Default)]
pub struct PatientFilter {
    /// Those with this mobile number.
    pub mobile: Option<Mobile>,
    /// The one with this ABHA number.
    pub abha_number: Option<AbhaNumber>,
    /// The one with this ABHA address.
    pub abha_address: Option<AbhaAddress>,
}

impl Tx {
    /// The patient with this reference. A merged one is not there any more: see [`Tx::merged_into`].
    pub async fn patient(
        &mut self,
        facility: &FacilityId,
        reference: &PatientRef,
    ) -> Result<Option<Patient>> {
        self.one_patient(
            "SELECT reference, sealed, provisional FROM patient \
             WHERE facility_id = $1 AND reference = $2 AND merged_into IS NULL",
            facility,
            reference.as_str(),
        )
        .await
    }

    /// Like [`Tx::patient`], and nobody else changes the patient or their links until this transaction ends.
    pub async fn lock_patient(
        &mut self,
        facility: &FacilityId,
        reference: &PatientRef,
    ) -> Result<Option<Patient>> {
        self.one_patient(
            "SELECT reference, sealed, provisional FROM patient \
             WHERE facility_id = $1 AND reference = $2 AND merged_into IS NULL {for update}",
            facility,
            reference.as_str(),
        )
        .await
    }

    /// The patient with this ABHA address.
    pub async fn patient_by_address(
        &mut self,
        facility: &FacilityId,
        address: &AbhaAddress,
    ) -> Result<Option<Patient>> {
        let hash = self.address_hash(address)?;
        self.one_patient(
            "SELECT reference, sealed, provisional FROM patient \
             WHERE facility_id = $1 AND abha_address_hash = $2 AND merged_into IS NULL",
            facility,
            &hash,
        )
        .await
    }

    /// The patient with this ABHA number.
    pub async fn patient_by_number(
        &mut self,
        facility: &FacilityId,
        number: AbhaNumber,
    ) -> Result<Option<Patient>> {
        let hash = self.inner.keys()?.look_up("abha number", &number.to_string());
        self.one_patient(
            "SELECT reference, sealed, provisional FROM patient \
             WHERE facility_id = $1 AND abha_number_hash = $2 AND merged_into IS NULL",
            facility,
            &hash,
        )
        .await
    }

    /// Every patient with this mobile number.
    pub async fn patients_by_mobile(
        &mut self,
        facility: &FacilityId,
        mobile: Mobile,
    ) -> Result<Vec<Patient>> {
        let hash = self.inner.keys()?.look_up("mobile", &mobile.to_string());
        let rows = self
            .all(
                "SELECT reference, sealed, provisional FROM patient \
                 WHERE facility_id = $1 AND mobile_hash = $2 AND merged_into IS NULL ORDER BY reference",
                args![facility.as_str(), hash],
            )
            .await?;
        rows.iter().map(|row| self.read_patient(row)).collect()
    }

    /// Stores a patient, or replaces what was stored under the reference. Says whether it is new.
    ///
    /// # Errors
    /// [`StoreError::is_duplicate`] if another patient of the facility has the ABHA number or address.
    pub async fn put_patient(&mut self, facility: &FacilityId, patient: &Patient) -> Result<bool> {
        let known = self.patient(facility, &patient.reference).await?.is_some();
        let values = self.patient_values(facility, patient)?;
        self.execute(
            "INSERT INTO patient (facility_id, reference, sealed, mobile_hash, abha_number_hash, \
             abha_address_hash, provisional, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) \
             ON CONFLICT (facility_id, reference) DO UPDATE SET sealed = excluded.sealed, \
             mobile_hash = excluded.mobile_hash, abha_number_hash = excluded.abha_number_hash, \
             abha_address_hash = excluded.abha_address_hash, provisional = excluded.provisional, \
             updated_at = excluded.updated_at",
            values,
        )
        .await?;
        Ok(!known)
    }

    /// Stores patients of whom none is stored yet: faster than one by one.
    ///
    /// # Errors
    /// [`StoreError::is_duplicate`] if a reference, an ABHA number or an ABHA address is known at the facility.
    pub async fn insert_patients(&mut self, facility: &FacilityId, patients: &[Patient]) -> Result<()> {
        let values = patients.iter().map(|patient| self.patient_values(facility, patient));
        let values = values.collect::<Result<Vec<_>>>()?;
        let (many, rest) = values.as_chunks::<ROWS>();
        for rows in many {
            self.execute(INSERT_ROWS.as_str(), rows.concat()).await?;
        }
        for row in rest {
            self.execute(INSERT_ROW.as_str(), row.clone()).await?;
        }
        Ok(())
    }

    /// Up to `limit` patients, newest first, each with their place in the list; after the given place, whose patient may
    /// have gone since.
    pub async fn patients(
        &mut self,
        facility: &FacilityId,
        filter: &PatientFilter,
        after: Option<&Place<PatientRef>>,
        limit: u32,
    ) -> Result<Vec<(Place<PatientRef>, Patient)>> {
        let address = filter.abha_address.as_ref().map(|address| self.address_hash(address)).transpose()?;
        let keys = self.inner.keys()?;
        let mobile = filter.mobile.map(|mobile| keys.look_up("mobile", &mobile.to_string()));
        let number = filter.abha_number.map(|number| keys.look_up("abha number", &number.to_string()));
        let rows = self
            .all(
                "SELECT reference, sealed, provisional, created_at FROM patient \
                 WHERE facility_id = $1 AND merged_into IS NULL \
                 AND (created_at < $2 OR (created_at = $2 AND reference < $3)) \
                 AND ($4 = '' OR mobile_hash = $4) AND ($5 = '' OR abha_number_hash = $5) \
                 AND ($6 = '' OR abha_address_hash = $6) \
                 ORDER BY created_at DESC, reference DESC LIMIT $7",
                args![
                    facility.as_str(),
                    after.map_or(Timestamp::MAX, |place| place.at),
                    after.map_or("", |place| place.key.as_str()),
                    mobile.unwrap_or_default(),
                    number.unwrap_or_default(),
                    address.unwrap_or_default(),
                    limit
                ],
            )
            .await?;
        let read = |row: &Row| {
            let patient = self.read_patient(row)?;
            Ok((Place { at: row.time("created_at")?, key: patient.reference.clone() }, patient))
        };
        rows.iter().map(read).collect()
    }

    /// Which patient took over from the one with this reference.
    pub async fn merged_into(
        &mut self,
        facility: &FacilityId,
        reference: &PatientRef,
    ) -> Result<Option<PatientRef>> {
        let row = self
            .optional(
                "SELECT merged_into FROM patient WHERE facility_id = $1 AND reference = $2",
                args![facility.as_str(), reference.as_str()],
            )
            .await?;
        Ok(row.map(|row| row.opt_parse("merged_into")).transpose()?.flatten())
    }

    /// The hash under which an ABHA address is looked up.
    pub(crate) fn address_hash(&self, address: &AbhaAddress) -> Result<String> {
        Ok(self.inner.keys()?.look_up("abha address", address.key()))
    }

    /// A row of the table, in the order of [`COLUMNS`].
    fn patient_values(&self, facility: &FacilityId, patient: &Patient) -> Result<Vec<Value>> {
        let person = Person {
            name: patient.name.clone(),
            gender: patient.gender,
            birth: patient.birth,
            mobile: patient.mobile,
            abha_number: patient.abha_number,
            abha_address: patient.abha_address.clone(),
            identifiers: patient.identifiers.clone(),
        };
        let person = serde_json::to_vec(&person).map_err(|error| StoreError::corrupt(SEALED, error))?;
        let address = patient.abha_address.as_ref().map(|address| self.address_hash(address)).transpose()?;
        let keys = self.inner.keys()?;
        Ok(args![
            facility.as_str(),
            patient.reference.as_str(),
            keys.seal(SEALED, &person)?,
            patient.mobile.map(|mobile| keys.look_up("mobile", &mobile.to_string())),
            patient.abha_number.map(|number| keys.look_up("abha number", &number.to_string())),
            address,
            patient.provisional,
            self.now()
        ])
    }

    async fn one_patient(
        &mut self,
        sql: &'static str,
        facility: &FacilityId,
        key: &str,
    ) -> Result<Option<Patient>> {
        let row = self.optional(sql, args![facility.as_str(), key]).await?;
        row.map(|row| self.read_patient(&row)).transpose()
    }

    pub(crate) fn read_patient(&self, row: &Row) -> Result<Patient> {
        let person = self.inner.keys()?.open(SEALED, &row.bytes("sealed")?)?;
        let person: Person =
            serde_json::from_slice(&person).map_err(|error| StoreError::corrupt(SEALED, error))?;
        Ok(Patient {
            reference: row.parse("reference")?,
            name: person.name,
            gender: person.gender,
            birth: person.birth,
            mobile: person.mobile,
            abha_number: person.abha_number,
            abha_address: person.abha_address,
            identifiers: person.identifiers,
            provisional: row.flag("provisional")?,
        })
    }
}
