//! What is counted, for Prometheus. Labels hold operations, outcomes and codes: nothing of a patient, and no facility, so
//! that their number stays small.
//!
//! Counters and times are this process's since its start; what waits in the store is asked when it is read, and is the
//! same whichever instance is asked.

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use abdm::error::Failure;
use jiff::SignedDuration;
use metrics::{counter, describe_counter, describe_histogram, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use store::Backlog;

use crate::tls;

const CALLS: &str = "kadi_abdm_calls_total";
const CALL_SECONDS: &str = "kadi_abdm_call_duration_seconds";
const CALLBACKS: &str = "kadi_callbacks_total";
const CALLBACK_SECONDS: &str = "kadi_callback_work_duration_seconds";
const PAGES: &str = "kadi_transfer_pages_total";
const TRANSFERS: &str = "kadi_transfers_total";
const JUMPS: &str = "kadi_clock_jumps_total";
const TOO_MANY: &str = "kadi_requests_refused_total";

/// In seconds: a callback takes milliseconds, a call to ABDM up to its timeout.
const BUCKETS: [f64; 12] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to count. What happened before is not counted.
///
/// # Errors
/// If something else counts in this process.
pub fn start() -> Result<(), BuildError> {
    if HANDLE.get().is_some() {
        return Ok(());
    }
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(CALL_SECONDS.to_owned()), &BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(CALLBACK_SECONDS.to_owned()), &BUCKETS)?;
    let handle = builder.install_recorder()?;
    let _ = HANDLE.set(handle);
    describe_counter!(
        CALLS,
        "Calls to ABDM, by operation and outcome: accepted, ABDM's code, HTTP status or none"
    );
    describe_histogram!(CALL_SECONDS, "How long ABDM took to answer a call, by operation");
    describe_counter!(CALLBACKS, "Callbacks worked on, by path and outcome: done, again or dead");
    describe_histogram!(CALLBACK_SECONDS, "How long the work on a callback took, by path");
    describe_counter!(PAGES, "Pages of transfers, by outcome: delivered, again or given_up");
    describe_counter!(TOO_MANY, "Requests refused because of server.rate, by listener: public or private");
    describe_counter!(TRANSFERS, "Transfers that ended, by status");
    describe_counter!(JUMPS, "How often this machine's clock was put forward or back by seconds at once");
    Ok(())
}

/// A call was answered, or was not.
pub fn call(operation: &str, outcome: Result<(), &Failure>, took: Duration) {
    let word = match outcome {
        Ok(()) => "accepted".to_owned(),
        Err(failure) => match (&failure.code, failure.status) {
            (Some(code), _) => code.clone(),
            (None, Some(status)) => format!("HTTP {status}"),
            (None, None) => "no answer".to_owned(),
        },
    };
    counter!(CALLS, "operation" => operation.to_owned(), "outcome" => word).increment(1);
    histogram!(CALL_SECONDS, "operation" => operation.to_owned()).record(took.as_secs_f64());
}

/// A callback was worked on.
pub fn callback(path: &str, outcome: &'static str, took: Duration) {
    counter!(CALLBACKS, "callback" => path.to_owned(), "outcome" => outcome).increment(1);
    histogram!(CALLBACK_SECONDS, "callback" => path.to_owned()).record(took.as_secs_f64());
}

/// A page was pushed, or was not.
pub fn page(outcome: &'static str) {
    counter!(PAGES, "outcome" => outcome).increment(1);
}

/// A transfer ended.
pub fn transfer(status: &'static str) {
    counter!(TRANSFERS, "status" => status).increment(1);
}

/// A request came too soon after others of its source.
pub fn too_many(public: bool) {
    counter!(TOO_MANY, "listener" => if public { "public" } else { "private" }).increment(1);
}

/// The machine's clock was put forward or back.
pub fn clock_jumped() {
    counter!(JUMPS).increment(1);
}

/// Everything in Prometheus' text form, with what waits in the store, and how far the clock is ahead of ABDM's if ABDM
/// has said the time.
pub fn render(backlog: &Backlog, apart: Option<SignedDuration>) -> String {
    let mut text = HANDLE.get().map(PrometheusHandle::render).unwrap_or_default();
    if let Some(apart) = apart {
        let name = "kadi_clock_ahead_seconds";
        let help = "How far this machine's clock is ahead of ABDM's";
        gauge(&mut text, (name, help), apart.as_secs_f64());
    }
    let Backlog { inbox, inbox_age, outbox, outbox_age, dead, overdue, links } = *backlog;
    let gauges = [
        ("kadi_inbox_pending", "Callbacks that wait to be worked on", number(inbox)),
        ("kadi_inbox_oldest_seconds", "How long the oldest of them is due", inbox_age.as_secs_f64()),
        ("kadi_outbox_pending", "Calls and transfers that are due", number(outbox)),
        ("kadi_outbox_oldest_seconds", "How long the oldest of them is due", outbox_age.as_secs_f64()),
        ("kadi_dead_letters", "Callbacks that were given up; see the console", number(dead)),
        ("kadi_exchanges_overdue", "Exchanges that nobody has answered in time", number(overdue)),
        ("kadi_links_waiting", "Visits that wait to be linked", number(links)),
    ];
    text.push_str(&gauges_text(&gauges));
    text
}

/// The certificate of the public listener, in Prometheus' text form.
pub fn certificate(state: &tls::State) -> String {
    let left = SignedDuration::from_secs(state.seconds_left).as_secs_f64();
    gauges_text(&[
        (
            "kadi_tls_certificate_expires_seconds",
            "How long the TLS certificate is still good; below 0: expired",
            left,
        ),
        (
            "kadi_tls_files_unusable",
            "1 if the TLS files, as they are now, can't be used and the old certificate stays",
            if state.trouble.is_some() { 1.0 } else { 0.0 },
        ),
    ])
}

fn gauges_text(gauges: &[(&str, &str, f64)]) -> String {
    let mut text = String::new();
    for (name, help, value) in gauges {
        gauge(&mut text, (name, help), *value);
    }
    text
}

fn gauge(text: &mut String, (name, help): (&str, &str), value: f64) {
    // Writing to a string cannot fail.
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n\n");
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^52")]
fn number(count: u64) -> f64 {
    count as f64
}
