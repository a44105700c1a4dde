//! From entries to an index file.

use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr as _;

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, SqliteConnection};

use super::error::TerminologyError;
use super::vocabulary::Vocabulary;
use super::words::words;

/// Changes whenever files of before cannot be read any more.
pub(super) const FORMAT: i64 = 1;

/// How many rows one statement writes.
const ROWS: usize = 100;

/// Set apart what is packed; no name holds them.
const FIELD: char = '\u{1F}';
const NAME: char = '\n';

const SCHEMA: &str = "
CREATE TABLE about (
  format INTEGER NOT NULL, version TEXT NOT NULL, loaded_at INTEGER NOT NULL,
  entries INTEGER NOT NULL, names INTEGER NOT NULL, vocabulary BLOB NOT NULL
);
CREATE TABLE code_system (id INTEGER PRIMARY KEY, uri TEXT NOT NULL);
CREATE TABLE concept (
  id INTEGER PRIMARY KEY, system INTEGER NOT NULL, code TEXT NOT NULL,
  display TEXT NOT NULL, kind TEXT NOT NULL, names TEXT NOT NULL
);
CREATE VIRTUAL TABLE word USING fts5 (
  words, content = '', columnsize = 0, detail = none, prefix = '1 2 3 4', tokenize = 'ascii'
);
";

/// One concept to be indexed.
#[derive(Debug, Clone, Default)]
pub struct NewEntry<'a> {
    /// The code system's URI.
    pub system: &'a str,
    /// The code.
    pub code: &'a str,
    /// What the code system calls it.
    pub display: &'a str,
    /// What kind of thing it is; may be empty.
    pub kind: &'a str,
    /// Its other names.
    pub names: &'a [&'a str],
    /// Among equally good matches, the smaller comes first.
    pub standing: u32,
}

/// Collects the entries of a code system. They are held in memory, packed, until [`super::Index::replace`] writes them.
#[derive(Debug, Default)]
pub struct Builder {
    version: String,
    systems: Vec<String>,
    text: String,
    entries: Vec<Packed>,
    names: u64,
}

#[derive(Debug, Clone, Copy)]
struct Packed {
    standing: u32,
    system: u32,
    start: usize,
    length: u32,
}

/// An entry being unpacked.
struct Unpacked<'a> {
    system: u32,
    code: &'a str,
    display: &'a str,
    kind: &'a str,
    names: &'a str,
}

impl Builder {
    /// Of a release that its publisher calls by this version.
    #[must_use]
    pub fn new(version: impl Into<String>) -> Self {
        Self { version: version.into(), ..Self::default() }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an entry. The first of several with one code counts.
    pub fn add(&mut self, entry: &NewEntry<'_>) {
        let system = match self.systems.iter().position(|known| known == entry.system) {
            Some(known) => known,
            None => {
                self.systems.push(entry.system.to_owned());
                self.systems.len() - 1
            }
        };
        let start = self.text.len();
        for field in [entry.code, entry.display, entry.kind] {
            push(&mut self.text, field);
            self.text.push(FIELD);
        }
        for (place, name) in entry.names.iter().enumerate() {
            if place > 0 {
                self.text.push(NAME);
            }
            push(&mut self.text, name);
        }
        self.names += 1 + entry.names.len() as u64;
        let length = u32::try_from(self.text.len() - start).unwrap_or(u32::MAX);
        let system = u32::try_from(system).unwrap_or(u32::MAX);
        self.entries.push(Packed { standing: entry.standing, system, start, length });
    }

    /// Writes everything to a new file.
    pub(super) async fn write(
        mut self,
        path: &Path,
        now: Timestamp,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), TerminologyError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            // The file is thrown away if this does not end well.
            .journal_mode(SqliteJournalMode::Off)
            .synchronous(SqliteSynchronous::Off)
            .locking_mode(SqliteLockingMode::Exclusive)
            .pragma("cache_size", "-65536");
        let mut connection = options.connect().await?;
        self.write_to(&mut connection, now, progress).await?;
        connection.close().await?;
        Ok(())
    }

    /// An index that lives in memory and goes with its connection.
    pub(super) async fn in_memory(mut self, now: Timestamp) -> Result<SqliteConnection, TerminologyError> {
        let options = SqliteConnectOptions::from_str("sqlite::memory:")?;
        let mut connection = options.connect().await?;
        self.write_to(&mut connection, now, &mut |_| {}).await?;
        Ok(connection)
    }

