//! Where the master key comes from: a file that is made on first start, or an environment variable.

use std::io::Write as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::{Result, StoreError};
use crate::seal::{Key, random_key};

/// Reads the master key that `url` names.
///
/// - `file:///path`: 32 bytes in base64. Made, readable by its owner only, if the file is missing.
/// - `env://NAME`: 32 bytes in base64 in the environment variable `NAME`.
///
/// # Errors
/// If it is not there, cannot be read or written, or is not 32 bytes.
pub fn master_key(url: &str) -> Result<Key> {
    if let Some(path) = url.strip_prefix("file://") {
        return from_file(Path::new(path));
    }
    if let Some(name) = url.strip_prefix("env://") {
        let text = std::env::var(name)
            .map_err(|_| StoreError::MasterKey(format!("is not in the environment variable {name}")))?;
        return parse(text.trim(), &format!("in the environment variable {name}"));
    }
    Err(StoreError::MasterKey(format!("url {url:?} is not file:///path or env://NAME")))
}

fn from_file(path: &Path) -> Result<Key> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(Zeroizing::new(text).trim(), &format!("in {}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => create(path),
        Err(error) => Err(StoreError::MasterKey(format!("file {} cannot be read: {error}", path.display()))),
    }
}

fn parse(text: &str, place: &str) -> Result<Key> {
    let bytes = base64_simd::STANDARD.decode_to_vec(text).map(Zeroizing::new);
    let key = bytes.ok().and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
    key.map(Zeroizing::new).ok_or_else(|| StoreError::MasterKey(format!("{place} is not 32 bytes in base64")))
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
    write_private(&draft, &base64_simd::STANDARD.encode_to_string(key.as_slice())).map_err(failed)?;
    let linked = std::fs::hard_link(&draft, path);
    let _ = std::fs::remove_file(&draft);
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => from_file(path),
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
