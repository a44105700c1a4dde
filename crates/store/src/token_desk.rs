//! What is known about the link token of each ABHA address at each facility. The token is sealed.

use abdm::id::{AbhaAddress, FacilityId};
use domain::token_desk::{Token, TokenDesk};
use jiff::Timestamp;

use crate::database::{Tx, args};
use crate::error::{Result, StoreError};

const TOKEN: &str = "link token";

impl Tx {
    /// The desk of an ABHA address. Lock the patient first: the desk belongs to them.
    pub async fn token_desk(&mut self, facility: &FacilityId, address: &AbhaAddress) -> Result<TokenDesk> {
        let hash = self.address_hash(address)?;
        let row = self
            .optional(
                "SELECT token, call, requested_at, blocked_until, error FROM token_desk \
                 WHERE facility_id = $1 AND address_hash = $2 {for update}",
                args![facility.as_str(), hash],
            )
            .await?;
        let Some(row) = row else { return Ok(TokenDesk::default()) };
        let token =
            row.opt_bytes("token")?.map(|sealed| self.inner.keys()?.open(TOKEN, &sealed)).transpose()?;
        let token: Option<Token> = token
            .map(|token| serde_json::from_slice(&token).map_err(|error| StoreError::corrupt(TOKEN, error)))
            .transpose()?;
        let requested: Vec<Timestamp> = serde_json::from_str(&row.text("requested_at")?)
            .map_err(|error| StoreError::corrupt("requested_at", error))?;
        Ok(TokenDesk {
            token,
            call: row.opt_text("call")?,
            requested,
            blocked_until: row.opt_time("blocked_until")?,
            error: self.open_problem(row.opt_bytes("error")?)?,
        })
    }

    /// Stores the desk of an ABHA address.
    pub async fn put_token_desk(
        &mut self,
        facility: &FacilityId,
        address: &AbhaAddress,
        desk: &TokenDesk,
    ) -> Result<()> {
        let hash = self.address_hash(address)?;
        let token = desk.token.as_ref().map(serde_json::to_vec).transpose();
        let token = token.map_err(|error| StoreError::corrupt(TOKEN, error))?;
        let token = token.map(|token| self.inner.keys()?.seal(TOKEN, &token)).transpose()?;
        let requested = serde_json::to_string(&desk.requested)
            .map_err(|error| StoreError::corrupt("requested_at", error))?;
        let error = self.seal_problem(desk.error.as_ref())?;
        self.execute(
            "INSERT INTO token_desk (facility_id, address_hash, token, token_expires_at, call, requested_at, \
             blocked_until, error) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (facility_id, address_hash) DO UPDATE SET token = excluded.token, \
             token_expires_at = excluded.token_expires_at, call = excluded.call, \
             requested_at = excluded.requested_at, blocked_until = excluded.blocked_until, \
             error = excluded.error",
            args![
                facility.as_str(),
                hash,
                token,
                desk.token.as_ref().map(|token| token.expires_at),
                desk.call.clone(),
                requested,
                desk.blocked_until,
                error
            ],
        )
        .await?;
        Ok(())
    }
}
