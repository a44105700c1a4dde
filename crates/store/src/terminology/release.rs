//! One index, open for reading.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow};
use sqlx::{Row as _, SqlitePool};
use tokio::sync::Mutex;

use super::build::{Builder, FORMAT};
use super::error::TerminologyError;
use super::index::{Found, Search};
use super::query::{Manner, Typed, all_of};
use super::rank::merit;
use super::vocabulary::Vocabulary;

/// How many searches go on at once.
const CONNECTIONS: u32 = 4;
/// How many matches are compared, in the order of merit among equals: of whole words, and of beginnings or guesses.
const WHOLE: u32 = 100;
const PART: u32 = 200;

/// An index.
#[derive(Debug)]
pub(super) struct Release {
    source: Source,
    systems: BTreeMap<i64, String>,
    vocabulary: Vocabulary,
    pub version: String,
    pub loaded_at: Timestamp,
    pub entries: u64,
    pub names: u64,
}

#[derive(Debug)]
enum Source {
    File(SqlitePool),
    Memory(Mutex<sqlx::SqliteConnection>),
}

/// A match with what it is compared by.
#[derive(Debug)]
pub(super) struct Ranked {
    pub score: f64,
    /// The place in the order of merit among equals.
    pub place: i64,
    pub found: Found,
}

const CANDIDATES: &str = "SELECT c.id, c.system, c.code, c.display, c.kind, c.names FROM word \
     JOIN concept c ON c.id = word.rowid \
     WHERE word MATCH $1 AND ($2 < 0 OR c.system = $2) ORDER BY word.rowid LIMIT $3";

impl Release {
    /// Opens a file. It is never written again, so nothing is locked.
    pub async fn open(path: &Path) -> Result<Self, TerminologyError> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await?;
        Self::read(Source::File(pool)).await
    }

    /// Of these entries, without a file.
    pub async fn in_memory(builder: Builder, now: Timestamp) -> Result<Self, TerminologyError> {
        Self::read(Source::Memory(Mutex::new(builder.in_memory(now).await?))).await
    }

    async fn read(source: Source) -> Result<Self, TerminologyError> {
        let about = "SELECT format, version, loaded_at, entries, names, vocabulary FROM about";
        let about = source.all(sqlx::query(about)).await.map_err(|_| TerminologyError::Format)?;
        let row = about.first().ok_or(TerminologyError::Format)?;
        if row.try_get::<i64, _>("format")? != FORMAT {
            return Err(TerminologyError::Format);
        }
        let systems = source.all(sqlx::query("SELECT id, uri FROM code_system")).await?;
        let systems = systems.iter().map(|row| Ok((row.try_get("id")?, row.try_get("uri")?)));
        let loaded_at = Timestamp::from_millisecond(row.try_get("loaded_at")?);
        let count =
            |column: &str| row.try_get::<i64, _>(column).map(|count| u64::try_from(count).unwrap_or(0));
        Ok(Self {
            systems: systems.collect::<Result<_, sqlx::Error>>()?,
            vocabulary: Vocabulary::unpack(row.try_get("vocabulary")?)?,
            version: row.try_get("version")?,
            loaded_at: loaded_at.map_err(|_| TerminologyError::Format)?,
            entries: count("entries")?,
            names: count("names")?,
            source,
        })
    }

    /// The code systems whose codes it has.
    pub fn systems(&self) -> impl Iterator<Item = &str> {
        self.systems.values().map(String::as_str)
    }

    /// What a code is called.
    pub async fn display(&self, system: &str, code: &str) -> Result<Option<String>, TerminologyError> {
        let Some(system) = self.system(system) else { return Ok(None) };
        let sql = "SELECT display FROM concept WHERE code = $1 AND system = $2";
        let rows = self.source.all(sqlx::query(sql).bind(code.to_owned()).bind(system)).await?;
        rows.first().map(|row| Ok(row.try_get("display")?)).transpose()
    }

    fn system(&self, uri: &str) -> Option<i64> {
        self.systems.iter().find(|(_, known)| *known == uri).map(|(id, _)| *id)
    }

    /// Matches of all typed words among the first few hundred in the order of merit, unsorted. Typing errors are looked
    /// into if there are fewer than are wanted; then `typed` tells what was meant.
    pub async fn search(
        &self,
        search: &Search<'_>,
        typed: &mut [Typed],
    ) -> Result<Vec<Ranked>, TerminologyError> {
        let Some(mut found) = self.candidates(search, typed) else { return Ok(Vec::new()) };
        found.add(&all_of(&*typed, Manner::Whole), WHOLE).await?;
        found.add(&all_of(&*typed, Manner::Beginning), PART).await?;
        if found.rows.len() < search.limit && self.guess(typed, found.rows.is_empty()) {
            found.add(&all_of(&*typed, Manner::Near), PART).await?;
        }
        Ok(found.rank(typed))
    }

    /// Matches of some of the words of a search that found nothing here.
    pub async fn search_some(
        &self,
        search: &Search<'_>,
        typed: &mut [Typed],
    ) -> Result<Vec<Ranked>, TerminologyError> {
        let Some(mut found) = self.candidates(search, typed) else { return Ok(Vec::new()) };
        if typed.len() > 1 {
            self.guess(typed, true);
            found.add_some(typed).await?;
        }
        Ok(found.rank(typed))
    }

    /// None if nothing can be found here.
    fn candidates(&self, search: &Search<'_>, typed: &[Typed]) -> Option<Candidates<'_>> {
        let system = match search.system {
            None => -1,
            Some(uri) => self.system(uri)?,
        };
        (!typed.is_empty()).then_some(Candidates { release: self, system, rows: BTreeMap::new() })
    }

    /// Looks up what unknown words may have been meant to be; all words, if nothing has them together. Says whether there
    /// is anything to try.
    fn guess(&self, typed: &mut [Typed], all: bool) -> bool {
        let mut any = false;
        for typed in typed {
            if all || (typed.long.is_empty() && self.vocabulary.beginning(&typed.word) == 0) {
                any |= !typed.guess(&self.vocabulary).is_empty();
            }
        }
        any
    }
}

