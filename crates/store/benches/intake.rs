//! Durable callbacks per second at 64 concurrent callers: grouped by one writer, and with one commit each. Both in
//! the same run, on SQLite and, if `KADI_TEST_POSTGRES_URL` names a server, on PostgreSQL.
//!
//! ```text
//! cargo bench -p store --bench intake
//! ```
//!
//! The disk decides: what a commit costs is a flush. `commits` says how many callbacks shared one.
#![expect(clippy::unwrap_used, reason = "a failed operation ends the run, and should")]
#![expect(clippy::print_stdout, reason = "the figures are the result")]

use std::sync::Arc;
use std::time::Duration;

use abdm::clock::{Clock as _, SystemClock};
use bytes::Bytes;
use futures_util::future::join_all;
use store::fault::KillSwitch;
use store::testing::{POSTGRES, TestDatabase};
use store::{Callback, Intake, Store, Stored};
use uuid::Uuid;

const CALLERS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() {
    println!("durable callbacks per second, {CALLERS} callers, {} s each", MEASURE.as_secs());
    compare("SQLite", TestDatabase::sqlite()).await;
    if std::env::var_os(POSTGRES).is_some() {
        compare("PostgreSQL", TestDatabase::postgres().await).await;
    } else {
        println!("PostgreSQL: {POSTGRES} is not set");
    }
}

async fn compare(name: &str, database: TestDatabase) {
    // Counts commits; it never fires.
    let commits = Arc::new(KillSwitch::default());
    let store = database.open_with(SystemClock::shared(), Some(Arc::clone(&commits))).await;
    let one_each = measure(&writers(&store, CALLERS), &commits).await;
    let grouped = measure(&writers(&store, 1), &commits).await;
    println!(
        "{name}: one commit each {one_each}; grouped {grouped}: {:.1} times",
        grouped.rate / one_each.rate
    );
    store.close().await;
}

/// Intakes with a writer each. A caller that has one of its own shares its commits with nobody.
fn writers(store: &Store, count: usize) -> Vec<Intake> {
    let start = |_| {
        let (intake, writer) = Intake::new(store.clone());
        tokio::spawn(writer.run());
        intake
    };
    (0..count).map(start).collect()
}

struct Figures {
    rate: f64,
    per_commit: f64,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0}/s ({:.1} a commit)", self.rate, self.per_commit)
    }
}

async fn measure(intakes: &[Intake], commits: &KillSwitch) -> Figures {
    call_for(WARM_UP, intakes).await;
    let (clock, before) = (SystemClock::default(), commits.commits());
    let callbacks = count(call_for(MEASURE, intakes).await);
    Figures {
        rate: callbacks / clock.elapsed().as_secs_f64(),
        per_commit: callbacks / count(commits.commits() - before),
    }
}

/// Lets every caller hand over one callback after the other, and says how many were stored.
async fn call_for(time: Duration, intakes: &[Intake]) -> u64 {
    let clock = SystemClock::default();
    let callers = intakes.iter().cycle().take(CALLERS).cloned().map(|intake| {
        tokio::spawn(async move {
            let mut stored = 0;
            while clock.elapsed() < time {
                assert_eq!(intake.store(callback()).await.unwrap(), Stored::New);
                stored += 1;
            }
            stored
        })
    });
    join_all(callers).await.into_iter().map(Result::unwrap).sum()
}

/// A callback of a usual size.
fn callback() -> Callback {
    let request_id = Uuid::new_v4().to_string();
    let care_context = r#"{"patientReference":"MR-2026/0042","careContextReference":"visit-1"}"#;
    let body = format!(r#"{{"requestId":"{request_id}","careContexts":[{}]}}"#, [care_context; 10].join(","));
    Callback {
        facility: "IN2810014366".parse().unwrap(),
        kind: "consent_notify",
        path: "/api/v3/consent/request/hip/notify",
        request_id,
        subject: None,
        body: Bytes::from(body),
        late_by: Duration::ZERO,
        reply_by: Some(SystemClock::default().now() + Duration::from_secs(30)),
        message: None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "no run stores 2^52 callbacks")]
fn count(number: u64) -> f64 {
    number as f64
}
