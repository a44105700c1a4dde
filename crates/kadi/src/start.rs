//! What commands need before they can work: the open store.

use std::path::Path;

use abdm::clock::SharedClock;
use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use store::{Objects, Options, Store};

use crate::config::Config;

/// Opens the store that the configuration names. A missing SQLite file and master key are made, the schema is
/// brought up to date.
pub async fn open_store(config: &Config, clock: SharedClock) -> anyhow::Result<Store> {
    let master_key = store::master_key(&config.keys.url).context("[keys] url")?;
    let mut options = Options::new(config.store.url.expose_secret(), master_key, clock);
    options.lease = config.store.lease;
    options.beside = true;
    options.objects = objects(&config.objects.url)?;
    Store::open(options).await.context("the store can't be opened ([store] url)")
}

/// The object store, unless it is a folder that no bridge has made yet: then there is nothing in it.
fn objects(url: &str) -> anyhow::Result<Option<Objects>> {
    let missing = url.strip_prefix("file://").is_some_and(|folder| !Path::new(folder).exists());
    Ok(if missing { None } else { Some(Objects::open(url).context("[objects] url")?) })
}
