//! The files of a SNOMED CT release in Release Format 2 (RF2), and their rows.
//!
//! A release is a folder of tab-separated files. Of these the snapshot of concepts, of descriptions (a concept's names)
//! and of the language reference sets (which name is preferred where) are read. An extension, such as India's, is a
//! folder of its own that is read together with the international one.

use std::path::{Path, PathBuf};

use super::check::{Component, is_sctid};
use super::lines::{Line, Lines};
use super::source::{Fault, LoadError, Watch, open, tell};

/// How deep files lie in a release at most.
const MAX_DEPTH: usize = 8;

const CONCEPTS: &str = "sct2_Concept_*Snapshot*.txt";
const DESCRIPTIONS: &str = "sct2_Description_*Snapshot*.txt";

const CONCEPT_COLUMNS: &str = "id effectiveTime active moduleId definitionStatusId";
const DESCRIPTION_COLUMNS: &str =
    "id effectiveTime active moduleId conceptId languageCode typeId term caseSignificanceId";
const LANGUAGE_COLUMNS: &str =
    "id effectiveTime active moduleId refsetId referencedComponentId acceptabilityId";

/// The files of one or more RF2 folders that are read as one release.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rf2Release {
    concepts: Vec<PathBuf>,
    descriptions: Vec<PathBuf>,
    languages: Vec<PathBuf>,
}

/// One active row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row<'a> {
    Concept(u64),
    /// A description is the preferred one of a language reference set.
    Preferred {
        description: u64,
        refset: u64,
    },
    Description(Description<'a>),
}

/// A concept's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Description<'a> {
    pub id: u64,
    pub concept: u64,
    pub language: &'a str,
    /// Whether it is the fully specified name, which ends in the concept's kind.
    pub full: bool,
    pub term: &'a str,
}

const FULLY_SPECIFIED: &str = "900000000000003001";
const SYNONYM: &str = "900000000000013009";
const PREFERRED: &str = "900000000000548007";
/// The longest name that a release may hold has 4096 characters.
const MAX_TERM: usize = 4096;

impl Rf2Release {
    /// Finds the snapshot files below these folders.
    ///
    /// # Errors
    ///
    /// If a folder cannot be read, or none of them holds a file that is needed.
    pub fn find(folders: &[PathBuf]) -> Result<Self, LoadError> {
        let mut found = Self::default();
        for folder in folders {
            found.search(folder, MAX_DEPTH)?;
        }
        let path = folders.first().cloned().unwrap_or_default();
        for (files, wanted) in [(&found.concepts, CONCEPTS), (&found.descriptions, DESCRIPTIONS)] {
            if files.is_empty() {
                return Err(LoadError::Missing { path, wanted });
            }
        }
        Ok(found)
    }

