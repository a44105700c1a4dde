//! API keys of the HMIS side, and the console's sessions that rest on them. Only hashes are kept: a key or a cookie is
//! 32 random bytes, so a plain SHA-256 of it gives nothing away.

use std::time::Duration;

use abdm::id::FacilityId;
use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;

use crate::database::{Row, Tx, args};
use crate::error::Result;
use crate::seal::random_key;

/// What a key begins with, so that one left in a file is found by those who search for secrets.
const PREFIX: &str = "kadi_";
/// How exactly it is noted when a key or session was last used. Noting each use would make every read a write.
const USE_NOTED_EVERY: Duration = Duration::from_mins(1);

/// An API key as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// What it is called; no secret.
    pub id: String,
    /// The facility that it opens; none: an administrator's, which opens all.
    pub facility: Option<FacilityId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<Timestamp>,
}

/// A session of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The key that it was begun with and that it can do as much as.
    pub key: ApiKey,
    /// When it was last used, to about a minute.
    pub seen_at: Timestamp,
}

impl Tx {
    /// Makes a key for a facility, or an administrator's. The second of the pair is the key itself, which is not
    /// kept.
    pub async fn create_key(&mut self, facility: Option<&FacilityId>) -> Result<(ApiKey, String)> {
        let now = self.now();
        let id = crate::open::new_id(now).simple().to_string();
        let token = format!("{PREFIX}{}", random_text()?);
        self.execute(
            "INSERT INTO api_key (id, hash, facility_id, created_at) VALUES ($1, $2, $3, $4)",
            args![&id, hash(&token), facility.map(FacilityId::as_str), now],
        )
        .await?;
        Ok((ApiKey { id, facility: facility.cloned(), created_at: now, last_used_at: None }, token))
    }

    /// The key that this text is, unless it was revoked.
    pub async fn key_by_token(&mut self, token: &str) -> Result<Option<ApiKey>> {
        let row = self
            .optional(
                "SELECT id, facility_id, created_at, last_used_at FROM api_key \
                 WHERE hash = $1 AND revoked_at IS NULL",
                args![hash(token)],
            )
            .await?;
        row.as_ref().map(read_key).transpose()
    }

    /// Every key that is not revoked, newest first.
    pub async fn keys(&mut self) -> Result<Vec<ApiKey>> {
        let rows = self
            .all(
                "SELECT id, facility_id, created_at, last_used_at FROM api_key \
                 WHERE revoked_at IS NULL ORDER BY id DESC",
                args![],
            )
            .await?;
        rows.iter().map(read_key).collect()
    }

    /// Revokes a key and ends its sessions. Says whether there was one to revoke.
    pub async fn revoke_key(&mut self, id: &str) -> Result<bool> {
        let now = self.now();
        let revoked = self
            .execute(
                "UPDATE api_key SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
                args![id, now],
            )
            .await?;
        self.execute("DELETE FROM session WHERE key_id = $1", args![id]).await?;
        Ok(revoked > 0)
    }

    /// Notes that a key was used now.
    pub async fn note_key_use(&mut self, id: &str) -> Result<()> {
        let now = self.now();
        self.execute("UPDATE api_key SET last_used_at = $2 WHERE id = $1", args![id, now]).await?;
        Ok(())
    }

    /// Begins a session that can do as much as the key; the text goes into the cookie and is not kept. Sessions idle
    /// since before `idle_since` are forgotten.
    pub async fn begin_session(&mut self, key: &str, idle_since: Timestamp) -> Result<String> {
        self.execute("DELETE FROM session WHERE seen_at < $1", args![idle_since]).await?;
        let cookie = random_text()?;
        let now = self.now();
        self.execute(
            "INSERT INTO session (hash, key_id, created_at, seen_at) VALUES ($1, $2, $3, $3)",
            args![hash(&cookie), key, now],
        )
        .await?;
        Ok(cookie)
    }

    /// The session of this cookie, if it was used since `idle_since` and its key is not revoked.
    pub async fn session(&mut self, cookie: &str, idle_since: Timestamp) -> Result<Option<Session>> {
        let row = self
            .optional(
                "SELECT k.id, k.facility_id, k.created_at, k.last_used_at, s.seen_at FROM session s \
                 JOIN api_key k ON k.id = s.key_id \
                 WHERE s.hash = $1 AND s.seen_at >= $2 AND k.revoked_at IS NULL",
                args![hash(cookie), idle_since],
            )
            .await?;
        row.map(|row| Ok(Session { key: read_key(&row)?, seen_at: row.time("seen_at")? })).transpose()
    }

    /// Notes that a session was used now.
    pub async fn note_session_use(&mut self, cookie: &str) -> Result<()> {
        let now = self.now();
        self.execute("UPDATE session SET seen_at = $2 WHERE hash = $1", args![hash(cookie), now]).await?;
        Ok(())
    }

    /// Ends a session.
    pub async fn end_session(&mut self, cookie: &str) -> Result<()> {
        self.execute("DELETE FROM session WHERE hash = $1", args![hash(cookie)]).await?;
        Ok(())
    }
}

