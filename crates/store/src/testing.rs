//! Private databases for tests: every test runs on SQLite and on PostgreSQL.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot have its database must fail")]

use std::sync::Arc;

use abdm::clock::SharedClock;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::fault::KillSwitch;
use crate::{Objects, Options, Store};

/// Names the server on which tests make their databases; `./scripts/test` starts one and sets it.
pub const POSTGRES: &str = "KADI_TEST_POSTGRES_URL";

/// A database of a test's own. A file is gone with it; what is on the test server goes with the server.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    folder: TempDir,
}

impl TestDatabase {
    /// An empty SQLite file.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { url: format!("sqlite://{}/kadi.db", folder.path().display()), folder }
    }

    /// An empty schema on the test server: to a store the same as an empty database, and made in no time.
    pub async fn postgres() -> Self {
        let server = std::env::var(POSTGRES)
            .unwrap_or_else(|_| panic!("{POSTGRES} is not set: run the tests by ./scripts/test"));
        let name = format!("kadi_{}", Uuid::new_v4().simple());
        let mut admin = PgConnection::connect(&server).await.expect("the test server");
        let create = AssertSqlSafe(format!("CREATE SCHEMA {name}"));
        admin.execute(create).await.expect("a new schema");
        let sign = if server.contains('?') { '&' } else { '?' };
        Self {
            url: format!("{server}{sign}options[search_path]={name}"),
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// Host and port of the test server that it is on.
    pub fn server(&self) -> String {
        let rest = self.url.split_once("://").map_or(&*self.url, |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        authority.rsplit('@').next().unwrap_or_default().to_owned()
    }

    /// The same database, reached at another address.
    #[must_use]
    pub fn by_way_of(mut self, address: std::net::SocketAddr) -> Self {
        self.url = self.url.replacen(&self.server(), &address.to_string(), 1);
        self
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The object store that belongs to it.
    pub fn objects(&self) -> Objects {
        let url = format!("file://{}/objects", self.folder.path().display());
        Objects::open(&url).expect("an object store")
    }

    /// Where it, if it is a file, and its object store are.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Opens it, with the same master key each time.
    pub async fn open(&self, clock: SharedClock) -> Store {
        self.open_with(clock, None).await
    }

    /// Opens it with a kill switch.
    pub async fn open_with(&self, clock: SharedClock, kill_switch: Option<Arc<KillSwitch>>) -> Store {
        let objects = Some(self.objects());
        let usual = Options::new(self.url.clone(), Zeroizing::new([7; 32]), clock);
        let options = Options { objects, kill_switch, ..usual };
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
