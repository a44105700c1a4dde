//! `kadi bench discovery-load`: many patients search the facility at once, through real HTTP, with an ABDM that takes its
//! time to answer.

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ::sandbox::{DiscoveryWanted, EffectKind, Handle, LinkingState, Sandbox, SandboxConfig, Timing};
use abdm::clock::{SharedClock, SystemClock};
use anyhow::ensure;
use clap::Args;
use serde::Serialize;

use super::cast::{self, FACILITY};
use super::chaos::balancer::Balancer;
use super::serving::{self, Serving, Settings};
use super::start::put_visit;
use crate::cli::{output, runtime};
use crate::config::Config;
use crate::start;

/// Every discovery must be acknowledged so soon, but for one in a hundred.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(20);
/// How long ABDM takes to answer a call.
const ABDM_TAKES: Duration = Duration::from_millis(100);
/// How finely discoveries are spread over a second.
const TICK: Duration = Duration::from_millis(10);
/// How long the last answers are waited for.
const SETTLE: Duration = Duration::from_mins(2);
const LOOK: Duration = Duration::from_millis(100);
/// Patients stored in one transaction.
const BATCH: usize = 100;

/// Let many patients search at once, and see whether each is answered, once, and how soon acknowledged
///
/// A bridge of its own serves them; ABDM answers each call after 100 ms. Exit code 1 if a discovery was lost, refused or
/// answered twice, or if the 99th percentile of the acknowledgements is 20 ms or more.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kadi bench discovery-load --seconds 60 --rate 500 --size 10000\n  \
                        kadi bench discovery-load --seconds 10 --rate 3000 --store postgres://postgres@127.0.0.1/empty --instances 4")]
pub struct DiscoveryLoadArgs {
    /// How long discoveries arrive
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// How many a second
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// How many patients the facility has, each with a visit to link
    #[arg(long, value_name = "PATIENTS", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    size: u32,
    /// `sqlite`, in a temporary folder, or the URL of an empty PostgreSQL database
    #[arg(long, value_name = "URL", default_value = "sqlite")]
    store: String,
    /// How many bridge processes share the store; more than one needs PostgreSQL
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    instances: u32,
}

#[derive(Debug, Serialize)]
struct Figures {
    bench: &'static str,
    store: &'static str,
    instances: u32,
    patients: u32,
    seconds: u32,
    rate: u32,
    sent: usize,
    acknowledged: usize,
    answered: usize,
    answered_twice: usize,
    lost: usize,
    ack_ms_p50: f64,
    ack_ms_p99: f64,
    ack_ms_max: f64,
    settled_after_ms: f64,
    /// From the first search to the last answer.
    answered_per_second: f64,
    failures: usize,
}

/// Runs the bench.
pub fn run(args: &DiscoveryLoadArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        args.instances == 1 || args.store != "sqlite",
        "an SQLite store belongs to one process: for more instances name a PostgreSQL database with --store"
    );
    runtime()?.block_on(async {
        let clock = SystemClock::shared();
        let folder = tempfile::Builder::new().prefix("kadi-discovery-").tempdir()?;
        let handle = Sandbox::start(abdm_of(args), clock.clone()).await?;
        let store = match args.store.as_str() {
            "sqlite" => format!("sqlite://{}/kadi.db", folder.path().display()),
            url => url.to_owned(),
        };
        let settings = Settings { store: &store, lease: "30s", abdm: handle.base_url(), more: "" };
        let config = serving::configure(folder.path(), settings)?;
        output::problem(format_args!("· {} patients with a visit each are stored", args.size));
        fill(&config, &clock, args.size).await?;
        let person = |number| cast::person(&address(number), Some(&mobile(number)));
        handle.state().put_people((0..args.size).map(person));
        let (public, mut serving) = (Balancer::start().await?, Vec::new());
        for number in 0..args.instances {
            let log = File::create(folder.path().join(format!("bridge-{number}.log")))?;
            let mut bridge = Serving::spawn(&config, log)?;
            ensure!(bridge.until_ready(&clock, LOOK).await?, "the bridge ended instead of being ready");
            public.add(bridge.public);
            serving.push(bridge);
        }
        // One bridge is called as it is: what passes connections on takes time too.
        let address = match serving.as_slice() {
            [alone] => alone.public,
            _ => public.address,
        };
        handle.state().set_bridge_url("SBX_000000", &format!("http://{address}"));
        let began = clock.elapsed();
        let transactions = send(args, handle.state(), &clock).await?;
        let settled = settle(handle.state(), &transactions, &clock).await;
        let took = clock.elapsed().saturating_sub(began);
        let figures = judge(args, &handle, &transactions, (settled, took));
        drop(serving);
        handle.shutdown().await;
        report(&figures)
    })
}

fn abdm_of(args: &DiscoveryLoadArgs) -> SandboxConfig {
    let exchanges = usize::try_from(args.seconds.saturating_mul(args.rate)).unwrap_or(usize::MAX);
    SandboxConfig {
        seed_people: false,
        timing: Timing { answer_delay: ABDM_TAKES, ..Timing::default() },
        journal_entries: exchanges.saturating_mul(3),
        journal_body: 0,
        ..SandboxConfig::default()
    }
}

fn address(number: u32) -> String {
    format!("patient{number:06}@sbx")
}

fn mobile(number: u32) -> String {
    format!("9{number:09}")
}

