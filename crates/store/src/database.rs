//! One small executor over the two native drivers: SQL text and values go in, rows come out.
//!
//! A transaction ([`Tx`]) is the unit of work. What a flow writes, the audit row and the outgoing calls
//! commit together or not at all; workers that have something to do because of it are woken after the commit.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, PgConnection, Row as _, SqlSafeStr, Sqlite};

use crate::audit::Audited;
use crate::dialect::Dialect;
use crate::error::{Result, StoreError};
use crate::journal::Raised;
use crate::session::Session;
use crate::wake::{Queue, Wakes};
use crate::writer::{Turn, Urgency, Writer};
use crate::{Inner, Store};

/// A value on its way into the database.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(Option<String>),
    Int(Option<i64>),
    Bytes(Option<Vec<u8>>),
}

macro_rules! into_value {
    ($($from:ty => $variant:ident($convert:expr)),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(Some($convert(value)))
            }
        }
        impl From<Option<$from>> for Value {
            fn from(value: Option<$from>) -> Self {
                Self::$variant(value.map($convert))
            }
        }
    )*};
}

into_value! {
    &str => Text(str::to_owned),
    String => Text(std::convert::identity),
    &String => Text(String::clone),
    i64 => Int(std::convert::identity),
    i32 => Int(i64::from),
    u32 => Int(i64::from),
    bool => Int(i64::from),
    Timestamp => Int(milliseconds),
    Vec<u8> => Bytes(std::convert::identity),
    &[u8] => Bytes(<[u8]>::to_vec),
}

fn milliseconds(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// The values of one statement, in the order of `$1`, `$2` and so on.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::database::Value::from($value)),*] };
}
pub(crate) use args;

/// A row on its way out.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

macro_rules! column {
    ($row:expr, $name:expr, $type:ty) => {
        match $row {
            Row::Sqlite(row) => row.try_get::<$type, _>($name),
            Row::Postgres(row) => row.try_get::<$type, _>($name),
        }
    };
}

impl Row {
    pub(crate) fn text(&self, column: &str) -> Result<String> {
        Ok(column!(self, column, String)?)
    }

    pub(crate) fn opt_text(&self, column: &str) -> Result<Option<String>> {
        Ok(column!(self, column, Option<String>)?)
    }

    pub(crate) fn int(&self, column: &str) -> Result<i64> {
        Ok(column!(self, column, i64)?)
    }

    pub(crate) fn opt_int(&self, column: &str) -> Result<Option<i64>> {
        Ok(column!(self, column, Option<i64>)?)
    }

    pub(crate) fn flag(&self, column: &str) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    pub(crate) fn bytes(&self, column: &str) -> Result<Vec<u8>> {
        Ok(column!(self, column, Vec<u8>)?)
    }

    pub(crate) fn opt_bytes(&self, column: &str) -> Result<Option<Vec<u8>>> {
        Ok(column!(self, column, Option<Vec<u8>>)?)
    }

    pub(crate) fn time(&self, column: &str) -> Result<Timestamp> {
        time(self.int(column)?)
    }

    pub(crate) fn opt_time(&self, column: &str) -> Result<Option<Timestamp>> {
        self.opt_int(column)?.map(time).transpose()
    }

    /// A text column that is a word of some enum or an identifier.
    pub(crate) fn parse<T: std::str::FromStr>(&self, column: &'static str) -> Result<T>
    where
        T::Err: std::fmt::Display,
    {
        self.text(column)?.parse().map_err(|error: T::Err| StoreError::corrupt(column, error))
    }

    /// Like [`Row::parse`], for a column that may be null.
    pub(crate) fn opt_parse<T: std::str::FromStr>(&self, column: &'static str) -> Result<Option<T>>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.opt_text(column)?;
        text.map(|text| text.parse().map_err(|error: T::Err| StoreError::corrupt(column, error))).transpose()
    }
}

fn time(millisecond: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(millisecond).map_err(|error| StoreError::corrupt("time", error))
}

enum Connection {
    /// That which writes.
    Writer(Turn),
    /// One of those that read, each statement by itself.
    Reader(PoolConnection<Sqlite>),
    Postgres(Session),
}

/// A transaction. Dropped without [`Tx::commit`], it leaves no trace.
pub struct Tx {
    connection: Connection,
    pub(crate) inner: Arc<Inner>,
    wakes: Wakes,
    pub(crate) raised: Vec<Raised>,
    pub(crate) audited: Vec<Audited>,
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("dialect", &self.dialect()).finish_non_exhaustive()
    }
}

impl Store {
    /// Begins a transaction that writes. On SQLite it is the only one until it ends.
    pub async fn begin(&self) -> Result<Tx> {
        self.begin_as(Urgency::Ordinary).await
    }

