//! The master key: where it is, opening the store with it, and changing it while instances serve.

mod rotate;
mod vault;

use std::path::Path;
use std::time::Duration;

use abdm::clock::SharedClock;
use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use store::{Master, Objects, Options, Store, StoreError};

use crate::config::{Config, Keys};

pub use rotate::FileRotation;
pub use vault::{Address, Vault};

/// How often a store is opened again because another master key may have been put in place meanwhile.
const LOOKS: u32 = 3;
/// The pauses between attempts to reach what keeps the master key; each twice the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What wraps the data keys, as `url` and the rest of the section say. A missing file is made.
pub fn master(url: &str, keys: &Keys) -> anyhow::Result<Master> {
    match Address::parse(url) {
        Some(address) => Ok(Vault::new(address?, keys)?.into()),
        None => Ok(store::master_key(url).context("[keys] url")?.into()),
    }
}

/// Whether there is something at `url` that may be a master key; of a service that is not known before it is asked.
pub fn is_there(url: &str) -> bool {
    Address::parse(url).is_some() || store::has_key(url)
}

/// Opens the store that the configuration names. A missing SQLite file and master key are made, the schema is brought up
/// to date.
pub async fn open_store(config: &Config, clock: SharedClock, beside: bool) -> anyhow::Result<Store> {
    let opened = open(config, &clock, beside).await?;
    opened.context("the store can't be opened ([store] url, [keys])")
}

/// As [`open_store`]; waits for what keeps the master key, if that can't be reached or has to be unsealed.
pub async fn open_store_in_time(config: &Config, clock: SharedClock) -> anyhow::Result<Store> {
    let mut pause = FIRST_PAUSE;
    loop {
        match open(config, &clock, false).await? {
            Err(StoreError::KeyService { why, may_pass: true }) => {
                tracing::error!("nothing can be served yet: the master key {why}; it is tried again");
                clock.sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
            opened => return opened.context("the store cannot be opened"),
        }
    }
}

async fn open(config: &Config, clock: &SharedClock, beside: bool) -> anyhow::Result<store::Result<Store>> {
    let mut looks = 0;
    loop {
        looks += 1;
        let mut options = Options::new(
            config.store.url.expose_secret(),
            master(&config.keys.url, &config.keys)?,
            clock.clone(),
        );
        options.lease = config.store.lease;
        options.beside = beside;
        options.objects = objects(&config.objects.url, beside)?;
        match Store::open(options).await {
            // The key was read, and then a rotation took what it opens away: the file holds the new one by now.
            Err(StoreError::Unsealable { what: "data key" }) if looks < LOOKS => {}
            opened => return Ok(opened),
        }
    }
}

/// The object store. A command beside a bridge makes none, and may have nothing to do with it: what needs a document says
/// that there is no object store.
fn objects(url: &str, beside: bool) -> anyhow::Result<Option<Objects>> {
    let missing = url.strip_prefix("file://").is_some_and(|folder| !Path::new(folder).exists());
    if beside && missing {
        return Ok(None);
    }
    match Objects::open(url).context("[objects] url") {
        Err(error) if beside => {
            tracing::warn!(error = %error, "the object store can't be opened");
            Ok(None)
        }
        opened => opened.map(Some),
    }
}
