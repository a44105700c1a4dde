//! Documents of records, compressed and sealed: small ones in the row of their record, large ones in the object store.
//!
//! ```text
//! row in loose_object ──> object written ──> record names it, row gone ──record gone──> row in loose_object ──due──> deleted
//! ```
//! Whenever a process is killed, an object is named by a record or by a row of `loose_object`. What a record names is
//! there, because it was written before; what none names is deleted once its row is due.

use std::sync::Arc;
use std::time::Duration;

use abdm::id::FacilityId;
use bytes::Bytes;
use md5::{Digest as _, Md5};
use uuid::Uuid;

use crate::Store;
use crate::database::{Tx, args};
use crate::error::{Result, StoreError};
use crate::objects::ObjectId;
use crate::record::{BUNDLE, NewRecord, Record};

/// Sealed documents longer than this lie in the object store, if there is one.
const LARGE: usize = 256 << 10;
/// For how long an object that no record names is kept: for its record to be stored, and for a backup that was begun
/// while there was one to copy it.
const LOOSE: Duration = Duration::from_hours(1);
const MD5: &str = "md5";
/// What sealing a document for somebody else adds to it.
const SPARE: usize = 16;

/// A document to be stored.
#[derive(Clone)]
pub struct Document {
    form: Form,
    bytes: usize,
    /// Sealed; of a large one.
    pub(crate) md5: Option<Vec<u8>>,
}

#[derive(Clone)]
enum Form {
    Text(Vec<u8>),
    Sealed(Vec<u8>),
    Object(ObjectId),
}

impl From<Vec<u8>> for Document {
    fn from(text: Vec<u8>) -> Self {
        Self { bytes: text.len(), form: Form::Text(text), md5: None }
    }
}

impl Document {
    /// The document's length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether it has no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// The document, unless it was sealed already.
    #[must_use]
    pub fn text(&self) -> Option<&[u8]> {
        match &self.form {
            Form::Text(text) => Some(text),
            Form::Sealed(_) | Form::Object(_) => None,
        }
    }
}

/// A stored document that has not been opened; see [`Store::open_document`].
#[derive(Debug)]
pub struct StoredDocument {
    sealed: Sealed,
    /// The document's length in bytes.
    pub bytes: u32,
    /// The document's MD5, if it was computed when it was stored: that of a large one.
    pub md5: Option<[u8; 16]>,
}

#[derive(Debug)]
enum Sealed {
    Row(Vec<u8>),
    Object(ObjectId),
}

impl Store {
    /// Seals the large documents of `records`, and writes to the object store those that are large even then; all this
    /// takes long, and must not be done while a transaction is open. A record that is among the `old` ones is left as it
    /// is, for it will not be written again.
    ///
    /// What was written and is not stored with its record within the hour is deleted again.
    ///
    /// # Errors
    /// The database or the object store failed.
    pub async fn keep<'a>(
        &self,
        records: impl IntoIterator<Item = &'a mut NewRecord>,
        old: &[Record],
    ) -> Result<()> {
        for record in records {
            let is_old = old.iter().any(|old| old.is(record));
            let Some(document) = record.bundle.as_mut().filter(|_| !is_old) else { continue };
            if document.bytes > LARGE {
                self.keep_large(document).await?;
            }
        }
        Ok(())
    }

    async fn keep_large(&self, document: &mut Document) -> Result<()> {
        let Form::Text(text) = &mut document.form else { return Ok(()) };
        let (text, inner) = (std::mem::take(text), Arc::clone(&self.inner));
        let sealing = tokio::task::spawn_blocking(move || {
            let keys = inner.keys()?;
            Ok((keys.seal_large(BUNDLE, &text)?, keys.seal(MD5, &Md5::digest(&text))?))
        });
        let (sealed, md5) = sealing.await.unwrap_or_else(|error| Err(StoreError::corrupt(BUNDLE, error)))?;
        document.md5 = Some(md5);
        document.form = match &self.inner.objects {
            Some(objects) if sealed.len() > LARGE => {
                let id = self.begin_object().await?;
                objects.put(id, Bytes::from(sealed)).await?;
                Form::Object(id)
            }
            _ => Form::Sealed(sealed),
        };
        Ok(())
    }

    /// Notes that there will be an object, before there is one.
    async fn begin_object(&self) -> Result<ObjectId> {
        let mut tx = self.begin().await?;
        let (id, due_at) = (ObjectId(tx.new_id()), tx.now() + LOOSE);
        tx.execute(
            "INSERT INTO loose_object (id, due_at, doomed) VALUES ($1, $2, 0)",
            args![id.to_string(), due_at],
        )
        .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Opens a document, exactly as it was stored. It has 16 bytes of capacity to spare, so that it can be sealed for
    /// somebody else where it lies.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if its object is gone: its record was deleted since, or the object store was tampered with.
    /// [`StoreError::Unsealable`] or [`StoreError::Corrupt`] if it is not what was stored.
    pub async fn open_document(&self, document: StoredDocument) -> Result<Vec<u8>> {
        let sealed = match document.sealed {
            Sealed::Row(sealed) => sealed,
            Sealed::Object(id) => {
                let missing = StoreError::Missing { what: BUNDLE };
                let Some(objects) = &self.inner.objects else { return Err(missing) };
                objects.get(id).await?.ok_or(missing)?.into()
            }
        };
        if sealed.len() <= LARGE {
            return self.inner.keys()?.open_large(BUNDLE, sealed, SPARE);
        }
        let inner = Arc::clone(&self.inner);
        let opening = tokio::task::spawn_blocking(move || inner.keys()?.open_large(BUNDLE, sealed, SPARE));
        opening.await.unwrap_or_else(|error| Err(StoreError::corrupt(BUNDLE, error)))
    }

    /// Deletes up to `limit` objects that no record has named for an hour. Says how many.
    ///
    /// # Errors
    /// The database or the object store failed; what is left is deleted the next time.
    pub async fn sweep_objects(&self, limit: u32) -> Result<u32> {
        let Some(objects) = &self.inner.objects else { return Ok(0) };
        let doomed = self.doom_objects(limit).await?;
        for id in &doomed {
            objects.delete(*id).await?;
        }
        let mut tx = self.begin().await?;
        for id in &doomed {
            tx.execute("DELETE FROM loose_object WHERE id = $1", args![id.to_string()]).await?;
        }
        tx.commit().await?;
        Ok(u32::try_from(doomed.len()).unwrap_or(u32::MAX))
    }

    /// From here on no record can name them any more.
    async fn doom_objects(&self, limit: u32) -> Result<Vec<ObjectId>> {
        let mut doomed = Vec::new();
        let mut tx = self.read().await?;
        let due = "SELECT id FROM loose_object WHERE due_at <= $1 ORDER BY due_at LIMIT $2";
        let now = tx.now();
        let rows = tx.all(due, args![now, limit]).await?;
        drop(tx);
        if rows.is_empty() {
            return Ok(doomed);
        }
        let mut tx = self.begin().await?;
        for row in rows {
            let id: ObjectId = row.parse("id")?;
            let doom = "UPDATE loose_object SET doomed = 1 WHERE id = $1 AND due_at <= $2";
            if tx.execute(doom, args![id.to_string(), now]).await? > 0 {
                doomed.push(id);
            }
        }
        tx.commit().await?;
        Ok(doomed)
    }
}

