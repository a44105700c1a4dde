//! All code systems that can be searched: those that were loaded, and the codes that are built in.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use tokio::sync::{OnceCell, RwLock};

use super::build::{Builder, NewEntry};
use super::error::TerminologyError;
use super::query::{Abbreviations, typed};
use super::release::{Ranked, Release};
use super::words::words;

/// What a file of a loaded code system ends in.
const ENDING: &str = "db";

/// A code that is known without any load: system, code, display.
pub type Builtin = (&'static str, &'static str, &'static str);

/// What an index is made of.
#[derive(Debug, Clone, Default)]
pub struct IndexOptions {
    /// Where loaded code systems are. Need not exist; none: nothing can be loaded.
    pub folder: Option<PathBuf>,
    /// Gives the codes that are known without any load; not called before something is searched.
    pub builtin: Option<fn() -> Vec<Builtin>>,
    /// Short forms with what they stand for.
    pub abbreviations: &'static [(&'static str, &'static str)],
}

/// Code systems, searchable. Cheap to clone; all clones share what is open.
#[derive(Debug, Clone)]
pub struct Index {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: Option<PathBuf>,
    builtin: Option<fn() -> Vec<Builtin>>,
    abbreviations: Abbreviations,
    /// The built-in codes, indexed when first asked for.
    inside: OnceCell<Release>,
    loaded: RwLock<Vec<Loaded>>,
}

/// A file as it was when it was opened.
#[derive(Debug, Clone)]
struct Loaded {
    name: String,
    stamp: Stamp,
    /// None if it could not be opened.
    release: Option<Arc<Release>>,
}

/// Tells a file from another that took its place.
type Stamp = (Option<SystemTime>, u64);

/// A search.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// What was typed.
    pub text: &'a str,
    /// Only codes of this system, by its URI.
    pub system: Option<&'a str>,
    /// How many at most.
    pub limit: usize,
}

/// A code that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The code system's URI.
    pub system: String,
    /// The code.
    pub code: String,
    /// What the code system calls it.
    pub display: String,
    /// What kind of thing it is, in the code system's words.
    pub kind: Option<String>,
    /// The name that was met, if it was another than the display.
    pub matched: Option<String>,
}

/// A loaded code system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// What it was loaded as.
    pub name: String,
    /// The code systems whose codes it has, by URI.
    pub systems: Vec<String>,
    /// Its publisher's version.
    pub version: String,
    /// When it was loaded.
    pub loaded_at: Timestamp,
    /// How many codes it has.
    pub entries: u64,
    /// How many names they have.
    pub names: u64,
}

impl Index {
    /// Nothing is opened or indexed before it is asked for.
    #[must_use]
    pub fn new(options: IndexOptions) -> Self {
        let mut abbreviations = Abbreviations::new();
        for (short, long) in options.abbreviations {
            abbreviations.entry((*short).to_owned()).or_default().push(words(long));
        }
        let IndexOptions { folder, builtin, .. } = options;
        let (inside, loaded) = (OnceCell::new(), RwLock::default());
        Self { inner: Arc::new(Inner { folder, builtin, abbreviations, inside, loaded }) }
    }

    /// The best matches, best first. A match has all the typed words, or their beginnings, or what they are short for; if
    /// that is too little, also words like them; and if that is nothing, some of them.
    pub async fn search(&self, search: Search<'_>) -> Result<Vec<Found>, TerminologyError> {
        let releases = self.releases().await?;
        let typed = typed(search.text, &self.inner.abbreviations);
        let mut ranked: Vec<(usize, Ranked)> = Vec::new();
        // Each has words of its own, by which it guesses.
        let mut guesses = vec![typed; releases.len()];
        for (order, (release, typed)) in releases.iter().zip(&mut guesses).enumerate() {
            let found = release.get().search(&search, typed).await?;
            ranked.extend(found.into_iter().map(|ranked| (order, ranked)));
        }
        if ranked.is_empty() {
            for (order, (release, typed)) in releases.iter().zip(&mut guesses).enumerate() {
                let found = release.get().search_some(&search, typed).await?;
                ranked.extend(found.into_iter().map(|ranked| (order, ranked)));
            }
        }
        ranked.sort_by(|(one_order, one), (other_order, other)| {
            let score = other.score.partial_cmp(&one.score).unwrap_or(Ordering::Equal);
            score.then(one_order.cmp(other_order)).then(one.place.cmp(&other.place))
        });
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for (_, Ranked { found: one, .. }) in ranked {
            if found.len() < search.limit && seen.insert((one.system.clone(), one.code.clone())) {
                found.push(one);
            }
        }
        Ok(found)
    }

    /// What a code system calls a code, if it is loaded or the code is built in.
    pub async fn display(&self, system: &str, code: &str) -> Result<Option<String>, TerminologyError> {
        for release in self.releases().await? {
            if let Some(display) = release.get().display(system, code).await? {
                return Ok(Some(display));
            }
        }
        Ok(None)
    }

    /// What is loaded.
    pub async fn loaded(&self) -> Result<Vec<About>, TerminologyError> {
        let loaded = self.refreshed().await?;
        let about = |loaded: Loaded| {
            loaded.release.map(|release| About {
                name: loaded.name,
                systems: release.systems().map(str::to_owned).collect(),
                version: release.version.clone(),
                loaded_at: release.loaded_at,
                entries: release.entries,
                names: release.names,
            })
        };
        Ok(loaded.into_iter().filter_map(about).collect())
    }

