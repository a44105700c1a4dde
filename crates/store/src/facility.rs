//! Facilities.

use abdm::id::{FacilityId, ServiceId};
use domain::facility::{Facility, Role};

use crate::database::{Row, Tx, args};
use crate::error::{Result, StoreError};

impl Tx {
    /// Stores a facility, or replaces what was stored under its id. Says whether it is new.
    ///
    /// # Errors
    /// [`StoreError::is_duplicate`] if another facility has one of its service ids.
    pub async fn put_facility(&mut self, facility: &Facility) -> Result<bool> {
        let known = self.facility(&facility.id).await?.is_some();
        let roles: Vec<_> = facility.roles.iter().map(|role| role.as_str()).collect();
        let counters = serde_json::to_string(&facility.counters)
            .map_err(|error| StoreError::corrupt("counters", error))?;
        let now = self.now();
        self.execute(
            "INSERT INTO facility (id, name, roles, hip_id, hiu_id, counters, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7) \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, roles = excluded.roles, \
             hip_id = excluded.hip_id, hiu_id = excluded.hiu_id, counters = excluded.counters, \
             updated_at = excluded.updated_at",
            args![
                facility.id.as_str(),
                &facility.name,
                roles.join(" "),
                facility.hip_id.as_str(),
                facility.hiu_id.as_str(),
                counters,
                now
            ],
        )
        .await?;
        Ok(!known)
    }

    /// The facility with this id.
    pub async fn facility(&mut self, id: &FacilityId) -> Result<Option<Facility>> {
        let row = self
            .optional(
                "SELECT id, name, roles, hip_id, hiu_id, counters FROM facility WHERE id = $1",
                args![id.as_str()],
            )
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The facility whose HIP or HIU has this service id.
    pub async fn facility_by_service(&mut self, role: Role, id: &ServiceId) -> Result<Option<Facility>> {
        let sql = match role {
            Role::Hip => "SELECT id, name, roles, hip_id, hiu_id, counters FROM facility WHERE hip_id = $1",
            Role::Hiu => "SELECT id, name, roles, hip_id, hiu_id, counters FROM facility WHERE hiu_id = $1",
        };
        let row = self.optional(sql, args![id.as_str()]).await?;
        row.as_ref().map(read).transpose()
    }

    /// Up to `limit` facilities, newest first, after the one with the id `after`.
    pub async fn facilities(&mut self, after: Option<&FacilityId>, limit: u32) -> Result<Vec<Facility>> {
        let rows = self
            .all(
                "SELECT f.id, f.name, f.roles, f.hip_id, f.hiu_id, f.counters FROM facility f \
                 LEFT JOIN facility a ON a.id = $1 \
                 WHERE $1 = '' OR f.created_at < a.created_at \
                 OR (f.created_at = a.created_at AND f.id < a.id) \
                 ORDER BY f.created_at DESC, f.id DESC LIMIT $2",
                args![after.map_or("", FacilityId::as_str), limit],
            )
            .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &Row) -> Result<Facility> {
    let roles = row.text("roles")?;
    let roles = roles.split_whitespace().map(str::parse).collect::<Result<Vec<Role>, _>>();
    Ok(Facility {
        id: row.parse("id")?,
        name: row.text("name")?,
        roles: roles.map_err(|error| StoreError::corrupt("roles", error))?,
        hip_id: row.parse("hip_id")?,
        hiu_id: row.parse("hiu_id")?,
        counters: serde_json::from_str(&row.text("counters")?)
            .map_err(|error| StoreError::corrupt("counters", error))?,
    })
}
