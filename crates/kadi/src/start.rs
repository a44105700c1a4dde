//! What commands need before they can work: the open store.

use abdm::clock::SharedClock;
use store::Store;

use crate::config::Config;
use crate::keys;

/// Opens the store that the configuration names, beside a bridge that may be working on it. A missing SQLite file and
/// master key are made, the schema is brought up to date.
pub async fn open_store(config: &Config, clock: SharedClock) -> anyhow::Result<Store> {
    keys::open_store(config, clock, true).await
}