    /// Puts a code system in the place of what was loaded by this name, all at once. Nothing is changed unless it is
    /// complete and on disk. `progress` is told how many entries are written.
    ///
    /// # Errors
    /// If there is no folder, the disk refuses, or another process is at it.
    pub async fn replace(
        &self,
        name: &str,
        builder: Builder,
        now: Timestamp,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), TerminologyError> {
        let folder = self.inner.folder.as_deref().ok_or(TerminologyError::NoFolder)?;
        fs::create_dir_all(folder).map_err(|error| TerminologyError::io(folder, error))?;
        let _lock = lock(folder, name)?;
        let unfinished = Unfinished(folder.join(format!("{name}.new")));
        // What a killed load left behind.
        let _ = fs::remove_file(&unfinished.0);
        builder.write(&unfinished.0, now, progress).await?;
        let io = |error| TerminologyError::io(&unfinished.0, error);
        fs::File::open(&unfinished.0).and_then(|file| file.sync_all()).map_err(io)?;
        fs::rename(&unfinished.0, folder.join(format!("{name}.{ENDING}"))).map_err(io)?;
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
    }

    async fn releases(&self) -> Result<Vec<Opened<'_>>, TerminologyError> {
        let loaded = self.refreshed().await?;
        let mut releases: Vec<_> =
            loaded.into_iter().filter_map(|loaded| loaded.release).map(Opened::Loaded).collect();
        if let Some(builtin) = self.inner.builtin {
            let inside = self.inner.inside.get_or_try_init(|| index_builtin(builtin()));
            releases.push(Opened::Inside(inside.await?));
        }
        Ok(releases)
    }

    /// What is loaded now: a file that came, went or changed since the last look is opened or closed.
    async fn refreshed(&self) -> Result<Vec<Loaded>, TerminologyError> {
        let files = self.inner.files()?;
        let same = |loaded: &[Loaded]| {
            let known = loaded.iter().map(|loaded| (loaded.name.as_str(), loaded.stamp));
            known.eq(files.iter().map(|(name, stamp)| (name.as_str(), *stamp)))
        };
        {
            let loaded = self.inner.loaded.read().await;
            if same(&loaded) {
                return Ok(loaded.clone());
            }
        }
        let mut loaded = self.inner.loaded.write().await;
        if !same(&loaded) {
            let before = std::mem::take(&mut *loaded);
            for (name, stamp) in files {
                let known = before.iter().find(|known| known.name == name && known.stamp == stamp).cloned();
                loaded.push(match known {
                    Some(known) => known,
                    None => self.inner.open(name, stamp).await,
                });
            }
        }
        Ok(loaded.clone())
    }
}

/// A release that is searched.
enum Opened<'a> {
    Loaded(Arc<Release>),
    Inside(&'a Release),
}

impl Opened<'_> {
    fn get(&self) -> &Release {
        match self {
            Self::Loaded(release) => release,
            Self::Inside(release) => release,
        }
    }
}

impl Inner {
    /// The files of loaded code systems by name, in order, each with its stamp.
    fn files(&self) -> Result<Vec<(String, Stamp)>, TerminologyError> {
        let Some(folder) = &self.folder else { return Ok(Vec::new()) };
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(TerminologyError::io(folder, error)),
        };
        let mut files: Vec<_> =
            entries.filter_map(Result::ok).filter_map(|entry| file(&entry.path())).collect();
        files.sort_unstable();
        Ok(files)
    }

    async fn open(&self, name: String, stamp: Stamp) -> Loaded {
        let path = self.folder.as_deref().unwrap_or(Path::new("")).join(format!("{name}.{ENDING}"));
        let release = Release::open(&path).await.map(Arc::new);
        if let Err(error) = &release {
            tracing::warn!(%error, terminology.file = %path.display(), "a loaded code system cannot be opened");
        }
        Loaded { name, stamp, release: release.ok() }
    }
}

async fn index_builtin(builtin: Vec<Builtin>) -> Result<Release, TerminologyError> {
    let mut builder = Builder::new("");
    for (system, code, display) in builtin {
        let standing = u32::try_from(display.chars().count()).unwrap_or(u32::MAX);
        builder.add(&NewEntry { system, code, display, standing, ..NewEntry::default() });
    }
    Release::in_memory(builder, Timestamp::UNIX_EPOCH).await
}

fn file(path: &Path) -> Option<(String, Stamp)> {
    if path.extension()? != ENDING {
        return None;
    }
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some((path.file_stem()?.to_str()?.to_owned(), (metadata.modified().ok(), metadata.len())))
}

/// Held by whoever loads a code system of this name; the system lets go of it when its process ends.
fn lock(folder: &Path, name: &str) -> Result<fs::File, TerminologyError> {
    let path = folder.join(format!("{name}.lock"));
    let io = |error| TerminologyError::io(&path, error);
    let file = fs::File::create(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(TerminologyError::Busy(name.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(io(error)),
    }
}

/// A file that is removed unless it was moved into place.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
