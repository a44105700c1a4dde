//! Copying and checking files.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use aws_lc_rs::digest::{Context, SHA256};

/// How much is read at once.
const PIECE: usize = 256 << 10;

/// The list of checksums of a copy that is being made.
pub(super) struct Sums {
    root: PathBuf,
    list: BufWriter<File>,
}

impl Sums {
    /// A new list in the folder of the copy.
    pub(super) fn create(root: &Path, name: &str) -> anyhow::Result<Self> {
        let list = File::create_new(root.join(name)).context("the list of checksums can't be made")?;
        Ok(Self { root: root.to_owned(), list: BufWriter::new(list) })
    }

    /// Adds a file of the copy.
    pub(super) fn add(&mut self, path: &Path, sum: &str) -> anyhow::Result<()> {
        let name = path.strip_prefix(&self.root)?.to_str().context("a file's name is not UTF-8")?;
        ensure!(!name.contains(['\n', '\\']), "the name of {} can't be listed", path.display());
        writeln!(self.list, "{sum}  {name}").context("the list of checksums can't be written")
    }

    /// Ends the list.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.list.flush().context("the list of checksums can't be written")
    }
}

/// Copies a file to a new one; gives its checksum. Nothing if it is no longer there.
pub(super) fn copy(from: &Path, to: &Path) -> anyhow::Result<Option<String>> {
    let mut source = match File::open(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.with_context(|| format!("{} can't be read", from.display()))?,
    };
    let mut target = File::create_new(to).with_context(|| format!("{} can't be made", to.display()))?;
    let failed = || format!("{} can't be copied to {}", from.display(), to.display());
    let mut digest = Context::new(&SHA256);
    let mut piece = vec![0; PIECE];
    loop {
        let read = source.read(&mut piece).with_context(failed)?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        digest.update(bytes);
        target.write_all(bytes).with_context(failed)?;
    }
    Ok(Some(hex::encode(digest.finish())))
}

/// The checksum of a file.
pub(super) fn sum(path: &Path) -> anyhow::Result<String> {
    let mut file = File::open(path).with_context(|| format!("{} can't be read", path.display()))?;
    let mut digest = Context::new(&SHA256);
    let mut piece = vec![0; PIECE];
    loop {
        let read = file.read(&mut piece).with_context(|| format!("{} can't be read", path.display()))?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        digest.update(bytes);
    }
    Ok(hex::encode(digest.finish()))
}

/// Copies the files below `from` that are not below `to` yet, and calls `copied` with each and its checksum. What is gone
/// when it is its turn is passed over, and so are the drafts that an object store writes before it gives a file its name.
pub(super) fn copy_new(
    from: &Path,
    to: &Path,
    copied: &mut dyn FnMut(&Path, &str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let entries = match std::fs::read_dir(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(|| format!("{} can't be read", from.display()))?,
    };
    make_private(to)?;
    for entry in entries {
        let entry = entry.with_context(|| format!("{} can't be read", from.display()))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            copy_new(&source, &target, copied)?;
            continue;
        }
        let is_draft = entry.file_name().to_string_lossy().contains('#');
        if !kind.is_file() || is_draft || target.exists() {
            continue;
        }
        if let Some(sum) = copy(&source, &target)? {
            copied(&target, &sum)?;
        }
    }
    Ok(())
}

/// Checks every file of a list; gives their paths below `root`.
pub(super) fn check(root: &Path, list: &str) -> anyhow::Result<Vec<PathBuf>> {
    let file = File::open(root.join(list)).with_context(|| format!("{list} can't be read"))?;
    let mut paths = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line.with_context(|| format!("{list} can't be read"))?;
        let Some((expected, name)) = line.split_once("  ") else { bail!("{list} is damaged") };
        let path = Path::new(name);
        // Only what is in the folder: the list may come from anywhere.
        let inside = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        ensure!(inside, "{list} names a file outside of the backup");
        ensure!(
            sum(&root.join(path))? == expected,
            "{name} is not what was backed up: the backup is damaged"
        );
        paths.push(path.to_owned());
    }
    Ok(paths)
}

/// Makes a folder that only its owner can look into, if it is missing.
pub(super) fn make_private(folder: &Path) -> anyhow::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).with_context(|| format!("{} can't be made", folder.display()))
}

/// Whether there is nothing at this path, or an empty folder.
pub(super) fn is_free(path: &Path) -> anyhow::Result<bool> {
    match std::fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| format!("{} can't be looked into", path.display())),
    }
}

/// Makes everything durable that was written to the disk of this folder.
pub(super) fn flush(folder: &Path) -> anyhow::Result<()> {
    let file = File::open(folder).with_context(|| format!("{} can't be opened", folder.display()))?;
    rustix::fs::syncfs(&file).with_context(|| format!("{} can't be made durable", folder.display()))
}

/// The folder that a path is in.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The path with `ending` after its name.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