    fn search(&mut self, folder: &Path, depth: usize) -> Result<(), LoadError> {
        let entries = std::fs::read_dir(folder).map_err(|error| LoadError::io(folder, error))?;
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(|error| LoadError::io(folder, error))?.path());
        }
        // The order in which a disk lists files must not decide between names.
        paths.sort();
        for path in paths {
            if path.is_dir() {
                if depth > 0 {
                    self.search(&path, depth - 1)?;
                }
            } else if let Some(files) = self.files_for(&path) {
                files.push(path);
            }
        }
        Ok(())
    }

    /// Which list a file belongs to by its name ("Release File Specifications", file naming convention).
    fn files_for(&mut self, path: &Path) -> Option<&mut Vec<PathBuf>> {
        let name = path.file_name()?.to_str()?;
        if !name.contains("Snapshot") || path.extension()? != "txt" {
            return None;
        }
        let name = name.trim_start_matches('x');
        if name.starts_with("sct2_Concept_") {
            Some(&mut self.concepts)
        } else if name.starts_with("sct2_Description_") {
            Some(&mut self.descriptions)
        } else if name.starts_with("der2_cRefset_Language") {
            Some(&mut self.languages)
        } else {
            None
        }
    }

    /// How many bytes will be read.
    pub fn bytes(&self) -> u64 {
        let files = [&self.concepts, &self.descriptions, &self.languages].into_iter().flatten();
        files.filter_map(|file| std::fs::metadata(file).ok()).map(|metadata| metadata.len()).sum()
    }

    /// The release dates in the names of its concept files, newest first.
    pub fn version(&self) -> String {
        let dates = self.concepts.iter().filter_map(|path| {
            let stem = path.file_stem()?.to_str()?;
            stem.rsplit('_').next().filter(|date| date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()))
        });
        let mut dates: Vec<&str> = dates.collect();
        dates.sort_unstable_by(|one, other| other.cmp(one));
        dates.dedup();
        dates.join(" + ")
    }

    /// Every active row: concepts first, then which names are preferred, then the names.
    pub(super) fn rows(&self, watch: &mut dyn Watch, each: &mut dyn FnMut(Row<'_>)) -> Result<(), LoadError> {
        for path in &self.concepts {
            rows(path, CONCEPT_COLUMNS, watch, |row| {
                if let Some(id) = concept(row)? {
                    each(Row::Concept(id));
                }
                Ok(())
            })?;
        }
        for path in &self.languages {
            rows(path, LANGUAGE_COLUMNS, watch, |row| {
                if let Some(row) = preferred(row)? {
                    each(row);
                }
                Ok(())
            })?;
        }
        for path in &self.descriptions {
            rows(path, DESCRIPTION_COLUMNS, watch, |row| {
                if let Some(description) = description(row)? {
                    each(Row::Description(description));
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// Calls `each` with the columns of every line of a tab-separated file.
fn rows(
    path: &Path,
    columns: &str,
    watch: &mut dyn Watch,
    mut each: impl FnMut(&[&str]) -> Result<(), Fault>,
) -> Result<(), LoadError> {
    let mut lines = Lines::new(open(path)?);
    let wanted = columns.split(' ').count();
    loop {
        watch.read(lines.take_read());
        let number = lines.number() + 1;
        let Some(line) = lines.next().map_err(|error| LoadError::io(path, error))? else {
            return if number == 1 { Err(header(path, columns)) } else { Ok(()) };
        };
        if number == 1 {
            if line != Line::Bytes(columns.replace(' ', "\t").as_bytes()) {
                return Err(header(path, columns));
            }
            continue;
        }
        if let Err(fault) = split(&line, wanted).and_then(|row| each(&row)) {
            tell(watch, path, number, &fault);
        }
    }
}

fn header(path: &Path, columns: &str) -> LoadError {
    LoadError::Header { path: path.to_path_buf(), wanted: columns.to_owned() }
}

/// RF2 has no quotes: a tab ends a column, wherever it stands.
fn split<'a>(line: &Line<'a>, wanted: usize) -> Result<Vec<&'a str>, Fault> {
    let Line::Bytes(bytes) = line else { return Err(Fault::TooLong) };
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::NotUtf8)?;
    let mut row = Vec::with_capacity(wanted);
    row.extend(text.split('\t'));
    if row.len() == wanted { Ok(row) } else { Err(Fault::Columns { found: row.len(), wanted }) }
}

fn concept(row: &[&str]) -> Result<Option<u64>, Fault> {
    let [id, _, active, ..] = row else { return Ok(None) };
    let id = sctid(id, Component::Concept, "id", "concept")?;
    Ok(is_active(active)?.then_some(id))
}

fn preferred(row: &[&str]) -> Result<Option<Row<'static>>, Fault> {
    let [_, _, active, _, refset, description, acceptability] = row else { return Ok(None) };
    if !is_active(active)? || *acceptability != PREFERRED {
        return Ok(None);
    }
    let refset = sctid(refset, Component::Concept, "refsetId", "concept")?;
    let description = sctid(description, Component::Description, "referencedComponentId", "description")?;
    Ok(Some(Row::Preferred { description, refset }))
}

fn description<'a>(row: &[&'a str]) -> Result<Option<Description<'a>>, Fault> {
    let [id, _, active, _, concept, language, kind, term, _] = row else { return Ok(None) };
    let id = sctid(id, Component::Description, "id", "description")?;
    let concept = sctid(concept, Component::Concept, "conceptId", "concept")?;
    let full = match *kind {
        FULLY_SPECIFIED => true,
        SYNONYM => false,
        // Long definitions are no names.
        _ => return Ok(None),
    };
    let term = term.trim();
    if term.is_empty() {
        return Err(Fault::Empty("term"));
    }
    if term.len() > MAX_TERM {
        return Err(Fault::Long("term", MAX_TERM));
    }
    Ok(is_active(active)?.then_some(Description { id, concept, language, full, term }))
}

fn sctid(text: &str, of: Component, column: &'static str, kind: &'static str) -> Result<u64, Fault> {
    let id = is_sctid(text, of).then(|| text.parse().ok()).flatten();
    id.ok_or(Fault::Sctid(column, kind))
}

fn is_active(text: &str) -> Result<bool, Fault> {
    match text {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err(Fault::Active),
    }
}
