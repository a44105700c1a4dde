//! Taking a copy.

use std::path::{Path, PathBuf};

use abdm::clock::SharedClock;
use anyhow::{Context as _, ensure};
use reqwest::Url;
use secrecy::ExposeSecret as _;
use store::{Options, Store};

use super::files::{Sums, beside, copy_new, flush, is_free, make_private, parent, sum};
use super::{DATABASE, Database, FORMAT, Head, MANIFEST, MASTER_KEY, Manifest, OBJECTS, SUMS, object_folder};
use crate::config::Config;
use crate::{keys, start};

/// A copy that was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Why the objects are not in it, if they are not.
    pub objects_elsewhere: Option<String>,
}

/// Copies everything to `folder`, which is made and may be there only if it is empty. On failure nothing is left behind.
pub async fn take(
    config: &Config,
    clock: SharedClock,
    folder: &Path,
    with_master_key: bool,
) -> anyhow::Result<Taken> {
    ensure!(is_free(folder)?, "{} is not empty; nothing is overwritten", folder.display());
    ensure!(
        keys::is_there(&config.keys.url),
        "there is no master key at {}, so there is nothing that could be backed up",
        config.keys.url
    );
    let draft = beside(folder, &format!(".partial-{}", std::process::id()));
    make_private(&draft)?;
    let taken = fill(config, clock, &draft, with_master_key).await;
    let placed = taken.and_then(|taken| {
        flush(&draft)?;
        std::fs::rename(&draft, folder)
            .with_context(|| format!("{} can't be renamed to {}", draft.display(), folder.display()))?;
        flush(parent(folder))?;
        Ok(taken)
    });
    if placed.is_err() {
        // What failed is told; what can't be tidied up is a folder with a telling name.
        let _ = std::fs::remove_dir_all(&draft);
    }
    placed
}

async fn fill(
    config: &Config,
    clock: SharedClock,
    draft: &Path,
    with_master_key: bool,
) -> anyhow::Result<Taken> {
    let store = start::open_store(config, clock.clone()).await?;
    let mut sums = Sums::create(draft, SUMS)?;
    let mut objects = 0;
    let from = object_folder(&config.objects.url);
    let mut copy_objects = |sums: &mut Sums| -> anyhow::Result<()> {
        let Some(from) = from else { return Ok(()) };
        copy_new(from, &draft.join(OBJECTS), &mut |path, sum| {
            objects += 1;
            sums.add(path, sum)
        })
    };
    copy_objects(&mut sums)?;
    let made_at = clock.now();
    let file = draft.join(DATABASE);
    let copied = store.copy_to(&file).await.context("the database can't be copied");
    let copied = match copied {
        Ok(copied) => copied,
        Err(error) => {
            store.close().await;
            return Err(error);
        }
    };
    copy_objects(&mut sums)?;
    // The copy is asked, not what goes on changing; that it opens is its first trial.
    let master_key_included = with_master_key && include_master_key(config, draft, &mut sums)?;
    let copy = if copied { open_copy(config, clock, &file).await? } else { store.clone() };
    let manifest = describe(&copy).await;
    if copied {
        copy.close().await;
        sums.add(&file, &sum(&file)?)?;
    }
    store.close().await;
    sums.finish()?;
    let manifest = Manifest {
        database: if copied { Database::Sqlite } else { Database::Postgres },
        made_at,
        master_key_url: config.keys.url.clone(),
        master_key_included,
        objects,
        sums_sha256: sum(&draft.join(SUMS))?,
        ..manifest?
    };
    let text = serde_json::to_string_pretty(&manifest)? + "\n";
    std::fs::write(draft.join(MANIFEST), text).context("the manifest can't be written")?;
    let objects_elsewhere = from.is_none().then(|| config.objects.url.clone());
    Ok(Taken { manifest, objects_elsewhere })
}

/// Puts the master key into the copy. Only what this machine holds can be.
fn include_master_key(config: &Config, draft: &Path, sums: &mut Sums) -> anyhow::Result<bool> {
    ensure!(
        keys::Address::parse(&config.keys.url).is_none(),
        "the master key is in Vault and can't be taken out: leave --include-master-key out, and back Vault up"
    );
    let path = draft.join(MASTER_KEY);
    let key = store::master_key(&config.keys.url)?;
    store::write_key(&path, &key)?;
    sums.add(&path, &sum(&path)?)?;
    Ok(true)
}

pub(super) async fn open_copy(config: &Config, clock: SharedClock, file: &Path) -> anyhow::Result<Store> {
    let master = keys::master(&config.keys.url, &config.keys)?;
    let mut options = Options::new(format!("sqlite://{}", file.display()), master, clock);
    options.beside = true;
    Ok(Store::open(options).await?)
}

/// What the database of a store holds.
async fn describe(store: &Store) -> anyhow::Result<Manifest> {
    let mut audit = Vec::new();
    for facility in store.facility_ids().await? {
        let head = store.read().await?.audit_head(&facility).await?;
        audit.push(Head { facility: facility.to_string(), seq: head.seq, hash: head.hash });
    }
    Ok(Manifest {
        format: FORMAT,
        kadi: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: jiff::Timestamp::UNIX_EPOCH,
        database: Database::Sqlite,
        schema: store.schema_version().await?,
        master_key_url: String::new(),
        master_key_included: false,
        rows: store.counts().await?.into_iter().collect(),
        objects: 0,
        audit,
        sums_sha256: String::new(),
    })
}

/// How PostgreSQL's own tools copy the database of this configuration to `folder`, and bring it back; nothing if it is
/// SQLite's. A password is not in it: the tools ask for it, or read `~/.pgpass`.
pub fn commands_of_postgres(config: &Config, folder: &Path) -> Option<[String; 2]> {
    let url = Url::parse(config.store.url.expose_secret()).ok()?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return None;
    }
    let mut place = String::new();
    for (name, value) in [
        ("host", url.host_str().unwrap_or("localhost").to_owned()),
        ("port", url.port().unwrap_or(5432).to_string()),
        ("username", url.username().to_owned()),
        ("dbname", url.path().trim_start_matches('/').to_owned()),
    ] {
        if !value.is_empty() {
            place.push_str(&format_args!(" --{name}={}", quoted(&value)).to_string());
        }
    }
    let dump: PathBuf = beside(folder, ".dump");
    let dump = quoted(&dump.display().to_string());
    Some([
        format!("pg_dump --format=custom --no-owner --file={dump}{place}"),
        format!("pg_restore --exit-on-error --single-transaction --no-owner{place} {dump}"),
    ])
}

/// As a shell reads it back.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
