//! What commands need before they can work: the open store.

use abdm::clock::SharedClock;
use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use store::{Options, Store};

use crate::config::Config;

/// Opens the store that the configuration names. A missing SQLite file and master key are made, the schema is
/// brought up to date.
pub async fn open_store(config: &Config, clock: SharedClock) -> anyhow::Result<Store> {
    let master_key = store::master_key(&config.keys.url).context("[keys] url")?;
    let mut options = Options::new(config.store.url.expose_secret(), master_key, clock);
    options.lease = config.store.lease;
    options.beside = true;
    Store::open(options).await.context("the store can't be opened ([store] url)")
}
