//! How the store fails.

use std::borrow::Cow;
use std::sync::Arc;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused, is gone, or its disk is full. Nothing of the transaction remains.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// Two transactions met and this one lost; run again, it will pass.
    #[error("another transaction changed the same rows")]
    Contended,
    /// The lease on a row ended and another worker holds it now; what was done is not recorded.
    #[error("the lease was lost to another worker")]
    LeaseLost,
    /// A row is not as this version writes it.
    #[error("the stored {what} cannot be read: {why}")]
    Corrupt {
        /// Which thing.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A sealed value does not open: a wrong master key, or a row that was altered.
    #[error("a sealed {what} does not open: wrong master key, or the row was altered")]
    Unsealable {
        /// Which thing.
        what: &'static str,
    },
    /// The object store refused, is gone, or its disk is full.
    #[error("the object store failed")]
    Objects(#[from] object_store::Error),
    /// A document's object is gone from the object store.
    #[error("the object of a stored {what} is missing: restore it from a backup, or store the {what} again")]
    Missing {
        /// Of which thing.
        what: &'static str,
    },
    /// The database's URL is not one of ours.
    #[error("the store's url is not usable: {0}")]
    Url(String),
    /// The master key cannot be had.
    #[error("the master key {0}")]
    MasterKey(String),
    /// What keeps the master key can't be asked, or refuses.
    #[error("the master key {why}")]
    KeyService {
        /// What it said, and how to mend it.
        why: String,
        /// Whether asking again later may help.
        may_pass: bool,
    },
    /// The schema is too new for this program.
    #[error("the database needs schema version {needed}, this program knows {known}: start a newer version")]
    SchemaTooNew {
        /// What the database needs a program to know.
        needed: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// A test's kill switch fired: from here on this process is dead.
    #[error("killed by a test")]
    Killed,
}

/// What every call of the store answers.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

impl StoreError {
    /// A stored value that this version cannot read.
    #[expect(clippy::needless_pass_by_value, reason = "errors are handed over at the end of `map_err`")]
    pub(crate) fn corrupt(what: &'static str, why: impl ToString) -> Self {
        Self::Corrupt { what, why: why.to_string() }
    }

    /// Tells apart what another attempt mends: a serialisation failure or deadlock of PostgreSQL (40001, 40P01),
    /// a busy SQLite file (5, with its extended codes).
    pub(crate) fn or_contended(error: sqlx::Error) -> Self {
        if is_contention(&error) { Self::Contended } else { Self::Database(error) }
    }

    /// The same for an error that several transactions share.
    #[expect(clippy::needless_pass_by_value, reason = "errors are handed over at the end of `map_err`")]
    pub(crate) fn shared(error: Arc<sqlx::Error>) -> Self {
        if is_contention(&error) {
            return Self::Contended;
        }
        Self::Database(sqlx::Error::Io(std::io::Error::other(error.to_string())))
    }

    /// Whether the database is there and refused what it was given, so that something else may pass.
    pub(crate) fn is_about_a_row(&self) -> bool {
        matches!(self, Self::Contended | Self::Database(sqlx::Error::Database(_)))
    }

    /// Whether a unique constraint refused the row.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }
}

/// Whether another attempt mends it.
pub(crate) fn is_contention(error: &sqlx::Error) -> bool {
    let code = match error {
        sqlx::Error::Database(error) => error.code().map(Cow::into_owned),
        _ => None,
    };
    matches!(code.as_deref(), Some("40001" | "40P01" | "5" | "261" | "517"))
}
