//! `kadi bench start`: how soon a bridge is ready on a store that is in use, and how much memory it holds idle.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use abdm::clock::{SharedClock, SystemClock};
use abdm::id::HiType;
use anyhow::{Context as _, ensure};
use clap::Args;
use domain::care_context::CareContext;
use domain::facility::Facility;
use domain::link::Link;
use domain::patient::Patient;
use domain::reference::CareContextRef;
use serde::Serialize;
use serde_json::Value;
use store::{NewRecord, Store, Tx};

use super::cast;
use super::serving::{self, Serving, Settings};
use crate::cli::demo::samples;
use crate::cli::{output, runtime};
use crate::config::Config;
use crate::records::{RecordInput, Surroundings};
use crate::start;

/// A bridge must be ready so soon.
const READY_WITHIN: Duration = Duration::from_millis(300);
/// An idle bridge may hold so much.
const RESIDENT: u64 = 40_000_000;
/// Visits of a patient.
const VISITS: u32 = 5;
/// How often readiness is asked for.
const LOOK: Duration = Duration::from_millis(2);
/// How long a bridge is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(5);
/// Patients stored in one transaction.
const BATCH: u32 = 100;

/// Measure how soon the bridge is ready on an existing SQLite store, and its memory when idle
///
/// The store holds five linked visits for each patient. Exit code 1 if a start took longer than 300 ms or an idle bridge
/// holds more than 40 MB.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kadi bench start --size 1000 --starts 10")]
pub struct StartArgs {
    /// How many patients the store holds
    #[arg(long, value_name = "PATIENTS", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    size: u32,
    /// How often to start
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    starts: u32,
}

#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    patients: u32,
    visits: u32,
    starts: u32,
    ready_ms_min: f64,
    ready_ms_median: f64,
    ready_ms_max: f64,
    idle_seconds: u64,
    idle_resident_mb: f64,
    failures: usize,
}

/// Runs the bench.
pub fn run(args: &StartArgs) -> anyhow::Result<ExitCode> {
    let StartArgs { size, starts } = *args;
    runtime()?.block_on(async {
        let clock = SystemClock::shared();
        let folder = tempfile::Builder::new().prefix("kadi-start-").tempdir()?;
        let store = format!("sqlite://{}/kadi.db", folder.path().display());
        // Nobody listens there: a bridge must start without ABDM.
        let settings = Settings { store: &store, lease: "15s", abdm: "http://127.0.0.1:9", more: "" };
        let config = serving::configure(folder.path(), settings)?;
        output::problem(format_args!("· {size} patients with {} visits are stored", size * VISITS));
        fill(&config, &clock, size).await?;
        let mut times = Vec::new();
        for number in 1..=starts {
            output::problem(format_args!("· start {number} of {starts}"));
            times.push(time_start(&config, &clock).await?.1);
        }
        let (serving, _) = time_start(&config, &clock).await?;
        clock.sleep(IDLE).await;
        let resident =
            serving.resident().context("this system does not say how much memory a process holds")?;
        drop(serving);
        report(&args_of(size, starts), times, resident)
    })
}

fn args_of(size: u32, starts: u32) -> StartArgs {
    StartArgs { size, starts }
}