/// What was found so far.
struct Candidates<'a> {
    release: &'a Release,
    system: i64,
    rows: BTreeMap<i64, SqliteRow>,
}

impl Candidates<'_> {
    /// Adds what an expression finds. Says how many rows it found.
    async fn add(&mut self, expression: &str, limit: u32) -> Result<usize, TerminologyError> {
        let rows = self.ask(expression, limit).await?;
        let count = rows.len();
        for row in rows {
            self.rows.insert(row.try_get("id")?, row);
        }
        Ok(count)
    }

    async fn ask(&self, expression: &str, limit: u32) -> Result<Vec<SqliteRow>, TerminologyError> {
        let query = sqlx::query(CANDIDATES).bind(expression.to_owned()).bind(self.system).bind(limit);
        self.release.source.all(query).await
    }

    /// Nothing has all the words: takes the rarest, which says most, and with it as many others as something has.
    async fn add_some(&mut self, typed: &[Typed]) -> Result<(), TerminologyError> {
        let mut known: Vec<(u64, &Typed)> = Vec::new();
        for typed in typed {
            let near = typed.near().iter().map(|near| near.word.as_str());
            let long = typed.long.iter().flatten().map(String::as_str);
            let readings = std::iter::once(typed.word.as_str()).chain(near).chain(long);
            let count: u64 = readings.map(|word| self.release.vocabulary.beginning(word)).sum();
            // One letter is a beginning of too much to say anything.
            if count > 0 && (typed.word.chars().count() > 1 || !typed.long.is_empty()) {
                known.push((count, typed));
            }
        }
        known.sort_by_key(|(count, _)| *count);
        let mut taken: Vec<&Typed> = Vec::new();
        for (_, typed) in known {
            taken.push(typed);
            // Each word by itself is in some concept of all systems together.
            let sure = taken.len() == 1 && self.system < 0 && typed.long.is_empty();
            if !sure && self.ask(&all_of(taken.iter().copied(), Manner::Near), 1).await?.is_empty() {
                taken.pop();
            }
        }
        if !taken.is_empty() {
            self.add(&all_of(taken, Manner::Near), PART).await?;
        }
        Ok(())
    }

    fn rank(self, typed: &[Typed]) -> Vec<Ranked> {
        let ranked = self.rows.iter().filter_map(|(place, row)| {
            let text = |column: &str| row.try_get::<&str, _>(column).unwrap_or_default();
            let display = text("display");
            let merit = merit(typed, display, text("names").split('\n'));
            let found = Found {
                system: self.release.systems.get(&row.try_get("system").ok()?)?.clone(),
                code: text("code").to_owned(),
                display: display.to_owned(),
                kind: Some(text("kind")).filter(|kind| !kind.is_empty()).map(str::to_owned),
                matched: merit.name,
            };
            Some(Ranked { score: merit.score, place: *place, found })
        });
        ranked.collect()
    }
}

type Query = sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

impl Source {
    async fn all(&self, query: Query) -> Result<Vec<SqliteRow>, TerminologyError> {
        Ok(match self {
            Self::File(pool) => query.fetch_all(pool).await?,
            Self::Memory(connection) => query.fetch_all(&mut *connection.lock().await).await?,
        })
    }
}