    async fn write_to(
        &mut self,
        connection: &mut SqliteConnection,
        now: Timestamp,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), TerminologyError> {
        // By merit, and among equals as they came.
        self.entries.sort_by_key(|entry| entry.standing);
        connection.execute(SCHEMA).await?;
        let mut transaction = connection.begin().await?;
        for (id, uri) in (0_i64..).zip(&self.systems) {
            sqlx::query("INSERT INTO code_system (id, uri) VALUES ($1, $2)")
                .bind(id)
                .bind(uri)
                .execute(&mut *transaction)
                .await?;
        }
        // The first of several with one code stands, the others are passed over.
        transaction.execute("CREATE UNIQUE INDEX concept_code ON concept (code, system)").await?;
        let mut counts: HashMap<String, u32> = HashMap::new();
        let mut done = 0;
        for rows in self.entries.chunks(ROWS) {
            let unpacked: Vec<_> = rows.iter().map(|entry| self.unpack(*entry)).collect();
            write_rows(&mut transaction, done, &unpacked, &mut counts).await?;
            done += rows.len() as u64;
            progress(done);
        }
        let mut sorted: Vec<(&str, u32)> =
            counts.iter().map(|(word, count)| (word.as_str(), *count)).collect();
        sorted.sort_unstable();
        let vocabulary = Vocabulary::new(sorted.into_iter()).pack().map_err(|_| TerminologyError::Format)?;
        sqlx::query("INSERT INTO word (word) VALUES ('optimize')").execute(&mut *transaction).await?;
        sqlx::query(
            "INSERT INTO about (format, version, loaded_at, entries, names, vocabulary) \
             SELECT $1, $2, $3, (SELECT count(*) FROM concept), $4, $5",
        )
        .bind(FORMAT)
        .bind(&self.version)
        .bind(now.as_millisecond())
        .bind(i64::try_from(self.names).unwrap_or(i64::MAX))
        .bind(vocabulary)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    fn unpack(&self, entry: Packed) -> Unpacked<'_> {
        let text = self.text.get(entry.start..entry.start + entry.length as usize).unwrap_or_default();
        let mut fields = text.splitn(4, FIELD);
        let mut next = || fields.next().unwrap_or_default();
        Unpacked { system: entry.system, code: next(), display: next(), kind: next(), names: next() }
    }
}

/// Takes a text over without what the packing uses.
fn push(text: &mut String, field: &str) {
    if field.contains(char::is_control) {
        text.extend(field.chars().map(|letter| if letter.is_control() { ' ' } else { letter }));
    } else {
        text.push_str(field);
    }
}

async fn write_rows(
    connection: &mut SqliteConnection,
    first: u64,
    rows: &[Unpacked<'_>],
    counts: &mut HashMap<String, u32>,
) -> Result<(), TerminologyError> {
    let first = i64::try_from(first).unwrap_or(i64::MAX);
    let mut concepts = sqlx::query(statement(
        "INSERT OR IGNORE INTO concept (id, system, code, display, kind, names) VALUES ",
        "(?, ?, ?, ?, ?, ?)",
        rows.len(),
    ));
    for (id, row) in (first..).zip(rows) {
        concepts = concepts
            .bind(id)
            .bind(row.system)
            .bind(row.code)
            .bind(row.display)
            .bind(row.kind)
            .bind(row.names);
    }
    concepts.execute(&mut *connection).await?;
    let mut indexed = sqlx::query(statement("INSERT INTO word (rowid, words) VALUES ", "(?, ?)", rows.len()));
    for (id, row) in (first..).zip(rows) {
        let mut all: Vec<String> =
            std::iter::once(row.display).chain(row.names.split(NAME)).flat_map(words).collect();
        all.sort_unstable();
        all.dedup();
        indexed = indexed.bind(id).bind(all.join(" "));
        for word in all {
            *counts.entry(word).or_default() += 1;
        }
    }
    indexed.execute(&mut *connection).await?;
    Ok(())
}

/// A statement that writes so many rows.
fn statement(head: &'static str, row: &'static str, rows: usize) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("{head}{}", vec![row; rows].join(", ")))
}
