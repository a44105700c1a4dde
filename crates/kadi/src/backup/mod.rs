//! A copy of everything that Kadi remembers, taken while it serves, and bringing one back.
//!
//! A copy is a folder:
//!
//! | File | What |
//! | --- | --- |
//! | `kadi.db` | the database (SQLite), as it was at one moment; with it the data keys, wrapped |
//! | `objects/` | the object folder; whatever the database names is in it |
//! | `master.key` | only if asked for: whoever has it and the rest can read everything |
//! | `files.sha256` | a checksum of each of them, as `sha256sum --check` reads it |
//! | `manifest.json` | when, of which version, how much, and where each facility's audit trail ended |
//!
//! Objects never change and are deleted only after the rows that name them. So they are copied before the database, which
//! holds fast what is deleted meanwhile, and what came meanwhile is copied after it.

mod files;
mod restore;
mod take;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use restore::{Restored, restore};
pub use take::{Taken, commands_of_postgres, take};

/// The form of a copy that this version writes, and the newest that it reads.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const SUMS: &str = "files.sha256";
const DATABASE: &str = "kadi.db";
const OBJECTS: &str = "objects";
const MASTER_KEY: &str = "master.key";

/// Which database was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Database {
    /// Its file is in the copy.
    Sqlite,
    /// It was copied by its own tools.
    Postgres,
}

/// Where a facility's audit trail ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The facility.
    pub facility: String,
    /// The number of its last line.
    pub seq: u64,
    /// The hash of its last line.
    pub hash: String,
}

/// What a copy says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The form of the copy.
    pub format: u32,
    /// The version that made it.
    pub kadi: String,
    /// When the database was copied.
    pub made_at: Timestamp,
    /// Which database it was.
    pub database: Database,
    /// The version of its schema.
    pub schema: i64,
    /// Where the master key was.
    pub master_key_url: String,
    /// Whether the copy holds it.
    pub master_key_included: bool,
    /// Rows, by table.
    pub rows: BTreeMap<String, i64>,
    /// Files in the object folder.
    pub objects: u64,
    /// Where each facility's audit trail ended.
    pub audit: Vec<Head>,
    /// The checksum of the list of checksums.
    pub sums_sha256: String,
}

impl Manifest {
    /// Reads the manifest of the copy in this folder.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(MANIFEST);
        let text = std::fs::read_to_string(&path);
        let text =
            text.with_context(|| format!("{} is no backup: {MANIFEST} can't be read", folder.display()))?;
        let manifest: Self =
            serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
        ensure!(
            manifest.format <= FORMAT,
            "the backup was made by Kadi {}, in a form that this version does not know: use a newer one",
            manifest.kadi
        );
        Ok(manifest)
    }
}

/// The path of an SQLite database, if it is one.
fn sqlite_file(url: &str) -> Option<&Path> {
    url.strip_prefix("sqlite://").map(Path::new)
}

/// The folder of the objects, if they are in one.
fn object_folder(url: &str) -> Option<&Path> {
    url.strip_prefix("file://").map(Path::new)
}