fn report(args: &StartArgs, mut times: Vec<Duration>, resident: u64) -> anyhow::Result<ExitCode> {
    times.sort_unstable();
    let ms = |time: Option<&Duration>| time.map_or(0.0, Duration::as_secs_f64) * 1000.0;
    let (first, last) = (ms(times.first()), times.last().copied().unwrap_or_default());
    let too_slow = last > READY_WITHIN;
    let too_large = resident > RESIDENT;
    #[expect(clippy::cast_precision_loss, reason = "megabytes with a decimal")]
    let megabytes = resident as f64 / 1e6;
    let figures = Figures {
        bench: "start",
        patients: args.size,
        visits: args.size * VISITS,
        starts: args.starts,
        ready_ms_min: first,
        ready_ms_median: ms(times.get(times.len() / 2)),
        ready_ms_max: ms(times.last()),
        idle_seconds: IDLE.as_secs(),
        idle_resident_mb: megabytes,
        failures: usize::from(too_slow) + usize::from(too_large),
    };
    output::result(serde_json::to_string(&figures)?);
    output::problem(format_args!(
        "Ready after   {:.0} ms (of {} starts: {:.0} to {:.0} ms); at most {} ms allowed{}\nIdle memory   {megabytes:.1} MB after \
         {} s; at most {} MB allowed{}",
        figures.ready_ms_median,
        figures.starts,
        figures.ready_ms_min,
        figures.ready_ms_max,
        READY_WITHIN.as_millis(),
        if too_slow { ": TOO SLOW" } else { "" },
        IDLE.as_secs(),
        RESIDENT / 1_000_000,
        if too_large { ": TOO MUCH" } else { "" },
    ));
    Ok(if too_slow || too_large { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Starts a bridge; gives how long it took to be ready.
async fn time_start(config: &Path, clock: &SharedClock) -> anyhow::Result<(Serving, Duration)> {
    let log = config.with_file_name("bridge.log");
    let log: File = OpenOptions::new().create(true).append(true).open(&log)?;
    let before = clock.elapsed();
    let mut serving = Serving::spawn(config, log)?;
    ensure!(serving.until_ready(clock, LOOK).await?, "the bridge ended instead of being ready");
    Ok((serving, clock.elapsed().saturating_sub(before)))
}

/// Stores patients with visits that are linked already.
async fn fill(config: &Path, clock: &SharedClock, size: u32) -> anyhow::Result<()> {
    let config = Config::load_with(Some(config), [])?;
    let store = start::open_store(&config, Arc::clone(clock)).await?;
    let facility = cast::facility()?;
    let mut tx = store.begin().await?;
    tx.put_facility(&facility).await?;
    tx.commit().await?;
    for first in (0..size).step_by(usize::try_from(BATCH)?) {
        fill_batch(&store, &facility, first..size.min(first + BATCH)).await?;
    }
    store.close().await;
    Ok(())
}

async fn fill_batch(store: &Store, facility: &Facility, numbers: std::ops::Range<u32>) -> anyhow::Result<()> {
    let mut tx = store.begin().await?;
    for number in numbers {
        let mobile = format!("9{number:09}");
        let address = format!("patient{number:06}@sbx");
        let patient = cast::patient(&format!("MRN-{number:06}"), Some(&mobile), Some(&address))?;
        tx.put_patient(&facility.id, &patient).await?;
        for visit in 0..VISITS {
            let (link, hi_type, reference) = put_visit(&mut tx, facility, &patient, visit).await?;
            let link = link.confirm(&[hi_type]);
            tx.put_link(&facility.id, &patient.reference, &reference, &link).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Stores a visit of the patient that is not linked; gives where its link stands, its only HI type and its reference.
pub(super) async fn put_visit(
    tx: &mut Tx,
    facility: &Facility,
    patient: &Patient,
    number: u32,
) -> anyhow::Result<(Link, HiType, CareContextRef)> {
    let reference = format!("{}-V{number}", patient.reference);
    let context = CareContext {
        patient: patient.reference.clone(),
        reference: reference.parse()?,
        display: "OPD visit".to_owned(),
        date: "2026-01-15".parse()?,
        hold: false,
        withdrawn: false,
        link: Link::new(),
    };
    tx.put_care_context(&facility.id, &context).await?;
    let source = samples::record("op-consultation", "typical").context("a sample is missing")?;
    let hash = tx.source_hash(&reference)?;
    let record = record(&source, facility, (patient, &reference), hash)?;
    let hi_type = record.hi_type;
    tx.replace_records(&facility.id, &patient.reference, &context.reference, vec![record]).await?;
    Ok((context.link, hi_type, context.reference))
}

fn record(
    source: &Value,
    facility: &Facility,
    (patient, visit): (&Patient, &str),
    hash: String,
) -> anyhow::Result<NewRecord> {
    let input: RecordInput = serde_json::from_str(&source.to_string())?;
    let around = Surroundings { facility, patient, visit, date: "2026-01-15" };
    let record = input.prepare(&around, 0, hash)?;
    ensure!(record.valid, "a sample is not valid: {}", record.issues);
    Ok(record)
}
