//! `kadi backup` and `kadi restore`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use abdm::clock::SystemClock;
use clap::Args;

use super::{Common, output};
use crate::backup::{self, Manifest};

/// Copy everything that is remembered to a folder, while Kadi serves
///
/// The folder holds the database as it was at one moment, the objects that it names, a checksum of each file, and a manifest.
/// The master key is not in it unless asked for: without it nothing in the copy can be read. The configuration and loaded
/// code systems are not in it either. PostgreSQL is copied by its own tools; the commands are told.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  kadi backup /backup/kadi-2026-01-20\n  (cd /backup/kadi-2026-01-20 && sha256sum --check files.sha256)"
)]
pub struct BackupArgs {
    /// The folder, which is made; it may be there if it is empty
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Put the master key into the copy: whoever has the copy can read everything then
    #[arg(long)]
    include_master_key: bool,
}

/// Bring a copy back, to where there is nothing yet
///
/// Checksums, master key and audit trails are checked before anything is put in place. Kadi must not be serving. What was said
/// to ABDM after the copy was made is not known to it: README.md says what that means.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kadi restore /backup/kadi-2026-01-20 --config /etc/kadi/kadi.toml")]
pub struct RestoreArgs {
    /// The folder that `kadi backup` made
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Runs `kadi backup`.
pub fn run_backup(common: &Common, args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let config = common.read_config()?;
    common.start_log("error")?;
    let folder = std::path::absolute(&args.folder)?;
    let taken = super::runtime()?.block_on(backup::take(
        &config,
        SystemClock::shared(),
        &folder,
        args.include_master_key,
    ))?;
    tell(&taken.manifest, &folder);
    if taken.manifest.master_key_included {
        output::problem(
            "THE MASTER KEY IS IN THE BACKUP: whoever gets it can read every patient's data. Keep it locked away.",
        );
    } else {
        output::problem(format_args!(
            "The master key is NOT in the backup. Keep a copy of it elsewhere ({}): without it nothing in the backup can be read.",
            config.keys.url
        ));
    }
    if let Some(url) = taken.objects_elsewhere {
        output::problem(format_args!(
            "The objects are at {url} and NOT in the backup: copy them with that service's own tools, after this."
        ));
    }
    if let Some([dump, restore]) = backup::commands_of_postgres(&config, &folder) {
        output::problem(format_args!(
            "The database is PostgreSQL's and NOT in the backup. Copy it BEFORE `kadi backup`, so that every object that it names \
             is here:\n  {dump}\nTo bring it back, into an empty database, and then `kadi restore`:\n  {restore}"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `kadi restore`.
pub fn run_restore(common: &Common, args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let config = common.read_config()?;
    common.start_log("error")?;
    let restored =
        super::runtime()?.block_on(backup::restore(&config, SystemClock::shared(), &args.folder))?;
    tell(&restored.manifest, &args.folder);
    if let Some(path) = restored.master_key {
        output::problem(format_args!(
            "The master key was taken from the backup: it is in {} now.",
            path.display()
        ));
    }
    if !restored.tried_sealing {
        output::problem("There was no patient yet whose data could have been opened; the data keys were.");
    }
    output::problem(format_args!(
        "Restored as of {}. What was received from ABDM later is lost here; what was sent later may be sent once more.",
        restored.manifest.made_at
    ));
    Ok(ExitCode::SUCCESS)
}

/// One line for programs.
fn tell(manifest: &Manifest, folder: &Path) {
    let rows = |table| manifest.rows.get(table).copied().unwrap_or_default();
    output::result(format_args!(
        "{}\t{} patients\t{} visits\t{} exchanges\t{} objects\t{}",
        manifest.made_at,
        rows("patient"),
        rows("care_context"),
        rows("exchange"),
        manifest.objects,
        folder.display()
    ));
}