    /// Like [`Store::begin`], ahead of those who wait there; for what must be answered at once and is done in a moment.
    pub(crate) async fn begin_urgent(&self) -> Result<Tx> {
        self.begin_as(Urgency::Urgent).await
    }

    async fn begin_as(&self, urgency: Urgency) -> Result<Tx> {
        let connection = match &self.inner.pools {
            Pools::Sqlite { writer, .. } => Connection::Writer(writer.begin(urgency).await?),
            Pools::Postgres(lines) => Connection::Postgres(Session::begin(lines.of(urgency)).await?),
        };
        self.inner.alive().await;
        Ok(Tx::new(connection, &self.inner))
    }

    /// For reading only, beside whoever writes: each statement sees what is committed when it begins.
    pub async fn read(&self) -> Result<Tx> {
        self.read_as(Urgency::Ordinary).await
    }

    /// The same for what must be answered at once: it does not wait for those who work.
    pub async fn read_urgent(&self) -> Result<Tx> {
        self.read_as(Urgency::Urgent).await
    }

    async fn read_as(&self, urgency: Urgency) -> Result<Tx> {
        let connection = match &self.inner.pools {
            Pools::Sqlite { readers, .. } => Connection::Reader(readers.acquire().await?),
            Pools::Postgres(lines) => Connection::Postgres(Session::new(lines.of(urgency)).await?),
        };
        self.inner.alive().await;
        Ok(Tx::new(connection, &self.inner))
    }
}

/// The connections of a store.
pub(crate) enum Pools {
    Sqlite { writer: Arc<Writer>, readers: sqlx::SqlitePool },
    Postgres(Lines),
}

/// The connections to PostgreSQL. What is urgent has some of its own: it would wait behind everybody who works.
pub(crate) struct Lines {
    pub(crate) ordinary: sqlx::PgPool,
    pub(crate) urgent: sqlx::PgPool,
}

impl Lines {
    fn of(&self, urgency: Urgency) -> &sqlx::PgPool {
        match urgency {
            Urgency::Ordinary => &self.ordinary,
            Urgency::Urgent => &self.urgent,
        }
    }
}

impl Tx {
    fn new(connection: Connection, inner: &Arc<Inner>) -> Self {
        Self {
            connection,
            inner: Arc::clone(inner),
            wakes: Wakes::default(),
            raised: Vec::new(),
            audited: Vec::new(),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.connection {
            Connection::Writer(_) | Connection::Reader(_) => Dialect::Sqlite,
            Connection::Postgres(_) => Dialect::Postgres,
        }
    }

    fn statement(&self, sql: &'static str) -> sqlx::SqlStr {
        match self.dialect().text(sql) {
            Cow::Borrowed(text) => text.into_sql_str(),
            Cow::Owned(text) => AssertSqlSafe(text).into_sql_str(),
        }
    }

    /// Runs a statement and says how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: &'static str, values: Vec<Value>) -> Result<u64> {
        let sql = self.statement(sql);
        let result = match &mut self.connection {
            Connection::Writer(turn) => sqlx::query_with(sql, sqlite_arguments(values))
                .execute(turn.connection()?)
                .await
                .map(|done| done.rows_affected()),
            Connection::Reader(connection) => sqlx::query_with(sql, sqlite_arguments(values))
                .execute(&mut **connection)
                .await
                .map(|done| done.rows_affected()),
            Connection::Postgres(session) => {
                let query = sqlx::query_with(sql, postgres_arguments(values));
                session
                    .run(async |connection| query.execute(connection).await)
                    .await
                    .map(|done| done.rows_affected())
            }
        };
        result.map_err(|error| self.heed(error))
    }

