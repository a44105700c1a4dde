//! SQLite's one writer, shared by everybody who writes: transactions that come one after the other share a commit.
//!
//! SQLite lets one transaction write at a time, and a commit costs a flush of the disk: left to itself, a store would
//! do as many transactions a second as the disk does flushes. Here each transaction is a savepoint, and the
//! transaction of the file around it stays open as long as another one is waiting for its turn. Nobody is told that
//! his transaction is committed before the file's is. If that fails, nothing remains of any of them, and each is
//! told; none can have built on another that came to nothing. One that is taken back leaves the others be, and they
//! are committed there and then: it may have ended because of what it saw of them.
//!
//! ```text
//! BEGIN   SAVEPOINT a RELEASE   SAVEPOINT b RELEASE   SAVEPOINT c ROLLBACK TO   COMMIT -> a and b are told
//! ```
//! Each statement is an errand to the connection's own thread, which takes longer than the statement: the end of one
//! savepoint is left to whoever begins the next, in one errand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::error::{Result, StoreError, is_contention};
use crate::session::in_background;

/// No commit is shared by more transactions than this.
const MOST_PER_COMMIT: usize = 64;
/// SQLite's codes for failures that may have undone the whole transaction of the file, and not just a statement:
/// busy, out of memory, interrupted, input or output, corrupt, full.
const UNDOING: [u32; 6] = [5, 7, 9, 10, 11, 13];

/// Who goes first when several want to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// After whoever came before.
    Ordinary,
    /// Before all that is ordinary; its commit is shared by whoever came before and not put off for others.
    Urgent,
}

/// The writer.
pub(crate) struct Writer {
    desk: Arc<Mutex<Desk>>,
    /// Ordinary transactions wait here first, so that an urgent one finds at most one of them before it.
    ordinary: Mutex<()>,
    waiting: AtomicUsize,
    patience: Duration,
}

/// What the transaction whose turn it is holds.
#[derive(Default)]
struct Desk {
    connection: Option<SqliteConnection>,
    /// Whether the file's transaction is open.
    open: bool,
    /// Whether the last savepoint is still to be released.
    unreleased: bool,
    /// Those that are done and wait for the commit.
    done: Vec<oneshot::Sender<Outcome>>,
}

type Outcome = Result<(), Arc<sqlx::Error>>;

/// Connects, and tries again for as long as `patience` lasts. Of several who turn a new file to write-ahead logging at
/// once, SQLite lets one wait and refuses the others there and then, whatever the busy timeout: all waiting would be a
/// deadlock.
#[expect(clippy::disallowed_methods, reason = "another process is waited for: it is real time that passes")]
async fn connect(
    options: &SqliteConnectOptions,
    patience: Duration,
) -> Result<SqliteConnection, sqlx::Error> {
    let tried_again = async {
        loop {
            match options.connect().await {
                Err(error) if is_contention(&error) => tokio::time::sleep(Duration::from_millis(10)).await,
                connected => return connected,
            }
        }
    };
    // By the machine's clock, as the pools of connections do.
    tokio::time::timeout(patience, tried_again).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

impl Writer {
    /// Opens the connection that writes. Whoever waits longer than `patience` for his turn is refused.
    pub(crate) async fn open(options: &SqliteConnectOptions, patience: Duration) -> Result<Arc<Self>> {
        let connection = connect(options, patience).await?;
        let desk = Desk { connection: Some(connection), ..Desk::default() };
        let desk = Arc::new(Mutex::new(desk));
        let (ordinary, waiting) = (Mutex::new(()), AtomicUsize::new(0));
        Ok(Arc::new(Self { desk, ordinary, waiting, patience }))
    }

    /// Waits for its turn and begins a transaction.
    pub(crate) async fn begin(self: &Arc<Self>, urgency: Urgency) -> Result<Turn> {
        // By the machine's clock, as the pools of connections do.
        let desk = tokio::time::timeout(self.patience, self.queue(urgency)).await;
        let desk = desk.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let mut turn =
            Turn { writer: Arc::clone(self), desk: Some(desk), urgency, begun: false, undone: false };
        turn.begin().await?;
        Ok(turn)
    }

    async fn queue(self: &Arc<Self>, urgency: Urgency) -> OwnedMutexGuard<Desk> {
        let waiting = Waiting::new(self);
        let _before_ordinary = match urgency {
            Urgency::Ordinary => Some(self.ordinary.lock().await),
            Urgency::Urgent => None,
        };
        let desk = Arc::clone(&self.desk).lock_owned().await;
        waiting.served();
        desk
    }

    /// Ends the connection, when the transaction whose turn it is has ended.
    pub(crate) async fn close(&self) {
        if let Some(connection) = self.desk.lock().await.connection.take() {
            // What is in the log is read from there at the next opening.
            let _ = connection.close().await;
        }
    }

    /// What follows the end of a transaction: the next one, or the commit.
    async fn pass_on(&self, mut desk: OwnedMutexGuard<Desk>, urgency: Urgency) {
        let nobody_waits = self.waiting.load(Ordering::SeqCst) == 0;
        if nobody_waits || urgency == Urgency::Urgent || desk.done.len() >= MOST_PER_COMMIT {
            desk.commit().await;
        }
    }
}

impl Desk {
    fn connection(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        sqlx::query(sql).execute(self.connection()?).await.map(drop)
    }

    /// Sets a savepoint, in a transaction of the file that is begun if need be.
    async fn save(&mut self) -> Result<(), sqlx::Error> {
        if self.open {
            let save = if self.unreleased { "RELEASE turn; SAVEPOINT turn" } else { "SAVEPOINT turn" };
            match self.run(save).await {
                Ok(()) => {
                    self.unreleased = false;
                    return Ok(());
                }
                // The file's transaction is gone: those that are done are told so, and this one begins anew.
                Err(error) => self.undo(Some(error)).await,
            }
        }
        // Said first: whoever stops waiting here does not stop it.
        self.open = true;
        self.run("BEGIN IMMEDIATE; SAVEPOINT turn").await
    }

    /// Commits the file's transaction, savepoint and all, and tells everybody.
    async fn commit(&mut self) {
        if !self.open {
            return;
        }
        if self.done.is_empty() {
            return self.undo(None).await;
        }
        match self.run("COMMIT").await {
            Ok(()) => {
                (self.open, self.unreleased) = (false, false);
                // Who went away needs no answer.
                self.done.drain(..).for_each(|waiting| drop(waiting.send(Ok(()))));
            }
            Err(error) => self.undo(Some(error)).await,
        }
    }

    /// Gives the file's transaction up, and with it all that are done.
    async fn undo(&mut self, error: Option<sqlx::Error>) {
        // It may be gone already.
        let _ = self.run("ROLLBACK").await;
        (self.open, self.unreleased) = (false, false);
        let error = error.unwrap_or_else(|| {
            sqlx::Error::Io(std::io::Error::other("a statement failed so that all of the commit was undone"))
        });
        let error = Arc::new(error);
        self.done.drain(..).for_each(|waiting| drop(waiting.send(Err(Arc::clone(&error)))));
    }
}

/// One that waits for its turn. If it goes away instead, nobody may be left to commit for those that are done.
struct Waiting<'a>(Option<&'a Arc<Writer>>);

