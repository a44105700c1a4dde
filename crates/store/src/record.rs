//! Records of care contexts: the FHIR document, compressed and sealed, and what the validator says of it.

use abdm::id::{FacilityId, HiType};
use aws_lc_rs::hmac;
use domain::reference::{CareContextRef, PatientRef};
use uuid::Uuid;

use crate::Store;
use crate::database::{Row, Tx, args};
use crate::document::Document;
use crate::error::{Result, StoreError};

pub(crate) const BUNDLE: &str = "bundle";

/// A record without its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: Uuid,
    /// Its type.
    pub hi_type: HiType,
    /// Whether the validator found no error.
    pub valid: bool,
    /// The validator's issues, as JSON; nothing personal.
    pub issues: String,
    /// Equal for equal input: an equal record keeps its id.
    pub source_hash: String,
    /// The length of the document in bytes; 0 if none could be built.
    pub bundle_bytes: u32,
}

/// A record to be stored.
#[derive(Clone)]
pub struct NewRecord {
    /// Its type.
    pub hi_type: HiType,
    /// Whether the validator found no error.
    pub valid: bool,
    /// The validator's issues, as JSON.
    pub issues: String,
    /// See [`Tx::source_hash`].
    pub source_hash: String,
    /// The document, if one could be built. A large one is kept by [`crate::Store::keep`] before its record is stored.
    pub bundle: Option<Document>,
}

/// Takes a record's input piece by piece; what is written to it is what [`Tx::source_hash`] takes as one text.
#[derive(Clone)]
pub struct SourceHasher(hmac::Context);

impl std::fmt::Debug for SourceHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceHasher").finish_non_exhaustive()
    }
}

impl std::io::Write for SourceHasher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl SourceHasher {
    /// The hash of all that was written.
    #[must_use]
    pub fn finish(self) -> String {
        hex::encode(self.0.sign().as_ref().get(..16).unwrap_or_default())
    }
}

impl Store {
    /// Begins the hash by which a record is known again, see [`Tx::source_hash`].
    ///
    /// # Errors
    /// Never once the store is open.
    pub fn source_hasher(&self) -> Result<SourceHasher> {
        Ok(SourceHasher(self.inner.keys()?.begin_look_up("record")))
    }
}

impl Record {
    /// Whether `new` is this record again.
    pub(crate) fn is(&self, new: &NewRecord) -> bool {
        self.source_hash == new.source_hash && self.hi_type == new.hi_type
    }
}

impl Tx {
    /// The records of a care context, in the order in which they were sent.
    pub async fn records(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
        care_context: &CareContextRef,
    ) -> Result<Vec<Record>> {
        let rows = self
            .all(
                "SELECT id, hi_type, valid, issues, source_hash, bundle_bytes FROM record \
                 WHERE facility_id = $1 AND patient_reference = $2 AND care_context_reference = $3 ORDER BY place",
                args![facility.as_str(), patient.as_str(), care_context.as_str()],
            )
            .await?;
        rows.iter().map(read).collect()
    }

    /// Makes `records` the records of a care context. One that equals a stored one keeps its id and is not
    /// written again.
    pub async fn replace_records(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
        care_context: &CareContextRef,
        records: Vec<NewRecord>,
    ) -> Result<Vec<Record>> {
        let mut old = self.records(facility, patient, care_context).await?;
        let mut kept = Vec::with_capacity(records.len());
        for (place, new) in records.into_iter().enumerate() {
            let place = i64::try_from(place).map_err(|error| StoreError::corrupt("place", error))?;
            let same = old.iter().position(|old| old.is(&new));
            let record = match same {
                Some(same) => {
                    let record = old.remove(same);
                    let id = record.id.to_string();
                    self.execute("UPDATE record SET place = $2 WHERE id = $1", args![id, place]).await?;
                    record
                }
                None => self.insert_record((facility, patient, care_context), place, new).await?,
            };
            kept.push(record);
        }
        for gone in old {
            self.loosen_object(gone.id).await?;
            self.execute("DELETE FROM record WHERE id = $1", args![gone.id.to_string()]).await?;
        }
        Ok(kept)
    }

    async fn insert_record(
        &mut self,
        (facility, patient, care_context): (&FacilityId, &PatientRef, &CareContextRef),
        place: i64,
        mut new: NewRecord,
    ) -> Result<Record> {
        let now = self.now();
        let id = crate::open::new_id(now);
        let size = new.bundle.as_ref().map_or(0, Document::len);
        let size = u32::try_from(size).map_err(|error| StoreError::corrupt(BUNDLE, error))?;
        let md5 = new.bundle.as_mut().and_then(|bundle| bundle.md5.take());
        let (sealed, object) = self.place_document(new.bundle).await?;
        self.execute(
            "INSERT INTO record (id, facility_id, patient_reference, care_context_reference, place, hi_type, valid, \
             issues, source_hash, bundle, object, bundle_bytes, created_at, \
             bundle_md5) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            args![
                id.to_string(),
                facility.as_str(),
                patient.as_str(),
                care_context.as_str(),
                place,
                new.hi_type.as_str(),
                new.valid,
                &new.issues,
                &new.source_hash,
                sealed,
                object,
                size,
                now,
                md5
            ],
        )
        .await?;
        Ok(Record {
            id,
            hi_type: new.hi_type,
            valid: new.valid,
            issues: new.issues,
            source_hash: new.source_hash,
            bundle_bytes: size,
        })
    }

    /// A keyed hash of a record's input, by which an equal one is known.
    pub fn source_hash(&self, source: &str) -> Result<String> {
        Ok(self.inner.keys()?.look_up("record", source))
    }
}

fn read(row: &Row) -> Result<Record> {
    Ok(Record {
        id: row.parse("id")?,
        hi_type: row.parse("hi_type")?,
        valid: row.flag("valid")?,
        issues: row.text("issues")?,
        source_hash: row.text("source_hash")?,
        bundle_bytes: u32::try_from(row.int("bundle_bytes")?)
            .map_err(|error| StoreError::corrupt("bundle_bytes", error))?,
    })
}
