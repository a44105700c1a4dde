//! Bringing a copy back, to where there is nothing yet.
//!
//! Everything is checked before anything is put in place: checksums, that the master key opens what is there, and the audit
//! trails. Objects come first and the database last, each by one renaming: with the database the copy is there, and
//! before it nothing is.

use std::path::{Path, PathBuf};

use abdm::clock::SharedClock;
use anyhow::{Context as _, bail, ensure};
use secrecy::ExposeSecret as _;
use store::{Store, StoreError};

use super::files::{beside, check, copy, copy_new, flush, is_free, make_private, parent, sum};
use super::take::open_copy;
use super::{DATABASE, Database, MASTER_KEY, Manifest, OBJECTS, SUMS, object_folder, sqlite_file};
use crate::config::Config;
use crate::{keys, start};

/// What was brought back.
#[derive(Debug, Clone)]
pub struct Restored {
    /// What the copy says of itself.
    pub manifest: Manifest,
    /// The file that the master key of the copy was written to, if it was.
    pub master_key: Option<PathBuf>,
    /// Whether there was a sealed value to try the master key with, beside the data keys.
    pub tried_sealing: bool,
}

/// Where everything goes.
struct Places {
    /// None with PostgreSQL.
    database: Option<PathBuf>,
    /// None if the objects are not in a folder.
    objects: Option<PathBuf>,
}

/// Brings the copy in `folder` back to where the configuration says.
pub async fn restore(config: &Config, clock: SharedClock, folder: &Path) -> anyhow::Result<Restored> {
    let manifest = Manifest::read(folder)?;
    let places = free_places(config, &manifest)?;
    ensure!(
        sum(&folder.join(SUMS))? == manifest.sums_sha256,
        "{SUMS} is not what was backed up: the backup is damaged"
    );
    check(folder, SUMS)?;
    let master_key = place_master_key(config, &manifest, folder)?;
    let restored = put_back(config, clock, &manifest, folder, &places).await;
    if let (Err(_), Some(path)) = (&restored, &master_key) {
        // It was not there before.
        let _ = std::fs::remove_file(path);
    }
    Ok(Restored { tried_sealing: restored?, manifest, master_key })
}

/// Refuses to put anything where something is.
fn free_places(config: &Config, manifest: &Manifest) -> anyhow::Result<Places> {
    let database = sqlite_file(config.store.url.expose_secret()).map(Path::to_owned);
    match (&database, manifest.database) {
        (Some(_), Database::Sqlite) | (None, Database::Postgres) => {}
        (Some(_), Database::Postgres) => {
            bail!("the backup is of a PostgreSQL database, and [store] url is SQLite's")
        }
        (None, Database::Sqlite) => {
            bail!("the backup is of an SQLite database, and [store] url is PostgreSQL's")
        }
    }
    if let Some(file) = &database {
        for ending in ["", "-wal", "-journal"] {
            let file = beside(file, ending);
            ensure!(!file.exists(), "there is a store already: {}; move it away first", file.display());
        }
    }
    let objects = object_folder(&config.objects.url).map(Path::to_owned);
    if let Some(folder) = &objects {
        ensure!(is_free(folder)?, "there are objects already in {}; move them away first", folder.display());
    }
    ensure!(
        objects.is_some() || manifest.objects == 0,
        "the backup has objects in files, and [objects] url is no file://: restore to a folder first"
    );
    Ok(Places { database, objects })
}

/// Makes sure that there is a master key; gives the file if it was taken from the copy.
fn place_master_key(config: &Config, manifest: &Manifest, folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    let url = &config.keys.url;
    if keys::is_there(url) {
        return Ok(None);
    }
    let (Some(path), true) = (store::key_file(url), manifest.master_key_included) else {
        bail!(
            "there is no master key at {url}, and none in the backup: nothing in it can be read without the one that \
             was at {}. Put that there first",
            manifest.master_key_url
        );
    };
    make_private(parent(path))?;
    store::write_key(path, &store::key_from_file(&folder.join(MASTER_KEY))?)?;
    Ok(Some(path.to_owned()))
}

async fn put_back(
    config: &Config,
    clock: SharedClock,
    manifest: &Manifest,
    folder: &Path,
    places: &Places,
) -> anyhow::Result<bool> {
    let Some(file) = &places.database else {
        let store = start::open_store(config, clock).await?;
        let tried = try_out(&store, manifest, false).await;
        store.close().await;
        place_objects(folder, places)?;
        return tried;
    };
    let draft = beside(file, ".restoring");
    for ending in ["", "-wal", "-shm", "-journal"] {
        // Of a restore that was killed.
        let _ = std::fs::remove_file(beside(&draft, ending));
    }
    make_private(parent(file))?;
    copy(&folder.join(DATABASE), &draft)?.context("the backup holds no database")?;
    let tried = try_copy(config, clock, manifest, &draft).await;
    if tried.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    let tried = tried?;
    place_objects(folder, places)?;
    flush(parent(file))?;
    std::fs::rename(&draft, file).with_context(|| format!("{} can't be put in place", file.display()))?;
    flush(parent(file))?;
    Ok(tried)
}

async fn try_copy(
    config: &Config,
    clock: SharedClock,
    manifest: &Manifest,
    draft: &Path,
) -> anyhow::Result<bool> {
    let opened = open_copy(config, clock, draft).await;
    let store = opened.map_err(|error| match error.downcast_ref::<StoreError>() {
        Some(StoreError::Unsealable { .. }) => error.context(format!(
            "the master key at {} is not the one of this backup, which was at {} then",
            config.keys.url, manifest.master_key_url
        )),
        _ => error.context("the database of the backup can't be opened"),
    })?;
    let tried = try_out(&store, manifest, true).await;
    store.close().await;
    tried
}

/// Checks what was brought back; gives whether there was a sealed value to try. `exact`: it is what the manifest describes,
/// and not a copy of about the same time.
async fn try_out(store: &Store, manifest: &Manifest, exact: bool) -> anyhow::Result<bool> {
    for facility in store.facility_ids().await? {
        let head = store.read().await?.verify_audit(&facility).await?;
        let head = head.with_context(|| format!("the audit trail of {facility} is not whole"))?;
        let noted = manifest.audit.iter().find(|noted| noted.facility == facility.as_str());
        let same = noted.is_some_and(|noted| noted.seq == head.seq && noted.hash == head.hash);
        ensure!(same || !exact, "the audit trail of {facility} does not end as the manifest says");
    }
    for (table, rows) in store.counts().await? {
        let noted = manifest.rows.get(&table);
        ensure!(
            !exact || noted.is_none_or(|noted| *noted == rows),
            "table {table} has not as many rows as the manifest says"
        );
    }
    Ok(store.prove_sealing().await?)
}

fn place_objects(folder: &Path, places: &Places) -> anyhow::Result<()> {
    let Some(objects) = &places.objects else { return Ok(()) };
    let from = folder.join(OBJECTS);
    if !from.exists() {
        return Ok(());
    }
    let draft = beside(objects, ".restoring");
    // Of a restore that was killed.
    let _ = std::fs::remove_dir_all(&draft);
    copy_new(&from, &draft, &mut |_, _| Ok(()))?;
    flush(&draft)?;
    if objects.exists() {
        std::fs::remove_dir(objects).with_context(|| format!("{} can't be replaced", objects.display()))?;
    }
    std::fs::rename(&draft, objects).with_context(|| format!("{} can't be put in place", objects.display()))
}
