//! What can be wrong with a configuration, said so that it can be mended: where, what, and what to write instead.
//! Values are never repeated, because they may be secrets.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A configuration file; lines count from 1.
    File {
        /// As it was named on the command line.
        path: PathBuf,
        /// Where the key stands.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// The embedded default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub origin: Origin,
    /// What, and how to mend it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Default => f.write_str(&self.message),
            origin => write!(f, "{origin}: {}", self.message),
        }
    }
}

/// A configuration that can't be used, with all that is wrong with it, one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let message = format!("{}: can't be read: {error}", path.display());
        Self { problems: vec![Problem { origin: Origin::Default, message }] }
    }

    /// A key that a command needs and that is nowhere set.
    pub fn missing(key: &str, mend: &str) -> Self {
        let message = format!("{key} is not set: {mend}");
        Self { problems: vec![Problem { origin: Origin::Default, message }] }
    }
}
