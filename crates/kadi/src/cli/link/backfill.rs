//! `kadi link backfill`: puts old visits on the list and shows how far it is. The calls are made by the bridge that runs
//! on the store; if none runs on this machine, by one that this command starts for as long as it takes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use abdm::clock::{SharedClock, SystemClock};
use abdm::id::FacilityId;
use anyhow::{Context as _, ensure};
use clap::Args;
use domain::care_context::VisitDate;
use domain::facility::Role;
use indicatif::HumanDuration;
use store::{BackfillProgress, Store, Wanted};
use tokio::net::TcpListener;

use super::progress::Progress;
use crate::backfill::report::{self, Summary};
use crate::backfill::{follow, list};
use crate::bridge::{self, Running};
use crate::cli::signals::Signals;
use crate::cli::{Common, output, runtime};
use crate::config::Config;
use crate::start;

/// Link the old visits of patients with an ABHA address
///
/// Every visit that is ready and not linked is put on a list in the store. A running `kadi serve` on that store links them,
/// few at a time, within ABDM's limits and behind new visits and replies; this command shows how far it is. If the address
/// of the public listener is free on this machine, no bridge runs here, and the command is one itself until it ends. It can
/// be stopped and started at any time: it goes on where it was. It ends when nothing is left to do but wait for longer than
/// a quarter of an hour, as for the end of a block; what waits is linked by `kadi serve` when it is time.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  kadi link backfill --facility IN2810014366 --since 2020-01-01 --report left.csv\n  kadi link backfill --facility IN2810014366 --retry-refused\n  kadi link backfill --facility IN2810014366 --stop"
)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct BackfillArgs {
    /// The facility's id
    #[arg(long, value_name = "ID", value_parser = facility_id)]
    facility: FacilityId,
    /// Only visits of this day and later
    #[arg(long, value_name = "DATE")]
    since: Option<VisitDate>,
    /// Ask once more for visits that ABDM has refused
    #[arg(long)]
    retry_refused: bool,
    /// Write every visit that is not linked, with the cause, to this file: JSON if its name ends so, else CSV
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Stay until what waits for longer is done too
    #[arg(long)]
    wait: bool,
    /// Put the visits on the list and end; `kadi serve` links them
    #[arg(long, conflicts_with_all = ["wait", "report"])]
    detach: bool,
    /// Take everybody off the list whose turn has not come, and end
    #[arg(long, conflicts_with_all = ["since", "retry_refused", "report", "wait", "detach"])]
    stop: bool,
}

fn facility_id(text: &str) -> Result<FacilityId, String> {
    text.parse().map_err(|error: abdm::id::IdError| error.to_string())
}

/// Runs the command.
pub fn run(common: &Common, args: &BackfillArgs) -> anyhow::Result<ExitCode> {
    let config = common.read_config()?;
    common.start_log("warn")?;
    runtime()?.block_on(async {
        let clock = SystemClock::shared();
        if args.stop {
            return stop(&config, clock, &args.facility).await;
        }
        if args.detach {
            let store = start::open_store(&config, clock).await?;
            check(&store, &args.facility).await?;
            let visits = list(&store, &args.facility, wanted(args)).await?;
            store.close().await;
            output::result(format_args!("{visits} visits put on the list"));
            return Ok(ExitCode::SUCCESS);
        }
        let mut signals = Signals::listen().context("signals can't be listened to")?;
        let own = own_bridge(&config, &clock).await?;
        let store = match &own {
            Some(running) => running.bridge.store.clone(),
            None => start::open_store(&config, clock.clone()).await?,
        };
        let result = tokio::select! {
            result = work(&store, &clock, args) => result,
            () = signals.next() => {
                output::problem("stopped; the rest stays on the list: start again to go on, or --stop to give it up");
                Ok(ExitCode::FAILURE)
            }
        };
        match own {
            Some(running) => running.stop(config.server.drain).await,
            None => store.close().await,
        }
        result
    })
}

async fn stop(config: &Config, clock: SharedClock, facility: &FacilityId) -> anyhow::Result<ExitCode> {
    let store = start::open_store(config, clock).await?;
    check(&store, facility).await?;
    let mut tx = store.begin().await?;
    let patients = tx.stop_backfill(facility).await?;
    tx.audit(facility, "kadi link backfill", "backfill stopped", &patients.to_string()).await?;
    tx.commit().await?;
    store.close().await;
    output::result(format_args!("{patients} patients taken off the list"));
    Ok(ExitCode::SUCCESS)
}

/// A bridge of this command's own, if none listens on this machine.
async fn own_bridge(config: &Config, clock: &SharedClock) -> anyhow::Result<Option<Running>> {
    let (public, private) = (config.server.public, config.server.private);
    if !is_free(public).await || !is_free(private).await {
        return Ok(None);
    }
    output::problem(format_args!(
        "no `kadi serve` runs on this machine: this command makes the calls itself"
    ));
    Ok(Some(bridge::start(config, clock.clone()).await?))
}

async fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).await.is_ok()
}

async fn check(store: &Store, facility: &FacilityId) -> anyhow::Result<()> {
    let known = store.read().await?.facility(facility).await?;
    let known = known.with_context(|| format!("there is no facility {facility}; put it by the API first"))?;
    ensure!(known.is(Role::Hip), "{facility} is no HIP: it has no records to link");
    Ok(())
}

fn wanted(args: &BackfillArgs) -> Wanted {
    Wanted { since: args.since.as_ref().map(VisitDate::from), refused: args.retry_refused }
}

async fn work(store: &Store, clock: &SharedClock, args: &BackfillArgs) -> anyhow::Result<ExitCode> {
    let facility = &args.facility;
    check(store, facility).await?;
    let wanted = wanted(args);
    let listed = list(store, facility, wanted).await?;
    let mut tx = store.begin().await?;
    tx.audit(facility, "kadi link backfill", "visits put on the list", &listed.to_string()).await?;
    tx.commit().await?;
    output::problem(format_args!("{listed} visits put on the list"));
    let mut progress = Progress::begin(clock.elapsed());
    let end = follow(store, clock, facility, args.wait, |look| progress.show(look, clock.elapsed())).await?;
    let took = progress.end(clock.elapsed());
    let summary = report::write(store, facility, wanted.since, args.report.as_deref()).await?;
    tell(&end, &summary);
    output::problem(format_args!("ended after {}", HumanDuration(took)));
    Ok(ExitCode::SUCCESS)
}

/// Visits, and those left by cause, tab-separated.
fn tell(end: &BackfillProgress, summary: &Summary) {
    output::result(format_args!("on the list\t{}\nlinked\t{}", end.visits, end.linked));
    for (cause, count) in &summary.causes {
        output::result(format_args!("{cause}\t{}\t{}", count.visits, count.explanation));
    }
    if summary.without_abha_address > 0 {
        output::result(format_args!(
            "no_abha_address\t{}\tVisits of patients without an ABHA address: ABDM cannot be asked for them.",
            summary.without_abha_address
        ));
    }
}
