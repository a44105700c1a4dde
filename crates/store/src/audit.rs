//! The audit trail: who did what to what, for each facility a chain. A line's hash covers the line and the hash of the
//! one before it, so that none can be altered, added in between or taken away without every later hash being another.
//! Whoever notes the number and hash of the last line elsewhere can prove later that nothing before it was touched.
//!
//! Lines hold ids and words, nothing clinical and no names.

use std::sync::LazyLock;

use abdm::id::FacilityId;
use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;

use crate::database::{Row, Tx, Value, args};
use crate::error::Result;
use crate::rows::Insert;

/// How many lines are read at a time.
const STEP: u32 = 1000;

static LINES: LazyLock<Insert> = LazyLock::new(|| {
    Insert::new(
        "INSERT INTO audit (id, facility_id, at, actor, action, subject, seq, hash) VALUES",
        "({}, {}, {}, {}, {}, {}, {}, {})",
        "",
        0,
    )
});

/// A line of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// Its number in its facility's trail, from 1.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who: a key's id, a command, `ABDM`, or the bridge itself.
    pub actor: String,
    /// Did what.
    pub action: String,
    /// To what.
    pub subject: String,
    /// SHA-256 in hex, over the hash of the line before (64 zeros before the first) and this line's fields.
    pub hash: String,
}

/// The end of a trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// The number of the last line; 0: there is none.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

/// What is wrong with a trail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// A line is gone, or another was put in its place.
    #[error("line {expected} is missing; line {found} comes instead")]
    Gap {
        /// The number that is due.
        expected: u64,
        /// The number that is there.
        found: u64,
    },
    /// A line is not what was written.
    #[error("line {0} is not what was written, or a line before it is not")]
    Altered(u64),
    /// Lines at the end are gone, or the end was moved.
    #[error("the trail ends at line {found}, and should at line {expected}")]
    End {
        /// Where it should end.
        expected: u64,
        /// Where it does.
        found: u64,
    },
}

/// A line that waits for the end of its transaction.
pub(crate) struct Audited {
    pub facility: FacilityId,
    actor: String,
    action: String,
    subject: String,
}

/// Checks lines, one after the other.
#[derive(Debug)]
struct Chain {
    facility: String,
    head: AuditHead,
}

impl AuditHead {
    fn none() -> Self {
        Self { seq: 0, hash: hex::encode([0; 32]) }
    }
}

impl Chain {
    fn new(facility: &FacilityId) -> Self {
        Self { facility: facility.as_str().to_owned(), head: AuditHead::none() }
    }

    fn follow(&mut self, line: &AuditLine) -> Result<(), AuditFault> {
        let expected = self.head.seq + 1;
        if line.seq != expected {
            return Err(AuditFault::Gap { expected, found: line.seq });
        }
        if line.hash != hash(&self.facility, &self.head, line) {
            return Err(AuditFault::Altered(line.seq));
        }
        self.head = AuditHead { seq: line.seq, hash: line.hash.clone() };
        Ok(())
    }
}

/// The hash of a line: each field with its length before it, so that no two lines hash the same bytes.
fn hash(facility: &str, before: &AuditHead, line: &AuditLine) -> String {
    let mut digest = Context::new(&SHA256);
    let (seq, at) = (line.seq.to_string(), line.at.as_millisecond().to_string());
    for field in [&before.hash, facility, &seq, &at, &line.actor, &line.action, &line.subject] {
        digest.update(&(field.len() as u64).to_be_bytes());
        digest.update(field.as_bytes());
    }
    hex::encode(digest.finish())
}

impl Tx {
    /// Writes a line of the audit trail when the transaction commits: who did what to what.
    #[expect(clippy::unused_async, reason = "all that writes is awaited alike")]
    pub async fn audit(
        &mut self,
        facility: &FacilityId,
        actor: &str,
        action: &str,
        subject: &str,
    ) -> Result<()> {
        self.audited.push(Audited {
            facility: facility.clone(),
            actor: actor.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
        });
        Ok(())
    }

