//! A connection to PostgreSQL while a transaction works on it.
//!
//! A statement that a cut network has swallowed would hold its caller for as long as the system's TCP waits: a quarter
//! of an hour. Here it is given up after [`PATIENCE`] and its connection thrown away, so that the next one finds a
//! server that can be reached, or says that there is none.

use std::future::Future;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};

/// How long a statement may take: as long as the server lets a transaction idle. What takes longer is done in steps.
const PATIENCE: Duration = Duration::from_mins(1);

/// A connection in use. Dropped within a transaction, it leaves no trace of it.
pub(crate) struct Session {
    /// None once it was given up.
    connection: Option<PoolConnection<Postgres>>,
    in_transaction: bool,
}

impl Session {
    /// A connection that runs each statement by itself: for reading.
    pub(crate) async fn new(pool: &PgPool) -> Result<Self, sqlx::Error> {
        Ok(Self { connection: Some(pool.acquire().await?), in_transaction: false })
    }

    /// A connection with a transaction begun.
    pub(crate) async fn begin(pool: &PgPool) -> Result<Self, sqlx::Error> {
        let mut session = Self::new(pool).await?;
        session.in_transaction = true;
        session.command("BEGIN").await?;
        Ok(session)
    }

    /// Ends the transaction and makes it durable.
    pub(crate) async fn commit(mut self) -> Result<(), sqlx::Error> {
        if self.in_transaction {
            self.command("COMMIT").await?;
            self.in_transaction = false;
        }
        Ok(())
    }

    /// Runs `work` on the connection, for as long as a statement may take.
    pub(crate) async fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        // By the machine's clock, as the pool does.
        match tokio::time::timeout(PATIENCE, work(connection)).await {
            Ok(result) => result,
            Err(_) => {
                self.connection.take().map(PoolConnection::detach);
                Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))
            }
        }
    }

    async fn command(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        self.run(async |connection| sqlx::raw_sql(sql).execute(connection).await.map(drop)).await
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take().filter(|_| self.in_transaction) else { return };
        let mut session = Self { connection: Some(connection), in_transaction: false };
        in_background(async move {
            if session.command("ROLLBACK").await.is_err() {
                session.connection.take().map(PoolConnection::detach);
            }
        });
    }
}

/// Runs what a `drop` cannot wait for. Without a runtime the process is ending, and what is not committed with it.
pub(crate) fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(work);
    }
}