    pub(crate) async fn all(&mut self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>> {
        let sql = self.statement(sql);
        let result = match &mut self.connection {
            Connection::Writer(turn) => sqlx::query_with(sql, sqlite_arguments(values))
                .fetch_all(turn.connection()?)
                .await
                .map(|rows| rows.into_iter().map(Row::Sqlite).collect()),
            Connection::Reader(connection) => sqlx::query_with(sql, sqlite_arguments(values))
                .fetch_all(&mut **connection)
                .await
                .map(|rows| rows.into_iter().map(Row::Sqlite).collect()),
            Connection::Postgres(session) => {
                let query = sqlx::query_with(sql, postgres_arguments(values));
                let rows = session.run(async |connection| query.fetch_all(connection).await).await;
                rows.map(|rows| rows.into_iter().map(Row::Postgres).collect())
            }
        };
        result.map_err(|error| self.heed(error))
    }

    /// What a failed statement means for whoever ran it, and for the transactions that share its commit.
    fn heed(&mut self, error: sqlx::Error) -> StoreError {
        if let Connection::Writer(turn) = &mut self.connection {
            turn.heed(&error);
        }
        StoreError::or_contended(error)
    }

    pub(crate) async fn optional(&mut self, sql: &'static str, values: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.all(sql, values).await?.into_iter().next())
    }

    pub(crate) async fn one(&mut self, sql: &'static str, values: Vec<Value>) -> Result<Row> {
        self.optional(sql, values).await?.ok_or(StoreError::Database(sqlx::Error::RowNotFound))
    }

    /// Runs a script of several statements without values.
    pub(crate) async fn script(&mut self, sql: String) -> Result<()> {
        let sql = AssertSqlSafe(sql).into_sql_str();
        let result = match &mut self.connection {
            Connection::Writer(turn) => sqlx::raw_sql(sql).execute(turn.connection()?).await.map(drop),
            Connection::Reader(connection) => sqlx::raw_sql(sql).execute(&mut **connection).await.map(drop),
            Connection::Postgres(session) => {
                session.run(async |connection| sqlx::raw_sql(sql).execute(connection).await.map(drop)).await
            }
        };
        result.map_err(|error| self.heed(error))
    }

    /// The time that this transaction writes.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// An id that sorts by the time it was made (UUID version 7).
    #[must_use]
    pub fn new_id(&self) -> uuid::Uuid {
        crate::open::new_id(self.now())
    }

    /// Waits until no other transaction has locked this name, and locks it until this one ends: a row of its own, which
    /// every database of PostgreSQL's kind can lock. SQLite has one writer, so there is nobody to wait for.
    pub(crate) async fn lock_name(&mut self, name: &str) -> Result<()> {
        if self.dialect() == Dialect::Postgres {
            let lock = "SELECT name FROM name_lock WHERE name = $1 {for update}";
            if self.optional(lock, args![name]).await?.is_none() {
                let make = "INSERT INTO name_lock (name) VALUES ($1) ON CONFLICT DO NOTHING";
                self.execute(make, args![name]).await?;
                self.one(lock, args![name]).await?;
            }
        }
        Ok(())
    }

    /// Wakes the workers of `queue` once this transaction has committed.
    pub fn wake(&mut self, queue: Queue) {
        self.wakes.add(queue);
    }

    /// Leaves no trace of it. When this returns, whatever it saw of others can be read by everybody: to be called where it
    /// ends because others were faster, before it all begins anew.
    pub async fn give_up(self) {
        if let Connection::Writer(turn) = self.connection {
            turn.give_up().await;
        }
    }

    /// Makes everything durable, then wakes whoever has work because of it.
    ///
    /// # Errors
    /// After an error nothing of the transaction remains, with one exception that callers must survive
    /// anyway: a connection that broke during the commit leaves the outcome unknown.
    pub async fn commit(mut self) -> Result<()> {
        self.write_audited().await?;
        self.write_raised().await?;
        self.inner.before_commit().await;
        if let Connection::Postgres(session) = &mut self.connection
            && !self.inner.signals.tells_others()
        {
            for queue in self.wakes.iter() {
                session.run(async |connection| tell(connection, queue).await).await?;
            }
        }
        match self.connection {
            Connection::Writer(turn) => turn.commit().await?,
            Connection::Reader(_) => {}
            Connection::Postgres(session) => session.commit().await.map_err(StoreError::or_contended)?,
        }
        self.inner.after_commit().await;
        self.inner.signals.committed(self.wakes);
        Ok(())
    }
}

/// Tells the other instances that there may be work.
pub(crate) async fn tell(connection: &mut PgConnection, queue: Queue) -> Result<(), sqlx::Error> {
    // Another Kadi may live in another schema of the same database.
    let tell = sqlx::query("SELECT pg_notify(left('kadi.' || current_schema(), 63), $1)");
    tell.bind(queue.as_str()).execute(connection).await.map(drop)
}

fn sqlite_arguments(values: Vec<Value>) -> SqliteArguments {
    use sqlx::Arguments as _;
    let mut arguments = SqliteArguments::default();
    for value in values {
        // Encoding these three types cannot fail.
        let _ = match value {
            Value::Text(value) => arguments.add(value),
            Value::Int(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
        };
    }
    arguments
}

fn postgres_arguments(values: Vec<Value>) -> PgArguments {
    use sqlx::Arguments as _;
    let mut arguments = PgArguments::default();
    for value in values {
        // Encoding these three types cannot fail.
        let _ = match value {
            Value::Text(value) => arguments.add(value),
            Value::Int(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
        };
    }
    arguments
}
