//! A new master key in the place of the one in a file, while instances serve. Each step can run twice, and killed between
//! any two the store opens with whatever is in the file:
//!
//! | Step | In the file | In `FILE.next` | The data keys open with |
//! | --- | --- | --- | --- |
//! | [`FileRotation::prepare`] | old | new | old |
//! | [`FileRotation::add`] | old | new | old and new |
//! | [`FileRotation::place`] | new | | old (kept as `FILE.old`) and new |
//! | [`FileRotation::finish`] | new | | new |
//! | [`FileRotation::clean`] | new | | new; `FILE.old` is gone |

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use store::{Master, Store};

/// The rotation of the key in one file.
#[derive(Debug, Clone)]
pub struct FileRotation {
    file: PathBuf,
}

impl FileRotation {
    /// Of the key in this file.
    pub fn of(file: &Path) -> Self {
        Self { file: file.to_owned() }
    }

    /// How the next master key is named in the store until it is the only one.
    pub fn place_name(&self) -> String {
        format!("file://{}", self.file.display())
    }

    /// Where the old key is kept until the end.
    pub fn old(&self) -> PathBuf {
        self.beside("old")
    }

    fn next(&self) -> PathBuf {
        self.beside("next")
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.file.clone().into_os_string();
        name.push(".");
        name.push(ending);
        name.into()
    }

    /// Whether the new key is in its place already, and only the end is missing.
    pub async fn is_placed(&self, store: &Store) -> anyhow::Result<bool> {
        Ok(store.next_master().await?.is_some() && store.opens(&self.present()?).await?.next)
    }

    /// Makes the new key beside the old one, unless an earlier attempt has.
    pub fn prepare(&self) -> anyhow::Result<()> {
        let next = self.next();
        if !next.exists() {
            // Whole or not at all: a half written one would be taken for a key.
            let draft = self.beside(&format!("draft-{}", std::process::id()));
            store::write_key(&draft, &store::random_key()?)?;
            std::fs::rename(&draft, &next).with_context(|| format!("{} cannot be made", next.display()))?;
            self.flush_folder()?;
        }
        Ok(())
    }

    /// From here on the data keys open with both.
    pub async fn add(&self, store: &Store) -> anyhow::Result<()> {
        let next = Master::from(store::key_from_file(&self.next())?);
        store.add_master(&self.present()?, &next, &self.place_name()).await?;
        Ok(())
    }

    /// Puts the new key in its place, and the old one beside.
    pub fn place(&self) -> anyhow::Result<()> {
        let (old, next) = (self.old(), self.next());
        match std::fs::remove_file(&old) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                bail!("{} cannot be replaced: {error}", old.display())
            }
            _ => {}
        }
        std::fs::hard_link(&self.file, &old).with_context(|| format!("{} cannot be made", old.display()))?;
        std::fs::rename(&next, &self.file)
            .with_context(|| format!("{} cannot be replaced", self.file.display()))?;
        self.flush_folder()
    }

    /// From here on only the new one opens the data keys.
    pub async fn finish(&self, store: &Store) -> anyhow::Result<()> {
        store.finish_master(&self.present()?).await.context("the new key is not in its place")
    }

    /// Takes the old key away.
    pub fn clean(&self) -> anyhow::Result<()> {
        match std::fs::remove_file(self.old()) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                bail!(
                    "{} cannot be removed ({error}): remove it, it opens nothing any more",
                    self.old().display()
                )
            }
            _ => self.flush_folder(),
        }
    }

    /// Every step that is missing. With `keep_old`, the old key goes on opening the data keys until it is run again.
    pub async fn run(&self, store: &Store, keep_old: bool) -> anyhow::Result<()> {
        if !self.is_placed(store).await? {
            self.prepare()?;
            self.add(store).await?;
            self.place()?;
        }
        if keep_old {
            return Ok(());
        }
        self.finish(store).await?;
        self.clean()
    }

    fn present(&self) -> anyhow::Result<Master> {
        Ok(store::key_from_file(&self.file)?.into())
    }

    fn flush_folder(&self) -> anyhow::Result<()> {
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = std::fs::File::open(folder.unwrap_or(Path::new(".")));
        folder.and_then(|folder| folder.sync_all()).context("the key's folder cannot be made durable")
    }
}