impl ApiKey {
    /// Whether a use at `now` is worth noting.
    #[must_use]
    pub fn use_is_worth_noting(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|last| long_ago(last, now))
    }
}

impl Session {
    /// Whether a use at `now` is worth noting.
    #[must_use]
    pub fn use_is_worth_noting(&self, now: Timestamp) -> bool {
        long_ago(self.seen_at, now)
    }
}

fn long_ago(last: Timestamp, now: Timestamp) -> bool {
    Duration::try_from(now.duration_since(last)).is_ok_and(|passed| passed >= USE_NOTED_EVERY)
}

fn read_key(row: &Row) -> Result<ApiKey> {
    Ok(ApiKey {
        id: row.text("id")?,
        facility: row.opt_parse("facility_id")?,
        created_at: row.time("created_at")?,
        last_used_at: row.opt_time("last_used_at")?,
    })
}

fn hash(token: &str) -> String {
    hex::encode(digest(&SHA256, token.as_bytes()))
}

fn random_text() -> Result<String> {
    Ok(base64_simd::URL_SAFE_NO_PAD.encode_to_string(random_key()?.as_slice()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use abdm::clock::ManualClock;

    use super::*;
    use crate::on_both_databases;

    const EIGHT_HOURS: Duration = Duration::from_hours(8);

    fn clock() -> ManualClock {
        ManualClock::at("2026-01-15T04:30:00Z".parse().unwrap())
    }

    fn facility() -> FacilityId {
        "IN2810014366".parse().unwrap()
    }

    on_both_databases! {
        async fn a_key_opens_until_it_is_revoked(database: TestDatabase) {
            let store = database.open(Arc::new(clock())).await;
            let mut tx = store.begin().await.unwrap();
            let (key, token) = tx.create_key(Some(&facility())).await.unwrap();
            assert_eq!(tx.key_by_token(&token).await.unwrap(), Some(key.clone()));
            assert_eq!(tx.key_by_token(&format!("{token}x")).await.unwrap(), None);
            assert_eq!(tx.key_by_token("").await.unwrap(), None);
            assert!(tx.revoke_key(&key.id).await.unwrap());
            assert!(!tx.revoke_key(&key.id).await.unwrap(), "there is none any more");
            assert!(!tx.revoke_key("nobody's").await.unwrap());
            assert_eq!(tx.key_by_token(&token).await.unwrap(), None);
            assert!(tx.keys().await.unwrap().is_empty());
        }

        async fn keys_are_listed_newest_first_with_their_use(database: TestDatabase) {
            let clock = clock();
            let store = database.open(Arc::new(clock.clone())).await;
            let mut tx = store.begin().await.unwrap();
            let (first, _) = tx.create_key(None).await.unwrap();
            clock.advance(Duration::from_secs(61));
            let (second, _) = tx.create_key(Some(&facility())).await.unwrap();
            assert!(first.use_is_worth_noting(clock_now(&clock)));
            tx.note_key_use(&first.id).await.unwrap();
            let keys = tx.keys().await.unwrap();
            assert_eq!(keys.iter().map(|key| key.id.as_str()).collect::<Vec<_>>(), [&*second.id, &*first.id]);
            assert_eq!(keys[1].last_used_at, Some(clock_now(&clock)));
            assert_eq!((&keys[0].facility, &keys[1].facility), (&Some(facility()), &None));
            assert!(!keys[1].use_is_worth_noting(clock_now(&clock)));
        }

        async fn a_session_ends_when_idle_signed_out_or_its_key_is_revoked(database: TestDatabase) {
            let clock = clock();
            let store = database.open(Arc::new(clock.clone())).await;
            let mut tx = store.begin().await.unwrap();
            let idle_since = || clock_now(&clock).checked_sub(EIGHT_HOURS).unwrap();
            let (key, token) = tx.create_key(None).await.unwrap();
            let cookie = tx.begin_session(&key.id, idle_since()).await.unwrap();
            assert_eq!(tx.session(&cookie, idle_since()).await.unwrap().unwrap().key, key);
            assert_eq!(tx.session(&token, idle_since()).await.unwrap(), None, "a key is no cookie");
            clock.advance(EIGHT_HOURS);
            tx.note_session_use(&cookie).await.unwrap();
            clock.advance(EIGHT_HOURS);
            assert!(tx.session(&cookie, idle_since()).await.unwrap().is_some(), "was used in between");
            clock.advance(Duration::from_secs(1));
            assert_eq!(tx.session(&cookie, idle_since()).await.unwrap(), None);

            let signed_out = tx.begin_session(&key.id, idle_since()).await.unwrap();
            tx.end_session(&signed_out).await.unwrap();
            assert_eq!(tx.session(&signed_out, idle_since()).await.unwrap(), None);
            let revoked = tx.begin_session(&key.id, idle_since()).await.unwrap();
            tx.revoke_key(&key.id).await.unwrap();
            assert_eq!(tx.session(&revoked, idle_since()).await.unwrap(), None);
        }
    }

    fn clock_now(clock: &ManualClock) -> Timestamp {
        abdm::clock::Clock::now(clock)
    }
}
