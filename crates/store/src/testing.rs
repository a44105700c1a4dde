//! Private databases for tests: every test runs on SQLite and on PostgreSQL.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot have its database must fail")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use abdm::clock::SharedClock;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::fault::KillSwitch;
use crate::{Options, Store};

/// Names the server on which tests make their databases; `./scripts/test` starts one and sets it.
pub const POSTGRES: &str = "KADI_TEST_POSTGRES_URL";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A database of a test's own. A file is gone with it; one on the test server goes with the server, because dropping
/// it takes longer than most tests.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    _folder: TempDir,
}

impl TestDatabase {
    /// An empty SQLite file.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { url: format!("sqlite://{}/kadi.db", folder.path().display()), _folder: folder }
    }

    /// An empty PostgreSQL database on the test server.
    pub async fn postgres() -> Self {
        let server = std::env::var(POSTGRES)
            .unwrap_or_else(|_| panic!("{POSTGRES} is not set: run the tests by ./scripts/test"));
        let name = format!("kadi_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
        let mut admin = PgConnection::connect(&server).await.expect("the test server");
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        admin.execute(create).await.expect("a new database");
        let (base, _) = server.rsplit_once('/').expect("a database in the URL");
        Self { url: format!("{base}/{name}"), _folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens it, with the same master key each time.
    pub async fn open(&self, clock: SharedClock) -> Store {
        self.open_with(clock, None).await
    }

    /// Opens it with a kill switch.
    pub async fn open_with(&self, clock: SharedClock, kill_switch: Option<Arc<KillSwitch>>) -> Store {
        let options =
            Options { kill_switch, ..Options::new(self.url.clone(), Zeroizing::new([7; 32]), clock) };
        Store::open(options).await.expect("the store opens")
    }
}

/// Makes two tests of an `async fn(TestDatabase)`: one on SQLite, one on PostgreSQL.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[$attribute:meta])* async fn $name:ident($database:ident: TestDatabase) $body:block)*) => {$(
        mod $name {
            use super::*;

            async fn body($database: $crate::testing::TestDatabase) $body

            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                body($crate::testing::TestDatabase::sqlite()).await;
            }

            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                body($crate::testing::TestDatabase::postgres().await).await;
            }
        }
    )*};
}
