//! Where the master key comes from: a file that is made on first start, or an environment variable.

use std::io::Write as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::{Result, StoreError};
use crate::seal::{Key, random_key};

/// Reads the master key that `url` names.
///
/// - `file:///path`: 32 bytes in base64 or hex. Made, readable by its owner only, if the file is missing.
/// - `env:NAME` (or `env://NAME`): 32 bytes in base64 or hex in the environment variable `NAME`.
///
/// # Errors
/// If it is not there, cannot be read or written, or is not 32 bytes.
pub fn master_key(url: &str) -> Result<Key> {
    match key_file(url) {
        Some(path) if path.exists() => key_from_file(path),
        Some(path) => create(path),
        None => from_environment(url),
    }
}

/// Whether there is a key at `url`; a file is not made.
pub fn has_key(url: &str) -> bool {
    key_file(url).map_or_else(|| from_environment(url).is_ok(), Path::exists)
}

/// The path of a key that is kept in a file.
pub fn key_file(url: &str) -> Option<&Path> {
    url.strip_prefix("file://").map(Path::new)
}

fn from_environment(url: &str) -> Result<Key> {
    let name = url.strip_prefix("env://").or_else(|| url.strip_prefix("env:"));
    let name = name.ok_or_else(|| {
        StoreError::MasterKey(format!("url {url:?} is not file:///path, env:NAME or vault+https://..."))
    })?;
    let text = std::env::var(name).map(Zeroizing::new);
    let text =
        text.map_err(|_| StoreError::MasterKey(format!("is not in the environment variable {name}")))?;
    parse(text.trim(), &format!("in the environment variable {name}"))
}

/// Reads a key from a file.
pub fn key_from_file(path: &Path) -> Result<Key> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text
        .map_err(|error| StoreError::MasterKey(format!("file {} cannot be read: {error}", path.display())))?;
    parse(text.trim(), &format!("in {}", path.display()))
}

/// Writes a key to a new file, readable by its owner only, and makes it durable.
///
/// # Errors
/// If the file exists or cannot be written.
pub fn write_key(path: &Path, key: &Key) -> Result<()> {
    let text = Zeroizing::new(base64_simd::STANDARD.encode_to_string(key.as_slice()));
    write_private(path, &text)
        .map_err(|error| StoreError::MasterKey(format!("file {} cannot be made: {error}", path.display())))
}

fn parse(text: &str, place: &str) -> Result<Key> {
    // 64 digits are 48 bytes in base64, so the two can't be taken for each other.
    let bytes = hex::decode(text).ok().or_else(|| base64_simd::STANDARD.decode_to_vec(text).ok());
    let key = bytes.map(Zeroizing::new).and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
    key.map(Zeroizing::new)
        .ok_or_else(|| StoreError::MasterKey(format!("{place} is not 32 bytes in base64 or hex")))
}

/// Writes a new key beside its place, flushes it, and links it in only if nobody else was first.
fn create(path: &Path) -> Result<Key> {
    let failed = |error: std::io::Error| {
        StoreError::MasterKey(format!("file {} cannot be made: {error}", path.display()))
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let key = random_key()?;
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    let _ = std::fs::remove_file(&draft);
    write_key(&draft, &key)?;
    let linked = std::fs::hard_link(&draft, path);
    let _ = std::fs::remove_file(&draft);
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => key_from_file(path),
        Err(error) => Err(failed(error)),
    }
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_made_once_and_then_read() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}/keys/master.key", folder.path().display());
        let first = master_key(&url).unwrap();
        assert!(master_key(&url).unwrap() == first);
    }

    #[test]
    fn a_damaged_key_is_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        std::fs::write(&path, "c2hvcnQ=").unwrap();
        let error = master_key(&format!("file://{}", path.display())).unwrap_err().to_string();
        assert!(error.contains("master.key") && error.contains("32 bytes"), "{error}");
    }

    #[test]
    fn another_scheme_is_refused() {
        assert!(master_key("s3://bucket/key").is_err());
    }
}