    /// Writes the lines as the last thing before the commit: the trail's end is locked from here on, briefly.
    pub(crate) async fn write_audited(&mut self) -> Result<()> {
        let mut audited = std::mem::take(&mut self.audited);
        audited.sort_by(|a, b| a.facility.cmp(&b.facility));
        for lines in audited.chunk_by(|a, b| a.facility == b.facility) {
            let Some(Audited { facility, .. }) = lines.first() else { continue };
            let mut head = self.lock_audit_head(facility).await?;
            let rows = lines.iter().map(|line| self.append(line, &mut head)).collect();
            self.insert_rows(&LINES, &[], rows).await?;
            self.execute(
                "UPDATE audit_head SET seq = $2, hash = $3 WHERE facility_id = $1",
                args![facility.as_str(), number(head.seq), &head.hash],
            )
            .await?;
        }
        Ok(())
    }

    /// Makes `new` the end of the trail; gives its row.
    fn append(&self, new: &Audited, head: &mut AuditHead) -> Vec<Value> {
        let now = self.now();
        let mut line = AuditLine {
            seq: head.seq + 1,
            at: now,
            actor: new.actor.clone(),
            action: new.action.clone(),
            subject: new.subject.clone(),
            hash: String::new(),
        };
        line.hash = hash(new.facility.as_str(), head, &line);
        let id = crate::open::new_id(now).to_string();
        *head = AuditHead { seq: line.seq, hash: line.hash.clone() };
        args![
            id,
            new.facility.as_str(),
            now,
            line.actor,
            line.action,
            line.subject,
            number(line.seq),
            line.hash
        ]
    }

    async fn lock_audit_head(&mut self, facility: &FacilityId) -> Result<AuditHead> {
        let sql = "SELECT seq, hash FROM audit_head WHERE facility_id = $1 {for update}";
        if let Some(row) = self.optional(sql, args![facility.as_str()]).await? {
            return read_head(&row);
        }
        self.execute(
            "INSERT INTO audit_head (facility_id, seq, hash) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING",
            args![facility.as_str(), AuditHead::none().hash],
        )
        .await?;
        read_head(&self.one(sql, args![facility.as_str()]).await?)
    }

    /// Where a facility's trail ends.
    pub async fn audit_head(&mut self, facility: &FacilityId) -> Result<AuditHead> {
        let sql = "SELECT seq, hash FROM audit_head WHERE facility_id = $1";
        let row = self.optional(sql, args![facility.as_str()]).await?;
        row.map_or_else(|| Ok(AuditHead::none()), |row| read_head(&row))
    }

    /// Up to `limit` lines of a facility's trail after the one with this number, in order.
    pub async fn audit_lines(
        &mut self,
        facility: &FacilityId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<AuditLine>> {
        let rows = self
            .all(
                "SELECT seq, at, actor, action, subject, hash FROM audit \
                 WHERE facility_id = $1 AND seq > $2 ORDER BY seq, id LIMIT $3",
                args![facility.as_str(), number(after), limit],
            )
            .await?;
        rows.iter().map(read_line).collect()
    }

    /// Follows a facility's trail from its first line to its end. Gives the end, or the first fault.
    pub async fn verify_audit(&mut self, facility: &FacilityId) -> Result<Result<AuditHead, AuditFault>> {
        // The end first: lines that are written meanwhile come after it.
        let end = self.audit_head(facility).await?;
        let mut chain = Chain::new(facility);
        while chain.head.seq < end.seq {
            let lines = self.audit_lines(facility, chain.head.seq, STEP).await?;
            if lines.is_empty() {
                break;
            }
            for line in lines.iter().filter(|line| line.seq <= end.seq) {
                if let Err(fault) = chain.follow(line) {
                    return Ok(Err(fault));
                }
            }
            if lines.last().is_some_and(|line| line.seq > end.seq) && chain.head.seq < end.seq {
                break;
            }
        }
        if chain.head != end {
            let found = chain.head.seq;
            return Ok(Err(AuditFault::End { expected: end.seq, found }));
        }
        Ok(Ok(end))
    }
}

fn read_head(row: &Row) -> Result<AuditHead> {
    Ok(AuditHead { seq: positive(row, "seq")?, hash: row.text("hash")? })
}

fn read_line(row: &Row) -> Result<AuditLine> {
    Ok(AuditLine {
        seq: positive(row, "seq")?,
        at: row.time("at")?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        subject: row.text("subject")?,
        hash: row.text("hash")?,
    })
}

fn positive(row: &Row, column: &'static str) -> Result<u64> {
    row.int(column)?.try_into().map_err(|error| crate::StoreError::corrupt(column, error))
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
