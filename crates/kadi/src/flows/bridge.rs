//! The address that ABDM sends callbacks to: whose it is, and the alarm when another system takes it.
//!
//! ```text
//! (unknown) ──looked──> ours <──────────────> other: alarm, once for each new holder
//!                        └──> nobody: alarm        └──ours again──> the alarm ends
//! ```
//! ABDM keeps one address per client id, and the last writer wins without a word (ABDM V3, observed). What was seen is
//! one row for all instances; whoever looks writes it by [`record`], which can run twice.

use std::time::Duration;

use abdm::id::FacilityId;
use domain::bridge::{Holder, holder};
use domain::event::EventType;
use store::{BridgeWatch, Tx};

use super::Result;

/// Facilities that are told in one query.
const PAGE: u32 = 200;

/// What is watched; from the configuration.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Whose address.
    pub client_id: String,
    /// What ABDM should call the public listener, if the configuration says so.
    pub public_url: Option<String>,
    /// How often to look; zero for never.
    pub every: Duration,
}

/// Whether anything says where callbacks should come.
pub async fn is_known(tx: &mut Tx, watch: &Watch) -> Result<bool> {
    Ok(watch.public_url.is_some() || tx.bridge_watch(&watch.client_id).await?.own_url.is_some())
}

/// ABDM has this address. Raises or ends the alarm, and gives what holds now.
pub async fn record(tx: &mut Tx, watch: &Watch, found: Option<String>) -> Result<BridgeWatch> {
    let before = tx.bridge_watch(&watch.client_id).await?;
    let ours = [watch.public_url.as_deref(), before.own_url.as_deref()];
    let holder = holder(found.as_deref(), ours.into_iter().flatten());
    let now = tx.now();
    let same = before.holder == Some(holder) && before.found_url == found;
    let after = BridgeWatch {
        own_url: before.own_url.clone(),
        found_url: found,
        holder: Some(holder),
        since: before.since.filter(|_| same).or(Some(now)),
        checked_at: Some(now),
    };
    tx.put_bridge_watch(&watch.client_id, &after).await?;
    if !same {
        tell(tx, &before, &after).await?;
    }
    Ok(after)
}

/// The address was registered from here: it is one of ours from now on.
pub async fn registered(tx: &mut Tx, watch: &Watch, url: &str) -> Result<()> {
    let before = tx.bridge_watch(&watch.client_id).await?;
    let after = BridgeWatch { own_url: Some(url.to_owned()), ..before };
    Ok(tx.put_bridge_watch(&watch.client_id, &after).await?)
}

async fn tell(tx: &mut Tx, before: &BridgeWatch, after: &BridgeWatch) -> Result<()> {
    let found = after.found_url.as_deref().unwrap_or_default();
    match (before.holder, after.holder) {
        (_, Some(Holder::Other)) => {
            tracing::error!(
                bridge.url = found,
                "ABDM sends callbacks to another address: another system has registered it under this client id. \
                 Nothing arrives here until `kadi bridge register`"
            );
            raise(tx, after).await
        }
        (Some(Holder::Ours | Holder::Other), Some(Holder::Nobody)) => {
            tracing::error!(
                "ABDM has no address for callbacks any more. Nothing arrives until `kadi bridge register`"
            );
            raise(tx, after).await
        }
        (None, Some(Holder::Nobody)) => {
            tracing::warn!("ABDM has no address for callbacks yet: `kadi bridge register` registers one");
            Ok(())
        }
        (Some(Holder::Other | Holder::Nobody), Some(Holder::Ours)) => {
            tracing::info!(bridge.url = found, "ABDM sends callbacks here again");
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Tells every facility.
async fn raise(tx: &mut Tx, watch: &BridgeWatch) -> Result<()> {
    let mut after: Option<FacilityId> = None;
    loop {
        let page = tx.facilities(after.as_ref(), PAGE).await?;
        for facility in &page {
            let state = watch.holder.map_or("", Holder::as_str);
            let data = serde_json::json!({"state": state, "registeredUrl": watch.found_url});
            tx.raise(&facility.id, EventType::BridgeTakenOver, data).await?;
        }
        match page.last() {
            Some(last) if page.len() == PAGE as usize => after = Some(last.id.clone()),
            _ => return Ok(()),
        }
    }
}
