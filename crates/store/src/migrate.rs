//! Migrations: numbered scripts that run at start, each in a transaction, each once, whichever instance is
//! first. A script is one text for both databases.
//!
//! A migration must leave the previous version of the program able to work: add, never rename or drop in the
//! same release. A program that finds more than it knows works on, unless the database needs one that knows more: during a
//! rolling upgrade an older instance may be started again, and an upgrade may be taken back.

use crate::Store;
use crate::database::args;
use crate::error::{Result, StoreError};

/// All migrations in order; the place in the list is the schema's version, counted from 1.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_base.sql"),
    include_str!("../migrations/0002_session.sql"),
    include_str!("../migrations/0003_terminology.sql"),
    include_str!("../migrations/0004_audit.sql"),
    include_str!("../migrations/0005_webhook.sql"),
    include_str!("../migrations/0006_share.sql"),
    include_str!("../migrations/0007_backfill.sql"),
    include_str!("../migrations/0008_user_link.sql"),
    include_str!("../migrations/0009_purge.sql"),
    include_str!("../migrations/0010_object.sql"),
    include_str!("../migrations/0011_master_key.sql"),
    include_str!("../migrations/0012_consent.sql"),
    include_str!("../migrations/0013_md5.sql"),
    include_str!("../migrations/0014_needed.sql"),
];

/// How often the first table is tried. Who comes second finds it made.
const CREATING_TRIES: u32 = 5;

impl Store {
    async fn make_schema_version(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        tx.execute(
            "CREATE TABLE IF NOT EXISTS schema_version (id BIGINT PRIMARY KEY, version BIGINT NOT NULL)",
            args![],
        )
        .await?;
        tx.execute("INSERT INTO schema_version (id, version) VALUES (1, 0) ON CONFLICT DO NOTHING", args![])
            .await?;
        tx.commit().await
    }

    /// Brings the schema up to this program's version.
    pub(crate) async fn migrate(&self) -> Result<()> {
        let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        let mut tries = 0;
        // PostgreSQL's IF NOT EXISTS does not wait for one who is just creating: it fails, and then it is there.
        while let Err(error) = self.make_schema_version().await {
            tries += 1;
            if tries == CREATING_TRIES {
                return Err(error);
            }
        }
        loop {
            let mut tx = self.begin().await?;
            // The row's lock is what keeps two instances from running the same script.
            let row = tx.one("SELECT version FROM schema_version WHERE id = 1 {for update}", args![]).await?;
            let found = row.int("version")?;
            if found > known {
                let row = tx.one("SELECT version FROM schema_version WHERE id = 2", args![]).await?;
                let needed = row.int("version")?;
                if needed > known {
                    return Err(StoreError::SchemaTooNew { needed, known });
                }
                tracing::warn!(
                    found,
                    known,
                    "the database was upgraded by a newer version; this one works on"
                );
                return Ok(());
            }
            let Some(script) = usize::try_from(found).ok().and_then(|found| MIGRATIONS.get(found)) else {
                return Ok(());
            };
            tx.script(tx.dialect().text(script).into_owned()).await?;
            tx.execute("UPDATE schema_version SET version = $1 WHERE id = 1", args![found + 1]).await?;
            tx.commit().await?;
        }
    }
}
