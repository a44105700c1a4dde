//! A copy of the database while it is at work, and what tells a whole copy from a damaged one.

use std::path::Path;

use abdm::id::FacilityId;

use crate::Store;
use crate::database::{Pools, args};
use crate::error::Result;

/// How many facilities are read at a time.
const STEP: u32 = 1000;

/// How much there is of what matters.
const COUNTS: &str = "SELECT 'facility' AS what, COUNT(*) AS many FROM facility \
     UNION ALL SELECT 'patient', COUNT(*) FROM patient \
     UNION ALL SELECT 'care_context', COUNT(*) FROM care_context \
     UNION ALL SELECT 'record', COUNT(*) FROM record \
     UNION ALL SELECT 'consent', COUNT(*) FROM consent \
     UNION ALL SELECT 'transfer', COUNT(*) FROM transfer \
     UNION ALL SELECT 'exchange', COUNT(*) FROM exchange \
     UNION ALL SELECT 'inbox', COUNT(*) FROM inbox \
     UNION ALL SELECT 'outbox', COUNT(*) FROM outbox \
     UNION ALL SELECT 'event', COUNT(*) FROM event \
     UNION ALL SELECT 'audit', COUNT(*) FROM audit";

impl Store {
    /// Writes the database, as it is at one moment, to a new file; others go on reading and writing. False on PostgreSQL,
    /// which has tools of its own for that, and then nothing is written.
    pub async fn copy_to(&self, file: &Path) -> Result<bool> {
        let Pools::Sqlite { readers, .. } = &self.inner.pools else { return Ok(false) };
        sqlx::query("VACUUM INTO $1").bind(file.display().to_string()).execute(readers).await?;
        Ok(true)
    }

    /// The version of the schema.
    pub async fn schema_version(&self) -> Result<i64> {
        let row = self.read().await?.one("SELECT version FROM schema_version WHERE id = 1", args![]).await?;
        row.int("version")
    }

    /// How much there is of what matters, by table.
    pub async fn counts(&self) -> Result<Vec<(String, i64)>> {
        let rows = self.read().await?.all(COUNTS, args![]).await?;
        rows.iter().map(|row| Ok((row.text("what")?, row.int("many")?))).collect()
    }

    /// Every facility's id, in order.
    pub async fn facility_ids(&self) -> Result<Vec<FacilityId>> {
        let mut all: Vec<FacilityId> = Vec::new();
        loop {
            let found = self.read().await?.facilities(all.last(), STEP).await?;
            if found.is_empty() {
                return Ok(all);
            }
            all.extend(found.into_iter().map(|facility| facility.id));
        }
    }

    /// Opens the newest sealed patient. False: there is none to try.
    ///
    /// # Errors
    /// [`crate::StoreError::Unsealable`] if it does not open.
    pub async fn prove_sealing(&self) -> Result<bool> {
        let sql = "SELECT sealed FROM patient ORDER BY created_at DESC LIMIT 1";
        let Some(row) = self.read().await?.optional(sql, args![]).await? else { return Ok(false) };
        self.inner.keys()?.open("patient", &row.bytes("sealed")?)?;
        Ok(true)
    }

    /// Whether the database takes what is written: a full disk lets it be read and no more.
    pub async fn prove_writing(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        // SQLite writes nothing if a row is as it was.
        let sql = "INSERT INTO write_proof (id, times) VALUES (1, 1) \
                   ON CONFLICT (id) DO UPDATE SET times = write_proof.times + 1";
        tx.execute(sql, args![]).await?;
        tx.commit().await
    }
}
