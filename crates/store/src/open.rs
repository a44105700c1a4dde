//! Opening a store: connections, schema, keys.

use std::str::FromStr as _;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use abdm::clock::SharedClock;
use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use uuid::{ContextV7, Uuid};

use crate::database::{Lines, Pools, args, tell};
use crate::error::{Result, StoreError};
use crate::master::Master;
use crate::objects::Objects;
use crate::seal::{Keyring, random_key};
use crate::session::Session;
use crate::wake::{Queue, Signals};
use crate::writer::Writer;

/// How many connections of a process read beside the one that writes (SQLite), or work in all (PostgreSQL).
const CONNECTIONS: u32 = 16;
/// How many more there are on PostgreSQL for what is urgent: one writes callbacks, the others look up whose they are.
const URGENT: u32 = 4;
/// How long a connection is waited for before the store says that it is overloaded.
const ACQUIRE: Duration = Duration::from_secs(30);

/// Settings of a connection to PostgreSQL. An instance whose network was cut cannot end its transaction; the server
/// must, or the rows it locked would stay locked for hours. What is not locked is read as it is committed: a server whose
/// default is stricter would undo transactions that do each other no harm.
const SESSION: [(&str, &str); 6] = [
    ("default_transaction_isolation", "read committed"),
    ("synchronous_commit", "on"),
    ("idle_in_transaction_session_timeout", "60s"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "4"),
];

/// What a store is opened with.
#[derive(Clone)]
pub struct Options {
    /// `sqlite:///path/to/file` (made if missing) or `postgres://...`.
    pub url: String,
    /// Wraps the data keys; see [`crate::master_key`].
    pub master_key: Master,
    /// How long a worker keeps a row that it does not finish or renew.
    pub lease: Duration,
    /// Whether another process may be working on the same SQLite file: a command beside a running bridge. What that one
    /// holds is left to it then.
    pub beside: bool,
    /// Where large documents lie; none: in the database, like the others.
    pub objects: Option<Objects>,
    /// Tells the time.
    pub clock: SharedClock,
    /// Stops the store at a chosen commit.
    #[cfg(any(test, feature = "testing"))]
    pub kill_switch: Option<Arc<crate::fault::KillSwitch>>,
}

impl Options {
    /// Options with the usual lease of 15 seconds.
    #[must_use]
    pub fn new(url: impl Into<String>, master_key: impl Into<Master>, clock: SharedClock) -> Self {
        Self {
            url: url.into(),
            master_key: master_key.into(),
            lease: Duration::from_secs(15),
            beside: false,
            objects: None,
            clock,
            #[cfg(any(test, feature = "testing"))]
            kill_switch: None,
        }
    }
}

/// An open store. Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("instance", &self.inner.instance).finish_non_exhaustive()
    }
}

pub(crate) struct Inner {
    pub(crate) pools: Pools,
    pub(crate) clock: SharedClock,
    pub(crate) lease: Duration,
    /// Who this process is, in leases.
    pub(crate) instance: String,
    pub(crate) signals: Signals,
    pub(crate) objects: Option<Objects>,
    keys: OnceLock<Keyring>,
    #[cfg(any(test, feature = "testing"))]
    kill_switch: Option<Arc<crate::fault::KillSwitch>>,
}

impl Inner {
    pub(crate) fn keys(&self) -> Result<&Keyring> {
        self.keys.get().ok_or_else(|| StoreError::corrupt("data key", "the store is not open yet"))
    }

    #[cfg(any(test, feature = "testing"))]
    pub(crate) async fn alive(&self) {
        if let Some(switch) = &self.kill_switch {
            switch.alive().await;
        }
    }

    #[cfg(any(test, feature = "testing"))]
    pub(crate) async fn before_commit(&self) {
        if let Some(switch) = &self.kill_switch {
            switch.on_before_commit().await;
        }
    }

    #[cfg(any(test, feature = "testing"))]
    pub(crate) async fn after_commit(&self) {
        if let Some(switch) = &self.kill_switch {
            switch.on_after_commit().await;
        }
    }

