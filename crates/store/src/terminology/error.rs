//! How a terminology index fails.

use std::io;
use std::path::{Path, PathBuf};

/// Why a code system could not be searched or loaded.
#[derive(Debug, thiserror::Error)]
pub enum TerminologyError {
    /// An index failed.
    #[error("the terminology index failed")]
    Database(#[from] sqlx::Error),
    /// A file or folder cannot be read or written.
    #[error("{path}: cannot be used")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process is loading the same code system.
    #[error("{0} is being loaded by another process; wait until it is done")]
    Busy(String),
    /// No folder was configured, and the store is no file beside which one could be.
    #[error("there is no folder for loaded code systems; set [terminology] folder in the configuration")]
    NoFolder,
    /// The file is none of this version's indexes.
    #[error("is no index of this version; load the code system again")]
    Format,
}

impl TerminologyError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }
}
