//! What readers give, and how they say what stands in the way.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use super::check::WrongCode;

/// One concept of a code system, with all its names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry<'a> {
    /// The code.
    pub code: &'a str,
    /// What the code system calls it.
    pub display: &'a str,
    /// What kind of thing it is, in the code system's words: `disorder`, `CHEM`. May be empty.
    pub kind: &'a str,
    /// Its other names.
    pub names: Vec<&'a str>,
    /// Among equally good matches, the smaller comes first.
    pub standing: u32,
}

/// A line that was skipped, with why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it. It repeats nothing of the line.
    pub what: String,
}

impl std::fmt::Display for BadLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

/// Who is told how a load goes on.
pub trait Watch {
    /// So many more bytes were read.
    fn read(&mut self, bytes: u64);
    /// A line was skipped.
    fn bad(&mut self, line: BadLine);
}

/// Why a code system cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or folder cannot be read.
    #[error("{path}: cannot be read")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A release lacks a file.
    #[error("{path}: holds no file named like {wanted}; give the folder of the unzipped release")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// What was looked for.
        wanted: &'static str,
    },
    /// A file is not what it should be.
    #[error("{path}: its first line should name the columns {wanted}; is it the right file?")]
    Header {
        /// Which.
        path: PathBuf,
        /// The columns.
        wanted: String,
    },
}

impl LoadError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }
}

/// What is wrong with one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("is longer than 256 KiB; it was skipped")]
    TooLong,
    #[error("is not UTF-8; save the file as UTF-8")]
    NotUtf8,
    #[error("has {found} columns, not {wanted}")]
    Columns { found: usize, wanted: usize },
    #[error("opens a quote that is never closed")]
    Quote,
    #[error("{0} is empty")]
    Empty(&'static str),
    #[error("{0} is no id of a SNOMED CT {1}: its check digit or its kind is wrong")]
    Sctid(&'static str, &'static str),
    #[error("`active` is neither 0 nor 1")]
    Active,
    #[error("the code {0}")]
    Code(#[from] WrongCode),
    #[error("{0} is longer than {1} characters")]
    Long(&'static str, usize),
    #[error("{0}")]
    Other(&'static str),
}

pub(super) fn open(path: &Path) -> Result<BufReader<File>, LoadError> {
    let file = File::open(path).map_err(|error| LoadError::io(path, error))?;
    Ok(BufReader::with_capacity(128 * 1024, file))
}

/// Tells a bad line.
pub(super) fn tell(watch: &mut dyn Watch, path: &Path, line: u64, fault: &Fault) {
    watch.bad(BadLine { file: path.to_path_buf(), line, what: fault.to_string() });
}
