//! A facility's own codes: what they stand for, and those that came without anyone having said.

use std::collections::BTreeMap;

use abdm::id::FacilityId;
use jiff::Timestamp;

use crate::database::{Row, Tx, args};
use crate::error::{Result, StoreError};

/// What the words beside a code are sealed as: they are a test's name, but a facility may write anything there.
const LABEL: &str = "label of a local code";
/// How many codes without a mapping are remembered for a facility: a system that sends numbers as codes must not fill the
/// store.
const MAX_UNMAPPED: i64 = 10_000;

/// A facility's code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalCode {
    /// The system that was named beside it, if any.
    pub system: Option<String>,
    /// The code.
    pub code: String,
}

/// What a facility's code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalMapping {
    /// The facility's code. Without a system it holds under any that has no mapping of its own.
    pub local: LocalCode,
    /// The standard code's system, by its URI.
    pub system: String,
    /// The standard code.
    pub code: String,
    /// What its system calls it.
    pub display: String,
}

/// A code that came and stands for nothing yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUnmapped {
    /// The facility's code.
    pub local: LocalCode,
    /// The words beside it, if any.
    pub label: Option<String>,
    /// How often it came.
    pub count: u32,
}

/// A code that stands for nothing yet, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmappedCode {
    /// Whose.
    pub facility: FacilityId,
    /// The facility's code.
    pub local: LocalCode,
    /// The words that stood beside it last, if any.
    pub label: Option<String>,
    /// In how many places of records it has come.
    pub count: u64,
    /// When it came last.
    pub last_seen: Timestamp,
}

/// The place of an unmapped code in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmappedKey {
    /// How often it came.
    pub count: u64,
    /// Whose.
    pub facility: FacilityId,
    /// The facility's code.
    pub local: LocalCode,
}

impl UnmappedCode {
    /// Its place in the list.
    #[must_use]
    pub fn key(&self) -> UnmappedKey {
        UnmappedKey { count: self.count, facility: self.facility.clone(), local: self.local.clone() }
    }
}

impl LocalCode {
    fn system(&self) -> &str {
        self.system.as_deref().unwrap_or_default()
    }
}

impl Tx {
    /// Stores what a facility's code stands for, or replaces what it stood for. It is no unmapped one any more. Says
    /// whether the mapping is new.
    pub async fn put_local_mapping(&mut self, facility: &FacilityId, mapping: &LocalMapping) -> Result<bool> {
        let LocalMapping { local, system, code, display } = mapping;
        let known = self.local_mapping(facility, local).await?.is_some();
        let now = self.now();
        self.execute(
            "INSERT INTO local_code (facility_id, local_system, local_code, system, code, display, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (facility_id, local_code, local_system) DO UPDATE SET system = excluded.system, \
             code = excluded.code, display = excluded.display, updated_at = excluded.updated_at",
            args![facility.as_str(), local.system(), &local.code, system, code, display, now],
        )
        .await?;
        self.execute(
            "DELETE FROM unmapped_code WHERE facility_id = $1 AND local_code = $3 AND ($2 = '' OR local_system = $2)",
            args![facility.as_str(), local.system(), &local.code],
        )
        .await?;
        Ok(!known)
    }

    /// What a facility's code stands for under exactly this system.
    pub async fn local_mapping(
        &mut self,
        facility: &FacilityId,
        local: &LocalCode,
    ) -> Result<Option<LocalMapping>> {
        let row = self
            .optional(
                "SELECT local_system, local_code, system, code, display FROM local_code \
                 WHERE facility_id = $1 AND local_code = $2 AND local_system = $3",
                args![facility.as_str(), &local.code, local.system()],
            )
            .await?;
        row.as_ref().map(read_mapping).transpose()
    }

    /// What a facility's code stands for, under each system that was named beside it.
    pub async fn local_mappings_of(
        &mut self,
        facility: &FacilityId,
        code: &str,
    ) -> Result<Vec<LocalMapping>> {
        let rows = self
            .all(
                "SELECT local_system, local_code, system, code, display FROM local_code \
                 WHERE facility_id = $1 AND local_code = $2",
                args![facility.as_str(), code],
            )
            .await?;
        rows.iter().map(read_mapping).collect()
    }

