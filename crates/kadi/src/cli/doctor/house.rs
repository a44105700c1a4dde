//! What the doctor looks at in this house: the certificate, the keys, the folders and their disks.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use reqwest::Url;
use secrecy::ExposeSecret as _;
use store::Store;

use super::{Findings, Grade};
use crate::config::Config;
use crate::keys::Address;
use crate::tls::{Files, Pair, Standing};

/// Less free space than this is worth a look, in bytes: a day of a busy hospital.
const LITTLE: u64 = 2 << 30;
/// With less than this nothing can be relied on.
const TOO_LITTLE: u64 = 256 << 20;

/// The certificate of the public listener.
pub(super) fn certificate(config: &Config, now: Timestamp, findings: &mut Findings) {
    const WHAT: &str = "certificate";
    let Some(files) = Files::configured(&config.server) else {
        let https = config.server.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
        if https {
            findings.ok(WHAT, "none: a proxy in front of server.public does TLS");
        }
        return;
    };
    let pair = match Pair::read(&files) {
        Ok(pair) => pair,
        Err(error) => {
            let mend = "mend server.tls_cert_file and server.tls_key_file; a running bridge goes on with the pair it has";
            return findings.tell(Grade::Fail, WHAT, error.to_string(), mend);
        }
    };
    let host = config.server.public_url.as_deref().and_then(|url| Url::parse(url).ok());
    if let Some(host) = host.as_ref().and_then(Url::host_str).filter(|host| !pair.is_for(host)) {
        let found = format!("is not for {host}, which is the host of server.public_url");
        findings.tell(Grade::Fail, WHAT, found, "get a certificate for that name: ABDM refuses this one");
    }
    let until = format!("valid until {}", pair.until);
    match pair.standing(now) {
        Standing::Good => findings.ok(WHAT, until),
        Standing::Ending => {
            findings.tell(Grade::Warn, WHAT, until, "renew it; the new files are taken without a restart");
        }
        Standing::NotYet => {
            let found = format!("not valid before {}", pair.from);
            findings.tell(Grade::Fail, WHAT, found, "is this machine's clock right?");
        }
        Standing::Expired => {
            let found = format!("expired at {}", pair.until);
            findings.tell(Grade::Fail, WHAT, found, "renew it; the new files are taken without a restart");
        }
    }
}

/// Whether the database takes what is written.
pub(super) async fn store(store: &Store, findings: &mut Findings) {
    match store.prove_writing().await {
        Ok(()) => findings.ok("writing", "the store takes what is written"),
        Err(error) => {
            let cause =
                std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            findings.tell(
                Grade::Fail,
                "writing",
                format!("{error}{cause}"),
                "is the disk full, or the database read-only?",
            );
        }
    }
}

/// The master key, which has just opened the store.
pub(super) async fn keys(config: &Config, store: &Store, findings: &mut Findings) {
    const WHAT: &str = "master key";
    let url = &config.keys.url;
    match store.next_master().await {
        Ok(Some(next)) => {
            let found = format!("a change to {next} is under way; the old one opens everything too");
            findings.tell(Grade::Warn, WHAT, found, "`kadi key rotate-master --finish` or --abandon");
        }
        Ok(None) => {}
        Err(error) => {
            findings.tell(Grade::Fail, WHAT, error.to_string(), "the database must answer; see its log");
        }
    }
    if Address::parse(url).is_some() {
        return findings.ok(WHAT, format!("{url} unwraps the data keys"));
    }
    match store::key_file(url) {
        Some(path) if others_may_read(path) => findings.tell(
            Grade::Warn,
            WHAT,
            format!("{} can be read by others than its owner", path.display()),
            "chmod 600; whoever has it and the database can read everything",
        ),
        Some(path) => findings.ok(WHAT, format!("{}; is there a copy of it elsewhere?", path.display())),
        None => findings.ok(WHAT, url.as_str()),
    }
}

fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// Whether objects can be written to their folder.
pub(super) fn objects(config: &Config, findings: &mut Findings) {
    const WHAT: &str = "objects";
    let Some(folder) = config.objects.url.strip_prefix("file://").map(Path::new) else {
        return findings.ok(WHAT, format!("in {}", config.objects.url));
    };
    let folder_there = there(folder);
    match tempfile::tempfile_in(&folder_there) {
        Ok(_) => findings.ok(WHAT, format!("{} can be written to", folder.display())),
        Err(error) => findings.tell(
            Grade::Fail,
            WHAT,
            format!("{} can't be written to: {error}", folder_there.display()),
            "see [objects] url; the folder must belong to the user that Kadi runs as",
        ),
    }
}

/// How much room is left where something is written.
pub(super) fn disks(config: &Config, findings: &mut Findings) {
    let database = config.store.url.expose_secret().strip_prefix("sqlite://").map(Path::new);
    let objects = config.objects.url.strip_prefix("file://").map(Path::new);
    for (what, path) in [("disk of the store", database), ("disk of the objects", objects)] {
        let Some(path) = path else { continue };
        let path = there(path);
        let Ok(disk) = rustix::fs::statvfs(&path) else { continue };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let found = format!("{} MiB free at {}", free >> 20, path.display());
        let mend =
            "make room: when it is full, callbacks are refused and ABDM sends them again, for some time";
        match free {
            ..TOO_LITTLE => findings.tell(Grade::Fail, what, found, mend),
            TOO_LITTLE..LITTLE => findings.tell(Grade::Warn, what, found, mend),
            LITTLE.. => findings.ok(what, found),
        }
    }
}

/// The path, or the nearest folder above it that is there: what is missing will be made in it.
fn there(path: &Path) -> PathBuf {
    let folders = path.ancestors().filter(|folder| folder.is_dir());
    folders
        .map(Path::to_owned)
        .find(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| PathBuf::from("."))
}