/// Stores patients who are known by mobile number only, each with a visit that is not linked.
async fn fill(config: &Path, clock: &SharedClock, size: u32) -> anyhow::Result<()> {
    let config = Config::load_with(Some(config), [])?;
    let store = start::open_store(&config, Arc::clone(clock)).await?;
    let facility = cast::facility()?;
    let mut tx = store.begin().await?;
    tx.put_facility(&facility).await?;
    tx.commit().await?;
    for numbers in (0..size).collect::<Vec<_>>().chunks(BATCH) {
        let mut tx = store.begin().await?;
        for number in numbers {
            let patient = cast::patient(&format!("MRN-{number:06}"), Some(&mobile(*number)), None)?;
            tx.put_patient(&facility.id, &patient).await?;
            put_visit(&mut tx, &facility, &patient, 1).await?;
        }
        tx.commit().await?;
    }
    store.close().await;
    Ok(())
}

/// Lets people search, spread evenly; gives the transactions.
async fn send(args: &DiscoveryLoadArgs, abdm: &Sandbox, clock: &SharedClock) -> anyhow::Result<Vec<String>> {
    let all = u64::from(args.seconds) * u64::from(args.rate);
    let mut transactions = Vec::with_capacity(usize::try_from(all)?);
    let began = clock.elapsed();
    output::problem(format_args!("· {} searches a second for {} s", args.rate, args.seconds));
    for number in 0..all {
        // Each in its time, so that a slow moment is made up for.
        let due = Duration::from_secs(1).mul_f64(f64::from(u32::try_from(number)?) / f64::from(args.rate));
        let early = (began + due).saturating_sub(clock.elapsed());
        if early >= TICK {
            clock.sleep(early).await;
        }
        let number = u32::try_from(number % u64::from(args.size))?;
        let wanted = DiscoveryWanted {
            abha_address: address(number),
            hip_id: FACILITY.to_owned(),
            ..DiscoveryWanted::default()
        };
        transactions.push(abdm.discover(&wanted)?.transaction_id);
    }
    Ok(transactions)
}

/// Waits until everybody is answered, or for long enough; gives how long it took.
async fn settle(abdm: &Sandbox, transactions: &[String], clock: &SharedClock) -> Duration {
    let began = clock.elapsed();
    let waiting = |transaction: &String| {
        abdm.linking(transaction).is_ok_and(|linking| linking.state == LinkingState::Discovering)
    };
    while transactions.iter().any(waiting) && clock.elapsed().saturating_sub(began) < SETTLE {
        clock.sleep(LOOK).await;
    }
    clock.elapsed().saturating_sub(began)
}

fn judge(
    args: &DiscoveryLoadArgs,
    handle: &Handle,
    transactions: &[String],
    (settled, over_all): (Duration, Duration),
) -> Figures {
    let abdm = handle.state();
    let mut deliveries = abdm.journal("/care-context/discover");
    deliveries.retain(|entry| entry.direction == ::sandbox::Direction::Out);
    let mut took: Vec<_> = deliveries
        .iter()
        .filter(|entry| entry.status == Some(202))
        .filter_map(|entry| entry.took_us)
        .map(Duration::from_micros)
        .collect();
    took.sort_unstable();
    let effects = abdm.effects(Some(EffectKind::OnDiscover), None);
    let answered = transactions.iter().filter(|transaction| {
        abdm.linking(transaction).is_ok_and(|linking| linking.state == LinkingState::Discovered)
    });
    let answered = answered.count();
    let twice = effects.iter().filter(|effect| effect.accepted + effect.repeats > 1).count();
    let ms = |time: Option<&Duration>| time.map_or(0.0, Duration::as_secs_f64) * 1000.0;
    let p99 = took.get(took.len().saturating_mul(99) / 100).copied().unwrap_or_default();
    let (sent, acknowledged) = (transactions.len(), took.len());
    let failures = [
        acknowledged < sent,
        answered < sent,
        twice > 0,
        p99 >= ACKNOWLEDGED_WITHIN,
        !abdm.violations().is_empty(),
    ];
    Figures {
        bench: "discovery-load",
        store: if args.store == "sqlite" { "sqlite" } else { "postgres" },
        instances: args.instances,
        patients: args.size,
        seconds: args.seconds,
        rate: args.rate,
        sent,
        acknowledged,
        answered,
        answered_twice: twice,
        lost: sent.saturating_sub(answered),
        ack_ms_p50: ms(took.get(took.len() / 2)),
        ack_ms_p99: ms(Some(&p99)),
        ack_ms_max: ms(took.last()),
        settled_after_ms: settled.as_secs_f64() * 1000.0,
        answered_per_second: per_second(answered, over_all),
        failures: failures.into_iter().filter(|failed| *failed).count(),
    }
}

fn per_second(count: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / took.as_secs_f64().max(f64::MIN_POSITIVE)
}

fn report(figures: &Figures) -> anyhow::Result<ExitCode> {
    output::result(serde_json::to_string(figures)?);
    output::problem(format_args!(
        "Sent           {} searches, {} acknowledged\nAnswered       {}, {} lost, {} twice; the last {:.0} ms after the \
         last search; {:.0} a second over all\nAcknowledged   after {:.1} ms (median), {:.1} ms (99 %), {:.1} ms (most); 99 % within {} ms required",
        figures.sent,
        figures.acknowledged,
        figures.answered,
        figures.lost,
        figures.answered_twice,
        figures.settled_after_ms,
        figures.answered_per_second,
        figures.ack_ms_p50,
        figures.ack_ms_p99,
        figures.ack_ms_max,
        ACKNOWLEDGED_WITHIN.as_millis(),
    ));
    Ok(if figures.failures > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