    #[cfg(not(any(test, feature = "testing")))]
    #[expect(clippy::unused_async, reason = "waits only in tests")]
    pub(crate) async fn alive(&self) {}

    #[cfg(not(any(test, feature = "testing")))]
    #[expect(clippy::unused_async, reason = "waits only in tests")]
    pub(crate) async fn before_commit(&self) {}

    #[cfg(not(any(test, feature = "testing")))]
    #[expect(clippy::unused_async, reason = "waits only in tests")]
    pub(crate) async fn after_commit(&self) {}
}

impl Store {
    /// Connects, migrates the schema, unwraps or makes the data keys.
    ///
    /// # Errors
    /// If the database cannot be reached or is newer than this program, or the master key is not the one that
    /// wrapped its keys.
    pub async fn open(options: Options) -> Result<Self> {
        let pools = connect(&options.url).await?;
        let store = Self {
            inner: Arc::new(Inner {
                pools,
                clock: options.clock,
                lease: options.lease,
                instance: Uuid::new_v4().simple().to_string(),
                signals: Signals::default(),
                objects: options.objects,
                keys: OnceLock::new(),
                #[cfg(any(test, feature = "testing"))]
                kill_switch: None,
            }),
        };
        store.migrate().await?;
        let keys = store.load_keys(&options.master_key).await?;
        let _ = store.inner.keys.set(keys);
        if !options.beside {
            store.take_over_if_alone().await?;
        }
        #[cfg(any(test, feature = "testing"))]
        let store = store.with_kill_switch(options.kill_switch);
        Ok(store)
    }

    #[cfg(any(test, feature = "testing"))]
    fn with_kill_switch(mut self, switch: Option<Arc<crate::fault::KillSwitch>>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.kill_switch = switch;
        }
        self
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.read().await?.one("SELECT version FROM schema_version WHERE id = 1", args![]).await.map(drop)
    }

    /// An id that sorts by the time it was made (UUID version 7).
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        new_id(self.inner.clock.now())
    }

    /// Ends when there may be new work in `queue`.
    pub async fn woken(&self, queue: Queue) {
        self.inner.signals.of(queue).notified().await;
    }

    /// Wakes the workers of `queue` in this process.
    pub fn wake(&self, queue: Queue) {
        self.inner.signals.wake(queue);
    }

    /// Listens to the other instances' wake-ups, and tells them ours, for as long as it is polled; never ends on SQLite,
    /// which has no other instances. An error means that the connection is gone: call again.
    pub async fn listen(&self) -> Result<()> {
        let Pools::Postgres(Lines { ordinary: pool, .. }) = &self.inner.pools else {
            return std::future::pending().await;
        };
        let mut listener = sqlx::postgres::PgListener::connect_with(pool).await?;
        // Another Kadi may live in another schema of the same database.
        let channel: String = sqlx::query_scalar("SELECT left('kadi.' || current_schema(), 63)")
            .fetch_one(&mut listener)
            .await?;
        listener.listen(&channel).await?;
        let told = Told::new(&self.inner);
        let hear = async {
            loop {
                let told = listener.recv().await?;
                if let Some(queue) = Queue::ALL.into_iter().find(|queue| queue.as_str() == told.payload()) {
                    self.wake(queue);
                }
            }
        };
        tokio::select! {
            heard = hear => heard,
            told = told.tell(pool) => told,
        }
    }

    /// Ends every connection.
    pub async fn close(&self) {
        match &self.inner.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(lines) => {
                lines.ordinary.close().await;
                lines.urgent.close().await;
            }
        }
    }

    async fn load_keys(&self, master: &Master) -> Result<Keyring> {
        let mut wrapped = self.wrapped_keys().await?;
        if !["index", "data"].iter().all(|purpose| wrapped.iter().any(|key| key.purpose == *purpose)) {
            self.make_keys(master).await?;
            wrapped = self.wrapped_keys().await?;
        }
        let mut index = None;
        let mut keys = Vec::new();
        for one in wrapped {
            let key = one.open(master).await?;
            if one.purpose == "index" {
                index = Some(key);
            } else {
                keys.push((
                    u32::try_from(one.id).map_err(|error| StoreError::corrupt("data key", error))?,
                    key,
                ));
            }
        }
        let index = index.ok_or_else(|| StoreError::corrupt("data key", "the index key is missing"))?;
        let current = keys.iter().map(|(id, _)| *id).max().unwrap_or_default();
        Keyring::new(&keys, current, &index)
    }

    /// Makes the first keys, unless another instance was faster.
    async fn make_keys(&self, master: &Master) -> Result<()> {
        // A service that wraps may take its time: it is asked before the transaction.
        let (index, data) = (master.wrap(&random_key()?).await?, master.wrap(&random_key()?).await?);
        let insert = "INSERT INTO data_key (id, purpose, wrapped, created_at) VALUES ($1, $2, $3, $4) \
                      ON CONFLICT DO NOTHING";
        let mut tx = self.begin().await?;
        let now = tx.now();
        tx.execute(insert, args![0, "index", index, now]).await?;
        tx.execute(insert, args![1, "data", data, now]).await?;
        tx.commit().await
    }

    /// On SQLite no other instance can hold a lease: what the last process held is free at once.
    async fn take_over_if_alone(&self) -> Result<()> {
        if matches!(self.inner.pools, Pools::Postgres(_)) {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        tx.execute(
            "UPDATE inbox SET owner = NULL, lease_until = NULL, fence = fence + 1 WHERE owner IS NOT NULL",
            args![],
        )
        .await?;
        tx.execute(
            "UPDATE outbox SET owner = NULL, lease_until = NULL, fence = fence + 1 WHERE owner IS NOT NULL",
            args![],
        )
        .await?;
        tx.commit().await
    }
}