    /// Whether the facility has said of any code what it stands for.
    pub async fn has_local_mappings(&mut self, facility: &FacilityId) -> Result<bool> {
        let row = self
            .optional(
                "SELECT local_code FROM local_code WHERE facility_id = $1 LIMIT 1",
                args![facility.as_str()],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Up to `limit` mappings of a facility by code, after the one of `after`.
    pub async fn local_mappings(
        &mut self,
        facility: &FacilityId,
        after: Option<&LocalCode>,
        limit: u32,
    ) -> Result<Vec<LocalMapping>> {
        let (code, system) = after.map_or(("", ""), |after| (after.code.as_str(), after.system()));
        let rows = self
            .all(
                "SELECT local_system, local_code, system, code, display FROM local_code \
                 WHERE facility_id = $1 AND (local_code > $2 OR (local_code = $2 AND local_system > $3)) \
                 ORDER BY local_code, local_system LIMIT $4",
                args![facility.as_str(), code, system, limit],
            )
            .await?;
        rows.iter().map(read_mapping).collect()
    }

    /// Forgets what a facility's code stands for. Says whether it stood for anything.
    pub async fn delete_local_mapping(&mut self, facility: &FacilityId, local: &LocalCode) -> Result<bool> {
        let deleted = self
            .execute(
                "DELETE FROM local_code WHERE facility_id = $1 AND local_code = $2 AND local_system = $3",
                args![facility.as_str(), &local.code, local.system()],
            )
            .await?;
        Ok(deleted > 0)
    }

    /// Counts codes that came and stand for nothing. Call it last: it locks rows that many records share.
    pub async fn note_unmapped(&mut self, facility: &FacilityId, codes: Vec<NewUnmapped>) -> Result<()> {
        // In one order, so that two transactions never wait for each other.
        let mut sorted: BTreeMap<LocalCode, (Option<String>, u32)> = BTreeMap::new();
        for new in codes {
            let (label, count) = sorted.entry(new.local).or_default();
            *label = new.label.or(label.take());
            *count += new.count;
        }
        for (local, (label, count)) in sorted {
            self.note_one(facility, &local, label.as_deref(), count).await?;
        }
        Ok(())
    }

    async fn note_one(
        &mut self,
        facility: &FacilityId,
        local: &LocalCode,
        label: Option<&str>,
        count: u32,
    ) -> Result<()> {
        let label = label.map(|label| self.inner.keys()?.seal(LABEL, label.as_bytes())).transpose()?;
        let now = self.now();
        let known = self
            .execute(
                "UPDATE unmapped_code SET count = count + $4, last_seen = $5, label = COALESCE($6, label) \
                 WHERE facility_id = $1 AND local_code = $2 AND local_system = $3",
                args![facility.as_str(), &local.code, local.system(), count, now, label.clone()],
            )
            .await?;
        if known > 0 {
            return Ok(());
        }
        self.execute(
            "INSERT INTO unmapped_code (facility_id, local_system, local_code, label, count, last_seen) \
             SELECT $1, $2, $3, $4, $5, $6 \
             WHERE (SELECT COUNT(*) FROM unmapped_code WHERE facility_id = $1) < $7 \
             ON CONFLICT (facility_id, local_code, local_system) DO UPDATE SET \
             count = unmapped_code.count + excluded.count, last_seen = excluded.last_seen",
            args![facility.as_str(), local.system(), &local.code, label, count, now, MAX_UNMAPPED],
        )
        .await?;
        Ok(())
    }

    /// Up to `limit` codes that stand for nothing, of one facility or of all, the commonest first, after the one at
    /// `after`.
    pub async fn unmapped_codes(
        &mut self,
        facility: Option<&FacilityId>,
        after: Option<&UnmappedKey>,
        limit: u32,
    ) -> Result<Vec<UnmappedCode>> {
        let count = after.map_or(i64::MAX, |after| i64::try_from(after.count).unwrap_or(i64::MAX));
        let (of, code, system) = after.map_or(("", "", ""), |after| {
            (after.facility.as_str(), after.local.code.as_str(), after.local.system())
        });
        let rows = self
            .all(
                "SELECT facility_id, local_system, local_code, label, count, last_seen FROM unmapped_code \
                 WHERE ($1 = '' OR facility_id = $1) AND (count < $2 OR (count = $2 AND (facility_id > $3 \
                   OR (facility_id = $3 AND (local_code > $4 OR (local_code = $4 AND local_system > $5)))))) \
                 ORDER BY count DESC, facility_id, local_code, local_system LIMIT $6",
                args![facility.map_or("", FacilityId::as_str), count, of, code, system, limit],
            )
            .await?;
        rows.iter().map(|row| self.read_unmapped(row)).collect()
    }

    fn read_unmapped(&self, row: &Row) -> Result<UnmappedCode> {
        let label = row.opt_bytes("label")?;
        let label = label.map(|label| self.inner.keys()?.open(LABEL, &label)).transpose()?;
        let label = label.map(String::from_utf8);
        Ok(UnmappedCode {
            facility: row.parse("facility_id")?,
            local: read_local(row)?,
            label: label.transpose().map_err(|error| StoreError::corrupt(LABEL, error))?,
            count: u64::try_from(row.int("count")?).unwrap_or_default(),
            last_seen: row.time("last_seen")?,
        })
    }
}

fn read_local(row: &Row) -> Result<LocalCode> {
    let system = row.text("local_system")?;
    Ok(LocalCode { system: Some(system).filter(|system| !system.is_empty()), code: row.text("local_code")? })
}

fn read_mapping(row: &Row) -> Result<LocalMapping> {
    Ok(LocalMapping {
        local: read_local(row)?,
        system: row.text("system")?,
        code: row.text("code")?,
        display: row.text("display")?,
    })
}
