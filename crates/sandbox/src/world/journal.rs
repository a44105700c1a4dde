//! Every call received with its verdict, and every callback sent with its answer.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Which way an exchange went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// A call that the sandbox received.
    In,
    /// A callback that it sent.
    Out,
}

/// What became of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// The call was accepted, or the callback answered 2xx.
    Accepted,
    /// The call was refused, or the callback answered otherwise.
    Refused,
    /// The call was accepted and will never be answered, as ABDM does with a wrong HIP id.
    Silent,
    /// A fault of the plan hit it.
    Faulted,
    /// The callback could not be delivered.
    Unreachable,
}

/// One call or one delivery of a callback.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) at: Timestamp,
    pub(crate) direction: Direction,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) client_id: Option<String>,
    pub(crate) hip_id: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) verdict: Verdict,
    /// The rule that was broken, or the fault that struck.
    pub(crate) note: Option<String>,
    pub(crate) attempt: u32,
    /// How long a callback's receiver took to answer.
    pub(crate) took: Option<Duration>,
    pub(crate) body: String,
    pub(crate) answer: String,
}

/// One call or one delivery of a callback, as the journal shows it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Counted from 1 over the life of the sandbox.
    pub n: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Which way.
    pub direction: Direction,
    /// HTTP method.
    pub method: String,
    /// Path on the gateway, or on the bridge.
    pub path: String,
    /// Who called.
    pub client_id: Option<String>,
    /// The HIP or HIU it concerns.
    pub hip_id: Option<String>,
    /// `REQUEST-ID`.
    pub request_id: Option<String>,
    /// HTTP status of the answer.
    pub status: Option<u16>,
    /// What became of it.
    pub verdict: Verdict,
    /// The rule that was broken, or the fault that struck.
    pub note: Option<String>,
    /// Which delivery of a callback this was, from 1.
    pub attempt: u32,
    /// Microseconds that a callback's receiver took to answer.
    pub took_us: Option<u64>,
    /// What was sent: JSON, or text if it is none or was cut.
    pub body: Value,
    /// What was answered.
    pub answer: Value,
}

/// What a reader of the journal wants to see.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) after: u64,
    pub(crate) direction: Option<Direction>,
    pub(crate) path: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) limit: usize,
}

/// The last entries, and counts of all.
#[derive(Debug)]
pub(crate) struct Journal {
    entries: VecDeque<(u64, Record)>,
    last: u64,
    limit: usize,
    counts: BTreeMap<(String, String), u64>,
}

impl Journal {
    pub(crate) fn new(limit: usize) -> Self {
        Self { entries: VecDeque::new(), last: 0, limit, counts: BTreeMap::new() }
    }

    pub(crate) fn continue_after(&mut self, other: &Self) {
        self.last = other.last;
    }

    pub(crate) fn add(&mut self, record: Record) {
        self.last += 1;
        let way = if record.direction == Direction::In { "in " } else { "out " };
        let answer = record.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        *self.counts.entry((format!("{way}{}", shape(&record.path)), answer)).or_default() += 1;
        self.entries.push_back((self.last, record));
        while self.entries.len() > self.limit {
            self.entries.pop_front();
        }
    }

    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Counts by path and status.
    pub(crate) fn counts(&self) -> &BTreeMap<(String, String), u64> {
        &self.counts
    }

    /// Entries after `filter.after` that fit, oldest first.
    pub(crate) fn entries(&self, filter: &Filter) -> Vec<Entry> {
        let first = self.entries.front().map_or(0, |(n, _)| *n);
        let skip = usize::try_from((filter.after + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        self.entries
            .iter()
            .skip(skip)
            .filter(|(_, record)| filter.fits(record))
            .take(filter.limit)
            .map(|(n, record)| record.shown(*n))
            .collect()
    }

    /// The newest entries, newest first.
    pub(crate) fn newest(&self, count: usize) -> Vec<Entry> {
        self.entries.iter().rev().take(count).map(|(n, record)| record.shown(*n)).collect()
    }
}

/// A path without the ids that end it, so that counts do not grow with use.
fn shape(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.len() >= 32 { "{id}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

impl Filter {
    fn fits(&self, record: &Record) -> bool {
        self.direction.is_none_or(|direction| direction == record.direction)
            && self.path.as_deref().is_none_or(|path| record.path.ends_with(path))
            && self.verdict.is_none_or(|verdict| verdict == record.verdict)
            && self.request_id.as_deref().is_none_or(|id| {
                record.request_id.as_deref() == Some(id) || (!id.is_empty() && record.body.contains(id))
            })
    }
}

impl Record {
    fn shown(&self, n: u64) -> Entry {
        Entry {
            n,
            at: self.at,
            direction: self.direction,
            method: self.method.clone(),
            path: self.path.clone(),
            client_id: self.client_id.clone(),
            hip_id: self.hip_id.clone(),
            request_id: self.request_id.clone(),
            status: self.status,
            verdict: self.verdict,
            note: self.note.clone(),
            attempt: self.attempt,
            took_us: self.took.and_then(|took| took.as_micros().try_into().ok()),
            body: json_or_text(&self.body),
            answer: json_or_text(&self.answer),
        }
    }
}

fn json_or_text(text: &str) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}