/// Tells the other instances of work, for as long as it lives.
struct Told<'a>(&'a Inner);

impl<'a> Told<'a> {
    fn new(inner: &'a Inner) -> Self {
        inner.signals.set_told(true);
        Self(inner)
    }

    /// What comes while one round is on its way goes into the next.
    async fn tell(&self, pool: &sqlx::PgPool) -> Result<()> {
        loop {
            let wakes = self.0.signals.untold().await;
            let mut session = Session::new(pool).await?;
            for queue in wakes.iter() {
                session.run(async |connection| tell(connection, queue).await).await?;
            }
        }
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.signals.set_told(false);
    }
}

/// Counts within a millisecond, for the whole process: what is made later sorts later, even if the clock stands
/// still or is set back.
static IDS: Mutex<ContextV7> = Mutex::new(ContextV7::new());

/// A UUID version 7 of this time.
pub(crate) fn new_id(now: Timestamp) -> Uuid {
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(&IDS, seconds, nanoseconds))
}

async fn connect(url: &str) -> Result<Pools> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let options = PgConnectOptions::from_str(url).map_err(|error| StoreError::Url(error.to_string()))?;
        let options = options.application_name("kadi").options(SESSION);
        let pool = |connections| PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE);
        let ordinary = pool(CONNECTIONS).connect_with(options.clone()).await?;
        return Ok(Pools::Postgres(Lines { ordinary, urgent: pool(URGENT).connect_lazy_with(options) }));
    }
    let Some(path) = url.strip_prefix("sqlite://") else {
        return Err(StoreError::Url("it is neither sqlite:///path nor postgres://".to_owned()));
    };
    if let Some(folder) = std::path::Path::new(path).parent() {
        std::fs::create_dir_all(folder).map_err(|error| StoreError::Url(format!("{path}: {error}")))?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(ACQUIRE)
        .foreign_keys(true);
    let writer = Writer::open(&options, ACQUIRE).await?;
    let readers = SqlitePoolOptions::new().max_connections(CONNECTIONS / 4).acquire_timeout(ACQUIRE);
    // A connection to a file does not break while nobody looks.
    let readers = readers.test_before_acquire(false);
    Ok(Pools::Sqlite { writer, readers: readers.connect_with(options).await? })
}
