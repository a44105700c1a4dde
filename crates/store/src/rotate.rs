//! A new master key while instances serve. They hold the data keys open and need nothing; what must never be is a
//! moment at which a new start finds neither the old nor the new master key good.
//!
//! 1. [`Store::add_master`]: each data key is wrapped by the next master key too, in one transaction. Both open now.
//! 2. The next one is put where instances look for theirs. Not the store's doing.
//! 3. [`Store::finish_master`]: the old wraps go, in one transaction. From now on the old master key opens nothing.
//!
//! Killed in between, both open, and every step can run again. [`Store::abandon_master`] goes back instead of on.

use crate::Store;
use crate::database::{Row, args};
use crate::error::{Result, StoreError};
use crate::master::{Master, wrong_master};
use crate::seal::Key;

/// A data key as it is kept.
pub(crate) struct WrappedKey {
    pub(crate) id: i64,
    pub(crate) purpose: String,
    pub(crate) wrapped: Vec<u8>,
    pub(crate) next: Option<Vec<u8>>,
    next_master: Option<String>,
}

/// Which of the wraps of the data keys a master key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opens {
    /// Those in use.
    pub present: bool,
    /// Those by the next master key.
    pub next: bool,
}

impl WrappedKey {
    /// The key, by whichever wrap this master key opens.
    pub(crate) async fn open(&self, master: &Master) -> Result<Key> {
        match (master.unwrap(&self.wrapped).await, &self.next) {
            (Err(StoreError::Unsealable { .. }), Some(next)) => master.unwrap(next).await,
            (opened, _) => opened,
        }
    }
}

impl Store {
    pub(crate) async fn wrapped_keys(&self) -> Result<Vec<WrappedKey>> {
        let mut tx = self.read().await?;
        let sql = "SELECT id, purpose, wrapped, wrapped_next, next_master FROM data_key ORDER BY id";
        let rows = tx.all(sql, args![]).await?;
        let read = |row: &Row| {
            Ok(WrappedKey {
                id: row.int("id")?,
                purpose: row.text("purpose")?,
                wrapped: row.bytes("wrapped")?,
                next: row.opt_bytes("wrapped_next")?,
                next_master: row.opt_text("next_master")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Where the next master key is, while the master key changes.
    pub async fn next_master(&self) -> Result<Option<String>> {
        Ok(self.wrapped_keys().await?.into_iter().find_map(|key| key.next_master))
    }

    /// What this master key opens.
    pub async fn opens(&self, master: &Master) -> Result<Opens> {
        let mut opens = Opens { present: true, next: true };
        for key in self.wrapped_keys().await? {
            opens.present &= opened(master.unwrap(&key.wrapped).await)?;
            opens.next &= match &key.next {
                Some(next) => opened(master.unwrap(next).await)?,
                None => false,
            };
        }
        Ok(opens)
    }

    /// Wraps each data key by `next` too, which is at this place.
    ///
    /// # Errors
    /// [`StoreError::Contended`] if another does the same, with another master key, at the same time.
    pub async fn add_master(&self, present: &Master, next: &Master, place: &str) -> Result<()> {
        let mut wraps = Vec::new();
        for key in self.wrapped_keys().await? {
            // Asked outside the transaction: a service may take its time.
            let wrapped = next.wrap(&key.open(present).await?).await?;
            wraps.push((key, wrapped));
        }
        let mut tx = self.begin().await?;
        for (key, wrapped) in wraps {
            let changed = tx
                .execute(
                    "UPDATE data_key SET wrapped_next = $2, next_master = $3 \
                     WHERE id = $1 AND wrapped = $4 AND (next_master IS NULL OR next_master = $3)",
                    args![key.id, wrapped, place, key.wrapped],
                )
                .await?;
            if changed != 1 {
                return Err(StoreError::Contended);
            }
        }
        tx.commit().await
    }

    /// Takes the old wraps away. Nothing happens if there is no next master key.
    ///
    /// # Errors
    /// [`StoreError::Unsealable`] if `next` does not open what would be left.
    pub async fn finish_master(&self, next: &Master) -> Result<()> {
        if self.next_master().await?.is_none() {
            return Ok(());
        }
        if !self.opens(next).await?.next {
            return Err(wrong_master());
        }
        let mut tx = self.begin().await?;
        tx.execute(
            "UPDATE data_key SET wrapped = wrapped_next, wrapped_next = NULL, next_master = NULL \
             WHERE wrapped_next IS NOT NULL",
            args![],
        )
        .await?;
        tx.commit().await
    }

    /// Takes the wraps by the next master key away.
    ///
    /// # Errors
    /// [`StoreError::Unsealable`] if `present` does not open what would be left.
    pub async fn abandon_master(&self, present: &Master) -> Result<()> {
        if !self.opens(present).await?.present {
            return Err(wrong_master());
        }
        let mut tx = self.begin().await?;
        tx.execute("UPDATE data_key SET wrapped_next = NULL, next_master = NULL", args![]).await?;
        tx.commit().await
    }

    /// Wraps each data key by the newest version of a service's key. The older versions open nothing of this database
    /// then.
    pub async fn rewrap(&self, master: &Master) -> Result<()> {
        let Master::Service(service) = master else { return Ok(()) };
        let mut wraps = Vec::new();
        for key in self.wrapped_keys().await? {
            let wrapped = service.rewrap(&key.wrapped).await?;
            wraps.push((key, wrapped));
        }
        let mut tx = self.begin().await?;
        for (key, wrapped) in wraps {
            let replace = "UPDATE data_key SET wrapped = $2 WHERE id = $1 AND wrapped = $3";
            if tx.execute(replace, args![key.id, wrapped, key.wrapped]).await? != 1 {
                return Err(StoreError::Contended);
            }
        }
        tx.commit().await
    }
}

/// Whether it was opened; that it could not be tried is an error.
fn opened(result: Result<Key>) -> Result<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(StoreError::Unsealable { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