impl Tx {
    /// What stands in a record's row for its document: the sealed document, or the object that it is. A document that
    /// was not sealed before is sealed here.
    pub(crate) async fn place_document(
        &mut self,
        document: Option<Document>,
    ) -> Result<(Option<Vec<u8>>, Option<String>)> {
        Ok(match document.map(|document| document.form) {
            None => (None, None),
            Some(Form::Text(text)) => (Some(self.inner.keys()?.seal_packed(BUNDLE, &text)?), None),
            Some(Form::Sealed(sealed)) => (Some(sealed), None),
            Some(Form::Object(id)) => {
                let id = id.to_string();
                let claim = "DELETE FROM loose_object WHERE id = $1 AND doomed = 0";
                if self.execute(claim, args![&id]).await? == 0 {
                    return Err(StoreError::Missing { what: BUNDLE });
                }
                (None, Some(id))
            }
        })
    }

    /// A record is about to be deleted: its object, if it has one, goes some time after it.
    pub(crate) async fn loosen_object(&mut self, record: Uuid) -> Result<()> {
        let due_at = self.now() + LOOSE;
        self.execute(
            "INSERT INTO loose_object (id, due_at, doomed) SELECT object, $2, 0 FROM record \
             WHERE id = $1 AND object IS NOT NULL ON CONFLICT DO NOTHING",
            args![record.to_string(), due_at],
        )
        .await?;
        Ok(())
    }

    /// The same for all records of a visit.
    pub(crate) async fn loosen_objects(
        &mut self,
        facility: &FacilityId,
        patient: &str,
        care_context: &str,
    ) -> Result<()> {
        let due_at = self.now() + LOOSE;
        self.execute(
            "INSERT INTO loose_object (id, due_at, doomed) SELECT object, $4, 0 FROM record \
             WHERE facility_id = $1 AND patient_reference = $2 AND care_context_reference = $3 \
             AND object IS NOT NULL ON CONFLICT DO NOTHING",
            args![facility.as_str(), patient, care_context, due_at],
        )
        .await?;
        Ok(())
    }

    /// The document of a record, to be opened by [`Store::open_document`] once the transaction has ended; `None` if
    /// there is no such record or it has none.
    pub async fn document(&mut self, facility: &FacilityId, record: Uuid) -> Result<Option<StoredDocument>> {
        let row = self
            .optional(
                "SELECT bundle, object, bundle_bytes, bundle_md5 FROM record WHERE id = $1 AND facility_id = $2",
                args![record.to_string(), facility.as_str()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let bytes = u32::try_from(row.int("bundle_bytes")?)
            .map_err(|error| StoreError::corrupt("bundle_bytes", error))?;
        let sealed = match row.opt_parse("object")? {
            Some(id) => Some(Sealed::Object(id)),
            None => row.opt_bytes("bundle")?.map(Sealed::Row),
        };
        let md5 = row.opt_bytes("bundle_md5")?.map(|md5| self.inner.keys()?.open(MD5, &md5)).transpose()?;
        let wrong = |_| StoreError::corrupt(MD5, "wrong length");
        let md5 = md5.map(|md5| md5.try_into().map_err(wrong)).transpose()?;
        Ok(sealed.map(|sealed| StoredDocument { sealed, bytes, md5 }))
    }

    /// A document in one step, for where it matters little how long this transaction lasts; see [`Store::open_document`].
    pub async fn bundle(&mut self, facility: &FacilityId, record: Uuid) -> Result<Option<Vec<u8>>> {
        let Some(document) = self.document(facility, record).await? else { return Ok(None) };
        let store = Store { inner: Arc::clone(&self.inner) };
        store.open_document(document).await.map(Some)
    }
}
