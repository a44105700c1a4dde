//! The few places where SQLite and PostgreSQL differ. All other SQL is one text for both.

use std::borrow::Cow;

/// Which database this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One file, one writer.
    Sqlite,
    /// A server, many instances.
    Postgres,
}

impl Dialect {
    /// Replaces the markers that stand for what differs:
    ///
    /// - `{for update}`: take the row's lock. SQLite has one writer, so there is nothing to lock.
    /// - `{skip locked}`: take the rows' locks and pass over those that another worker holds.
    /// - `{bytes}`: the column type for bytes.
    /// - `{like}`: case-insensitive comparison with a pattern.
    pub(crate) fn text(self, sql: &'static str) -> Cow<'static, str> {
        if !sql.contains('{') {
            return Cow::Borrowed(sql);
        }
        let (update, skip, bytes, like) = match self {
            Self::Sqlite => ("", "", "BLOB", "LIKE"),
            Self::Postgres => ("FOR UPDATE", "FOR UPDATE SKIP LOCKED", "BYTEA", "ILIKE"),
        };
        Cow::Owned(
            sql.replace("{for update}", update)
                .replace("{skip locked}", skip)
                .replace("{bytes}", bytes)
                .replace("{like}", like),
        )
    }
}