impl<'a> Waiting<'a> {
    fn new(writer: &'a Arc<Writer>) -> Self {
        writer.waiting.fetch_add(1, Ordering::SeqCst);
        Self(Some(writer))
    }

    fn served(mut self) {
        if let Some(writer) = self.0.take() {
            writer.waiting.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(writer) = self.0.take() else { return };
        writer.waiting.fetch_sub(1, Ordering::SeqCst);
        let writer = Arc::clone(writer);
        in_background(async move {
            let desk = Arc::clone(&writer.desk).lock_owned().await;
            writer.pass_on(desk, Urgency::Ordinary).await;
        });
    }
}

/// A transaction whose turn it is. Dropped without [`Turn::commit`], it leaves no trace.
pub(crate) struct Turn {
    writer: Arc<Writer>,
    desk: Option<OwnedMutexGuard<Desk>>,
    urgency: Urgency,
    /// Whether its savepoint may be set.
    begun: bool,
    /// Whether a failure may have undone the file's transaction.
    undone: bool,
}

impl Turn {
    async fn begin(&mut self) -> Result<()> {
        let Some(desk) = &mut self.desk else { return Err(sqlx::Error::PoolClosed.into()) };
        self.begun = true;
        desk.save().await.map_err(StoreError::or_contended)
    }

    /// The connection to work on.
    pub(crate) fn connection(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        match &mut self.desk {
            // A statement would now be a transaction by itself.
            Some(desk) if !self.undone => desk.connection(),
            _ => Err(sqlx::Error::PoolClosed),
        }
    }

    /// To be told of every failed statement: some undo more than themselves.
    pub(crate) fn heed(&mut self, error: &sqlx::Error) {
        self.undone |= match error {
            // The low byte is the code, the rest says more about it.
            sqlx::Error::Database(error) => error
                .code()
                .and_then(|code| code.parse::<u32>().ok())
                .is_none_or(|code| UNDOING.contains(&(code & 0xff))),
            sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => true,
            _ => false,
        };
    }

    /// Makes it durable, together with others. It cannot be broken off: who stops waiting does not stop it.
    pub(crate) async fn commit(self) -> Result<()> {
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(self.finish(sender));
        let outcome = receiver.await.unwrap_or_else(|_| Err(Arc::new(sqlx::Error::WorkerCrashed)));
        outcome.map_err(StoreError::shared)
    }

    /// Takes it back. When this returns, whatever it saw of others is durable, and seen by those who read too.
    pub(crate) async fn give_up(mut self) {
        let Some(desk) = self.desk.take() else { return };
        let (begun, undone) = (self.begun, self.undone);
        // It cannot be broken off either.
        let _ = tokio::spawn(take_back(desk, begun, undone)).await;
    }

    async fn finish(mut self, sender: oneshot::Sender<Outcome>) {
        let Some(mut desk) = self.desk.take() else { return };
        desk.done.push(sender);
        desk.unreleased = true;
        if self.undone {
            desk.undo(None).await;
        }
        self.writer.pass_on(desk, self.urgency).await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(desk) = self.desk.take() {
            in_background(take_back(desk, self.begun, self.undone));
        }
    }
}

/// Takes a transaction back and commits those before it: it may have ended because of what it saw of them, and whoever
/// begins it again reads what is committed.
async fn take_back(mut desk: OwnedMutexGuard<Desk>, begun: bool, undone: bool) {
    if begun && desk.open {
        let back = if undone { Err(sqlx::Error::PoolClosed) } else { desk.run("ROLLBACK TO turn").await };
        desk.unreleased = true;
        if let Err(error) = back {
            desk.undo(Some(error)).await;
        }
    }
    desk.commit().await;
}

#[cfg(test)]
mod tests;
